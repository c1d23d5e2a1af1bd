"""Features of EfficientNet-Lite0, which ships with ganctl."""

from ganctl.evaluation.features import efficientnet_lite0
from ganctl.evaluation.features.extractor import Extractor


def lite0_extractor() -> Extractor:
    """Return the extractor, which needs no file and no labels."""
    size = efficientnet_lite0.SIZE
    return Extractor(
        "lite0",
        efficientnet_lite0.weights_hash(),
        f"bicubic to {size}x{size}, antialiased",
        efficientnet_lite0.features,
        steps={
            "size": f"{size}x{size}",
            "filter": "bicubic, a=-0.5, antialiased, centres of pixels at halves, no pixel outside",
            "round": "no",
            "clip": "0..255",
            "scale": "(x-127)/128",
            "network": "EfficientNet-Lite0, ImageNet, batch norm folded in, zero padding as TensorFlow's SAME",
            "layer": "mean over the positions of the head's ReLU6, 1280 numbers",
        },
    )
