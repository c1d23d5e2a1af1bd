"""What `ganctl evaluate` computes, by hand: KID, FD, precision and recall in NumPy, with OpenCV to read pictures.

    ganctl evaluate samples.npz --against real.npz --json > scores.json
    python docs/follow_protocol.py samples.npz real.npz efficientnet_lite0.npz scores.json

The third file holds the weights of the network; it is in `ganctl/evaluation/features/data/`. Every number that is not
written here comes from the line `protocol` of scores.json. Nothing of ganctl, TensorFlow or PyTorch is imported.
`tests/test_protocol.py` holds the two programs together.
"""

import hashlib
import json
import re
import sys
from pathlib import Path

import cv2
import numpy as np


def images_at(path):
    """Return the uint8 images [N, H, W, C] of an npz, or of a folder of pictures of one size."""
    if path.is_file():
        images = np.load(path)["images"]
        return images if images.ndim == 4 else images[..., None]
    return np.stack([np.atleast_3d(cv2.imread(str(file), cv2.IMREAD_COLOR_RGB)) for file in sorted(path.iterdir())])


def resizing(old, new, a):
    """Return the matrix [new, old] of an antialiased cubic filter; centres of pixels at halves, no pixel outside."""
    scale = max(old / new, 1.0)  # antialiased: the filter is as wide as the larger of the two pixels
    x = np.abs(np.arange(old) + 0.5 - (np.arange(new)[:, None] + 0.5) * old / new) / scale
    near, far = ((a + 2) * x - (a + 3)) * x * x + 1, ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    weights = np.where(x < 1, near, np.where(x < 2, far, 0.0))
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


def windows(x, side, stride):
    """Yield what each of side * side taps of a kernel sees, padded with zeros as TensorFlow's SAME does."""
    count = -(-x.shape[1] // stride)
    total = max((count - 1) * stride + side - x.shape[1], 0)
    x = np.pad(x, [(0, 0), *[(total // 2, total - total // 2)] * 2, (0, 0)])
    ends = [slice(start, start + (count - 1) * stride + 1, stride) for start in range(side)]
    return (x[:, rows, columns] for rows in ends for columns in ends)


def features(images, weights, said):
    """Return the features [N, 1280] of uint8 images: EfficientNet-Lite0 up to its last average."""
    x = (images[..., :3] if images.shape[-1] >= 3 else np.repeat(images[..., :1], 3, -1)).astype(np.float32)
    a, new = float(re.search("a=(.+?),", said["filter"])[1]), [int(side) for side in said["size"].split("x")]
    rows, columns = (resizing(old, side, a) for old, side in zip(x.shape[1:3], new, strict=True))
    x = np.einsum("yh,nhwc,xw->nyxc", rows, x, columns, optimize=True)
    if said["clip"] != "no":
        x = x.clip(*map(float, said["clip"].split("..")))
    if said["round"] != "no":
        x = np.rint(x)
    offset, divisor = map(float, re.fullmatch(r"\(x-(.+)\)/(.+)", said["scale"]).groups())
    x, strides = (x - offset) / divisor, {1, 3, 5, 11}  # these blocks halve the map

    def convolved(x, name, stride=1, least=0.0, most=6.0):  # ReLU6
        kernel, bias = weights[name + "/kernel"].astype(np.float32), weights[name + "/bias"]
        taps = zip(windows(x, len(kernel), stride), kernel.reshape(-1, *kernel.shape[2:]), strict=True)
        depthwise = kernel.shape[3] == 1
        products = (seen * tap[:, 0] if depthwise else np.tensordot(seen, tap, 1) for seen, tap in taps)
        return (sum(products) + bias).clip(least, most)

    x = convolved(x, "stem", 2)
    for block in range(16):
        before, name, stride = x, f"block{block}/", 2 if block in strides else 1
        x = convolved(x, name + "expand") if block else x
        x = convolved(convolved(x, name + "depthwise", stride), name + "project", 1, -np.inf, np.inf)
        x = x + before if x.shape == before.shape else x
    return convolved(x, "head").mean((1, 2))


def scores(x, y, said):
    """Return KID, FD, precision and recall of features [N, d] and [M, d]."""
    x, y, k = x.astype(np.float64), y.astype(np.float64), int(said["k"].split()[0])
    xx, yy, xy = ((p @ q.T / x.shape[1] + 1) ** 3 for p, q in ((x, x), (y, y), (x, y)))
    within = sum((m.sum() - m.trace()) / (len(m) * (len(m) - 1)) for m in (xx, yy))
    a, b = ((z - z.mean(0)) / np.sqrt(len(z) - 1) for z in (x, y))  # the covariances are a'a and b'b
    trace = (a**2).sum() + (b**2).sum() - 2 * np.linalg.svd(a @ b.T, compute_uv=False).sum()

    def distances(p, q):
        return np.sqrt(np.maximum((p**2).sum(1)[:, None] + (q**2).sum(1) - 2 * p @ q.T, 0))

    def inside(p, q):  # the share of p within the balls around q, up to the k-th neighbour; column 0 is q itself
        return (distances(p, q) <= np.sort(distances(q, q), 1)[:, k]).any(1).mean()

    return {
        "kid": within - 2 * xy.mean(),
        "frechet_distance": ((x.mean(0) - y.mean(0)) ** 2).sum() + trace,
        "precision": inside(x, y),
        "recall": inside(y, x),
    }


def main(samples, reference, weights, found):
    """Print the scores beside ganctl's."""
    theirs = json.loads(found.read_text())
    said = dict(part.split("=", 1) for part in theirs["protocol"].split("; "))
    assert said["weights"] == "sha256:" + hashlib.sha256(weights.read_bytes()).hexdigest(), "another network"
    loaded, both = dict(np.load(weights)), []
    for path in (samples, reference):
        images = images_at(path)
        both.append(np.concatenate([features(images[i : i + 50], loaded, said) for i in range(0, len(images), 50)]))
    for name, score in scores(*both, said).items():
        print(f"{name} {score:.6g} {theirs[name]:.6g}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
