#!/bin/bash
# Pillow 13.0.0 clips 16-bit grey pictures to white where it scales 16-bit colours.
#
# Of a grey PNG or TIFF with 16 bits, convert("L") and convert("RGB") turn every level above 255 of 65535 into 255, so
# that nearly the whole picture becomes white, without an error or a warning. A 16-bit RGB PNG with the same levels
# opens as 8 bits, each level divided by 256. OpenCV 5.0.0 divides both by 256.
#
# Levels 0, 100, 255, 1000, 32768 and 65535, seen as:
#     grey, Pillow   0 100 255 255 255 255
#     RGB, Pillow    0 0 0 3 128 255
#     grey, OpenCV   0 0 0 3 128 255
#     RGB, OpenCV    0 0 0 3 128 255
#
# The script fails if any of this changes. It needs Python 3.11 and the package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    numpy==2.2.6 opencv-python-headless==5.0.0.93 pillow==13.0.0
"$folder/venv/bin/python" -W error - > "$folder/seen" <<'PYTHON'
import io

import cv2
import numpy as np
import PIL
from PIL import Image

print("OpenCV", cv2.__version__, "Pillow", PIL.__version__)
levels = np.array([[0, 100, 255, 1000, 32768, 65535]], np.uint16)
files = {
    f"{name} {kind}": cv2.imencode(f".{kind}", pixels)[1]
    for name, pixels, kinds in (("grey", levels, ("png", "tiff")), ("RGB", np.dstack([levels] * 3), ("png",)))
    for kind in kinds
}
for name, data in files.items():
    image = Image.open(io.BytesIO(data.tobytes()))
    for mode in ("L", "RGB"):
        print(f"{name}, opened as {image.mode}, Pillow to {mode}:", np.asarray(image.convert(mode)).reshape(6, -1)[:, 0])
    print(f"{name}, OpenCV:", cv2.imdecode(data, cv2.IMREAD_COLOR)[0, :, 0])
PYTHON
cat "$folder/seen"
diff "$folder/seen" - <<'EXPECTED'
OpenCV 5.0.0 Pillow 13.0.0
grey png, opened as I;16, Pillow to L: [  0 100 255 255 255 255]
grey png, opened as I;16, Pillow to RGB: [  0 100 255 255 255 255]
grey png, OpenCV: [  0   0   0   3 128 255]
grey tiff, opened as I;16, Pillow to L: [  0 100 255 255 255 255]
grey tiff, opened as I;16, Pillow to RGB: [  0 100 255 255 255 255]
grey tiff, OpenCV: [  0   0   0   3 128 255]
RGB png, opened as RGB, Pillow to L: [  0   0   0   3 128 255]
RGB png, opened as RGB, Pillow to RGB: [  0   0   0   3 128 255]
RGB png, OpenCV: [  0   0   0   3 128 255]
EXPECTED
echo "unchanged"
