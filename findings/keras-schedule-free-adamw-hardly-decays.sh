#!/bin/bash
# Keras 3.15.1 gives ScheduleFreeAdamW a weight decay that fades away.
#
# The method (Defazio et al. 2024, algorithm 1) moves a sequence z by the gradients and trains with y, which lies between
# z and its average x. Keras decays y alone and leaves z as it was; what y lost comes back from z, and the older the
# average is, the less is taken off. In schedulefree 1.4.1, the authors' own, the decay moves z like a gradient.
#
# A weight of 1 without gradients, learning rate 0.1, weight decay 0.1: each update is to take off 1%. Seen after 1, 10
# and 100 updates:
#     AdamW of Keras                0.990 0.904 0.366
#     ScheduleFreeAdamW of Keras    1.000 0.956 0.634, and z is 1.000
#     schedulefree                  0.990 0.942 0.546
#
# The script fails if any of this changes. It needs Python 3.11 and the package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    numpy==2.4.6 torch==2.13.0 keras==3.15.1 schedulefree==1.4.1
KERAS_BACKEND=torch OMP_NUM_THREADS=1 "$folder/venv/bin/python" - > "$folder/seen" 2> "$folder/errors" <<'PYTHON' || { cat "$folder/errors"; exit 1; }
from importlib.metadata import version

import keras
import torch
from schedulefree import AdamWScheduleFree

print("Keras", keras.__version__, "schedulefree", version("schedulefree"))
UPDATES = (1, 10, 100)
SETTINGS = {"weight_decay": 0.1}


def with_keras(optimizer):
    weight = keras.Variable(1.0)
    optimizer.build([weight])
    for _ in range(max(UPDATES)):
        optimizer.apply([torch.zeros(())], [weight])
        yield float(weight.numpy())


def with_torch():
    weight = torch.nn.Parameter(torch.ones(()))
    optimizer = AdamWScheduleFree([weight], lr=0.1, foreach=False, **SETTINGS)
    optimizer.train()
    for _ in range(max(UPDATES)):
        weight.grad = torch.zeros(())
        optimizer.step()
        yield weight.item()


def said(values):
    found = list(values)
    return " ".join(f"{found[update - 1]:.3f}" for update in UPDATES)


print("AdamW:", said(with_keras(keras.optimizers.AdamW(0.1, **SETTINGS))))
optimizer = keras.optimizers.ScheduleFreeAdamW(0.1, **SETTINGS)
seen = said(with_keras(optimizer))
(z,) = (variable for variable in optimizer.variables if "momentum" in variable.path)
print("ScheduleFreeAdamW:", seen, "and z", f"{float(z.numpy()):.3f}")
print("schedulefree:", said(with_torch()))
PYTHON
cat "$folder/seen"
diff "$folder/seen" - <<'EXPECTED'
Keras 3.15.1 schedulefree 1.4.1
AdamW: 0.990 0.904 0.366
ScheduleFreeAdamW: 1.000 0.956 0.634 and z 1.000
schedulefree: 0.990 0.942 0.546
EXPECTED
echo "unchanged"
