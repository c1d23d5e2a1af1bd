"""Can this discriminator learn at all? Its body is trained as a classifier of the labels, without a GAN.

Tutorial 5's first advice on a failing GAN: debug the discriminator alone on a vanilla classification task.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ganctl.errors import DataError, GanctlError
from ganctl.experiment.experiment import Experiment
from ganctl.game.image_order import ImageOrder
from ganctl.game.inputs import as_networks_see, judges_images_alone
from ganctl.images.image_set import ImageSet
from ganctl.lazy import keras, own_settings

HELD_OUT = 0.2


@dataclass(frozen=True)
class DiscriminatorCheck:
    """How well the body classifies images that it was not trained on.

    Attributes:
        accuracy: fraction of held-out images classified correctly.
        chance: the accuracy of always predicting the most frequent label.
        iterations: training steps.
        classes: number of labels.
        images: number of training images.
        held_out: number of held-out images.
    """

    accuracy: float
    chance: float
    iterations: int
    classes: int
    images: int
    held_out: int

    @property
    def learned(self) -> bool:
        """Whether it got a quarter of the way from chance to perfection: sound ones get most of the way."""
        luck = 3.0 * math.sqrt(self.chance * (1.0 - self.chance) / self.held_out)  # three standard errors
        return self.accuracy >= self.chance + max(luck, 0.25 * (1.0 - self.chance))

    @property
    def verdict(self) -> str:
        """The result in words, with what to do."""
        score = f"{self.accuracy:.1%} of held-out images right; always the most frequent label: {self.chance:.1%}"
        if self.learned:
            return f"{score}. The discriminator's body learns; if the GAN fails, look elsewhere."
        return (
            f"{score}. The discriminator's body does not learn to tell {self.classes} classes apart: look at its "
            "layers, its learning rate, and samples/real.png of a run, or give it more --iterations."
        )

    def facts(self) -> dict[str, Any]:
        """Return all values for JSON."""
        return {**asdict(self), "learned": self.learned, "verdict": self.verdict}


def check_discriminator(
    experiment: Experiment, images: ImageSet, discriminator: Any, optimizer: Any, iterations: int
) -> DiscriminatorCheck:
    """Train the discriminator's body with a classifying head.

    Args:
        experiment: provides the batch size and the seed.
        images: labelled images.
        discriminator: the network; its last layer before the score is replaced.
        optimizer: the discriminator's.
        iterations: training steps.

    Raises:
        DataError: there are fewer than two labels.
    """
    if images.num_classes < 2 or images.labels is None:
        raise DataError(f"{images.source} has fewer than two labels, so there is nothing to classify.")
    train, held_out = images.split(HELD_OUT)
    assert train.labels is not None
    assert held_out is not None
    assert held_out.labels is not None
    body = body_of(discriminator)
    first = keras.initializers.GlorotUniform(seed=experiment.seed)
    with own_settings():
        head = keras.layers.Dense(images.num_classes, kernel_initializer=first, dtype="float32")
        classifier = keras.Sequential([body, keras.layers.Flatten(), head])
    classifier.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    order = ImageOrder(len(train), "shuffle", experiment.seed)
    for indices in order.rounds([min(experiment.training.batch_size, len(train))], 0, iterations):
        classifier.train_on_batch(_pixels(train, indices), train.labels[indices])
    right = [
        classifier.predict_on_batch(_pixels(held_out, rows)).argmax(1) == held_out.labels[rows]
        for rows in np.array_split(np.arange(len(held_out)), math.ceil(len(held_out) / 256))
    ]
    chance = np.bincount(held_out.labels).max() / len(held_out)
    accuracy = np.concatenate(right).mean()
    return DiscriminatorCheck(float(accuracy), float(chance), iterations, images.num_classes, len(train), len(held_out))


def body_of(discriminator: Any) -> Any:
    """Return a network from images to the input features of the real-or-fake score layer.

    That is the layer with a single unit; a class-conditional discriminator adds a projection to its output. An
    autoencoder has no such layer: its code, the last of several outputs, takes the place of the features.

    Raises:
        GanctlError: no such layer exists, or the features depend on more than images.
    """
    if not judges_images_alone(discriminator):
        raise GanctlError("The discriminator takes more than images, so its body cannot classify them.")
    # Other outputs may have layers with a single unit, too.
    of_score = keras.Model(discriminator.inputs, discriminator.outputs[0])
    for layer in reversed(of_score.layers):
        if isinstance(layer, keras.layers.Dense) and layer.units == 1:
            try:
                return keras.Model(discriminator.inputs[0], layer.input)
            except ValueError:
                raise GanctlError(
                    "The discriminator's features depend on more than images, such as their classes, so its body "
                    "cannot classify them."
                ) from None
    *others, last = discriminator.outputs
    if others and len(last.shape) == 2:
        return keras.Model(discriminator.inputs[0], last)
    raise GanctlError("The discriminator has no Dense layer with one unit, so its body and head cannot be separated.")


def _pixels(images: ImageSet, rows: np.ndarray) -> np.ndarray:
    """Images as the networks see them."""
    return as_networks_see(images.images[rows].astype(np.float32))
