"""Keras' own file: layers and weights, to be used or trained on in Keras.

A network of Keras' own layers needs nothing but Keras. One that has others needs the modules that define them.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ganctl.generation.formats import Arrays, Format, Network, as_dictionary
from ganctl.lazy import keras
from ganctl.plugins import PLUGIN_PREFIX


def _foreign_classes(network: Network) -> dict[str, Any]:
    """The classes of layers that are not Keras' own, by name."""
    classes = {type(layer) for layer in network._flatten_layers()}
    return {kind.__name__: kind for kind in classes if kind.__module__.partition(".")[0] != "keras"}


def _write(network: Network, path: Path) -> None:
    network.save(path)


def _run(network: Network, path: Path, batches: Sequence[Arrays]) -> Iterator[np.ndarray]:
    loaded = keras.saving.load_model(path, custom_objects=_foreign_classes(network), compile=False)
    for inputs in batches:
        yield np.asarray(loaded(inputs if len(inputs) > 1 else next(iter(inputs.values()))))


def _usage(network: Network, path: Path) -> tuple[list[str], list[str]]:
    foreign = _foreign_classes(network)
    imports, objects = [], []
    for name, kind in sorted(foreign.items()):
        # A class may be what a function without arguments makes, because a base class at the top of a module would load
        # Keras with it. Such functions share a name.
        maker, made, _ = kind.__qualname__.partition(".<locals>.")
        line = f"from {kind.__module__} import {maker}" + (f" as make_{name}" if made else "")
        file = getattr(sys.modules.get(kind.__module__), "__file__", None)
        if kind.__module__.startswith(PLUGIN_PREFIX):
            imports += ["from ganctl.plugins import permitted", f"with permitted([{file!r}]):", f"    {line}"]
        else:
            imports.append(line)
        objects.append(f'"{name}": ' + (f"make_{name}()" if made else maker))
    custom = f", custom_objects={{{', '.join(objects)}}}" if objects else ""
    single = len(network.inputs) == 1
    return (
        ["import keras", *imports, f"generator = keras.saving.load_model({str(path)!r}{custom})"],
        [f"images = generator({network.inputs[0].name if single else as_dictionary(network)})"],
    )


FORMAT = Format("keras", ".keras", _write, _run, _usage)
