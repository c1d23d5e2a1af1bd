"""Squared distances of scores from labels (LSGAN)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from ganctl.game import AdversarialLoss, GanPass, MixedPass
from ganctl.lazy import tf
from ganctl.losses import registry

Tensor = Any


@registry.register("least_squares", source="Mao et al. 2016, https://arxiv.org/abs/1611.04076, equations 2 and 9")
@dataclass(frozen=True)
class LeastSquares(AdversarialLoss):
    """Half the squared distance of a score from its label: 1 for real, 0 for fake, 1 as the generator's target.

    Equation 2 with the labels of equation 9: a = 0, b = c = 1. Scores are raw, so d_real and d_fake are not
    probabilities; they tend towards the labels.

    Args:
        label_smoothing: how far the label of real images moves towards 0.
        label_noise: width of the uniform noise added to the discriminator's labels.
    """

    label_smoothing: Annotated[float, Field(ge=0.0, lt=0.5)] = 0.0
    label_noise: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0

    def real(self, batch: GanPass) -> Tensor:
        """(D(x) - b)^2 / 2."""
        return 0.5 * tf.square(batch.real_score - self._real_target(batch))

    def fake(self, batch: GanPass) -> Tensor:
        """(D(G(z)) - a)^2 / 2."""
        return 0.5 * tf.square(batch.fake_score - self._fake_target(batch))

    def generator(self, batch: GanPass) -> Tensor:
        """(D(G(z)) - c)^2 / 2."""
        return 0.5 * tf.square(batch.fake_score - 1.0)

    def judged_real(self, score: Tensor) -> Tensor:
        """Whether the score is nearer to 1 than to 0."""
        return score > 0.5

    def mirrored(self, score: Tensor) -> Tensor:
        """1 - D: the label of the one kind becomes that of the other."""
        return 1.0 - score

    def errors(self) -> Mapping[str, Callable[[Any], Tensor]]:
        """Absolute differences of score and label."""

        def mixed(batch: MixedPass) -> Tensor:
            return tf.abs(batch.in_order(self._real_target(batch), self._fake_target(batch)) - batch.score)

        return {
            "real": lambda batch: tf.abs(self._real_target(batch) - batch.real_score),
            "fake": lambda batch: tf.abs(self._fake_target(batch) - batch.fake_score),
            "mixed": mixed,
            "generator": lambda batch: tf.abs(1.0 - batch.fake_score),
        }

    def _real_target(self, batch: GanPass) -> Tensor:
        return 1.0 - self.label_smoothing + self._noise(batch, "label noise real", batch.real_score)

    def _fake_target(self, batch: GanPass) -> Tensor:
        return self._noise(batch, "label noise fake", batch.fake_score)

    def _noise(self, batch: GanPass, purpose: str, score: Tensor) -> Tensor:
        return (
            self.label_noise * batch.key.uniform(purpose, tf.shape(score)) if self.label_noise else tf.zeros_like(score)
        )
