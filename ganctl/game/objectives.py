"""What discriminator and generator minimise: adversarial losses, penalties, constraints and generator terms.

A file in `losses/` registers one of these; `players.py` turns them into terms.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ganctl.game.passes import GanPass, MixedPass
from ganctl.lazy import tf

Tensor = Any


class AdversarialLoss:
    """An adversarial loss of both networks, one value per example. Scores are raw network outputs [N, 1]."""

    def real(self, batch: GanPass) -> Tensor:
        """Return the discriminator's loss on real images, [N, 1]."""
        raise NotImplementedError

    def fake(self, batch: GanPass) -> Tensor:
        """Return the discriminator's loss on generated images, [N, 1]."""
        raise NotImplementedError

    def mixed(self, batch: MixedPass) -> Tensor:
        """Return the discriminator's loss on a batch of real and generated images, [2N, 1] in the batch's order."""
        return batch.in_order(self.real(batch), self.fake(batch))

    def generator(self, batch: GanPass) -> Tensor:
        """Return the generator's loss, [N, 1]."""
        raise NotImplementedError

    def realness(self, score: Tensor) -> Tensor:
        """Return what the log shows for a score: the probability of being real, or a critic's score as it is."""
        return score

    def judged_real(self, score: Tensor) -> Tensor:
        """Return whether the discriminator takes the image for real, boolean [N, 1]."""
        return score > 0

    def mirrored(self, score: Tensor) -> Tensor:
        """Return the score that means `fake` as strongly as this one means `real`: 0 is midway between them."""
        return -score

    def errors(self) -> Mapping[str, Callable[[Any], Tensor]] | None:
        """Return functions for the absolute errors: `real`, `fake`, `mixed` and `generator`; None for critics."""
        return None

    zero_divides: bool = True
    """Whether a single score tells real from fake: only then does `judged_real` mean anything, and can ADA use it."""

    real_comes_first: bool = True
    """Whether the real half of a mixed batch comes before the generated half."""

    needs_both: bool = False
    """Whether `real` and `fake` each use real and generated images: a discriminator's update must then see both.

    They are compared in pairs; a class-conditional discriminator compares two images of the same class.
    """

    needs_real: bool = False
    """Whether `generator` also uses real images: its turn then draws one for each generated image."""


@dataclass(frozen=True)
class Penalty:
    """A further loss term of the discriminator: a scalar function of the forward pass.

    `needs` says which images it uses; `partial` as in `Term`. With `every` = n it is evaluated on every n-th update and
    scaled by n (lazy regularization: Karras et al. 2019, https://arxiv.org/abs/1912.04958, section 3.1). `in_one_batch`
    multiplies its weight if real and generated images form one batch: the adversarial term is then a mean over twice
    as many scores, half of the sum of two means, and a weight should mean the same in both cases.
    """

    function: Callable[[GanPass], Tensor]
    needs: Literal["real", "fake", "both"]
    partial: bool = False
    every: int = 1
    in_one_batch: float = 0.5


@dataclass(frozen=True)
class GeneratorTerm:
    """A further loss term of the generator: a scalar function of the forward pass.

    Attributes:
        function: of the pass of the generator's turn.
        needs: what the pass must offer. `features`: `fake_features` and `real_features`. `sizes`: `fakes`, the
            generated images in several sizes.
        needs_real: it also uses real images; the turn then draws one for each generated image.
        partial: as in `Term`.
        every: as in `Penalty`, in updates of the generator.
    """

    function: Callable[[Any], Tensor]
    needs: Literal["", "features", "sizes"] = ""
    needs_real: bool = False
    partial: bool = False
    every: int = 1


@dataclass(frozen=True)
class Constraint:
    """A function applied to each of the discriminator's variables after each of its updates."""

    function: Callable[[Any], Tensor]


def lengths(slope: Tensor) -> Tensor:
    """Return the Euclidean norm of each image's gradient, [N] of [N, H, W, C].

    The square root's gradient is infinite at zero: a constant discriminator must give a penalty, not a NaN.
    """
    return tf.sqrt(tf.reduce_sum(tf.square(slope), axis=[1, 2, 3]) + 1e-12)


def mean(values: Tensor) -> Tensor:
    """Return the mean as Keras' losses compute it: the sum divided by the count."""
    return tf.reduce_sum(values) / tf.cast(tf.size(values), values.dtype)
