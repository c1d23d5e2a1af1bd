#!/bin/bash
# In a tf.function, TensorFlow 2.21.0 adds three or more tensors in the order of the names of the operations that made
# them, not in the order in which they are written. A sum of the same numbers under other names has other last bits.
#
# The optimizer of graphs (Grappler) makes one AddN of a + b + c. Before it looks for operations that occur twice, it
# sorts the operands of additions by name, because their order does not matter to it (CanonicalizeNode in
# common_subgraph_elimination.cc). It matters to floating-point numbers.
#
# Sums of 1000 normally distributed numbers each, of sin(a), cos(b) and tanh(c), by the names given to the three:
#     p, q, r    (a + b) + c, as it is written
#     q, r, p    (c + a) + b
#     r, q, p    (c + b) + a
# Both as a + b + c and with tf.add_n. Without the optimizer, or step by step, it is (a + b) + c under all names.
#
# So the layers' names, and a counter in a name such as Slice_11, which comes before Slice_5, decide on the last bits of
# a training: with deterministic operations, too.
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
tf.config.experimental.enable_op_determinism()
random = np.random.default_rng(0)
inputs = [tf.constant(random.normal(size=1000), tf.float32) for _ in range(3)]


def made(a, b, c, names):
    kinds = tf.sin, tf.cos, tf.tanh
    return [kind(each, name=name) for kind, each, name in zip(kinds, (a, b, c), names)]


def plus(a, b, c, names):
    a, b, c = made(a, b, c, names)
    return a + b + c


def add_n(a, b, c, names):
    return tf.add_n(made(a, b, c, names))


a, b, c = (each.numpy() for each in made(*inputs, ("a", "b", "c")))
orders = {"(a + b) + c": (a + b) + c, "(c + a) + b": (c + a) + b, "(c + b) + a": (c + b) + a}
assert len({order.tobytes() for order in orders.values()}) == 3


def order_of(found):
    return next((name for name, order in orders.items() if (order == found).all()), "another")


for optimized in (True, False):
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": not optimized})
    for names in ("p", "q", "r"), ("q", "r", "p"), ("r", "q", "p"):
        for function in (plus, add_n):
            compiled = tf.function(function, autograph=False)
            found = order_of(compiled(*inputs, names).numpy())
            print(" ".join(names), function.__name__, "optimized" if optimized else "as written", found, sep=", ")
PYTHON
cat "$folder/seen"
diff "$folder/seen" - <<'EXPECTED'
TensorFlow 2.21.0
p q r, plus, optimized, (a + b) + c
p q r, add_n, optimized, (a + b) + c
q r p, plus, optimized, (c + a) + b
q r p, add_n, optimized, (c + a) + b
r q p, plus, optimized, (c + b) + a
r q p, add_n, optimized, (c + b) + a
p q r, plus, as written, (a + b) + c
p q r, add_n, as written, (a + b) + c
q r p, plus, as written, (a + b) + c
q r p, add_n, as written, (a + b) + c
r q p, plus, as written, (a + b) + c
r q p, add_n, as written, (a + b) + c
EXPECTED
echo "unchanged"
