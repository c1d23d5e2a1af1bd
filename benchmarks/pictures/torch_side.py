"""The columns `torch-...`: the same networks and the same updates, as they are usually written in PyTorch.

One batch an iteration: the generators make their pictures once, discriminators learn from them, then, frozen, they
teach the generators through the same pictures. One kernel for Adam, gradients set to None, images in memory as uint8
and channels_last where the setting says so. bfloat16 is autocast. `compiled` compiles the networks with torch.compile.
"""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.pictures.recipes import BATCH, Recipe
from benchmarks.pictures.torch_networks import PatchDiscriminator, ResNet, UNet
from benchmarks.torch_optimizers import Optimizer, make_optimizer
from benchmarks.torch_side import cores
from ganctl.experiment.experiment import Experiment

_POOL = 50


class TorchPictures:
    """Plays rounds in PyTorch.

    Args:
        recipe: says what is played.
        folder: the pictures, and the weights to start from.
        precision: float32 or bfloat16.
        layout: `channels_last` or `contiguous`.
        compiled: compile the networks.
        told: play on the check's one batch, padded as TensorFlow does and without dropout.
    """

    def __init__(
        self, recipe: Recipe, folder: Path, *, precision: str, layout: str, compiled: bool, told: bool
    ) -> None:
        torch.set_num_threads(cores())
        torch.set_flush_denormal(True)  # as TensorFlow does
        self.precision = precision
        self._layout = getattr(torch, f"{layout}_format" if layout == "contiguous" else layout)
        self.experiment = recipe.experiment(folder, told=told)
        self._weights = np.load(folder / "weights.npz")
        self._compiled, self._told = compiled, told
        sets = [_pictures(folder / ("batch" if told else "pictures") / kind) for kind in recipe.folders]
        self._sets = [torch.from_numpy(images) for images in sets]
        self._game = _GAMES[recipe.name](self)

    def network(self, role: str, kind: type[nn.Module], *arguments: Any, **settings: Any) -> Any:
        """Return a network with the Keras network's weights."""
        names = sorted(name for name in self._weights.files if name.startswith(f"{role}/"))
        weights: Iterator[np.ndarray] = iter([self._weights[name] for name in names])
        made: Any = kind(weights, *arguments, exact=self._told, **settings)
        if next(weights, None) is not None:
            raise ValueError(f"The {role} in PyTorch has fewer weights than in Keras.")
        made = made.to(memory_format=self._layout)
        return torch.compile(made, dynamic=False) if self._compiled else made

    def arithmetic(self) -> torch.autocast:
        """Return the precision in which networks compute."""
        return torch.autocast("cpu", torch.bfloat16, enabled=self.precision == "bfloat16")

    def batch(self, *, paired: bool) -> list[Tensor]:
        """Return the next images of both kinds, [N, C, H, W] in [-1, 1]."""
        order = [torch.randperm(len(images))[:BATCH] for images in self._sets]
        chosen = [images[order[0] if paired else rows] for images, rows in zip(self._sets, order, strict=True)]
        return [images.permute(0, 3, 1, 2).to(torch.float32) / 127.5 - 1.0 for images in chosen]

    def play(self, rounds: int) -> np.ndarray:
        """Play; returns the losses [rounds, 2] of discriminators and generators."""
        return torch.stack([self._game.round() for _ in range(rounds)]).numpy()


class _Pix2Pix:
    def __init__(self, side: TorchPictures) -> None:
        self._side, model = side, side.experiment.model.arguments
        self._loss = _LOSSES[side.experiment.loss.name]
        self._l1 = model["l1_weight"]
        self._generator = side.network("generator", UNet, 5, dropout=model["dropout"])
        self._judge = side.network("discriminator", PatchDiscriminator, 2)
        self._d_optimizer, self._g_optimizer = _optimizers(side.experiment, [self._judge], [self._generator])

    def round(self) -> Tensor:
        source, target = self._side.batch(paired=True)
        with self._side.arithmetic():
            fake = self._generator(source)
            d_loss = self._loss.real(self._judge(source, target)) + self._loss.fake(self._judge(source, fake.detach()))
        _update(self._d_optimizer, d_loss)
        self._judge.requires_grad_(False)
        with self._side.arithmetic():
            wished = self._loss.wished(self._judge(source, fake))
        g_loss = wished + self._l1 * F.l1_loss(fake.float(), target)
        _update(self._g_optimizer, g_loss)
        self._judge.requires_grad_(True)
        return torch.stack([d_loss.detach(), g_loss.detach()])


class _CycleGan:
    def __init__(self, side: TorchPictures) -> None:
        self._side, model = side, side.experiment.model.arguments
        self._loss = _LOSSES[side.experiment.loss.name]
        self._cycle, self._identity = model["cycle_weight"], model["identity_weight"]
        blocks = model["blocks"] or 6
        self._to = {kind: side.network(f"generator_{kind}", ResNet, blocks) for kind in "ab"}
        self._judges = {kind: side.network(f"discriminator_{kind}", PatchDiscriminator, 2) for kind in "ab"}
        self._d_optimizer, self._g_optimizer = _optimizers(side.experiment, self._judges.values(), self._to.values())
        self._pools: dict[str, list[Tensor]] = {"a": [], "b": []}

    def round(self) -> Tensor:
        real = dict(zip("ab", self._side.batch(paired=False), strict=True))
        with self._side.arithmetic():
            fake = {"a": self._to["a"](real["b"]), "b": self._to["b"](real["a"])}
            d_loss = sum(
                self._loss.real(self._judges[kind](real[kind]))
                + self._loss.fake(self._judges[kind](self._pooled(kind, fake[kind].detach())))
                for kind in "ab"
            )
        _update(self._d_optimizer, d_loss)
        for judge in self._judges.values():
            judge.requires_grad_(False)
        with self._side.arithmetic():
            g_loss: Any = 0.0
            for kind, other in ("ab", "ba"):
                g_loss = g_loss + self._loss.wished(self._judges[kind](fake[kind]))
                g_loss = g_loss + self._cycle * F.l1_loss(self._to[kind](fake[other]).float(), real[kind])
                g_loss = g_loss + self._identity * F.l1_loss(self._to[kind](real[kind]).float(), real[kind])
        _update(self._g_optimizer, g_loss)
        for judge in self._judges.values():
            judge.requires_grad_(True)
        return torch.stack([d_loss.detach(), g_loss.detach()])

    def _pooled(self, kind: str, images: Tensor) -> Tensor:
        pool, shown = self._pools[kind], []
        for image in images:
            if len(pool) < _POOL:
                pool.append(image)
                shown.append(image)
            elif torch.rand(()) < 0.5:
                slot = int(torch.randint(_POOL, ()))
                shown.append(pool[slot])
                pool[slot] = image
            else:
                shown.append(image)
        return torch.stack(shown)


class _CrossEntropy:
    @staticmethod
    def real(score: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(score.float(), torch.ones_like(score, dtype=torch.float32))

    wished = real

    @staticmethod
    def fake(score: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(score.float(), torch.zeros_like(score, dtype=torch.float32))


class _LeastSquares:
    @staticmethod
    def real(score: Tensor) -> Tensor:
        return 0.5 * (score.float() - 1.0).square().mean()

    wished = real

    @staticmethod
    def fake(score: Tensor) -> Tensor:
        return 0.5 * score.float().square().mean()


_LOSSES: Any = {"minimax": _CrossEntropy, "least_squares": _LeastSquares}
_GAMES: Any = {"pix2pix": _Pix2Pix, "cyclegan": _CycleGan}


def _optimizers(experiment: Experiment, judges: Any, makers: Any) -> tuple[Optimizer, Optimizer]:
    sections = experiment.optimizer
    return (
        make_optimizer(sections.discriminator, list(chain.from_iterable(each.parameters() for each in judges))),
        make_optimizer(sections.generator, list(chain.from_iterable(each.parameters() for each in makers))),
    )


def _update(optimizer: Optimizer, loss: Tensor) -> None:
    loss.backward()
    optimizer.step()


def _pictures(folder: Path) -> np.ndarray:
    """uint8 [N, H, W, 3]."""
    paths = sorted(folder.glob("*.png"))
    return np.stack([cv2.imread(str(path), cv2.IMREAD_COLOR_RGB) for path in paths])
