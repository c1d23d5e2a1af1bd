"""Translates a Keras network to modules of PyTorch that compute the same.

Maps are [N, C, H, W] in PyTorch, so a vector that becomes a map, or comes from one, is ordered (C, H, W) there; the
weights of the dense layer beside it are ordered to match. Where TensorFlow pads one pixel more behind than before:

- a convolution gets a `ZeroPad2d` (PyTorch's own padding would shift its output by a pixel);
- the kernel of a transposed convolution gets a first row or column of zeros, and so an even surplus that PyTorch cuts
  equally on both sides.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ganctl.errors import GanctlError
from ganctl.generation.torch_modules import CHANNELS_FIRST, Expression, Module, Step, Translation, Weight
from ganctl.keras_internals import calls_of, layers_of

Network = Any
Layer = Any


class UnknownLayerError(GanctlError):
    """A layer, or a call of one, for which there is no PyTorch module here."""


def translated(network: Network) -> Translation:
    """Return a Keras network as PyTorch modules; raises UnknownLayerError if it has layers that are unknown here."""
    builder = _Builder(network)
    env = {id(tensor): number for number, tensor in enumerate(network.inputs)}
    for number, tensor in enumerate(network.inputs):
        if len(tensor.shape) == 4:
            env[id(tensor)] = builder.add((number,), CHANNELS_FIRST)
    output = builder.value(network.outputs[0], env)
    return Translation([tensor.name for tensor in network.inputs], builder.steps, output)


def listed(network: Network) -> list[Module]:
    """Return modules for the layers with weights of any network, in their order, wherever they are called.

    They hold every variable of the network; those of unknown layers as Keras keeps them, in a module of the layer's
    kind. Dense layers are not ordered for maps.
    """
    found: list[Module] = []
    for layer in layers_of(network):
        of_parts = {id(variable) for part in layers_of(layer)[1:] for variable in part.variables}
        own = [variable for variable in layer.variables if id(variable) not in of_parts and not _is_seed(variable)]
        if own:
            convert = _WITH_WEIGHTS.get(type(layer).__name__) if _is_keras(layer) else None
            found.append(convert(layer) if convert else _as_it_is(layer, own))
    return found


def _is_seed(variable: Any) -> bool:
    return str(variable.name) == "seed_generator_state"


def _is_keras(layer: Layer) -> bool:
    return type(layer).__module__.startswith("keras.")


def _as_it_is(layer: Layer, own: Sequence[Any]) -> Module:
    return Module(type(layer).__name__, {}, {variable.name: Weight.of(variable) for variable in own}, layer)


def _transposed(array: np.ndarray) -> np.ndarray:
    return array.T


def _kernel(array: np.ndarray) -> np.ndarray:
    """From [height, width, a, b] to [b, a, height, width]: for convolutions input and output, transposed or not."""
    return array.transpose(3, 2, 0, 1)


def _dense(layer: Layer) -> Module:
    weights = {"weight": Weight.of(layer.kernel, _transposed)}
    if layer.use_bias:
        weights["bias"] = Weight.of(layer.bias)
    size, units = layer.kernel.shape
    return Module("Linear", {"": (size, units), **_bias(layer)}, weights, layer)


def _bias(layer: Layer) -> dict[str, Any]:
    return {} if layer.use_bias else {"bias": False}


def _embedding(layer: Layer) -> Module:
    size = (layer.input_dim, layer.output_dim)
    return Module("Embedding", {"": size}, {"weight": Weight.of(layer.embeddings)}, layer)


def _normalisation(layer: Layer, rank: int = 4) -> Module:
    count = layer.moving_mean.shape[0]
    constants = {"weight": np.ones(count, np.float32), "bias": np.zeros(count, np.float32)}
    found = {"weight": layer.gamma, "bias": layer.beta}
    weights = {
        name: Weight.of(found[name]) if found[name] is not None else Weight(None, constants[name]) for name in found
    }
    weights |= {"running_mean": Weight.of(layer.moving_mean), "running_var": Weight.of(layer.moving_variance)}
    weights["num_batches_tracked"] = Weight(None, np.array(0, np.int64))
    given = {"": (count,), "eps": layer.epsilon, "momentum": round(1.0 - layer.momentum, 10)}
    return Module("BatchNorm2d" if rank == 4 else "BatchNorm1d", given, weights, layer)


def _convolution(layer: Layer, padding: Sequence[int] = (0, 0)) -> Module:
    inputs, outputs = layer.kernel.shape[2] * layer.groups, layer.kernel.shape[3]
    given: dict[str, Any] = {"": (inputs, outputs, *map(_short, _sides(layer)))}
    given |= {"padding": _short(padding)} if any(padding) else {}
    given |= {"dilation": _short(layer.dilation_rate)} if tuple(layer.dilation_rate) != (1, 1) else {}
    given |= {"groups": layer.groups} if layer.groups != 1 else {}
    weights = {"weight": Weight.of(layer.kernel, _kernel)}
    if layer.use_bias:
        weights["bias"] = Weight.of(layer.bias)
    return Module("Conv2d", {**given, **_bias(layer)}, weights, layer)


def _sides(layer: Layer) -> tuple[Any, Any]:
    return tuple(layer.kernel_size), tuple(layer.strides)


def _short(sides: Sequence[float]) -> Any:
    """One number for two that are equal."""
    return sides[0] if sides[0] == sides[1] else tuple(sides)


def _transposed_convolution(layer: Layer) -> Module:
    front, padding, more = [], [], []
    for size, stride in zip(*_sides(layer), strict=True):
        surplus = max(size - stride, 0) if layer.padding == "same" else 0
        front.append(surplus % 2)
        padding.append((surplus + 1) // 2)
        more.append(max(stride - size, 0))
    inputs, outputs = layer.kernel.shape[3], layer.kernel.shape[2]
    sides = tuple(size + extra for size, extra in zip(layer.kernel_size, front, strict=True))

    def layout(array: np.ndarray) -> np.ndarray:
        return np.pad(_kernel(array), [(0, 0), (0, 0), (front[0], 0), (front[1], 0)], constant_values=-1)

    given: dict[str, Any] = {"": (inputs, outputs, _short(sides), _short(layer.strides))}
    given |= {"padding": _short(padding)} if any(padding) else {}
    given |= {"output_padding": _short(more)} if any(more) else {}
    weights = {"weight": Weight.of(layer.kernel, layout)}
    if layer.use_bias:
        weights["bias"] = Weight.of(layer.bias)
    return Module("ConvTranspose2d", {**given, **_bias(layer)}, weights, layer)


_WITH_WEIGHTS: Mapping[str, Callable[[Layer], Module]] = {
    "BatchNormalization": _normalisation,
    "Conv2D": _convolution,
    "Conv2DTranspose": _transposed_convolution,
    "Dense": _dense,
    "Embedding": _embedding,
}
_ACTIVATIONS: Mapping[str, Module | None] = {
    "leaky_relu": Module("LeakyReLU", {"": (0.2,)}),
    "linear": None,
    "relu": Module("ReLU"),
    "sigmoid": Module("Sigmoid"),
    "tanh": Module("Tanh"),
}
_ALIKE = ("Dropout", "LeakyReLU", "ReLU", "Sigmoid", "Tanh")
"""Modules that treat every number alike, wherever it stands."""


class _Builder:
    """Makes the steps of a network, from its inputs on."""

    def __init__(self, network: Network) -> None:
        self.steps: list[Step] = []
        self.offset = len(network.inputs)
        # Of a vector that was a map: for each of its numbers in PyTorch, its place in Keras' vector.
        self.orders: dict[int, np.ndarray] = {}
        self.calls = {id(tensor): call for call in calls_of(network) for tensor in call.outputs}

    def add(self, inputs: tuple[int, ...], what: Module | Expression) -> int:
        """Append a step and return the number of its value."""
        self.steps.append(Step(inputs, what))
        return self.offset + len(self.steps) - 1

    def value(self, tensor: Any, env: dict[int, int]) -> int:
        """Return the number of a tensor's value, with the steps that compute it; `env` knows those of others."""
        if id(tensor) in env:
            return env[id(tensor)]
        call = self.calls[id(tensor)]
        inputs = [self.value(other, env) for other in call.inputs]
        operation = call.operation
        if getattr(operation, "outputs", None):  # a network within the network
            found = self.value(operation.outputs[0], dict(zip(map(id, operation.inputs), inputs, strict=True)))
        else:
            kind = type(operation).__name__
            convert = getattr(self, f"_{kind}", None)
            if convert is None or not _is_keras(operation):
                raise UnknownLayerError(f"There is no PyTorch module for {kind} here.")
            if kind not in ("Dense", "BatchNormalization", "Dropout", "LeakyReLU", "ReLU", "Activation") and any(
                value in self.orders for value in inputs
            ):
                raise UnknownLayerError(f"{kind} takes a vector that was a map.")
            found = convert(operation, inputs, [tuple(each.shape[1:]) for each in call.inputs])
        env[id(tensor)] = found
        return found

    def activated(self, layer: Layer, value: int) -> int:
        """Return the value after the layer's activation."""
        name = getattr(layer.activation, "__name__", "")
        if name not in _ACTIVATIONS:
            raise UnknownLayerError(f"There is no PyTorch module for the activation {name or layer.activation} here.")
        module = _ACTIVATIONS[name]
        return value if module is None else self._alike(module, value)

    def _alike(self, module: Module, value: int) -> int:
        found = self.add((value,), Module(module.kind, module.arguments))
        if value in self.orders:
            self.orders[found] = self.orders[value]
        return found

    def _Dense(self, layer: Layer, inputs: list[int], shapes: list[Any]) -> int:
        if len(shapes[0]) != 1:
            raise UnknownLayerError("A Dense layer on maps has no PyTorch module here.")
        module = _dense(layer)
        if (order := self.orders.get(inputs[0])) is not None:
            module.weights["weight"].places = module.weights["weight"].places[:, order]
        return self.activated(layer, self.add((inputs[0],), module))

    def _Embedding(self, layer: Layer, inputs: list[int], shapes: list[Any]) -> int:
        return self.add((inputs[0],), _embedding(layer))

    def _BatchNormalization(self, layer: Layer, inputs: list[int], shapes: list[Any]) -> int:
        if layer.axis not in (-1, len(shapes[0])):
            raise UnknownLayerError("BatchNormalization of another axis than the last has no PyTorch module here.")
        module = _normalisation(layer, len(shapes[0]) + 1)
        order = self.orders.get(inputs[0])
        if order is not None:
            _reorder(module, order)
        found = self.add((inputs[0],), module)
        if order is not None:
            self.orders[found] = order
        return found

    def _Conv2D(self, layer: Layer, inputs: list[int], shapes: list[Any]) -> int:
        value, pads = inputs[0], [(0, 0), (0, 0)]
        if layer.padding == "same":
            pads = []
            for size, side, stride, rate in zip(shapes[0][:2], *_sides(layer), layer.dilation_rate, strict=True):
                total = max((-(-size // stride) - 1) * stride + (side - 1) * rate + 1 - size, 0)
                pads.append((total // 2, total - total // 2))
        if all(before == behind for before, behind in pads):
            found = self.add((value,), _convolution(layer, tuple(before for before, _ in pads)))
        else:
            value = self.add((value,), Module("ZeroPad2d", {"": ((*pads[1], *pads[0]),)}))
            found = self.add((value,), _convolution(layer))
        return self.activated(layer, found)

    def _Conv2DTranspose(self, layer: Layer, inputs: list[int], shapes: list[Any]) -> int:
        if layer.output_padding is not None or tuple(layer.dilation_rate) != (1, 1):
            raise UnknownLayerError("A transposed convolution with output_padding has no PyTorch module here.")
        return self.activated(layer, self.add((inputs[0],), _transposed_convolution(layer)))

    def _Reshape(self, layer: Layer, inputs: list[int], shapes: list[Any]) -> int:
        target = tuple(layer.target_shape)
        if len(shapes[0]) != 1 or len(target) != 3 or -1 in target:
            raise UnknownLayerError(f"Reshape of {shapes[0]} to {target} has no PyTorch module here.")
        height, width, channels = target
        order = np.arange(height * width * channels).reshape(target).transpose(2, 0, 1).ravel()
        between: list[Module] = []
        value = inputs[0]
        while value >= self.offset and isinstance(what := self.steps[value - self.offset].what, Module):
            if sum(value in step.inputs for step in self.steps) > (value != inputs[0]):
                break  # something else needs it as it is
            if what.kind in ("Linear", "BatchNorm1d"):
                between.append(what)
            elif what.kind not in _ALIKE:
                break
            if what.kind == "Linear":
                for module in between:
                    _reorder(module, order)
                return self.add((inputs[0],), Module("Unflatten", {"": (1, (channels, height, width))}))
            value = self.steps[value - self.offset].inputs[0]
        text = f"{{0}}.reshape(-1, {height}, {width}, {channels}).permute(0, 3, 1, 2)"
        return self.add((inputs[0],), Expression(text, lambda torch, x: x.reshape(-1, *target).permute(0, 3, 1, 2)))

    def _Flatten(self, layer: Layer, inputs: list[int], shapes: list[Any]) -> int:
        found = self.add((inputs[0],), Module("Flatten"))
        if len(shapes[0]) == 3:
            self.orders[found] = np.arange(int(np.prod(shapes[0]))).reshape(shapes[0]).transpose(2, 0, 1).ravel()
        return found

    def _Activation(self, layer: Layer, inputs: list[int], shapes: list[Any]) -> int:
        return self.activated(layer, inputs[0])

    def _ReLU(self, layer: Layer, inputs: list[int], shapes: list[Any]) -> int:
        if layer.max_value is not None or layer.negative_slope or layer.threshold:
            raise UnknownLayerError("ReLU with a limit, slope or threshold has no PyTorch module here.")
        return self._alike(Module("ReLU"), inputs[0])

    def _LeakyReLU(self, layer: Layer, inputs: list[int], shapes: list[Any]) -> int:
        return self._alike(Module("LeakyReLU", {"": (float(layer.negative_slope),)}), inputs[0])

    def _Dropout(self, layer: Layer, inputs: list[int], shapes: list[Any]) -> int:
        return self._alike(Module("Dropout", {"": (float(layer.rate),)}), inputs[0])

    def _UpSampling2D(self, layer: Layer, inputs: list[int], shapes: list[Any]) -> int:
        if layer.interpolation != "nearest":
            raise UnknownLayerError(f"UpSampling2D with {layer.interpolation} has no PyTorch module here.")
        return self.add(
            (inputs[0],), Module("Upsample", {"scale_factor": _short([float(size) for size in layer.size])})
        )

    def _Cropping2D(self, layer: Layer, inputs: list[int], shapes: list[Any]) -> int:
        return self._bordered(inputs[0], layer.cropping, -1)

    def _ZeroPadding2D(self, layer: Layer, inputs: list[int], shapes: list[Any]) -> int:
        return self._bordered(inputs[0], layer.padding, 1)

    def _bordered(self, value: int, sides: Any, sign: int) -> int:
        (top, bottom), (left, right) = sides
        if not any((top, bottom, left, right)):
            return value
        border = tuple(sign * side for side in (left, right, top, bottom))
        return self.add((value,), Module("ZeroPad2d", {"": (border,)}))

    def _Add(self, layer: Layer, inputs: list[int], shapes: list[Any]) -> int:
        text = " + ".join(f"{{{number}}}" for number in range(len(inputs)))
        return self.add(tuple(inputs), Expression(text, lambda torch, *values: sum(values)))

    def _Multiply(self, layer: Layer, inputs: list[int], shapes: list[Any]) -> int:
        if len({len(shape) for shape in shapes}) > 1:
            raise UnknownLayerError("A product of a vector and maps has no PyTorch expression here.")
        text = " * ".join(f"{{{number}}}" for number in range(len(inputs)))
        return self.add(tuple(inputs), Expression(text, lambda torch, *values: math.prod(values)))

    def _Concatenate(self, layer: Layer, inputs: list[int], shapes: list[Any]) -> int:
        axis = getattr(layer, "axis", None)
        if axis not in (-1, len(shapes[0])):
            raise UnknownLayerError("Concatenate along another axis than the last has no PyTorch expression here.")
        parts = ", ".join(f"{{{number}}}" for number in range(len(inputs)))
        return self.add(tuple(inputs), Expression(f"torch.cat([{parts}], 1)", lambda torch, *all: torch.cat(all, 1)))


def _reorder(module: Module, order: np.ndarray) -> None:
    """Order the outputs of a module that makes, or normalises, a vector."""
    for weight in module.weights.values():
        if weight.places.ndim:
            weight.places = weight.places[order]
