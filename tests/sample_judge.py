"""Judges generated clothes: by a classifier trained on the labels, and by the distance to the training images."""

from dataclasses import dataclass

import keras
import numpy as np

NUM_CLASSES = 10


@dataclass(frozen=True)
class Verdict:
    """What the judge found in a set of samples."""

    class_shares: np.ndarray
    confidence: float
    copies: float
    """Share of samples that are a training image, but for a little noise."""

    @property
    def good(self) -> bool:
        """All classes, each at least 3%, recognisable, and not copied."""
        return bool(self.class_shares.min() >= 0.03 and self.confidence > 0.7 and self.copies < 0.05)


class SampleJudge:
    """A small classifier of the labelled images, and those images.

    Args:
        images: uint8 [N, 28, 28, 1].
        labels: int [N].
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray) -> None:
        keras.utils.set_random_seed(0)
        layers = keras.layers
        self._classifier = keras.Sequential(
            [
                keras.Input(images.shape[1:]),
                layers.Rescaling(1 / 127.5, -1),
                layers.Conv2D(32, 3, 2, padding="same", activation="relu"),
                layers.Conv2D(64, 3, 2, padding="same", activation="relu"),
                layers.Flatten(),
                layers.Dropout(0.3),
                layers.Dense(128, activation="relu"),
                layers.Dense(NUM_CLASSES, activation="softmax"),
            ]
        )
        self._classifier.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        split = len(images) * 9 // 10
        self._classifier.fit(images[:split], labels[:split], batch_size=128, epochs=8, verbose=0)
        self.accuracy = self._classifier.evaluate(images[split:], labels[split:], verbose=0)[1]
        self._known = _flat(images)

    def judge(self, samples: np.ndarray) -> Verdict:
        """Judge uint8 samples [N, 28, 28, 1]."""
        probabilities = self._classifier.predict(samples, batch_size=500, verbose=0)
        shares = np.bincount(probabilities.argmax(1), minlength=NUM_CLASSES) / len(samples)
        return Verdict(shares, float(probabilities.max(1).mean()), float((self._nearest(samples) < 0.02).mean()))

    def _nearest(self, samples: np.ndarray) -> np.ndarray:
        """Root mean square distance of each sample to the nearest known image, in units of the grey range."""
        ours = _flat(samples)
        squares = (ours**2).sum(1)[:, None] - 2 * ours @ self._known.T + (self._known**2).sum(1)[None]
        return np.sqrt(np.maximum(squares.min(1), 0) / ours.shape[1])


def _flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float32) / 255.0
