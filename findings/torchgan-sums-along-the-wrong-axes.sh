#!/bin/bash
# torchgan 0.1.0 punishes critics that keep the constraint of WGAN-GP and DRAGAN, and its self-attention does not
# average: both sum along the wrong axes.
#
# The penalties are (|grad D(x)| - 1)^2 of each sample, then the mean (Gulrajani et al. 2017, equation 3; Kodali et al.
# 2017). torchgan computes gradients.norm(2) without an axis: one norm for the batch, which grows as the square root of
# its size. With N samples it pulls their gradients towards 1 / sqrt(N), not 1. For D(x) = w.x, whose gradient is w:
#     |w| = 1, batch of 1       0.00, as it should be
#     |w| = 1, batch of 64      49.00 instead of 0.00
#     |w| = 1/8, batch of 64    0.00 instead of 0.77
#
# SelfAttention2d sums values over the keys, with weights whose softmax is taken over the queries; the paper takes it
# over the keys (Zhang et al. 2019, equations 1 and 2). So the weights of a place do not add up to 1. With values that
# are 1 everywhere, an attention gives 1 everywhere. Of 16 places, seen:
#     torchgan                            0.3 to 5.5
#     the same layer, softmax over keys   1.0 to 1.0
#
# The script fails if any of this changes. It needs Python 3.11 and the package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 torch==2.13.0
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps torchgan==0.1.0
"$folder/venv/bin/python" -W ignore - > "$folder/seen" <<'PYTHON'
import sys
import sysconfig
import types
from importlib.metadata import version

import numpy as np
import torch

# The layers and losses need PyTorch alone; the package's own __init__ would import torchvision for the trainer.
package = types.ModuleType("torchgan")
package.__path__ = [f"{sysconfig.get_paths()['purelib']}/torchgan"]
sys.modules["torchgan"] = package
from torchgan.layers import SelfAttention2d
from torchgan.losses import DraganGradientPenalty, WassersteinGradientPenalty

print("torchgan", version("torchgan"), "PyTorch", torch.__version__.partition("+")[0])
random = np.random.default_rng(0)


def drawn(*shape):
    return torch.from_numpy(random.normal(size=shape).astype(np.float32))


for norm, batch in ((1, 1), (1, 4), (1, 16), (1, 64), (1 / 8, 64)):
    x = drawn(batch, 3, 2, 2).requires_grad_()
    scores = x.flatten(1) @ torch.full((12, 1), norm / 12**0.5)
    (gradients,) = torch.autograd.grad(scores.sum(), x, retain_graph=True)
    papers = (gradients.flatten(1).norm(dim=1) - 1).square().mean()
    theirs = [penalty()(x, scores) for penalty in (WassersteinGradientPenalty, DraganGradientPenalty)]
    print(f"|w| = {norm}, batch of {batch}: the papers {abs(papers):.2f}, torchgan",
          " and ".join(f"{abs(value):.2f}" for value in theirs))

layer = SelfAttention2d(8)
with torch.no_grad():
    for convolution in (layer.query, layer.key):
        convolution.weight.copy_(drawn(*convolution.weight.shape) / 2)
        convolution.bias.zero_()
    layer.value.weight.zero_()
    layer.value.bias.fill_(1)
    layer.gamma.fill_(1)
    x = drawn(1, 8, 4, 4)
    theirs = (layer(x) - x)[0, 0]
    products = layer.key(x).flatten(2).transpose(1, 2) @ layer.query(x).flatten(2)
    papers = layer.value(x).flatten(2) @ products.softmax(dim=1)
for name, values in (("torchgan", theirs), ("softmax over keys", papers)):
    print(f"attention, {name}: {values.min():.1f} to {values.max():.1f}")
PYTHON
cat "$folder/seen"
diff "$folder/seen" - <<'EXPECTED'
torchgan 0.1.0 PyTorch 2.13.0
|w| = 1, batch of 1: the papers 0.00, torchgan 0.00 and 0.00
|w| = 1, batch of 4: the papers 0.00, torchgan 1.00 and 1.00
|w| = 1, batch of 16: the papers 0.00, torchgan 9.00 and 9.00
|w| = 1, batch of 64: the papers 0.00, torchgan 49.00 and 49.00
|w| = 0.125, batch of 64: the papers 0.77, torchgan 0.00 and 0.00
attention, torchgan: 0.3 to 5.5
attention, softmax over keys: 1.0 to 1.0
EXPECTED
echo "unchanged"
