#!/bin/bash
# TensorFlow 2.21.0's LiteRT converter, asked for float16 weights, cuts off those beyond 65,504, the largest number of
# float16, and makes those below 3e-8 zero, without a warning. The file then computes something else.
#
# A conversion by NumPy gives infinity instead, which is seen in the first output. Large weights are rare, but
# normalisation makes them: a kernel that is divided by its norm, or by a moving variance of nearly 0, is stored
# divided. A file whose kernels have 8 bits (dynamic range) has a scale for each channel and is right.
#
# A Dense layer with a diagonal kernel, of a vector of ones; the kernel is padded with zeros to 64x64, because LiteRT
# leaves those of fewer than 1,024 numbers alone:
#     the kernel's diagonal     100,000     60,000     -1,000,000     1e-8
#     float32                   100,000     60,000     -1,000,000     1e-8
#     float16                    65,504     60,000        -65,504     0
#     dynamic range             the first three to 1%
#
# The script fails if any of this changes. It needs Python 3.11 and the package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow==2.21.0 keras==3.15.1
CUDA_VISIBLE_DEVICES="" "$folder/venv/bin/python" - > "$folder/seen" 2> "$folder/errors" <<'PYTHON' || { cat "$folder/errors"; exit 1; }
import contextlib
import io
import warnings

import keras
import numpy as np
import tensorflow as tf

print("TensorFlow", tf.__version__, "Keras", keras.__version__)
SIDE = 64
layer = keras.layers.Dense(SIDE, use_bias=False)
network = keras.Sequential([keras.Input([SIDE]), layer])
kernel = np.zeros([SIDE, SIDE], np.float32)
np.fill_diagonal(kernel[:4, :4], [1e5, 6e4, -1e6, 1e-8])
layer.set_weights([kernel])
ones = np.ones([1, SIDE], np.float32)


def converted(*, optimized, types=()):
    """What a LiteRT file of the network computes, and the warnings of the conversion."""
    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    converter.optimizations = [tf.lite.Optimize.DEFAULT] if optimized else []
    converter.target_spec.supported_types = list(types)
    with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("always")
        file = converter.convert()
    about = sum("float16" in str(each.message).lower() or "overflow" in str(each.message).lower() for each in caught)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        interpreter = tf.lite.Interpreter(model_content=file)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], ones)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0, :4], about


def shown(values):
    return " ".join(f"{value:.6g}" for value in values)


print("network:", shown(np.asarray(network(ones))[0, :4]))
for name, settings in (
    ("float32", {"optimized": False}),
    ("float16", {"optimized": True, "types": [tf.float16]}),
    ("dynamic range", {"optimized": True}),
):
    values, about = converted(**settings)
    if name == "dynamic range":
        print(f"{name}: within 1% of the first three:", bool(np.allclose(values[:3], [1e5, 6e4, -1e6], rtol=0.01)))
    else:
        print(f"{name}: {shown(values)}, warnings about it: {about}")
PYTHON
cat "$folder/seen"
diff "$folder/seen" - <<'EXPECTED'
TensorFlow 2.21.0 Keras 3.15.1
network: 100000 60000 -1e+06 1e-08
float32: 100000 60000 -1e+06 1e-08, warnings about it: 0
float16: 65504 60000 -65504 0, warnings about it: 0
dynamic range: within 1% of the first three: True
EXPECTED
echo "unchanged"
