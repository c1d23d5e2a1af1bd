#!/bin/bash
# tf2onnx 1.17.0 makes one noise of several: a generator that adds fresh noise in two places, as StyleGAN's does, adds
# the same numbers in both once it is exported, without a warning. And every session begins with the same numbers.
#
# The optimizer that each conversion runs joins nodes of one type with equal inputs and equal attributes
# (merge_duplicated_nodes_optimizer.py), random ones among them. tf.random.normal without a seed stands in the graph as
# seed 0, which TensorFlow reads as "any seed"; tf2onnx writes it into the file as the ONNX attribute seed, where 0 is a
# seed like any other. Two calls with different seeds stay two nodes.
#
# Two calls of tf.random.normal for one shape, and two of tf.random.uniform:
#     TensorFlow                  different numbers in each pair
#     ONNX, in onnxruntime        equal numbers in each pair, the same in each session
#     ONNX, seeds 1 and 2 given   different numbers, the same in each session
#
# The script fails if any of this changes. It needs Python 3.11 and the package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    numpy==2.4.6 tensorflow==2.21.0 tf2onnx==1.17.0 onnx==1.23.2 onnxruntime==1.32.0
"$folder/venv/bin/python" - > "$folder/seen" 2> "$folder/errors" <<'PYTHON' || { cat "$folder/errors"; exit 1; }
from importlib.metadata import version

import numpy as np
import onnxruntime
import tensorflow as tf
import tf2onnx

print("tf2onnx", version("tf2onnx"), "TensorFlow", tf.__version__, "onnxruntime", onnxruntime.__version__)
SIGNATURE = [tf.TensorSpec([None, 8, 8, 1])]


def with_noise(draw, seeds):
    """The input twice, each time with noise of its own added."""

    def call(x):
        return tuple(x + draw(tf.shape(x), seed=seed) for seed in seeds)

    return tf.function(call, input_signature=SIGNATURE)


def run_onnx(model, x):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})


def said(first, second):
    return "equal" if np.array_equal(first, second) else "different"


x = np.zeros((4, 8, 8, 1), np.float32)
for name, draw, seeds in (
    ("normal", tf.random.normal, (None, None)),
    ("uniform", tf.random.uniform, (None, None)),
    ("normal with seeds", tf.random.normal, (1, 2)),
):
    function = with_noise(draw, seeds)
    model, _ = tf2onnx.convert.from_function(function, input_signature=SIGNATURE, opset=17)
    drawn = sum("Random" in node.op_type for node in model.graph.node)
    here, there, again = function(x), run_onnx(model, x), run_onnx(model, x)
    print(f"{name}: TensorFlow {said(*here)}, ONNX {said(*there)} from {drawn} node{'s' * (drawn > 1)},",
          "next session", said(there[0], again[0]))
PYTHON
cat "$folder/seen"
diff "$folder/seen" - <<'EXPECTED'
tf2onnx 1.17.0 TensorFlow 2.21.0 onnxruntime 1.32.0
normal: TensorFlow different, ONNX equal from 1 node, next session equal
uniform: TensorFlow different, ONNX equal from 1 node, next session equal
normal with seeds: TensorFlow different, ONNX different from 2 nodes, next session equal
EXPECTED
echo "unchanged"
