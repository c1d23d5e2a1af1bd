"""Cross entropy on labels, as the tutorials train."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from ganctl.game import AdversarialLoss, GanPass, MixedPass
from ganctl.lazy import tf
from ganctl.losses import registry

Tensor = Any


@registry.register(
    "minimax", source="Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, equation 1 and section 3"
)
@dataclass(frozen=True)
class Minimax(AdversarialLoss):
    """Cross entropy on real and fake labels; the generator learns with the labels swapped.

    The discriminator's loss is equation 1 of the paper with the sign reversed. The generator maximises log D(G(z))
    instead of minimising log(1 - D(G(z))), as section 3 advises and every tutorial does.

    Args:
        real_label: the label of real images; the score's sigmoid is the probability of label 1.
        label_smoothing: how far the label of real images moves towards the other (one-sided: Salimans et al. 2016,
            section 3.4).
        smooth_generator: also smooth the generator's target (keras-team/keras, examples/mnist_acgan.py).
        label_noise: width of the uniform noise added to the discriminator's labels.
    """

    real_label: Literal[0, 1] = 1
    label_smoothing: Annotated[float, Field(ge=0.0, lt=0.5)] = 0.0
    smooth_generator: bool = False
    label_noise: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0

    def real(self, batch: GanPass) -> Tensor:
        """Cross entropy of the real images' scores."""
        return _cross_entropy(batch.real_score, self._real_target(batch))

    def fake(self, batch: GanPass) -> Tensor:
        """Cross entropy of the generated images' scores."""
        return _cross_entropy(batch.fake_score, self._fake_target(batch))

    def mixed(self, batch: MixedPass) -> Tensor:
        """Cross entropy of a mixed batch's scores at once: in halves, vectorised arithmetic would round differently."""
        return _cross_entropy(batch.score, self._mixed_target(batch))

    def generator(self, batch: GanPass) -> Tensor:
        """Cross entropy of the generated images' scores against the real label."""
        return _cross_entropy(batch.fake_score, tf.fill(tf.shape(batch.fake_score), self._wished_label))

    def realness(self, score: Tensor) -> Tensor:
        """The probability of being real."""
        return tf.sigmoid(score if self.real_label else -score)

    def judged_real(self, score: Tensor) -> Tensor:
        """Whether the probability of being real is above one half."""
        return self.realness(score) > 0.5

    def errors(self) -> Mapping[str, Callable[[Any], Tensor]]:
        """Absolute differences of probability and label."""
        return {
            "real": lambda batch: tf.abs(self._real_target(batch) - tf.sigmoid(batch.real_score)),
            "fake": lambda batch: tf.abs(self._fake_target(batch) - tf.sigmoid(batch.fake_score)),
            "mixed": lambda batch: tf.abs(self._mixed_target(batch) - tf.sigmoid(batch.score)),
            "generator": lambda batch: tf.abs(self._wished_label - tf.sigmoid(batch.fake_score)),
        }

    @property
    def real_comes_first(self) -> bool:  # type: ignore[override]
        """The half labelled 1 comes first, as in tutorials 2 and 3."""
        return self.real_label == 1

    @property
    def _smooth_label(self) -> float:
        """The label of real images, smoothed towards the other label."""
        return abs(self.real_label - self.label_smoothing)

    @property
    def _wished_label(self) -> float:
        """The label that the generator aims for."""
        return self._smooth_label if self.smooth_generator else float(self.real_label)

    def _real_target(self, batch: GanPass) -> Tensor:
        return self._noisy(batch, "label noise real", batch.real_score, self._smooth_label)

    def _fake_target(self, batch: GanPass) -> Tensor:
        return self._noisy(batch, "label noise fake", batch.fake_score, 1.0 - self.real_label)

    def _mixed_target(self, batch: MixedPass) -> Tensor:
        return batch.in_order(self._real_target(batch), self._fake_target(batch))

    def _noisy(self, batch: GanPass, purpose: str, score: Tensor, label: float) -> Tensor:
        target = tf.fill(tf.shape(score), float(label))
        return target + self.label_noise * batch.key.uniform(purpose, tf.shape(score)) if self.label_noise else target


def _cross_entropy(score: Tensor, target: Tensor) -> Tensor:
    return tf.nn.sigmoid_cross_entropy_with_logits(labels=target, logits=score)
