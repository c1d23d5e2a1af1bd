"""Colour consistency: pictures of one sample in several sizes should have the same colours."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any

from pydantic import Field

from ganctl.errors import ConfigurationError
from ganctl.game import GeneratorTerm
from ganctl.lazy import tf
from ganctl.losses import generator_terms

Factor = Annotated[float, Field(ge=0.0)]


@generator_terms.register(
    "colour_consistency", source="Zhang et al. 2017, https://arxiv.org/abs/1710.10916, section 4.3, equation 8"
)
def colour_consistency(*, mean_factor: Factor = 1.0, covariance_factor: Factor = 5.0) -> GeneratorTerm:
    """Squared distances of the mean colours, and of their covariances, of each picture in neighbouring sizes.

    Only for generators that make pictures of several sizes. The paper's weight is 50 without classes.

    Args:
        mean_factor: weight of the mean colours (lambda 1 of the paper).
        covariance_factor: weight of the covariances (lambda 2 of the paper).

    Raises:
        ConfigurationError: both factors are 0.
    """
    if mean_factor == covariance_factor == 0.0:
        raise ConfigurationError(
            "colour_consistency compares nothing if mean_factor and covariance_factor are both 0. Leave the term out.",
            key="loss.generator_terms",
        )

    def term(batch: Any) -> Any:
        moments = [_colours(images) for images in batch.fakes]
        return tf.reduce_sum(tf.stack([_distance(small, large) for small, large in pairwise(moments)]))

    def _distance(small: Sequence[Any], large: Sequence[Any]) -> Any:
        (means, covariances), (other_means, other_covariances) = small, large
        of_means = tf.reduce_sum(tf.square(means - other_means), axis=1)
        of_covariances = tf.reduce_sum(tf.square(covariances - other_covariances), axis=[1, 2])
        return tf.reduce_mean(mean_factor * of_means + covariance_factor * of_covariances)

    return GeneratorTerm(term, needs="sizes", partial=True)


def _colours(images: Any) -> tuple[Any, Any]:
    """Mean colours [N, C] and their covariances [N, C, C] of images [N, H, W, C]."""
    pixels = tf.reshape(tf.cast(images, tf.float32), [images.shape[0], -1, images.shape[-1]])
    means = tf.reduce_mean(pixels, axis=1)
    centred = pixels - means[:, tf.newaxis]
    return means, tf.matmul(centred, centred, transpose_a=True) / pixels.shape[1]
