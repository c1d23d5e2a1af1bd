#!/bin/bash
# PyTorch's AveragedModel breaks the spectral normalization of the model that it averages.
#
# A spectrally normalized weight is W / (u'Wv), with the unit vectors u and v in buffers. With use_buffers=True, which
# the moving statistics of batch normalization need, the vectors are averaged like weights. While they turn in training,
# the average of unit vectors is shorter than one, so u'Wv comes out too small and the weight too large. With
# use_buffers=False, the default, u and v stay those of the day the average was set up, and fit another W. Neither
# warns. Singular vectors computed anew (here 50 steps of power iteration in training mode) put the norms right.
#
# Four layers of 8 x 8, 1000 steps of Adam, an average with the decay .999. The largest singular value of each layer's
# weight, which spectral normalization promises to be 1, lies in evaluation between:
#     the model itself              0.9 and 1.2
#     average, use_buffers=True     more than 2 in every layer
#     average, use_buffers=False    more than 1.2 in every layer
#     both, vectors computed anew   0.9 and 1.2
#
# The script fails if any of this changes. It needs Python 3.11 and the package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 torch==2.13.0
"$folder/venv/bin/python" - > "$folder/seen" <<'PYTHON'
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

print("PyTorch", torch.__version__.partition("+")[0])


def trained():
    """A model of four spectrally normalized layers, and its two averages."""
    torch.manual_seed(0)
    layers = [layer for _ in range(4) for layer in (spectral_norm(nn.Linear(8, 8)), nn.LeakyReLU(0.2))]
    model = nn.Sequential(*layers)
    averages = {
        use: AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.999), use_buffers=use) for use in (True, False)
    }
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, betas=(0.5, 0.9))
    for _ in range(1000):
        x = torch.randn(32, 8)
        optimizer.zero_grad()
        (model(x) - x.roll(1, 1)).square().mean().backward()
        optimizer.step()
        for average in averages.values():
            average.update_parameters(model)
    return model, averages


def said(model):
    model.eval()
    norms = [torch.linalg.matrix_norm(layer.weight, 2).item() for layer in model if isinstance(layer, nn.Linear)]
    if min(norms) > 2:
        return "more than 2"
    if min(norms) > 1.2:
        return "more than 1.2"
    return "0.9 to 1.2" if 0.9 < min(norms) and max(norms) < 1.2 else str(norms)


def with_new_vectors(model):
    model.train()
    for layer in model:
        if isinstance(layer, nn.Linear):
            for _ in range(50):
                layer.weight  # in training mode, each reading is a step of power iteration
    return model


torch.set_num_threads(1)
model, averages = trained()
print("model:", said(model))
for use, average in averages.items():
    print(f"use_buffers={use}:", said(average.module), "then", said(with_new_vectors(average.module)))
PYTHON
cat "$folder/seen"
diff "$folder/seen" - <<'EXPECTED'
PyTorch 2.13.0
model: 0.9 to 1.2
use_buffers=True: more than 2 then 0.9 to 1.2
use_buffers=False: more than 1.2 then 0.9 to 1.2
EXPECTED
echo "unchanged"
