"""LiteRT's file (formerly TensorFlow Lite), for phones and small devices: float32, or with weights of fewer bits.

The converter reads a SavedModel: from a function of Keras' variables alone, it would write a file without weights.
"""

import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from ganctl.generation.formats import OUTPUT, Arrays, Format, Network, Quantization, by_name, write_savedmodel
from ganctl.lazy import tf


def _write(network: Network, path: Path, *, optimized: bool = False, halves: bool = False) -> None:
    """Write a file.

    Args:
        network: what to write.
        path: where.
        optimized: with large kernels in 8 bits, and layers that compute in 8 bits by the range of each batch.
        halves: with all weights in float16 instead; layers compute in float32.
    """
    with TemporaryDirectory() as folder:
        write_savedmodel(network, Path(folder) / "graph")
        converter = tf.lite.TFLiteConverter.from_saved_model(f"{folder}/graph")
        converter.optimizations = [tf.lite.Optimize.DEFAULT] if optimized or halves else []
        converter.target_spec.supported_types = [tf.float16] if halves else []
        path.write_bytes(converter.convert())


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


FORMAT = Format(
    "litert",
    ".tflite",
    _write,
    _run,
    _usage,
    any_size=False,
    quantizations={
        # Of all shipped models, the farthest were .7 and .15 levels off in float16, and 27 and 2.7 with 8 bits.
        "float16": Quantization(partial(_write, halves=True), largest=4.0, mean=0.5),
        "dynamic-range": Quantization(partial(_write, optimized=True), largest=64.0, mean=4.0),
    },
)
