#!/bin/bash
# tf2onnx 1.17.0 writes tf.image.resize with method "area" as nearest-neighbour interpolation, without a warning: of each
# block of pixels, the ONNX file takes the first one where TensorFlow takes the mean.
#
# Its handler of ResizeArea is the one of ResizeNearestNeighbor, and sets mode "nearest" with rounding down
# (onnx_opset/nn.py). For enlarging by whole factors, the two are the same.
#
# The numbers 0 to 15 as an image of 4x4 pixels, resized by ONNX Runtime and by TensorFlow:
#     area, to 2x2       0 2 8 10 instead of 2.5 4.5 10.5 12.5
#     area, to 3x3       0 1 2 4 5 6 8 9 10 instead of 1.25 2.5 3.75 6.25 7.5 8.75 11.25 12.5 13.75
#     area, to 8x8       equal
#     bilinear, to 2x2   equal
#
# A network that shrinks images by area, such as one that compares them at several sizes, draws other images there, or
# gives other features, and nothing says so. AveragePooling2D by a whole factor is written correctly.
#
# The script fails if any of this changes. It needs Python 3.11 and the package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    tensorflow==2.21.0 keras==3.15.1 tf2onnx==1.17.0 onnx==1.23.2 onnxruntime==1.32.0
CUDA_VISIBLE_DEVICES="" "$folder/venv/bin/python" - > "$folder/seen" 2> "$folder/errors" <<'PYTHON' || { cat "$folder/errors"; exit 1; }
import logging
from importlib.metadata import version

import keras
import numpy as np
import onnxruntime
import tensorflow as tf
import tf2onnx

print("tf2onnx", version("tf2onnx"), "onnxruntime", onnxruntime.__version__, "TensorFlow", tf.__version__)
image = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
warned = []
handler = logging.Handler(logging.WARNING)
handler.emit = lambda record: warned.append(record.getMessage())
logging.getLogger("tf2onnx").addHandler(handler)


def in_onnx(function):
    """What ONNX Runtime makes of the image by the function."""
    signature = [tf.TensorSpec(image.shape, tf.float32, name="image")]
    compiled = tf.function(function, input_signature=signature)
    graph, _ = tf2onnx.convert.from_function(compiled, input_signature=signature, opset=18)
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"image": image})[0]


def say(name, function):
    found, expected = in_onnx(function), np.asarray(function(image))
    if np.allclose(found, expected, atol=1e-4):
        print(f"{name}: equal")
    else:
        numbers = (" ".join(f"{number:.3g}" if number % 1 else f"{number:.0f}" for number in values.round(2).ravel())
                   for values in (found, expected))
        print(f"{name}:", " instead of ".join(numbers))


for method, side in (("area", 2), ("area", 3), ("area", 8), ("bilinear", 2)):
    say(f"{method}, to {side}x{side}", lambda given: tf.image.resize(given, [side, side], method=method))
say("AveragePooling2D", lambda given: keras.layers.AveragePooling2D(2)(given))
print("warnings that name the operation:", sum("ResizeArea" in text for text in warned))
PYTHON
cat "$folder/seen"
diff "$folder/seen" - <<'EXPECTED'
tf2onnx 1.17.0 onnxruntime 1.32.0 TensorFlow 2.21.0
area, to 2x2: 0 2 8 10 instead of 2.5 4.5 10.5 12.5
area, to 3x3: 0 1 2 4 5 6 8 9 10 instead of 1.25 2.5 3.75 6.25 7.5 8.75 11.2 12.5 13.8
area, to 8x8: equal
bilinear, to 2x2: equal
AveragePooling2D: equal
warnings that name the operation: 0
EXPECTED
echo "unchanged"
