"""A small classifier of the data set's own labels, trained once and cached: it knows what ImageNet does not."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from ganctl.errors import UsageError
from ganctl.evaluation.features.extractor import Extractor, in_colour
from ganctl.host.cache_root import cache_root
from ganctl.host.files import write_atomically
from ganctl.host.tensor_bytes import tensor_bytes
from ganctl.images.image_set import ImageSet
from ganctl.lazy import keras, own_settings, tf

MOST_IMAGES = 20_000
LARGEST = 64
WIDTH = 128
EPOCHS = 6
FEWEST_STEPS = 200
"""Of few images, each is seen more often per epoch: with a dozen steps, no classifier has learned anything."""
_BATCH = 64
SETTINGS = (LARGEST, WIDTH, EPOCHS, FEWEST_STEPS, _BATCH, MOST_IMAGES)
"""What a classifier is made with, apart from the images."""


def classifier_extractor(images: ImageSet, *, keep: bool = True) -> Extractor:
    """Return the extractor for labelled images, trained now or from the cache; raises UsageError without labels.

    Args:
        images: what to learn.
        keep: use the cache. Classifiers of samples are trained once and never again.
    """
    check_labelled(images)
    size = min(LARGEST, max(images.shape[:2]))
    with own_settings():
        network = _network(size, images.num_classes)
    path = _path(size, images) if keep else None
    if path is None or not _load(network, path):
        _train(network, images)
        if path is not None:
            _save(network, path)
    weights = [value.numpy() for value in network.weights]
    last, bias = weights[-2:]
    body = keras.Model(network.inputs, network.layers[-1].input)
    return Extractor(
        "classifier",
        hashlib.sha256(b"".join(value.tobytes() for value in weights)).hexdigest(),
        f"bilinear to {size}x{size}, antialiased",
        lambda batch: body(_resized(batch, size), training=False),
        lambda features: _softmax(features @ last + bias),
        {
            "size": f"{size}x{size}",
            "filter": "bilinear, antialiased, centres of pixels at halves, no pixel outside",
            "round": "no",
            "clip": "no",
            "scale": "x/127.5-1",
            "network": "ganctl's classifier, trained on the labels of the reference",
            "layer": f"ReLU of the last but one dense layer, {WIDTH} numbers",
        },
    )


def check_labelled(images: ImageSet) -> None:
    """Raise UsageError if there are fewer than two classes."""
    if images.num_classes < 2:
        raise UsageError(
            f"Features 'classifier' need labelled images, and {images.source} has fewer than two classes. Use lite0."
        )


def _path(size: int, images: ImageSet) -> Path:
    known = (size, WIDTH, EPOCHS * _repeats(images), MOST_IMAGES, images.num_classes, images.fingerprint())
    return cache_root() / "classifiers" / f"{hashlib.sha256(repr(known).encode()).hexdigest()}.safetensors"


def _repeats(images: ImageSet) -> int:
    """Return how often each image is seen per epoch."""
    return -(-FEWEST_STEPS * _BATCH // (EPOCHS * min(len(images), MOST_IMAGES)))


def _network(size: int, num_classes: int) -> Any:
    layers = keras.layers

    def drawn(seed: int) -> Any:
        return keras.initializers.GlorotUniform(seed=seed)

    inputs = keras.Input((size, size, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(inputs)
    for seed, width in enumerate((32, 64, WIDTH)):
        x = layers.Conv2D(width, 3, padding="same", activation="relu", kernel_initializer=drawn(seed))(x)
        x = layers.MaxPooling2D(padding="same")(x)
    x = layers.Dense(WIDTH, activation="relu", kernel_initializer=drawn(3))(layers.Flatten()(x))
    return keras.Model(inputs, layers.Dense(num_classes, kernel_initializer=drawn(4))(x))


def _resized(batch: Any, size: int) -> Any:
    return tf.image.resize(tf.cast(batch, tf.float32), [size, size], antialias=True)


def _train(network: Any, images: ImageSet) -> None:
    assert images.labels is not None
    chosen = np.sort(np.random.default_rng(0).permutation(len(images))[:MOST_IMAGES])
    pixels = np.empty((len(chosen), *network.input_shape[1:]), np.uint8)
    for start in range(0, len(chosen), 512):
        part = slice(start, start + 512)
        pixels[part] = tf.round(_resized(in_colour(images.images[chosen[part]]), pixels.shape[1])).numpy()
    # Shuffled here, once, and not by Keras: its global seed belongs to the caller.
    order = np.tile(np.random.default_rng(1).permutation(len(chosen)), _repeats(images))
    with own_settings():
        network.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    network.fit(pixels[order], images.labels[chosen][order], _BATCH, EPOCHS, verbose=0, shuffle=False)


def _load(network: Any, path: Path) -> bool:
    """Load cached weights into the network; False if there are none that fit, so that it must be trained."""
    try:
        kept = safetensors.numpy.load_file(path)
        network.set_weights([kept[str(index)] for index in range(len(network.weights))])
    except (OSError, SafetensorError, KeyError, ValueError):
        return False
    return True


def _save(network: Any, path: Path) -> None:
    kept = {str(index): value for index, value in enumerate(network.get_weights())}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, tensor_bytes(kept))
    except OSError:
        pass  # a cache that cannot be written costs the next evaluation half a minute, and must not end this one


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))
