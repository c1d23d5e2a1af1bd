"""TensorFlow's folder of a graph and its weights, for TensorFlow Serving and whatever reads SavedModels."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ganctl.generation.formats import OUTPUT, Arrays, Format, Network, write_savedmodel
from ganctl.lazy import tf


def _run(network: Network, path: Path, batches: Sequence[Arrays]) -> Iterator[np.ndarray]:
    draw = tf.saved_model.load(str(path)).signatures["serving_default"]
    for inputs in batches:
        yield draw(**{name: tf.constant(array) for name, array in inputs.items()})[OUTPUT].numpy()


def _usage(network: Network, path: Path) -> tuple[list[str], list[str]]:
    tensors = ", ".join(f"{tensor.name}=tf.constant({tensor.name})" for tensor in network.inputs)
    return (
        ["import tensorflow as tf", f"generator = tf.saved_model.load({str(path)!r})"],
        [f'images = generator.signatures["serving_default"]({tensors})["{OUTPUT}"]'],
    )


FORMAT = Format("savedmodel", "", write_savedmodel, _run, _usage)
