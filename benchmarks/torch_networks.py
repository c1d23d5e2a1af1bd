"""Keras networks as PyTorch modules, layer by layer, with the same weights and the same outputs.

Images are [N, C, H, W] here. Where Keras looks at them as [N, H, W, C] (Flatten, Reshape), so does this; it costs
nothing as long as they lie in memory as channels_last. Where TensorFlow pads more behind than before, PyTorch needs a
copy (convolutions) or a cut (transposed ones), as anybody's PyTorch would for these networks.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.blueprint import Layer

# What BatchNorm normalises with: the batch, of which it also learns; the batch alone; its moving statistics.
Norm = Literal["train", "batch", "moving"]
_ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda x: x,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}


class Network(nn.Module):
    """A chain of layers.

    Args:
        layers: the blueprint.
        weights: in its order and in Keras' layout.
        batch: how many examples there are whenever BatchNorm learns.
    """

    def __init__(self, layers: Sequence[Layer], weights: Sequence[np.ndarray], batch: int) -> None:
        super().__init__()
        rest = iter(weights)
        self.steps: Any = nn.ModuleList(_STEPS[layer.kind](layer, _taken(layer, rest), batch) for layer in layers)

    def forward(self, x: Tensor, norm: Norm, dropout: bool) -> Tensor:
        """Return the output; Keras' modes of BatchNorm and of dropout are chosen apart."""
        for step in self.steps:
            x = step(x, norm, dropout)
        return x

    def weights(self) -> list[np.ndarray]:
        """Return the weights in the order of the blueprint and in Keras' layout."""
        return [array.copy() for step in self.steps for array in step.weights()]

    def opponent(self, layers: Sequence[Layer], batch: int) -> "Network":
        """Return a network on the same memory that asks for no gradients of its weights."""
        twin = Network(layers, self.weights(), batch)
        own = dict(self.named_parameters()) | dict(self.named_buffers())
        for name, module in twin.named_modules():
            for kind in (module._parameters, module._buffers):
                for key in [key for key, tensor in kind.items() if tensor is not None]:
                    tensor = own[f"{name}.{key}"].detach()
                    is_parameter = kind is module._parameters
                    kind[key] = nn.Parameter(tensor, requires_grad=False) if is_parameter else tensor
        return twin


def _taken(layer: Layer, weights: Iterator[np.ndarray]) -> dict[str, Tensor]:
    names = layer.weights
    return {name: torch.tensor(array) for name, array in zip(names, islice(weights, len(names)), strict=True)}


class _Step(nn.Module):
    """A layer; what its forward pass has no use for, it ignores."""

    kernel: Tensor
    bias: Tensor | None
    gamma: Tensor
    beta: Tensor
    moving_mean: Tensor
    moving_variance: Tensor

    def __init__(self, layer: Layer, weights: Mapping[str, Tensor], batch: int) -> None:
        super().__init__()
        self.layer = layer
        if not layer.settings.get("use_bias", True):
            self.register_parameter("bias", None)
        for name, tensor in weights.items():
            if name.startswith("moving_"):
                self.register_buffer(name, tensor)
            else:
                self.register_parameter(name, nn.Parameter(self.from_keras(name, tensor)))

    def from_keras(self, name: str, weight: Tensor) -> Tensor:
        return weight

    def to_keras(self, name: str, weight: Tensor) -> Tensor:
        return weight

    def weights(self) -> list[np.ndarray]:
        return [self.to_keras(name, getattr(self, name).detach()).numpy() for name in self.layer.weights]

    def activate(self, x: Tensor) -> Tensor:
        return _ACTIVATIONS[self.layer.settings["activation"]](x)


class _Dense(_Step):
    def from_keras(self, name: str, weight: Tensor) -> Tensor:
        return weight.T.contiguous() if name == "kernel" else weight

    def to_keras(self, name: str, weight: Tensor) -> Tensor:
        return weight.T if name == "kernel" else weight

    def forward(self, x: Tensor, norm: Norm, dropout: bool) -> Tensor:
        return self.activate(F.linear(x, self.kernel, self.bias))


class _Convolution(_Step):
    """Both kinds: Keras keeps [height, width, input, output] and, transposed, [height, width, output, input]."""

    def from_keras(self, name: str, weight: Tensor) -> Tensor:
        return weight.permute(3, 2, 0, 1).contiguous() if name == "kernel" else weight

    def to_keras(self, name: str, weight: Tensor) -> Tensor:
        return weight.permute(2, 3, 1, 0) if name == "kernel" else weight

    def sides(self) -> Iterator[tuple[int, int, int, int]]:
        """Size before and after, stride and kernel of both directions."""
        layer = self.layer
        sizes = (layer.input_shape[:2], layer.output_shape[:2], layer.settings["strides"], self.kernel.shape[2:])
        return zip(*sizes, strict=True)


class _Conv2D(_Convolution):
    def __init__(self, layer: Layer, weights: Mapping[str, Tensor], batch: int) -> None:
        super().__init__(layer, weights, batch)
        pads = [(0, 0), (0, 0)]
        if layer.settings["padding"] == "same":
            pads = [_halved(max((out - 1) * stride + k - size, 0)) for size, out, stride, k in self.sides()]
        self.even = all(before == after for before, after in pads)
        self.padding = tuple(before for before, _ in pads) if self.even else (0, 0)
        self.uneven_padding = [*pads[1], *pads[0]]

    def forward(self, x: Tensor, norm: Norm, dropout: bool) -> Tensor:
        if not self.even:
            x = F.pad(x, self.uneven_padding)
        strides = self.layer.settings["strides"]
        return self.activate(F.conv2d(x, self.kernel, self.bias, strides, self.padding))


class _Conv2DTranspose(_Convolution):
    def __init__(self, layer: Layer, weights: Mapping[str, Tensor], batch: int) -> None:
        super().__init__(layer, weights, batch)
        surplus = [(size - 1) * stride + k - out for size, out, stride, k in self.sides()]
        if min(surplus) < 0:
            raise ValueError(f"A kernel smaller than its strides leaves gaps. Received: {layer}")
        self.padding = tuple(_halved(each)[0] for each in surplus)
        self.even = all(each % 2 == 0 for each in surplus)

    def forward(self, x: Tensor, norm: Norm, dropout: bool) -> Tensor:
        x = F.conv_transpose2d(x, self.kernel, self.bias, self.layer.settings["strides"], self.padding)
        if not self.even:
            height, width, _ = self.layer.output_shape
            x = x[:, :, :height, :width]
        return self.activate(x)


def _halved(total: int) -> tuple[int, int]:
    """Before and behind, as TensorFlow pads."""
    return total // 2, total - total // 2


class _BatchNormalization(_Step):
    """PyTorch's moving variance is the batch's times n / (n - 1), Keras' is not: kept is PyTorch's, used is Keras'."""

    def __init__(self, layer: Layer, weights: Mapping[str, Tensor], batch: int) -> None:
        count = batch * math.prod(layer.input_shape[:-1])
        self.correction = (count - 1) / count
        super().__init__(layer, weights, batch)
        self.moving_variance /= self.correction
        self.momentum = 1.0 - layer.settings["momentum"]

    def to_keras(self, name: str, weight: Tensor) -> Tensor:
        return weight * self.correction if name == "moving_variance" else weight

    def forward(self, x: Tensor, norm: Norm, dropout: bool) -> Tensor:
        mean, variance, epsilon = self.moving_mean, self.moving_variance, self.layer.settings["epsilon"]
        if norm == "moving":
            return F.batch_norm(x, mean, variance * self.correction, self.gamma, self.beta, eps=epsilon)
        if norm == "batch":
            return F.batch_norm(x, None, None, self.gamma, self.beta, True, eps=epsilon)
        return F.batch_norm(x, mean, variance, self.gamma, self.beta, True, self.momentum, epsilon)


class _Activation(_Step):
    def forward(self, x: Tensor, norm: Norm, dropout: bool) -> Tensor:
        return self.activate(x)


class _LeakyReLU(_Step):
    def forward(self, x: Tensor, norm: Norm, dropout: bool) -> Tensor:
        return F.leaky_relu_(x, self.layer.settings["negative_slope"])


class _ReLU(_Step):
    def forward(self, x: Tensor, norm: Norm, dropout: bool) -> Tensor:
        return torch.relu_(x)


class _Dropout(_Step):
    def forward(self, x: Tensor, norm: Norm, dropout: bool) -> Tensor:
        return F.dropout(x, self.layer.settings["rate"]) if dropout and self.layer.settings["rate"] else x


class _Flatten(_Step):
    def forward(self, x: Tensor, norm: Norm, dropout: bool) -> Tensor:
        return x.permute(0, 2, 3, 1).flatten(1) if x.ndim == 4 else x.flatten(1)


class _Reshape(_Step):
    def forward(self, x: Tensor, norm: Norm, dropout: bool) -> Tensor:
        x = x.permute(0, 2, 3, 1) if x.ndim == 4 else x
        x = x.reshape(-1, *self.layer.output_shape)
        return x.permute(0, 3, 1, 2) if x.ndim == 4 else x


class _UpSampling2D(_Step):
    def forward(self, x: Tensor, norm: Norm, dropout: bool) -> Tensor:
        return F.interpolate(x, scale_factor=[float(factor) for factor in self.layer.settings["size"]])


class _GlobalAveragePooling2D(_Step):
    def forward(self, x: Tensor, norm: Norm, dropout: bool) -> Tensor:
        return x.mean((2, 3))


class _Cropping2D(_Step):
    def forward(self, x: Tensor, norm: Norm, dropout: bool) -> Tensor:
        (top, bottom), (left, right) = self.layer.settings["cropping"]
        return x[:, :, top : x.shape[2] - bottom, left : x.shape[3] - right]


class _ZeroPadding2D(_Step):
    def forward(self, x: Tensor, norm: Norm, dropout: bool) -> Tensor:
        (top, bottom), (left, right) = self.layer.settings["padding"]
        return F.pad(x, [left, right, top, bottom])


_STEPS: Mapping[str, Any] = {
    step.__name__.removeprefix("_"): step
    for step in (
        _Activation,
        _BatchNormalization,
        _Conv2D,
        _Conv2DTranspose,
        _Cropping2D,
        _Dense,
        _Dropout,
        _Flatten,
        _GlobalAveragePooling2D,
        _LeakyReLU,
        _ReLU,
        _Reshape,
        _UpSampling2D,
        _ZeroPadding2D,
    )
}
