"""A critic's scores as they are (WGAN)."""

from dataclasses import dataclass
from typing import Any

from ganctl.game import AdversarialLoss, GanPass
from ganctl.losses import registry

Tensor = Any


@registry.register("wasserstein", source="Arjovsky et al. 2017, https://arxiv.org/abs/1701.07875, equation 3")
@dataclass(frozen=True)
class Wasserstein(AdversarialLoss):
    """The critic's mean score of generated images minus that of real ones: the negative earth mover's distance.

    This holds only for a Lipschitz critic: use `gradient_penalty`, `weight_clipping` or spectral layers, and several
    `training.disc_updates`. Scores are raw.
    """

    zero_divides = False  # without a type, so that this is not a key of the file

    def real(self, batch: GanPass) -> Tensor:
        """-D(x)."""
        return -batch.real_score

    def fake(self, batch: GanPass) -> Tensor:
        """D(G(z))."""
        return batch.fake_score

    def generator(self, batch: GanPass) -> Tensor:
        """-D(G(z))."""
        return -batch.fake_score
