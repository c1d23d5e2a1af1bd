"""Starting a run from weights that PyTorch wrote, wherever they fit.

A safetensors file of PyTorch holds tensors by name and nothing of the network. So the layers of the file and of the
network are matched by order and shape, convolutions and dense layers apart from BatchNorm, because names such as
`conv1, conv2, bn1` tell the order only within a kind. What PyTorch's usual settings make of the same shapes is
translated, so that both networks compute the same:

- A map that starts as `ConvTranspose2d(latent, C, 4, 1, 0)` of a single pixel is a dense layer here, and a score that
  ends as `Conv2d(C, 1, 4, 1, 0)` is one, too. Vectors that become maps, or come from them, are ordered (C, H, W) there.
- An odd kernel k of stride 2 with `padding=k // 2` lies a pixel off Keras' SAME. It is exactly an even kernel of k + 1,
  with zeros behind. In an odd kernel of the same size it draws the same, one pixel further down and to the right
  (transposed), or sees its input one pixel further up and left, which is reported.
- PyTorch's BatchNorm divides by sqrt(variance + 1e-5), Keras' mostly by sqrt(variance + 1e-3): gamma is scaled.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
from safetensors import SafetensorError

from ganctl.errors import DataError, GanctlError, UsageError
from ganctl.game.augmentation import memory_of
from ganctl.game.game import Game
from ganctl.game.state import named_variables
from ganctl.generation.torch_modules import Module
from ganctl.generation.torch_translation import UnknownLayerError, listed, translated
from ganctl.run_folder import checkpoint
from ganctl.run_folder.checkpoint import MAX_BYTES, Checkpoint
from ganctl.training.transfer import AVERAGED, SHOWN, Fit, common_subsequence

EPSILON = 1e-5
"""What PyTorch's BatchNorm adds to the variance, unless the file's metadata has `batchnorm_epsilon`."""
_TYPES = {"F64": np.float64, "F32": np.float32, "F16": np.float16}
_PICKLED = (".pt", ".pth", ".ckpt", ".bin", ".pkl")
_TRAINED = ("weight", "bias")
_MOMENTS = ("running_mean", "running_var")
_ROLES = {
    "generator": ("generator", "netg", "g", "gen"),
    "discriminator": ("discriminator", "netd", "d", "disc", "critic"),
    "encoder": ("encoder", "nete", "e"),
}

Tensors = dict[str, np.ndarray]


@dataclass(frozen=True)
class TorchFile:
    """Weights that PyTorch wrote.

    Attributes:
        path: of the file.
        tensors: float32, by their names there.
        epsilon: of its BatchNorm.
        step: after how many iterations they were written; the file does not say.
    """

    path: Path
    tensors: Tensors
    epsilon: float = EPSILON
    step: int = 0

    @classmethod
    def read(cls, path: Path) -> "TorchFile | None":
        """Read a safetensors file of PyTorch; None if the path is something else, such as ganctl's own.

        Raises:
            GanctlError: it is damaged.
        """
        if path.suffix != ".safetensors" or not path.is_file() or path.stat().st_size > MAX_BYTES:
            return None
        try:
            data = path.read_bytes()
            header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
            metadata = header.get("__metadata__", {})
            found = safetensors.deserialize(data)
        except (OSError, ValueError, AttributeError, TypeError, RecursionError, SafetensorError):
            return None  # whoever reads ganctl's own files says what is wrong
        if "ganctl" in metadata:
            return None
        try:
            epsilon = float(metadata.get("batchnorm_epsilon", EPSILON))
        except ValueError:
            epsilon = -1.0
        if not 0.0 <= epsilon < 1.0:
            raise GanctlError(f"{path}: batchnorm_epsilon in its metadata is not a number from 0 to 1.")
        return cls(path, dict(_decoded(found)), epsilon)


def find_start(path: Path) -> tuple[Checkpoint | TorchFile, list[str]]:
    """Read what a run is to start from: a file of PyTorch, or what `checkpoint.find` finds."""
    if path.suffix in _PICKLED and path.is_file():
        raise UsageError(
            f"{path} may hold code, so it is never loaded. Write the weights with "
            "`safetensors.torch.save_file(network.state_dict(), 'weights.safetensors')`."
        )
    file = TorchFile.read(path)
    return (file, []) if file else checkpoint.find(path)


def _decoded(found: Sequence[tuple[str, Mapping[str, Any]]]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the tensors that are floats, as float32."""
    for name, tensor in found:
        kind, data = tensor["dtype"], bytes(tensor["data"])
        if kind == "BF16":  # the upper half of a float32
            values = (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
        elif kind in _TYPES:
            values = np.frombuffer(data, np.dtype(_TYPES[kind]).newbyteorder("<")).astype(np.float32)
        else:
            continue
        yield name, values.reshape(tensor["shape"])


@dataclass(frozen=True)
class _Found:
    """A layer of the file: its name and its tensors by their last name."""

    name: str
    tensors: Tensors

    @property
    def normalises(self) -> bool:
        return any(name in self.tensors for name in _MOMENTS)


@dataclass(frozen=True)
class _Taken:
    """Variables with the values that they take, and whether the kernel lies a pixel off."""

    values: list[tuple[Any, np.ndarray]]
    shifted: bool = False


def transfer_from_torch(game: Game, file: TorchFile) -> list[Fit]:
    """Put the weights of a PyTorch file into the networks of a game, where they fit.

    Names that start with a role (`generator.`, `netG.`, `D.`) go to the network of that role. A file of one network
    goes to the network that takes most of it; a running average takes what its network does.

    Raises:
        UsageError: nothing fits.
        DataError: a weight that fits is NaN or infinite, or a variance is negative.
    """
    by_role, beside = _by_role(file.tensors)
    networks = {
        role: network
        for role, network in game.networks.items()
        if named_variables(network) and not role.startswith(memory_of(""))
    }
    plans = {}
    for role, network in networks.items():
        own = role.removesuffix(AVERAGED)
        source = own if own in by_role else "" if set(by_role) == {""} else None
        if source is not None:
            plans[role] = _plan(network, _layers(by_role[source]), file.epsilon)
    if set(by_role) == {""} and plans:
        best = max(plans, key=lambda role: sum(len(taken.values) for taken, _ in plans[role]))
        chosen = best.removesuffix(AVERAGED)
        plans = {role: plan for role, plan in plans.items() if role.removesuffix(AVERAGED) == chosen}
    if not any(plan for plan in plans.values()):
        raise UsageError(
            f"Nothing in {file.path} fits: its tensors have no layer in common with this experiment's networks. "
            "docs/going_on.md says which PyTorch networks fit which models."
        )
    for plan in plans.values():
        _check_numbers(file.path, plan)
    first, *others = [_put(role, network, plans.get(role), by_role) for role, network in networks.items()]
    return [replace(first, notes=(*first.notes, *_unused(beside))), *others]


def _check_numbers(path: Path, plan: Sequence[tuple["_Taken", str]]) -> None:
    for taken, name in plan:
        if not all(np.isfinite(value).all() for _, value in taken.values):
            raise DataError(f"{path}: the layer '{name}' holds NaN, infinity or a negative variance.")


def _unused(names: Sequence[str]) -> list[str]:
    more = [f"not used: {len(names) - SHOWN} more"] if len(names) > SHOWN else []
    return [f"not used: {name}" for name in names[:SHOWN]] + more


def _put(role: str, network: Any, plan: list[tuple[_Taken, str]] | None, by_role: Mapping[str, Tensors]) -> Fit:
    variables = {name: v for name, v in named_variables(network).items() if not name.endswith("seed_generator_state")}
    taken = {id(variable) for found, _ in plan or [] for variable, _ in found.values}
    for found, _ in plan or []:
        for variable, value in found.values:
            variable.assign(value)
    misfits = [f"{name} {list(v.shape)}" for name, v in variables.items() if id(v) not in taken]
    shifted = [name for found, name in plan or [] if found.shifted]
    notes = [f"a pixel off: {name}, an odd kernel of stride 2 (docs/going_on.md)" for name in shifted[:SHOWN]]
    if plan is not None:
        source = role.removesuffix(AVERAGED)
        used = {name for _, name in plan}
        there = _layers(by_role[source if source in by_role else ""])
        notes += _unused([layer.name for layer in there if layer.name not in used])
    return Fit(role, "" if plan is None else role, len(taken), len(variables), misfits, tuple(notes))


def _by_role(tensors: Tensors) -> tuple[dict[str, Tensors], list[str]]:
    """Return the tensors of each role by the rest of their names, and the names of those that belong to none.

    The role is empty if the names do not tell it. What stands before all roles (`module.` of DataParallel) counts for
    nothing. If both a generator and a discriminator are named, nothing else belongs to a network.
    """
    known = {prefix: role for role, prefixes in _ROLES.items() for prefix in prefixes}
    names = {name: name for name in tensors}
    while len(firsts := {rest.partition(".")[0] for rest in names.values()}) == 1:
        if known.keys() & {first.lower() for first in firsts} or not all("." in rest for rest in names.values()):
            break
        names = {name: rest.partition(".")[2] for name, rest in names.items()}
    found: dict[str, Tensors] = {}
    for name, array in tensors.items():
        first, _, rest = names[name].partition(".")
        role = known.get(first.lower(), "") if rest else ""
        found.setdefault(role, {})[rest if role else name] = array
    if "" not in found:
        return found, []
    if {"generator", "discriminator"} <= found.keys():
        return found, [layer.name or next(iter(layer.tensors)) for layer in _layers(found.pop(""))]
    return {"": tensors}, []


def _layers(tensors: Tensors) -> list[_Found]:
    """Return the layers in the natural order of their names: `main.9` before `main.10`."""
    layers: dict[str, Tensors] = {}
    for name, array in tensors.items():
        layer, _, last = name.rpartition(".")
        layers.setdefault(layer, {})[last] = array
    return [_Found(name, layers[name]) for name in sorted(layers, key=_natural)]


def _natural(name: str) -> list[tuple[int, int, str]]:
    return [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in re.split(r"(\d+)", name)]


def _plan(network: Any, layers: Sequence[_Found], epsilon: float) -> list[tuple[_Taken, str]]:
    """Return what a network takes, and the layers of the file that it comes from."""
    try:
        modules = translated(network).modules
    except UnknownLayerError:
        # Whether a dense layer stands beside a map, and so in which order its vector is, is not known here.
        modules = [module for module in listed(network) if module.kind != "Linear"]
    found = []
    for normalising in (False, True):
        here = [module for module in modules if module.weights and _normalises(module) == normalising]
        there = [layer for layer in layers if layer.normalises == normalising]
        fits = [[_fit(module, layer, epsilon) for layer in there] for module in here]
        for i, j in _in_common(fits, len(there)):
            if (taken := fits[i][j]) is not None:
                found.append((taken, there[j].name))
    return found


def _in_common(fits: Sequence[Sequence[_Taken | None]], there: int) -> list[tuple[int, int]]:
    return common_subsequence(len(fits), there, lambda i, j: fits[i][j] is not None)


def _normalises(module: Module) -> bool:
    return module.kind.startswith("BatchNorm")


def _fit(module: Module, layer: _Found, epsilon: float) -> _Taken | None:
    """Return the values that a layer's variables take; None if it does not fit."""
    wanted = {name: weight for name, weight in module.weights.items() if weight.variable is not None}
    tensors = dict(layer.tensors)
    if _normalises(module):
        if not {"weight", "bias", *_MOMENTS} <= tensors.keys() or len(wanted) < 4:
            return None
        variance = np.where(tensors["running_var"] < 0, np.nan, tensors["running_var"])
        ratio = np.sqrt((variance + module.arguments["eps"]) / (variance + epsilon))
        if tensors["weight"].shape != ratio.shape:
            return None
        tensors["weight"] = tensors["weight"] * ratio
        return _as_stored(wanted, tensors)
    if "weight" not in tensors or ("bias" in tensors) != ("bias" in wanted) or module.kind == "Embedding":
        return None
    kernel, shifted = _kernel(module, tensors["weight"])
    if kernel is None:
        return None
    found = _as_stored(wanted, {**tensors, "weight": kernel})
    return found and _Taken(found.values, shifted)


def _as_stored(wanted: Mapping[str, Any], tensors: Tensors) -> _Taken | None:
    if any(name not in tensors or tensors[name].shape != weight.places.shape for name, weight in wanted.items()):
        return None
    return _Taken([(weight.variable, weight.to_keras(tensors[name])) for name, weight in wanted.items()])


def _kernel(module: Module, kernel: np.ndarray) -> tuple[np.ndarray | None, bool]:
    """Return a kernel of the file in the shape of a module's, and whether it then lies a pixel off."""
    shape = module.weights["weight"].places.shape
    if module.kind == "Linear" and kernel.ndim == 4:
        into, out = kernel.shape[:2]
        if shape == (out * kernel[0, 0].size, into) and kernel[0, 0].size > 1:
            return kernel.transpose(1, 2, 3, 0).reshape(shape), False  # transposed, of a single pixel
        return (kernel.reshape(shape), False) if shape == (into, kernel[0].size) else (None, False)
    if kernel.ndim != len(shape):
        return None, False
    if kernel.ndim < 4 or kernel.shape[:2] != shape[:2]:
        return (kernel, False) if kernel.shape == shape else (None, False)
    strides = module.layer.strides
    transposed = module.kind == "ConvTranspose2d"
    # Zeros in front, which Keras' odd transposed kernel lacks: what remains is Keras' own size.
    own = module.layer.kernel_size if transposed else shape[2:]
    front = [size - kept for size, kept in zip(shape[2:], own, strict=True)]
    shifted = False
    for axis, (size, stride) in enumerate(zip(shape[2:], strides, strict=True), 2):
        there, extra = kernel.shape[axis], front[axis - 2]
        before = behind = 0
        if there == size:
            lost = np.take(kernel, range(extra), axis=axis)
            if lost.any():
                return None, False
            odd = stride == 2 and not transposed and size % 2 and module.layer.padding == "same"
            shifted |= bool(odd)
        elif extra and there == size - extra:
            before, shifted = extra, True
        elif not extra and stride == 2 and size % 2 == 0 and there == size - 1:
            behind = 1
        else:
            return None, False
        kernel = np.pad(kernel, [(before, behind) if other == axis else (0, 0) for other in range(4)])
    return kernel, shifted
