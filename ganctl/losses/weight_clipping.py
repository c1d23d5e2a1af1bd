"""Weight clipping: a discriminator whose weights stay small."""

from typing import Annotated

from pydantic import Field

from ganctl.game import Constraint
from ganctl.lazy import tf
from ganctl.losses import penalties


@penalties.register(
    "weight_clipping", source="Arjovsky et al. 2017, https://arxiv.org/abs/1701.07875, algorithm 1", constraint=True
)
def weight_clipping(*, limit: Annotated[float, Field(gt=0.0)] = 0.01) -> Constraint:
    """Clip every variable of the discriminator after each of its updates; not a loss term: no weight, no column.

    Args:
        limit: the largest absolute value of a weight.
    """
    return Constraint(lambda variable: tf.clip_by_value(tf.convert_to_tensor(variable), -limit, limit))
