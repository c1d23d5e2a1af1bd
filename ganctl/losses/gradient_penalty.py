"""A gradient norm near a target on lines between real and generated images (WGAN-GP)."""

from typing import Annotated, Any

from pydantic import Field

from ganctl.game import GanPass, Penalty, lengths
from ganctl.lazy import tf
from ganctl.losses import penalties


@penalties.register("gradient_penalty", source="Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, equation 3")
def gradient_penalty(*, target: Annotated[float, Field(ge=0.0)] = 1.0) -> Penalty:
    """(|grad D(x)| - target)^2 at random points x between real and generated images; the paper's weight is 10.

    Args:
        target: the gradient norm that is not penalized.
    """

    def penalty(batch: GanPass) -> Any:
        share = batch.key.uniform("gradient penalty", [batch.real.shape[0], 1, 1, 1])
        between = batch.real + share * (batch.fake - batch.real)
        return tf.reduce_mean(tf.square(lengths(batch.slope(between, kind="real")) - target))

    return Penalty(penalty, needs="both", partial=True)
