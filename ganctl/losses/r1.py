"""R1: a gradient penalty at real images."""

from typing import Any

from ganctl.game import GanPass, Penalty
from ganctl.lazy import tf
from ganctl.losses import penalties


@penalties.register("r1", source="Mescheder et al. 2018, https://arxiv.org/abs/1801.04406, equation 9")
def r1() -> Penalty:
    """|grad D(x)|^2 / 2 at real images x; its weight is the paper's gamma.

    With augmentation the discriminator sees augmented images; the gradient is taken with respect to the images before
    augmentation, as in StyleGAN2-ADA and R3GAN.
    """

    def penalty(batch: GanPass) -> Any:
        slope = batch.slope(batch.real, kind="real")
        return 0.5 * tf.reduce_mean(tf.reduce_sum(tf.square(slope), axis=[1, 2, 3]))

    return Penalty(penalty, needs="real", partial=True)
