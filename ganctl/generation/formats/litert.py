"""LiteRT's file (formerly TensorFlow Lite), for phones and small devices; float32, nothing is quantised."""

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from ganctl.generation.formats import OUTPUT, Arrays, Format, Network, by_name, write_savedmodel
from ganctl.lazy import tf


def _write(network: Network, path: Path) -> None:
    with TemporaryDirectory() as folder:
        write_savedmodel(network, Path(folder) / "graph")
        path.write_bytes(tf.lite.TFLiteConverter.from_saved_model(f"{folder}/graph").convert())


def _run(network: Network, path: Path, batches: Sequence[Arrays]) -> Iterator[np.ndarray]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TensorFlow would rather have its interpreter taken from another package
        draw = tf.lite.Interpreter(str(path)).get_signature_runner()
    for inputs in batches:
        yield draw(**inputs)[OUTPUT].copy()


def _usage(network: Network, path: Path) -> tuple[list[str], list[str]]:
    return (
        [
            "import tensorflow as tf  # or: from ai_edge_litert.interpreter import Interpreter",
            f"generator = tf.lite.Interpreter({str(path)!r}).get_signature_runner()",
        ],
        [f'images = generator({by_name(network)})["{OUTPUT}"]'],
    )


FORMAT = Format("litert", ".tflite", _write, _run, _usage, any_size=False)
