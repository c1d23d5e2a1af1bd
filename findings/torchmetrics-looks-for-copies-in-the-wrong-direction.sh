#!/bin/bash
# The memorization-informed FID (MiFID) of torchmetrics 1.9.0 does not see that a generator only copies real images, as
# long as it copies few of them; and finds that it does if there is one copy of each among very many fresh samples.
#
# The penalty is to be large if the samples are near real images: the score is the FID divided by the mean, over the
# samples, of the cosine distance to the nearest real image; from a mean of .1 on, the score is the FID. So does the
# scoring of the competition for which it was made (Bai et al. 2021). torchmetrics has the mean, over the real images,
# of the distance to the nearest sample.
#
# 1,000 real feature vectors of 32 normal numbers, or 100 of them; the distance that is meant, and the scores:
#     samples                              distance   FID    MiFID of torchmetrics
#     100 of the 1,000, each 10 times      .00        2.70   2.70 (no penalty: all samples are copies)
#     4,900 fresh ones, and the 100 real   .52        2.95   above 1e9 (98% of the samples are fresh)
#
# The script fails if any of this changes. It needs Python 3.11 and the package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 torch==2.13.0 torchmetrics==1.9.0
"$folder/venv/bin/python" - > "$folder/seen" <<'PYTHON'
from importlib.metadata import version

import torch
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.mifid import MemorizationInformedFrechetInceptionDistance


class Features(torch.nn.Module):
    num_features = 32

    def forward(self, features):
        return features


def score(metric, real, fake):
    metric = metric(feature=Features())
    metric.update(real, real=True)
    metric.update(fake, real=False)
    found = float(metric.compute())
    return "above 1e9" if found > 1e9 else f"{found:.2f}"


def mean_distance(real, fake):
    real, fake = (features / features.norm(dim=1, keepdim=True) for features in (real, fake))
    return float((1 - (fake @ real.T).abs()).min(dim=1).values.mean())


print("torchmetrics", version("torchmetrics"))
random = torch.Generator().manual_seed(0)
real = torch.randn(1000, 32, generator=random)
few = real[:100]
fresh = torch.randn(4900, 32, generator=random)
for name, real, fake in (
    ("100 of 1,000, each 10 times", real, few.repeat(10, 1)),
    ("4,900 fresh and the 100 real", few, torch.cat([fresh, few])),
):
    print(
        f"{name}: distance {mean_distance(real, fake):.2f}",
        "FID", score(FrechetInceptionDistance, real, fake),
        "MiFID", score(MemorizationInformedFrechetInceptionDistance, real, fake),
    )
PYTHON
cat "$folder/seen"
diff "$folder/seen" - <<'EXPECTED'
torchmetrics 1.9.0
100 of 1,000, each 10 times: distance 0.00 FID 2.70 MiFID 2.70
4,900 fresh and the 100 real: distance 0.52 FID 2.95 MiFID above 1e9
EXPECTED
echo "unchanged"
