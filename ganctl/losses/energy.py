"""Scores as negative energies, low for real images and at least a margin for generated ones (EBGAN)."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from ganctl.game import AdversarialLoss, GanPass
from ganctl.lazy import tf
from ganctl.losses import registry

Tensor = Any


@registry.register("energy", source="Zhao et al. 2016, https://arxiv.org/abs/1609.03126, equations 1 and 2")
@dataclass(frozen=True)
class Energy(AdversarialLoss):
    """The energy of real images, and how far that of generated ones falls short of a margin.

    A score is the negative energy of an image, so that a higher one means more real. The discriminator's loss is E(x)
    and max(0, margin - E(G(z))), the generator's E(G(z)). This is for energies, which are at least 0, as those of
    `ebgan` are: of scores without an upper limit, the loss on real images has no lower one.

    Args:
        margin: energy above which generated images cost the discriminator nothing; with 0 it learns from real ones
            only.
    """

    margin: Annotated[float, Field(ge=0.0)] = 0.2

    def real(self, batch: GanPass) -> Tensor:
        """E(x)."""
        return -batch.real_score

    def fake(self, batch: GanPass) -> Tensor:
        """max(0, margin - E(G(z)))."""
        return tf.nn.relu(self.margin + batch.fake_score)

    def generator(self, batch: GanPass) -> Tensor:
        """E(G(z))."""
        return -batch.fake_score

    def judged_real(self, score: Tensor) -> Tensor:
        """Whether the energy is nearer to 0 than to the margin."""
        return score > -0.5 * self.margin

    def mirrored(self, score: Tensor) -> Tensor:
        """The score of the energy margin - E: the goal of the one kind becomes that of the other."""
        return -self.margin - score
