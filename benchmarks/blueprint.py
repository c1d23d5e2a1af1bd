"""Keras networks as plain data: what counting and PyTorch need to know of them, without TensorFlow."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ganctl.keras_internals import calls_of

Shape = tuple[int, ...]

_CONVOLUTION = ("kernel_size", "strides", "padding", "activation", "use_bias")
# What of each kind of layer matters, and what must have its plain value because nobody downstream looks at it.
_SETTINGS: Mapping[str, Sequence[str]] = {
    "Activation": ("activation",),
    "BatchNormalization": ("momentum", "epsilon"),
    "Conv2D": _CONVOLUTION,
    "Conv2DTranspose": _CONVOLUTION,
    "Cropping2D": ("cropping",),
    "Dense": ("activation", "use_bias"),
    "Dropout": ("rate",),
    "Flatten": (),
    "GlobalAveragePooling2D": (),
    "LeakyReLU": ("negative_slope",),
    "ReLU": (),
    "Reshape": ("target_shape",),
    "UpSampling2D": ("size",),
    "ZeroPadding2D": ("padding",),
}
_PLAIN: Mapping[str, Any] = {
    "axis": -1,
    "center": True,
    "data_format": "channels_last",
    "dilation_rate": (1, 1),
    "groups": 1,
    "interpolation": "nearest",
    "keepdims": False,
    "max_value": None,
    "noise_shape": None,
    "output_padding": None,
    "scale": True,
    "threshold": 0.0,
}


@dataclass(frozen=True)
class Layer:
    """One layer of a network that is a chain of layers.

    Attributes:
        kind: name of the Keras class.
        settings: what of its configuration matters.
        input_shape: without the batch; images are [height, width, channels].
        output_shape: without the batch.
        weights: names of its weights, in the order in which they are stored.
    """

    kind: str
    settings: Mapping[str, Any]
    input_shape: Shape
    output_shape: Shape
    weights: tuple[str, ...]


def describe(network: Any) -> list[Layer]:
    """Return the layers of a Keras network; raises ValueError for one that is no chain or has unknown layers."""
    found: list[Layer] = []
    made: Any = None
    calls = {call.operation: call for call in calls_of(network)}
    for layer in network.layers:
        kind, config = type(layer).__name__, layer.get_config()
        if kind == "InputLayer":
            continue
        strange = [name for name, plain in _PLAIN.items() if config.get(name, plain) not in (plain, _listed(plain))]
        if kind not in _SETTINGS or strange:
            raise ValueError(f"No other column has this layer. Received: {kind} '{layer.name}' {strange}")
        call = calls[layer]
        if found and [id(tensor) for tensor in call.inputs] != made:
            raise ValueError(f"Only chains of layers can be converted. Received: {network.name} at '{layer.name}'")
        made = [id(tensor) for tensor in call.outputs]
        found.append(
            Layer(
                kind,
                {name: config[name] for name in _SETTINGS[kind]},
                tuple(layer.input.shape[1:]),
                tuple(layer.output.shape[1:]),
                tuple(weight.name for weight in layer.weights),
            )
        )
    return found


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def variables(network: Any) -> list[Any]:
    """Return the weights of a Keras network in the order of a blueprint; without optimizers' and layers' seeds."""
    return [weight for layer in network.layers for weight in layer.weights]


def trained(layers: Sequence[Layer]) -> list[bool]:
    """Return which weights of a blueprint, in its order, an optimizer moves."""
    return [not name.startswith("moving_") for layer in layers for name in layer.weights]


def without_dropout(layers: Sequence[Layer]) -> list[Layer]:
    """Return the layers with every dropout's rate at nothing."""
    return [replace(layer, settings={"rate": 0.0}) if layer.kind == "Dropout" else layer for layer in layers]


def write(networks: Mapping[str, Sequence[Layer]], path: Path) -> None:
    """Write the layers of networks by role."""
    path.write_text(json.dumps({role: [asdict(layer) for layer in layers] for role, layers in networks.items()}))


def read(path: Path) -> dict[str, list[Layer]]:
    """Read what `write` wrote."""

    def restored(layer: dict[str, Any]) -> Layer:
        shapes = {name: tuple(layer[name]) for name in ("input_shape", "output_shape", "weights")}
        return Layer(**{**layer, **shapes})

    return {role: [restored(layer) for layer in layers] for role, layers in json.loads(path.read_text()).items()}


def write_weights(weights: Mapping[str, Sequence[np.ndarray]], path: Path) -> None:
    """Write weights by role, in the order of a blueprint and in Keras' layout."""
    named: Any = {f"{role}/{index}": w for role, arrays in weights.items() for index, w in enumerate(arrays)}
    np.savez(path, **named)


def read_weights(path: Path) -> dict[str, list[np.ndarray]]:
    """Read what `write_weights` wrote."""
    found: dict[str, dict[int, np.ndarray]] = {}
    with np.load(path) as archive:
        for name in archive.files:
            role, _, index = name.partition("/")
            found.setdefault(role, {})[int(index)] = archive[name]
    return {role: [arrays[index] for index in sorted(arrays)] for role, arrays in found.items()}
