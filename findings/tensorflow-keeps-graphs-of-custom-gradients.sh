#!/bin/bash
# TensorFlow 2.21.0 keeps every graph in which a function with tf.custom_gradient was called, for as long as the process
# lives.
#
# Each call that is traced into a graph registers a gradient under a new name, and what is registered refers to the
# graph. So a tf.function that nobody holds any more is freed, and its graph is not. A custom gradient need not be one's
# own: apply() of every Keras 3.15.1 optimizer contains one (all_reduce), so that each traced training step of a GAN
# that is built anew, as in a notebook or a search over settings, stays in memory.
#
# Of three functions of each kind, traced and dropped:
#     plain multiplication      0 graphs are left
#     tf.custom_gradient        3 graphs are left
#     Adam.apply of Keras       3 graphs are left
#
# The script fails if any of this changes. It needs Python 3.11 and the package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow==2.21.0 keras==3.15.1
"$folder/venv/bin/python" - > "$folder/seen" 2> "$folder/errors" <<'PYTHON' || { cat "$folder/errors"; exit 1; }
import gc
import weakref

import keras
import tensorflow as tf

print("TensorFlow", tf.__version__, "Keras", keras.__version__)


@tf.custom_gradient
def doubled(x):
    return 2.0 * x, lambda above: 2.0 * above


def step_of_adam(x):
    optimizer, weight = ADAM
    optimizer.apply([x], [weight])
    return weight.value


def graphs_left(function):
    graphs = []
    for _ in range(3):
        traced = tf.function(lambda x: function(x))
        graphs.append(weakref.ref(traced.get_concrete_function(tf.constant(1.0)).graph))
        del traced
    gc.collect()
    return sum(graph() is not None for graph in graphs)


weight = keras.Variable(1.0)
ADAM = (keras.optimizers.Adam(), weight)
ADAM[0].build([weight])
print("plain multiplication:", graphs_left(lambda x: 2.0 * x))
print("tf.custom_gradient:", graphs_left(doubled))
print("Adam.apply:", graphs_left(step_of_adam))
PYTHON
cat "$folder/seen"
diff "$folder/seen" - <<'EXPECTED'
TensorFlow 2.21.0 Keras 3.15.1
plain multiplication: 0
tf.custom_gradient: 3
Adam.apply: 3
EXPECTED
echo "unchanged"
