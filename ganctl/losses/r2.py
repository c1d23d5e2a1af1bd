"""R2: a gradient penalty at generated images."""

from typing import Any

from ganctl.game import GanPass, Penalty
from ganctl.lazy import tf
from ganctl.losses import penalties


@penalties.register("r2", source="Mescheder et al. 2018, https://arxiv.org/abs/1801.04406, equation 10")
def r2() -> Penalty:
    """|grad D(x)|^2 / 2 at generated images x; its weight is the paper's gamma. Augmentation as in `r1`."""

    def penalty(batch: GanPass) -> Any:
        slope = batch.slope(batch.fake, kind="fake")
        return 0.5 * tf.reduce_mean(tf.reduce_sum(tf.square(slope), axis=[1, 2, 3]))

    return Penalty(penalty, needs="fake", partial=True)
