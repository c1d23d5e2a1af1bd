"""Keras' own file format: layers and weights.

ganctl's layers are replaced by Keras' own, so that the file needs nothing but Keras. A file with a plugin's layers also
needs the plugin.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import ganctl.layers
from ganctl.errors import GanctlError
from ganctl.generation.formats import Arrays, Format, Network, as_dictionary
from ganctl.keras_internals import layers_of
from ganctl.lazy import keras
from ganctl.plugins import PLUGIN_PREFIX

_LAYERS = "ganctl.layers"


def _foreign_classes(network: Network) -> dict[str, Any]:
    """The classes of layers that neither Keras knows nor `ganctl.layers` registers, by name."""
    classes = {type(layer) for layer in layers_of(network)}
    return {kind.__name__: kind for kind in classes if not kind.__module__.startswith(("keras.", f"{_LAYERS}."))}


def _beyond(network: Network) -> list[str]:
    """What the file of a network needs to be loaded, beside Keras."""
    names: dict[str, list[str]] = {}
    for layer in layers_of(ganctl.layers.of_keras_alone(network)):
        if not type(layer).__module__.startswith("keras."):
            names.setdefault(type(layer).__name__, []).append(layer.name)
    if not names:
        return []
    listed = "; ".join(f"{kind} ({', '.join(layers)})" for kind, layers in names.items())
    return [f"needs more than Keras, because these layers have no as_keras(): {listed}"]


def _write(network: Network, path: Path) -> None:
    network = ganctl.layers.of_keras_alone(network)
    for layer in reversed(layers_of(network)):  # inner ones first
        try:
            layer.get_config()
        except NotImplementedError:
            raise GanctlError(
                f"the layer {layer.name} ({type(layer).__name__}) does not say how it was made. Give it get_config() "
                "that returns its arguments, or as_keras() that returns Keras' own layers."
            ) from None
    network.save(path)


def _run(network: Network, path: Path, batches: Sequence[Arrays]) -> Iterator[np.ndarray]:
    loaded = keras.saving.load_model(path, custom_objects=_foreign_classes(network), compile=False)
    for inputs in batches:
        yield np.asarray(loaded(inputs if len(inputs) > 1 else next(iter(inputs.values()))))


def _usage(network: Network, path: Path) -> tuple[list[str], list[str]]:
    network = ganctl.layers.of_keras_alone(network)
    ours = any(type(layer).__module__.startswith(f"{_LAYERS}.") for layer in layers_of(network))
    imports, objects = ["import keras", *([f"import {_LAYERS}"] if ours else [])], []
    for name, kind in sorted(_foreign_classes(network).items()):
        line = f"from {kind.__module__} import {name}"
        file = getattr(sys.modules.get(kind.__module__), "__file__", None)
        if kind.__module__.startswith(PLUGIN_PREFIX):
            imports += ["from ganctl.plugins import permitted", f"with permitted([{file!r}]):", f"    {line}"]
        else:
            imports.append(line)
        objects.append(f'"{name}": {name}')
    custom = f", custom_objects={{{', '.join(objects)}}}" if objects else ""
    single = len(network.inputs) == 1
    return (
        [*imports, f"generator = keras.saving.load_model({str(path)!r}{custom})"],
        [f"images = generator({network.inputs[0].name if single else as_dictionary(network)})"],
    )


FORMAT = Format("keras", ".keras", _write, _run, _usage, any_batch=True, beyond=_beyond)
