#!/bin/bash
# Keras 3.15.1 counts gradients instead of updates in the moving average of weights (use_ema), if gradients are
# accumulated.
#
# With gradient_accumulation_steps=8, the weights change at every eighth call of apply(), and their average moves at
# every call: seven times between two updates, towards weights that stand still. ema_momentum=0.999 acts as 0.999^8,
# which is 0.992, and the average forgets eight times as fast as asked for. The documentation of the argument says that
# the "EMA frequency will look at "accumulated" iterations value (optimizer steps // gradient_accumulation_steps)".
#
# SGD moves a weight from 0 to 1 in one update and leaves it there. Its average with the momentum 0.99 after 1, 5, 10
# and 20 updates, the move counted as the first:
#     as the formula has it          0.010 0.049 0.096 0.182
#     each gradient is an update     0.010 0.049 0.096 0.182
#     8 gradients are an update      0.010 0.282 0.520 0.785
#
# The script fails if any of this changes. It needs Python 3.11 and the package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow==2.21.0 keras==3.15.1
CUDA_VISIBLE_DEVICES="" "$folder/venv/bin/python" - > "$folder/seen" 2> "$folder/errors" <<'PYTHON' || { cat "$folder/errors"; exit 1; }
import keras
import tensorflow as tf

print("TensorFlow", tf.__version__, "Keras", keras.__version__)
MOMENTUM = 0.99
UPDATES = (1, 5, 10, 20)


def averages(gradients_an_update):
    """The average after some updates, from the one on that moves the weight from 0 to 1."""
    weight = keras.Variable(0.0)
    steps = gradients_an_update if gradients_an_update > 1 else None
    optimizer = keras.optimizers.SGD(1.0, use_ema=True, ema_momentum=MOMENTUM, gradient_accumulation_steps=steps)
    optimizer.build([weight])
    found = []
    for update in range(max(UPDATES) + 1):  # the average is set up at update 0, which moves nothing
        for _ in range(gradients_an_update):
            optimizer.apply([tf.constant(-1.0 if update == 1 else 0.0)], [weight])
        assert float(weight.value) == (update > 0)
        (average,) = (variable for variable in optimizer.variables if "average" in variable.path)
        found.append(float(average.value))
    return [found[update] for update in UPDATES]


def said(values):
    return " ".join(f"{value:.3f}" for value in values)


print("formula:", said(1 - MOMENTUM**update for update in UPDATES))
for count in (1, 8):
    print(f"gradients an update {count}:", said(averages(count)))
PYTHON
cat "$folder/seen"
diff "$folder/seen" - <<'EXPECTED'
TensorFlow 2.21.0 Keras 3.15.1
formula: 0.010 0.049 0.096 0.182
gradients an update 1: 0.010 0.049 0.096 0.182
gradients an update 8: 0.010 0.282 0.520 0.785
EXPECTED
echo "unchanged"
