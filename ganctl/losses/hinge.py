"""Hinge loss on scores: no loss beyond a margin (Geometric GAN)."""

from dataclasses import dataclass
from typing import Any

from ganctl.game import AdversarialLoss, GanPass
from ganctl.lazy import tf
from ganctl.losses import registry

Tensor = Any


@registry.register(
    "hinge", source="Lim and Ye 2017, https://arxiv.org/abs/1705.02894; Miyato et al. 2018, equations 16 and 17"
)
@dataclass(frozen=True)
class Hinge(AdversarialLoss):
    """Hinge loss of SNGAN, SAGAN and BigGAN: real scores should be above 1, generated ones below -1.

    The discriminator's loss is max(0, 1 - D(x)) and max(0, 1 + D(G(z))), the generator's -D(G(z)). Scores are raw.
    """

    def real(self, batch: GanPass) -> Tensor:
        """max(0, 1 - D(x))."""
        return tf.nn.relu(1.0 - batch.real_score)

    def fake(self, batch: GanPass) -> Tensor:
        """max(0, 1 + D(G(z)))."""
        return tf.nn.relu(1.0 + batch.fake_score)

    def generator(self, batch: GanPass) -> Tensor:
        """-D(G(z))."""
        return -batch.fake_score
