"""Gradient penalty on lines between real and generated images."""

from typing import Annotated, Any

from pydantic import Field

from ganctl.lazy import tf
from ganctl.losses import penalties
from ganctl.players import GanPass, Penalty


@penalties.register("gradient_penalty", source="Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, equation 3")
def gradient_penalty(*, target: Annotated[float, Field(ge=0.0)] = 1.0) -> Penalty:
    """(|grad D(x)| - target)^2 at random points x between real and generated images.

    Args:
        target: the gradient norm that costs nothing.
    """

    def penalty(batch: GanPass) -> Any:
        share = batch.key.uniform("gradient penalty", [batch.real.shape[0], 1, 1, 1])
        between = batch.real + share * (batch.fake - batch.real)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(between)
            score = batch.judge(between, kind="real")[0]
        slope = tape.gradient(score, between)
        # The square root's gradient is infinite at zero: a constant discriminator must give a penalty, not a NaN.
        norm = tf.sqrt(tf.reduce_sum(tf.square(slope), axis=[1, 2, 3]) + 1e-12)
        return tf.reduce_mean(tf.square(norm - target))

    return Penalty(penalty, needs="both", partial=True)
