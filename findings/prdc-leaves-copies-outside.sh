#!/bin/bash
# prdc 0.2 says precision 0 of samples that are copies of real images, if each real image occurs four times.
#
# The third neighbour of such a real image is its own copy, so its ball has the radius 0, and prdc counts a sample only
# if it is strictly nearer than the radius. torch-fidelity 0.4.0 and the paper (Kynkaanniemi et al. 2019, equation 1)
# count one at the distance of the radius, too, and say 1. Without copies among the real images, the two agree.
#
# 100 samples; the real images are those, four times each; then 400 other real images:
#     copies, prdc              precision 0.00  recall 1.00
#     copies, torch-fidelity    precision 1.00  recall 1.00
#     others, both              precision 0.79  recall 0.81
#
# The script fails if any of this changes. It needs Python 3.11 and the package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    numpy==2.4.6 torch==2.14.1 torchvision==0.29.1 torch-fidelity==0.4.0 prdc==0.2
"$folder/venv/bin/python" - > "$folder/seen" <<'PYTHON'
import contextlib
import io
from importlib.metadata import version

import numpy as np
import torch
from prdc import compute_prdc
from torch_fidelity.metric_prc import prc_features_to_metric

print("prdc", version("prdc"), "torch-fidelity", version("torch-fidelity"))
random = np.random.default_rng(0)
samples = random.normal(size=(100, 16)).astype(np.float32)
for name, real in (
    ("copies", np.repeat(samples, 4, axis=0)),
    ("others", random.normal(size=(400, 16)).astype(np.float32)),
):
    with contextlib.redirect_stdout(io.StringIO()):
        theirs = compute_prdc(real_features=real, fake_features=samples, nearest_k=3)
    other = prc_features_to_metric(
        torch.from_numpy(samples), torch.from_numpy(real),
        prc_neighborhood=3, prc_batch_size=10000, save_cpu_ram=False, verbose=False,
    )
    for tool, found in (("prdc", theirs), ("torch-fidelity", other)):
        print(f"{name}, {tool}: precision {found['precision']:.2f} recall {found['recall']:.2f}")
PYTHON
cat "$folder/seen"
diff "$folder/seen" - <<'EXPECTED'
prdc 0.2 torch-fidelity 0.4.0
copies, prdc: precision 0.00 recall 1.00
copies, torch-fidelity: precision 1.00 recall 1.00
others, prdc: precision 0.79 recall 0.81
others, torch-fidelity: precision 0.79 recall 0.81
EXPECTED
echo "unchanged"
