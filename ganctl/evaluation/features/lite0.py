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
    )
