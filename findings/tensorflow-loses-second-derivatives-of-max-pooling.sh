#!/bin/bash
# TensorFlow 2.21.0 computes the second derivative of a max pooling that keeps the size of its inputs (stride 1, padding
# "SAME") as zero, on a CPU, in a tf.function. Step by step, the same lines are right.
#
# The kernel of MaxPoolGradGrad takes over the memory of the gradient that it is given, if its outputs have the same
# shape and nobody else reads it; fills it with zeros; and then reads the gradient from it (maxpooling_op.cc). With a
# stride of 2 the shapes differ, and the result is right.
#
# L(x) = sum(pool(x)^3), g(x) = |grad L(x)|^2, for 36 numbers of which no two are the same: along a direction, the
# derivative of g as the tape has it, and by central differences:
#     stride 1, step by step    equal to the differences
#     stride 1, tf.function     0
#     stride 2, tf.function     equal to the differences
#
# A gradient penalty (WGAN-GP, R1) on a discriminator with such a layer does not reach the weights before it.
#
# The script fails if any of this changes. It needs Python 3.11 and the package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow==2.21.0
CUDA_VISIBLE_DEVICES="" "$folder/venv/bin/python" - > "$folder/seen" 2> "$folder/errors" <<'PYTHON' || { cat "$folder/errors"; exit 1; }
import numpy as np
import tensorflow as tf

print("TensorFlow", tf.__version__)
random = np.random.default_rng(0)
x = tf.constant(random.permutation(np.linspace(-1, 1, 36)).reshape(1, 6, 6, 1))
direction = random.normal(size=x.shape)


def penalty(x, stride):
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            loss = tf.reduce_sum(tf.nn.max_pool2d(x, 3, stride, "SAME") ** 3)
        squared = tf.reduce_sum(tf.square(inner.gradient(loss, x)))
    return squared, outer.gradient(squared, x)


def along(compiled, stride):
    function = tf.function(penalty, autograph=False) if compiled else penalty
    return float(tf.reduce_sum(function(x, stride)[1] * direction))


def by_differences(stride):
    ahead, behind = (float(penalty(x + sign * 1e-6 * direction, stride)[0]) for sign in (1, -1))
    return (ahead - behind) / 2e-6


for stride in (1, 2):
    expected = by_differences(stride)
    for compiled in (False, True):
        found = along(compiled, stride)
        said = "equal" if abs(found - expected) < 1e-6 * abs(expected) else f"{found:g} instead of {expected:.4g}"
        print(f"stride {stride}, {'tf.function' if compiled else 'step by step'}:", said)
PYTHON
cat "$folder/seen"
diff "$folder/seen" - <<'EXPECTED'
TensorFlow 2.21.0
stride 1, step by step: equal
stride 1, tf.function: 0 instead of 2581
stride 2, step by step: equal
stride 2, tf.function: equal
EXPECTED
echo "unchanged"
