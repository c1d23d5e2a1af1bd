"""What the discriminator and the generator are asked to minimise: adversarial losses, penalties and constraints.

A file in `losses/` registers one of these; `players.py` makes terms of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ganctl.game.passes import GanPass, MixedPass
from ganctl.lazy import tf

Tensor = Any


class AdversarialLoss:
    """An adversarial loss: what each network pays, one value an example. Scores are raw network outputs [N, 1]."""

    def real(self, batch: GanPass) -> Tensor:
        """What the discriminator pays on real images, [N, 1]."""
        raise NotImplementedError

    def fake(self, batch: GanPass) -> Tensor:
        """What the discriminator pays on generated images, [N, 1]."""
        raise NotImplementedError

    def mixed(self, batch: MixedPass) -> Tensor:
        """What the discriminator pays on a batch of real and generated images, [2N, 1] in the batch's order."""
        return batch.in_order(self.real(batch), self.fake(batch))

    def generator(self, batch: GanPass) -> Tensor:
        """What the generator pays, [N, 1]."""
        raise NotImplementedError

    def realness(self, score: Tensor) -> Tensor:
        """What the log says of a score: the probability of being real, or a critic's score as it is."""
        return score

    def judged_real(self, score: Tensor) -> Tensor:
        """Whether the discriminator takes the image for real, boolean [N, 1]."""
        return score > 0

    def mirrored(self, score: Tensor) -> Tensor:
        """The score that says `fake` as surely as this one says `real`: 0 lies between the two."""
        return -score

    def errors(self) -> Mapping[str, Callable[[Any], Tensor]] | None:
        """Absolute errors against the target for `real`, `fake`, `mixed` and `generator`; None for critics."""
        return None

    zero_divides: bool = True
    """Whether a score by itself says real or fake: `judged_real` then means something, and ADA can look at it."""

    real_comes_first: bool = True
    """In a mixed batch: whether the real half stands before the generated half."""

    needs_both: bool = False
    """Whether `real` and `fake` look at real and generated images: a discriminator's update must then see both.

    They are compared in pairs, which a discriminator that is told classes sees within one class.
    """

    needs_real: bool = False
    """Whether `generator` looks at real images, too: as many as generated ones are then drawn for its turn."""


@dataclass(frozen=True)
class Penalty:
    """A further loss term of the discriminator: a scalar function of the forward pass.

    `needs` says which images it looks at; `partial` as in `Term`. With `every` = n it is evaluated at each n-th update
    and counts n times (Karras et al. 2019, https://arxiv.org/abs/1912.04958, section 3.1). `in_one_batch` multiplies
    its weight where real and generated images are one batch: the adversarial term is then a mean over twice as many
    scores, half of the sum of two means, and a weight is to mean the same beside either.
    """

    function: Callable[[GanPass], Tensor]
    needs: Literal["real", "fake", "both"]
    partial: bool = False
    every: int = 1
    in_one_batch: float = 0.5


@dataclass(frozen=True)
class Constraint:
    """What becomes of each of the discriminator's variables after each of its updates."""

    function: Callable[[Any], Tensor]


def lengths(slope: Tensor) -> Tensor:
    """Return the Euclidean norm of each image's gradient, [N] of [N, H, W, C].

    The square root's gradient is infinite at zero: a constant discriminator must give a penalty, not a NaN.
    """
    return tf.sqrt(tf.reduce_sum(tf.square(slope), axis=[1, 2, 3]) + 1e-12)


def mean(values: Tensor) -> Tensor:
    """Return the mean as Keras' losses take it: the sum divided by the count."""
    return tf.reduce_sum(values) / tf.cast(tf.size(values), values.dtype)
