#!/bin/bash
# OpenCV 5.0.0 writes films without the last column and the last row of frames with odd sides, without an error.
#
# A VideoWriter is opened for frames of 63 x 47 pixels, as isOpened() confirms, and gets three frames of that size. The
# film has frames of 62 x 46. The same in VP9 and in MPEG-4 part 2, both in MP4. Frames of 64 x 48 are kept whole.
#
# Seen, given and read:
#     64 x 48  VP9 64 x 48   MPEG-4 64 x 48
#     63 x 47  VP9 62 x 46   MPEG-4 62 x 46
#
# The script fails if any of this changes. It needs Python 3.11 and the package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.2.6 opencv-python-headless==5.0.0.93
"$folder/venv/bin/python" - "$folder" > "$folder/seen" <<'PYTHON'
import sys

import cv2
import numpy as np

print("OpenCV", cv2.__version__)
for width, height in ((64, 48), (63, 47)):
    for codec in ("vp09", "mp4v"):
        path = f"{sys.argv[1]}/{codec}-{width}.mp4"
        writer = cv2.VideoWriter(path, cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*codec), 10, (width, height))
        opened = writer.isOpened()
        frame = np.full((height, width, 3), 100, np.uint8)
        for _ in range(3):
            writer.write(frame)
        writer.release()
        film = cv2.VideoCapture(path, cv2.CAP_FFMPEG)
        sizes = []
        while True:
            read, found = film.read()
            if not read:
                break
            sizes.append(f"{found.shape[1]}x{found.shape[0]}")
        print(f"{codec} given {width}x{height}, opened {opened}:", *sizes)
PYTHON
cat "$folder/seen"
diff "$folder/seen" - <<'EXPECTED'
OpenCV 5.0.0
vp09 given 64x48, opened True: 64x48 64x48 64x48
mp4v given 64x48, opened True: 64x48 64x48 64x48
vp09 given 63x47, opened True: 62x46 62x46 62x46
mp4v given 63x47, opened True: 62x46 62x46 62x46
EXPECTED
echo "unchanged"
