#!/bin/bash
# OpenCV 5.0.0 reads valid BMPs with their colours exchanged, without an error.
#
# A BMP of 32 bits a pixel may say by three masks where red, green and blue lie (compression BI_BITFIELDS). Behind the
# usual header of 40 bytes, OpenCV ignores the masks and takes the bytes for blue, green, red. Behind a header of 56
# bytes, which holds the same masks at the same place, it uses them. Pillow 13.0.0 reads both files right where it knows
# the order, and refuses the others ("Unsupported BMP bitfields layout").
#
# The picture is one red pixel, stored as the bytes 0, 0, 0, 255 with the masks red 0xff000000, green 0x00ff0000,
# blue 0x0000ff00. Seen, as red, green, blue:
#     header of 40 bytes  OpenCV [0, 0, 0]    Pillow [255, 0, 0]
#     header of 56 bytes  OpenCV [255, 0, 0]  Pillow [255, 0, 0]
# With the bytes 255, 0, 0, 0 and the masks red 0x000000ff, green 0x0000ff00, blue 0x00ff0000, OpenCV sees [0, 0, 255]
# behind 40 bytes and [255, 0, 0] behind 56; Pillow refuses both.
#
# The script fails if any of this changes. It needs Python 3.11 and the package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    numpy==2.2.6 opencv-python-headless==5.0.0.93 pillow==13.0.0
"$folder/venv/bin/python" - > "$folder/seen" <<'PYTHON'
import io
import struct

import cv2
import numpy as np
import PIL
from PIL import Image


def bitmap(header_size, masks, pixel):
    header = struct.pack("<IiiHHIIiiII", header_size, 1, 1, 1, 32, 3, 4, 0, 0, 0, 0) + struct.pack("<III", *masks)
    header += bytes(max(0, header_size - len(header)))
    start = 14 + len(header)
    return b"BM" + struct.pack("<IHHI", start + 4, 0, 0, start) + header + bytes(pixel)


def by_opencv(data):
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[0, 0, ::-1].tolist()


def by_pillow(data):
    try:
        return list(Image.open(io.BytesIO(data)).convert("RGB").getpixel((0, 0)))
    except OSError as error:
        return str(error)


print("OpenCV", cv2.__version__, "Pillow", PIL.__version__)
red_last = (0xFF000000, 0x00FF0000, 0x0000FF00), (0, 0, 0, 255)
red_first = (0x000000FF, 0x0000FF00, 0x00FF0000), (255, 0, 0, 0)
for size, (masks, pixel) in ((40, red_last), (56, red_last), (40, red_first), (56, red_first)):
    data = bitmap(size, masks, pixel)
    print(size, "bytes, red", f"{masks[0]:#010x}:", "OpenCV", by_opencv(data), "Pillow", by_pillow(data))
PYTHON
cat "$folder/seen"
diff "$folder/seen" - <<'EXPECTED'
OpenCV 5.0.0 Pillow 13.0.0
40 bytes, red 0xff000000: OpenCV [0, 0, 0] Pillow [255, 0, 0]
56 bytes, red 0xff000000: OpenCV [255, 0, 0] Pillow [255, 0, 0]
40 bytes, red 0x000000ff: OpenCV [0, 0, 255] Pillow Unsupported BMP bitfields layout
56 bytes, red 0x000000ff: OpenCV [255, 0, 0] Pillow Unsupported BMP bitfields layout
EXPECTED
echo "unchanged"
