"""What an image shows, for losses that compare content instead of pixels: early feature maps of EfficientNet-Lite0."""

from typing import Any

from ganctl.evaluation.features import efficientnet_lite0
from ganctl.lazy import tf

Tensor = Any

BLOCKS = 3
"""The blocks that work at a quarter of the image's size, the last before it is halved again."""

SCALE = 25.0
"""What the maps are divided by: their squared differences are then about as large as those of pixels in [-1, 1]."""


def content_features(images: Tensor) -> Tensor:
    """Return feature maps [N, H / 4, W / 4, 24] of images [N, H, W, C] in [-1, 1], in their own size; differentiable.

    These maps tell edges and textures from flat areas but still say where they are. Later ones tell what is shown:
    their positions see more than a small image has, and images that look different can agree there. They come out of
    a projection without an activation, so that a gradient flows wherever two images differ. Nothing in the network can
    be trained: its weights are constants.

    Grey is repeated for colour; of more than three channels, the first three are used, and of two, the first.
    """
    pixels = (tf.cast(images, tf.float32) + 1.0) * 127.5
    # Not a concatenation, whose gradient would be a sum of three.
    colours = pixels[..., :3] if images.shape[-1] >= 3 else tf.tile(pixels[..., :1], [1, 1, 1, 3])
    return efficientnet_lite0.maps(colours, BLOCKS) / SCALE
