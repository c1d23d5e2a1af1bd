"""A discriminator whose slope is near a target around real images."""

from typing import Annotated, Any

from pydantic import Field

from ganctl.game import GanPass, Penalty, lengths
from ganctl.lazy import tf
from ganctl.losses import penalties


@penalties.register("dragan", source="Kodali et al. 2017, https://arxiv.org/abs/1705.07215, section 2.3")
def dragan(*, target: Annotated[float, Field(ge=0.0)] = 1.0, spread: Annotated[float, Field(gt=0.0)] = 0.5) -> Penalty:
    """(|grad D(x + d)| - target)^2 at real images x, each with Gaussian noise d; the paper's weight is 10.

    Args:
        target: the gradient norm that is not penalized (the paper's k).
        spread: standard deviation of the noise, as a fraction of that of the batch's pixels.
    """

    def penalty(batch: GanPass) -> Any:
        deviation = tf.math.reduce_std(batch.real)
        noise = spread * deviation * batch.key.normal("dragan", batch.real.shape)
        return tf.reduce_mean(tf.square(lengths(batch.slope(batch.real + noise, kind="real")) - target))

    return Penalty(penalty, needs="real", partial=True)
