"""Parts that class-conditional networks share: embeddings, conditional BatchNorm, and scoring by projection."""

from collections.abc import Callable
from typing import Any, Literal

import ganctl.layers
from ganctl.errors import ConfigurationError
from ganctl.layers.residual_blocks import down_block
from ganctl.lazy import channels_last, keras

Conditional = Literal["auto", False, True]
"""The user's key: `auto` is true if the images have labels."""


def is_conditional(conditional: Conditional, num_classes: int) -> bool:
    """Return whether networks are class-conditional.

    Raises:
        ConfigurationError: they should be, but the images have no labels.
    """
    if conditional is True and not num_classes:
        raise ConfigurationError(
            "these images have no labels. Use `auto` or false, or sort them into one folder per class.",
            key="model.conditional",
        )
    return bool(num_classes) and conditional is not False


@channels_last()
def class_embedding(classes: Any, num_classes: int, width: int, **settings: Any) -> Any:
    """Return a learned vector for each class, [N, width].

    Args:
        classes: a Keras tensor, integers [N, 1].
        num_classes: number of classes.
        width: length of the vectors.
        **settings: of the `keras.layers.Embedding`.
    """
    return keras.layers.Flatten()(keras.layers.Embedding(num_classes, width, **settings)(classes))


def normalisation(classes: Any, num_classes: int) -> Callable[[Any], Any]:
    """Return a function that normalises maps with a new BatchNorm at each call, class-conditional if there are classes.

    Args:
        classes: a Keras tensor, integers [N, 1]; None without classes.
        num_classes: number of classes.
    """

    def normalise(maps: Any) -> Any:
        if classes is None:
            return keras.layers.BatchNormalization()(maps)
        return ganctl.layers.ConditionalBatchNormalization(num_classes)(maps, classes)

    return normalise


@channels_last()
def projection_score(
    features: Any,
    classes: Any,
    num_classes: int,
    dense: Callable[..., Any],
    embedding: Callable[..., Any],
) -> Any:
    """Return scores [N, 1] of features [N, d]: psi(features), plus embedding(class) . features with classes.

    Source: Miyato and Koyama 2018, https://arxiv.org/abs/1802.05637, equation 3 and figure 1d.

    Args:
        features: a Keras tensor, float32.
        classes: a Keras tensor, integers [N, 1]; None without classes.
        num_classes: number of classes.
        dense: makes the layer psi.
        embedding: makes the layer of the embedding.
    """
    score = dense(1, dtype="float32", name="score")(features)
    if classes is None:
        return score
    embedded = keras.layers.Flatten()(embedding(num_classes, features.shape[-1], dtype="float32")(classes))
    return score + keras.ops.sum(embedded * features, axis=-1, keepdims=True)


@channels_last()
def spectral_residual_score(maps: Any, classes: Any, num_classes: int) -> Any:
    """Return scores [N, 1] of maps [N, H, W, C]: a last residual block, the sum over all positions, the projection.

    All kernels are spectrally normalised (Miyato et al. 2018, appendix B.4). Arguments as for `projection_score`.
    """
    maps = down_block(maps, maps.shape[-1], ganctl.layers.SpectralConv2D, halve=False)
    maps = keras.layers.Activation("relu", dtype="float32")(maps)
    features = keras.ops.sum(maps, axis=(1, 2))
    return projection_score(
        features, classes, num_classes, ganctl.layers.SpectralDense, ganctl.layers.SpectralEmbedding
    )
