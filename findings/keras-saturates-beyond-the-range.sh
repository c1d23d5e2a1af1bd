#!/bin/bash
# Keras 3.15.1: RandomSaturation makes values far outside of the range of the pictures, and RandomColorJitter with it.
#
# The layer turns the pictures to hue, saturation and value, and clips the saturation to value_range, by default
# (0, 255); but a saturation is at most 1, whatever the range of the pictures is. A larger one makes a channel
# value * (1 - saturation), which is negative. With (0, 1) the result is right. With (-1, 1), the range that most
# generators have, the layer changes the picture where its documentation says that it does nothing (factor .5), since
# it takes the saturation of negative numbers.
#
# One pixel of (200, 150, 100), brought to each range before the layer and back to 0 to 255 after it:
#     factor      range 0 to 255        range 0 to 1     range -1 to 1
#      .5         200, 150, 100         200, 150, 100    200, 163.8, 127.5
#      .75        200, 50, -100         200, 100, 0      200, 163.8, 127.5
#      1          200, -25300, -50800   200, 100, 0      200, 163.8, 127.5
# Random colours, RandomSaturation(1.0) with the default range: more than one value in twenty is negative, down to
# below -1,000.
#
# The script fails if any of this changes. It needs Python 3.11 and the package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow==2.21.0 keras==3.15.1
CUDA_VISIBLE_DEVICES="" "$folder/venv/bin/python" - > "$folder/seen" 2> "$folder/errors" <<'PYTHON' || { cat "$folder/errors"; exit 1; }
import keras
import numpy as np

print("Keras", keras.__version__)
pixel = np.array([[[[200, 150, 100]]]], np.float32)
for low, high in ((0, 255), (0, 1), (-1, 1)):
    scaled = pixel / 255 * (high - low) + low
    for factor in (0.5, 0.75, 1.0):
        layer = keras.layers.RandomSaturation((factor, factor), value_range=(low, high))
        found = (np.array(layer(scaled, training=True)) - low) / (high - low) * 255
        said = ", ".join(f"{value:g}" for value in (np.round(found[0, 0, 0].astype(np.float64), 1) + 0.0))
        print(f"range {low} to {high}, factor {factor:g}: {said}")
pictures = np.random.default_rng(0).uniform(0, 255, (256, 8, 8, 3)).astype(np.float32)
for name, layer in (
    ("RandomSaturation", keras.layers.RandomSaturation(1.0, seed=0)),
    ("RandomColorJitter", keras.layers.RandomColorJitter(saturation_factor=1.0, seed=0)),
):
    found = np.array(layer(pictures, training=True))
    print(f"{name}: beyond the range, more than 1 in 20 {np.mean(found < 0) > 0.05}; below -1000 {found.min() < -1000}")
PYTHON
cat "$folder/seen"
diff "$folder/seen" - <<'EXPECTED'
Keras 3.15.1
range 0 to 255, factor 0.5: 200, 150, 100
range 0 to 255, factor 0.75: 200, 50, -100
range 0 to 255, factor 1: 200, -25300, -50800
range 0 to 1, factor 0.5: 200, 150, 100
range 0 to 1, factor 0.75: 200, 100, 0
range 0 to 1, factor 1: 200, 100, 0
range -1 to 1, factor 0.5: 200, 163.8, 127.5
range -1 to 1, factor 0.75: 200, 163.8, 127.5
range -1 to 1, factor 1: 200, 163.8, 127.5
RandomSaturation: beyond the range, more than 1 in 20 True; below -1000 True
RandomColorJitter: beyond the range, more than 1 in 20 True; below -1000 True
EXPECTED
echo "unchanged"
