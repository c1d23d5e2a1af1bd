#!/bin/bash
# The gradient that scikit-image 0.26.0 returns beside SSIM (structural_similarity(gradient=True)) is not the gradient
# of that SSIM. Far from the border it has the right direction and another length, by a factor that depends on the
# size of the picture, the window and the number of channels; near the border, another direction, too.
#
# SSIM is averaged over the windows that fit into the picture, (H - w + 1)(W - w + 1) of them, but the gradient is
# divided by all H W pixels; and with channel_axis, SSIM is the mean of the channels, but the gradient of each channel
# is not divided by their number. So the length of the gradient is right only by chance.
#
# A grey picture of 24 x 24 and an RGB one, noise of .2 on the second picture. Beside central differences in float64,
# at the pixels that no incomplete window touches ("inside"), and at all pixels:
#     grey, uniform window of 7     .5625 of the right length (18 x 18 / 24 x 24), at all pixels 51% off
#     grey, Gaussian window of 11   .3403 of the right length (14 x 14 / 24 x 24), at all pixels 75% off
#     RGB, uniform window of 7      1.6875 times the right length, at all pixels 179% off
#
# The script fails if any of this changes. It needs Python 3.11 and the package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 scipy==1.17.1 scikit-image==0.26.0
"$folder/venv/bin/python" - > "$folder/seen" <<'PYTHON'
import numpy as np
import skimage
from skimage.metrics import structural_similarity

print("scikit-image", skimage.__version__)
random = np.random.default_rng(0)
uniform = {"win_size": 7, "use_sample_covariance": False}
gaussian = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
for name, shape, window in (
    ("grey, uniform window of 7", (24, 24), uniform),
    ("grey, Gaussian window of 11", (24, 24), gaussian),
    ("RGB, uniform window of 7", (24, 24, 3), uniform | {"channel_axis": 2}),
):
    first = random.random(shape)
    second = np.clip(first + 0.2 * random.normal(size=shape), 0, 1)
    gradient = structural_similarity(first, second, data_range=1.0, gradient=True, **window)[1]
    differences = np.zeros(shape)
    for pixel in np.ndindex(shape):
        step = np.zeros(shape)
        step[pixel] = 1e-6
        ahead, behind = (
            structural_similarity(first, second + sign * step, data_range=1.0, **window) for sign in (1, -1)
        )
        differences[pixel] = (ahead - behind) / 2e-6
    inside = np.s_[10:-10, 10:-10]
    length, right = np.linalg.norm(gradient[inside]), np.linalg.norm(differences[inside])
    cosine = np.sum(gradient[inside] * differences[inside]) / length / right
    error = np.linalg.norm(gradient - differences) / np.linalg.norm(differences)
    print(f"{name}: inside, length {length / right:.4f} cosine {cosine:.4f}; at all pixels, error {error:.2f}")
PYTHON
cat "$folder/seen"
diff "$folder/seen" - <<'EXPECTED'
scikit-image 0.26.0
grey, uniform window of 7: inside, length 0.5625 cosine 1.0000; at all pixels, error 0.51
grey, Gaussian window of 11: inside, length 0.3403 cosine 1.0000; at all pixels, error 0.75
RGB, uniform window of 7: inside, length 1.6875 cosine 1.0000; at all pixels, error 1.79
EXPECTED
echo "unchanged"
