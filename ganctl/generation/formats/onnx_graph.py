"""ONNX, for everything that is not TensorFlow: ONNX Runtime, other frameworks, browsers. Extra: `onnx`."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ganctl.generation.formats import OUTPUT, Arrays, Format, Network, as_dictionary, traced

_OPSET = 18


def _write(network: Network, path: Path) -> None:
    import tf2onnx

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    function, specs = traced(network)
    tf2onnx.convert.from_function(function, input_signature=specs, opset=_OPSET, output_path=str(path))


def _run(network: Network, path: Path, batches: Sequence[Arrays]) -> Iterator[np.ndarray]:
    import onnxruntime

    draw = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for inputs in batches:
        yield draw.run([OUTPUT], inputs)[0]


def _usage(network: Network, path: Path) -> tuple[list[str], list[str]]:
    return (
        ["import onnxruntime", f"generator = onnxruntime.InferenceSession({str(path)!r})"],
        [f'images = generator.run(["{OUTPUT}"], {as_dictionary(network)})[0]'],
    )


FORMAT = Format("onnx", ".onnx", _write, _run, _usage, ("tf2onnx", "onnx", "onnxruntime"), "onnx")
