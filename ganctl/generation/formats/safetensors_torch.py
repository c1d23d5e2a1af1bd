"""Weights for PyTorch: a safetensors file in its layout, with a README that says how to build the modules."""

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

import ganctl.layers
from ganctl.generation.formats import Arrays, Format, Network
from ganctl.generation.torch_modules import Expression, Translation, Weight
from ganctl.generation.torch_translation import UnknownLayerError, listed, translated
from ganctl.host.tensor_bytes import tensor_bytes
from ganctl.lazy import keras, own_settings

NOTES = """Kernels are in PyTorch's layout, maps are [N, C, H, W], and images range from -1 (black) to 1 (white).
BatchNorm: eps and momentum are Keras' own, momentum as PyTorch counts it (1 - Keras'). Both differ from PyTorch's
defaults: leave them as they are here, or the images change.
Transposed kernels of odd size have a first row and column of zeros where Keras pads one pixel more behind than before:
with padding on both sides and output_padding=1 instead, every image would be shifted by a pixel."""
WEIGHTS_ONLY = """No lines here build this network: {reason}
Each tensor is named after its layer, in the order of the network. The module that holds it in PyTorch is:"""


def _translated(network: Network) -> Translation | None:
    try:
        return translated(ganctl.layers.of_keras_alone(network))
    except UnknownLayerError:
        return None


def _tensors(network: Network) -> dict[str, Weight]:
    """Every tensor of the file by its name."""
    found = _translated(network)
    if found:
        return dict(found.tensors())
    modules = listed(ganctl.layers.of_keras_alone(network))
    return {
        f"{module.kind.lower()}_{number}.{key}": weight
        for number, module in enumerate(modules)
        for key, weight in module.weights.items()
    }


def readme(network: Network) -> str:
    """Return how to build the network in PyTorch, and what to look out for."""
    found = _translated(network)
    if found:
        return "\n".join(["import torch", "from torch import nn", "", *found.source(), "", NOTES])
    network = ganctl.layers.of_keras_alone(network)
    try:
        translated(network)
    except UnknownLayerError as error:
        reason = str(error)
    modules = [f"{m.kind.lower()}_{number}: {m}" for number, m in enumerate(listed(network))]
    return "\n".join([WEIGHTS_ONLY.format(reason=reason), *modules, "", NOTES])


def _write(network: Network, path: Path) -> None:
    tensors = {name: weight.to_torch() for name, weight in _tensors(network).items()}
    path.write_bytes(tensor_bytes(tensors, {"format": "pt", "readme": readme(network), **_epsilon(network)}))


def _epsilon(network: Network) -> Mapping[str, str]:
    """What `--init-from` must know to take the file over exactly."""
    modules = listed(ganctl.layers.of_keras_alone(network))
    found = {module.arguments["eps"] for module in modules if module.kind.startswith("BatchNorm")}
    return {"batchnorm_epsilon": repr(found.pop())} if len(found) == 1 else {}


def _run(network: Network, path: Path, batches: Sequence[Arrays]) -> Iterator[np.ndarray]:
    found = _translated(network)
    if found and importlib.util.find_spec("torch") is not None:
        yield from _run_in_torch(found, path, batches)
        return
    # Without PyTorch, or without modules for it, the file is read and put back into Keras' layout.
    tensors = safetensors.numpy.load_file(path)
    alone = ganctl.layers.of_keras_alone(network)
    weights = _tensors(network)
    values = {
        id(weight.variable): weight.to_keras(tensors[name])
        for name, weight in weights.items()
        if weight.variable is not None
    }
    with own_settings(alone.dtype_policy):
        copy = keras.models.clone_model(alone)
    for variable, own in zip(copy.variables, alone.variables, strict=True):
        variable.assign(values.get(id(own), own))
    for inputs in batches:
        yield np.asarray(copy(inputs if len(inputs) > 1 else next(iter(inputs.values())), training=False))


def _run_in_torch(found: Translation, path: Path, batches: Sequence[Arrays]) -> Iterator[np.ndarray]:
    import torch
    from safetensors.torch import load_file

    state = load_file(path)
    modules = iter(zip(found.names(), found.modules, strict=True))
    made: list[Any] = []
    for step in found.steps:
        if isinstance(step.what, Expression):
            made.append(partial(step.what.function, torch))
            continue
        name, module = next(modules)
        built = module.made(torch.nn)
        own = {key: state.pop(f"{name}.{key}") for key in module.weights}
        built.load_state_dict(own)
        made.append(built.eval())
    assert not state, "a tensor that no module takes"
    for inputs in batches:
        values = [torch.from_numpy(inputs[name]) for name in found.inputs]
        with torch.no_grad():
            for step, built in zip(found.steps, made, strict=True):
                given = [values[number] for number in step.inputs]
                values.append(built(*given))
        yield values[found.output].permute(0, 2, 3, 1).numpy()


def _usage(network: Network, path: Path) -> tuple[list[str], list[str]]:
    found = _translated(network)
    if not found:
        lines = [f'with safe_open({str(path)!r}, "pt") as file:', '    print(file.metadata()["readme"])']
        imports = ["from safetensors import safe_open", "from safetensors.torch import load_file"]
        return [*imports, *lines, f"weights = load_file({str(path)!r})"], ["images = ...  # as the README says"]
    given = ", ".join(f"torch.from_numpy({name})" for name in found.inputs)
    return (
        [
            "import torch",
            "from safetensors.torch import load_file",
            "from torch import nn",
            *found.source(),
            f"generator.load_state_dict(load_file({str(path)!r}))",
            "generator.eval()",
        ],
        ["with torch.no_grad():", f"    images = generator({given}).permute(0, 2, 3, 1).numpy()"],
    )


FORMAT = Format("safetensors-torch", ".safetensors", _write, _run, _usage, any_size=False, any_batch=True)
