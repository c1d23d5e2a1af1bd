"""The non-saturating logistic loss."""

from dataclasses import dataclass
from typing import Any

from ganctl.game import AdversarialLoss, GanPass
from ganctl.lazy import tf
from ganctl.losses import registry

Tensor = Any


@registry.register(
    "non_saturating", source="Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, section 3; Karras et al. 2019"
)
@dataclass(frozen=True)
class NonSaturating(AdversarialLoss):
    """Logistic loss on raw scores, without labels; equal to `minimax` with its default labels.

    The discriminator's loss is log(1 + exp(-D(x))) and log(1 + exp(D(G(z)))), the generator's log(1 + exp(-D(G(z)))).
    """

    def real(self, batch: GanPass) -> Tensor:
        """softplus(-D(x))."""
        return tf.nn.softplus(-batch.real_score)

    def fake(self, batch: GanPass) -> Tensor:
        """softplus(D(G(z)))."""
        return tf.nn.softplus(batch.fake_score)

    def generator(self, batch: GanPass) -> Tensor:
        """softplus(-D(G(z)))."""
        return tf.nn.softplus(-batch.fake_score)

    def realness(self, score: Tensor) -> Tensor:
        """The probability of being real."""
        return tf.sigmoid(score)
