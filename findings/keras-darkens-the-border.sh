#!/bin/bash
# Keras 3.15.1: RandomSharpness and RandomGaussianBlur take what lies beyond the border for black, and RandAugment and
# AugMix sharpen with the same layer. A picture of one colour gets a frame; the documentation has no word of it, and no
# argument changes it. Pillow 13.0.0 leaves the border as it is when it sharpens, and repeats it when it blurs: a
# picture of one colour stays one.
#
# 8 x 8 pixels of 200; the corner, the middle of an edge, and the inside:
#     blurred fully (RandomSharpness, factor 0)      Keras 123.1, 153.8, 200     Pillow 200, 200, 200
#     sharpened fully (RandomSharpness, factor 1)    Keras 255, 246.2, 200       Pillow 200, 200, 200
#     RandomGaussianBlur, 5 pixels, sigma 1          Keras 98.4, 140.3, 200      Pillow 200, 200, 200
# In pictures between -1 and 1, "black" is the middle grey: white gets a darker frame and black a lighter one.
#
# The script fails if any of this changes. It needs Python 3.11 and the package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow==2.21.0 keras==3.15.1 pillow==13.0.0
CUDA_VISIBLE_DEVICES="" "$folder/venv/bin/python" - > "$folder/seen" 2> "$folder/errors" <<'PYTHON' || { cat "$folder/errors"; exit 1; }
import keras
import numpy as np
import PIL
from PIL import Image, ImageEnhance, ImageFilter


def said(picture):
    return ", ".join(f"{value:g}" for value in np.round(picture[[0, 0, 4], [0, 4, 4]].astype(np.float64), 1))


def by_keras(layer, level):
    return said(np.array(layer(np.full((1, 8, 8, 1), level, np.float32), training=True))[0, :, :, 0])


print("Keras", keras.__version__, "Pillow", PIL.__version__)
flat = Image.new("L", (8, 8), 200)
sharpness = keras.layers.RandomSharpness
print("blurred fully: Keras", by_keras(sharpness((0.0, 0.0)), 200), end=" ")
print("Pillow", said(np.array(ImageEnhance.Sharpness(flat).enhance(0.0))))
print("sharpened fully: Keras", by_keras(sharpness((1.0, 1.0)), 200), end=" ")
print("Pillow", said(np.array(ImageEnhance.Sharpness(flat).enhance(2.0))))
blur = {"factor": (1.0, 1.0), "kernel_size": 5, "sigma": (1.0, 1.0)}
print("Gaussian: Keras", by_keras(keras.layers.RandomGaussianBlur(**blur), 200), end=" ")
print("Pillow", said(np.array(flat.filter(ImageFilter.GaussianBlur(1)))))
for level in (-1, 1):
    layer = keras.layers.RandomGaussianBlur(**blur, value_range=(-1, 1))
    print(f"Gaussian of {level}, range -1 to 1: Keras", by_keras(layer, level))
PYTHON
cat "$folder/seen"
diff "$folder/seen" - <<'EXPECTED'
Keras 3.15.1 Pillow 13.0.0
blurred fully: Keras 123.1, 153.8, 200 Pillow 200, 200, 200
sharpened fully: Keras 255, 246.2, 200 Pillow 200, 200, 200
Gaussian: Keras 98.4, 140.3, 200 Pillow 200, 200, 200
Gaussian of -1, range -1 to 1: Keras -0.5, -0.7, -1
Gaussian of 1, range -1 to 1: Keras 0.5, 0.7, 1
EXPECTED
echo "unchanged"
