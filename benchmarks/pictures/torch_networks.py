"""The networks of `pix2pix` and `cyclegan` as one writes them in PyTorch, with the weights of Keras networks.

`exact` pads where TensorFlow pads: for the check that both compute the same. Otherwise convolutions pad by one on every
side, as is usual in PyTorch: the same work, without a copy of the maps.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

Weights = Iterator[np.ndarray]
"""Weights in the order of a Keras network's layers, and in Keras' layout."""


class Conv(nn.Module):
    """A convolution as Keras' `same` has it.

    Args:
        weights: the next ones are the kernel [h, w, in, out] and, with `bias`, the bias.
        stride: of both axes.
        bias: whether there is one.
        padding: `same` or `valid`.
        exact: pad as TensorFlow does.
    """

    def __init__(
        self, weights: Weights, stride: int = 1, *, bias: bool = False, padding: str = "same", exact: bool
    ) -> None:
        super().__init__()
        kernel = torch.from_numpy(next(weights)).permute(3, 2, 0, 1).contiguous()
        self.kernel = nn.Parameter(kernel)
        self.bias = nn.Parameter(torch.from_numpy(next(weights))) if bias else None
        size = kernel.shape[-1]
        total = max(size - stride, 0) if padding == "same" else 0  # of maps that the stride divides
        self.before, self.after = total // 2, total - total // 2
        self.stride, self.exact = stride, exact

    def forward(self, x: Tensor) -> Tensor:
        """Return maps [N, C, H, W] after the convolution."""
        if self.before == self.after:
            return F.conv2d(x, self.kernel, self.bias, self.stride, self.before)
        if self.stride == 1:
            return F.conv2d(x, self.kernel, self.bias, padding="same")
        if self.exact:
            return F.conv2d(F.pad(x, [self.before, self.after] * 2), self.kernel, self.bias, self.stride)
        return F.conv2d(x, self.kernel, self.bias, self.stride, self.after)


class Doubling(nn.Module):
    """A transposed convolution of 4x4 with stride two; its kernel is [h, w, out, in] in Keras."""

    def __init__(self, weights: Weights, *, bias: bool = False) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.from_numpy(next(weights)).permute(3, 2, 0, 1).contiguous())
        self.bias = nn.Parameter(torch.from_numpy(next(weights))) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Return maps of twice the size."""
        return F.conv_transpose2d(x, self.kernel, self.bias, 2, 1)


class InstanceNorm(nn.Module):
    """Instance norm with scale and offset."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.from_numpy(next(weights)))
        self.beta = nn.Parameter(torch.from_numpy(next(weights)))

    def forward(self, x: Tensor) -> Tensor:
        """Return normalised maps."""
        return F.instance_norm(x, weight=self.gamma, bias=self.beta, eps=1e-5)


class PatchDiscriminator(nn.Module):
    """Scores of patches.

    Args:
        weights: of the Keras network.
        halvings: convolutions of stride two.
        exact: pad as TensorFlow does.
    """

    def __init__(self, weights: Weights, halvings: int, *, exact: bool) -> None:
        super().__init__()
        steps: list[nn.Module] = []
        for level in range(halvings + 1):
            steps.append(Conv(weights, 2 if level < halvings else 1, bias=level == 0, exact=exact))
            if level:
                steps.append(InstanceNorm(weights))
            steps.append(nn.LeakyReLU(0.2, inplace=True))
        steps.append(Conv(weights, bias=True, exact=exact))
        self.steps = nn.Sequential(*steps)

    def forward(self, *images: Tensor) -> Tensor:
        """Return scores [N, 1, h, w] of images that belong together."""
        return self.steps(torch.cat(images, 1) if len(images) > 1 else images[0])


class UNet(nn.Module):
    """The generator of pix2pix.

    Args:
        weights: of the Keras network, whose layers stand in the order of the calls.
        depth: how often it halves.
        exact: pad as TensorFlow does.
        dropout: share of features that is dropped in up to three layers of the decoder.
    """

    def __init__(self, weights: Weights, depth: int, *, exact: bool, dropout: float) -> None:
        super().__init__()
        self.down, self.down_norms = nn.ModuleList(), nn.ModuleList()
        for level in range(depth):
            norm = 0 < level < depth - 1
            self.down.append(Conv(weights, 2, bias=not norm, exact=exact))
            self.down_norms.append(InstanceNorm(weights) if norm else nn.Identity())
        self.up, self.up_norms, self.dropouts = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for level in reversed(range(1, depth)):
            self.up.append(Doubling(weights))
            self.up_norms.append(InstanceNorm(weights))
            self.dropouts.append(nn.Dropout(dropout if level >= max(2, depth - 3) else 0.0))
        self.last = Doubling(weights, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        """Return images [N, C, H, W] for images."""
        skipped = []
        for level, (convolution, norm) in enumerate(zip(self.down, self.down_norms, strict=True)):
            skipped.append(x)
            x = norm(convolution(F.leaky_relu(x, 0.2) if level else x))
        rest = list(reversed(skipped[1:]))
        for doubling, norm, dropout, skip in zip(self.up, self.up_norms, self.dropouts, rest, strict=True):
            x = torch.cat([dropout(norm(doubling(F.relu(x)))), skip], 1)
        return torch.tanh(self.last(F.relu(x)))


class ResidualBlock(nn.Module):
    """Two convolutions with reflected borders."""

    def __init__(self, weights: Weights, *, exact: bool) -> None:
        super().__init__()
        pad = nn.ReflectionPad2d(1)
        self.steps = nn.Sequential(
            pad,
            Conv(weights, padding="valid", exact=exact),
            InstanceNorm(weights),
            nn.ReLU(inplace=True),
            pad,
            Conv(weights, padding="valid", exact=exact),
            InstanceNorm(weights),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return maps of the same shape."""
        return x + self.steps(x)


class ResNet(nn.Module):
    """A generator of CycleGAN.

    Args:
        weights: of the Keras network.
        blocks: residual blocks.
        exact: pad as TensorFlow does.
    """

    def __init__(self, weights: Weights, blocks: int, *, exact: bool) -> None:
        super().__init__()
        steps: list[nn.Module] = []

        def activated(convolution: nn.Module) -> None:
            steps.extend([convolution, InstanceNorm(weights), nn.ReLU(inplace=True)])

        steps.append(nn.ReflectionPad2d(3))
        activated(Conv(weights, padding="valid", exact=exact))
        for _ in range(2):
            activated(Conv(weights, 2, exact=exact))
        for _ in range(blocks):
            steps.append(ResidualBlock(weights, exact=exact))
        for _ in range(2):
            activated(Doubling(weights))
        steps += [nn.ReflectionPad2d(3), Conv(weights, padding="valid", bias=True, exact=exact), nn.Tanh()]
        self.steps = nn.Sequential(*steps)

    def forward(self, x: Tensor) -> Tensor:
        """Return images [N, C, H, W] for images."""
        return self.steps(x)
