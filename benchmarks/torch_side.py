"""The columns `torch-...`: the same networks and the same updates, as fast as PyTorch plays them on a CPU.

One kernel for Adam, gradients set to None, the discriminator without gradients of its weights where the generator
learns, images in memory as uint8 and in channels_last, losses left on the device until the end. bfloat16 is autocast,
which also takes the last layers that Keras leaves in float32. `compiled` compiles both updates with torch.compile.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks import blueprint
from benchmarks.products import least_seconds
from benchmarks.rules import Draw, Rules, decay_of_average
from benchmarks.speed_recipes import Recipe, as_written
from benchmarks.torch_networks import Network
from benchmarks.torch_optimizers import Optimizer, make_optimizer

LossFunction = Callable[..., Tensor]


class TorchLoop:
    """Plays rounds in PyTorch.

    Args:
        recipe: says what is played.
        folder: what `benchmarks.preparation` wrote.
        precision: float32 or bfloat16.
        compiled: compile both updates.
        told: play the check's script on its one batch, without dropout.
    """

    def __init__(self, recipe: Recipe, folder: Path, *, precision: str, compiled: bool, told: bool) -> None:
        torch.set_num_threads(cores())
        torch.set_flush_denormal(True)  # as TensorFlow does
        self.rules = rules = Rules.of(recipe.experiment(folder, *as_written(), told=told))
        self.precision = precision
        images = np.load(folder / "batch.npz")["images"] if told else np.load(folder / "images.npy")
        self._images = torch.from_numpy(images)  # [N, H, W, C], which is what channels_last is
        self._draws = self._scripted(folder) if told else self._drawn()
        layers, weights = blueprint.read(folder / "networks.json"), blueprint.read_weights(folder / "weights.npz")
        if told:
            layers = {role: blueprint.without_dropout(chain) for role, chain in layers.items()}

        def network(role: str, batch: int) -> Network:
            made: Any = Network(layers[role], weights[role], batch)
            return made.to(memory_format=torch.channels_last)

        self.generator = network("generator", rules.batch)
        judged_at_once = rules.half if rules.form in ("separate", "summed") else 2 * rules.half
        self.discriminator = network("discriminator", judged_at_once)
        self._opponent = self.discriminator.opponent(layers["discriminator"], judged_at_once)
        self._average = network("generator", rules.batch) if rules.average else None
        self._d_optimizer = make_optimizer(rules.discriminator, list(self.discriminator.parameters()))
        self._g_optimizer = make_optimizer(rules.generator, list(self.generator.parameters()))

        def compile_if_asked(function: LossFunction) -> LossFunction:
            return torch.compile(function, dynamic=False) if compiled else function

        self._loss_of_all = compile_if_asked(self._discriminator_loss)
        self._loss_of_real, self._loss_of_fake = map(compile_if_asked, (self._real_loss, self._fake_loss))
        self._loss_of_generator = compile_if_asked(self._generator_loss)
        self._step = 0

    def play(self, rounds: int) -> np.ndarray:
        """Play; returns the losses [rounds, 2] of discriminator and generator."""
        log = []
        for _ in range(rounds):
            draw = next(self._draws)
            log.append(torch.stack([self._teach_discriminator(draw), self._teach_generator(draw)]))
            if self._average is not None:
                self._follow()
            self._step += 1
        return torch.stack(log).numpy()

    def weights(self) -> dict[str, list[np.ndarray]]:
        """Return the weights by role, as a blueprint orders them."""
        return {"generator": self.generator.weights(), "discriminator": self.discriminator.weights()}

    @torch.no_grad()
    def multiply(self, size: int) -> float:
        """Return the seconds that the product of two square matrices takes, in the precision that is played."""
        matrix = torch.ones([size, size], dtype=getattr(torch, self.precision))
        return least_seconds(lambda: matrix @ matrix)

    def _teach_discriminator(self, draw: Draw) -> Tensor:
        real = self._images[draw.real]
        if self.rules.form == "separate":
            on_real = _update(self._d_optimizer, self._loss_of_real(real, draw.real_noise))
            on_fake = _update(self._d_optimizer, self._loss_of_fake(draw.d_latent, draw.fake_noise))
            return (on_real + on_fake) / 2
        loss = self._loss_of_all(real, draw.d_latent, draw.real_noise, draw.fake_noise)
        return _update(self._d_optimizer, loss)

    def _teach_generator(self, draw: Draw) -> Tensor:
        return _update(self._g_optimizer, self._loss_of_generator(draw.g_latent))

    def _real_loss(self, real: Tensor, noise: Tensor) -> Tensor:
        return self._cross_entropy(self._judge(_as_networks_see(real)), self._targets(self.rules.real_target, noise))

    def _fake_loss(self, latent: Tensor, noise: Tensor) -> Tensor:
        return self._cross_entropy(self._judge(self._fakes(latent)), self._targets(self.rules.fake_target, noise))

    def _discriminator_loss(self, real: Tensor, latent: Tensor, real_noise: Tensor, fake_noise: Tensor) -> Tensor:
        rules = self.rules
        if rules.form == "summed":
            return self._real_loss(real, real_noise) + self._fake_loss(latent, fake_noise)
        images = [_as_networks_see(real), self._fakes(latent)]
        targets = [self._targets(rules.real_target, real_noise), self._targets(rules.fake_target, fake_noise)]
        if not rules.real_first:
            images, targets = images[::-1], targets[::-1]
        return self._cross_entropy(self._judge(torch.cat(images)), torch.cat(targets))

    def _generator_loss(self, latent: Tensor) -> Tensor:
        with self._arithmetic():
            score = self._opponent(self.generator(latent, "train", True), "moving", True)
        return self._cross_entropy(score, torch.full_like(score, self.rules.wished_target, dtype=torch.float32))

    def _judge(self, images: Tensor) -> Tensor:
        with self._arithmetic():
            return self.discriminator(images, "train", True)

    @torch.no_grad()
    def _fakes(self, latent: Tensor) -> Tensor:
        with self._arithmetic():
            training = self.rules.fakes_in_training
            return self.generator(latent, "batch" if training else "moving", training).float()

    def _arithmetic(self) -> torch.autocast:
        return torch.autocast("cpu", torch.bfloat16, enabled=self.precision == "bfloat16")

    def _targets(self, target: float, noise: Tensor) -> Tensor:
        return target + self.rules.label_noise * noise if self.rules.label_noise else torch.full_like(noise, target)

    @staticmethod
    def _cross_entropy(score: Tensor, targets: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(score.float(), targets)

    @torch.no_grad()
    def _follow(self) -> None:
        assert self._average is not None
        decay = decay_of_average(self.rules, self._step)
        copies: list[Tensor] = list(self._average.parameters())
        moved: list[Tensor] = list(self.generator.parameters())
        torch._foreach_lerp_(copies, moved, 1.0 - decay)
        torch._foreach_copy_(list(self._average.buffers()), list(self.generator.buffers()))

    def _drawn(self) -> Iterator[Draw]:
        rules, count = self.rules, len(self._images)

        def latent(number: int) -> Tensor:
            shape = (number, rules.latent)
            return torch.randn(shape) if rules.distribution == "normal" else torch.rand(shape) * 2 - 1

        while True:
            indices = torch.randint(count, (rules.half,))
            yield Draw(indices, latent(rules.half), latent(rules.batch), *torch.rand(2, rules.half, 1))

    def _scripted(self, folder: Path) -> Iterator[Draw]:
        with np.load(folder / "script.npz") as archive:
            arrays = {name: torch.from_numpy(archive[name]) for name in archive.files}
        for row in range(len(arrays["real"])):
            yield Draw(**{name: array[row] for name, array in arrays.items()})


def _update(optimizer: Optimizer, loss: Tensor) -> Tensor:
    loss.backward()
    optimizer.step()
    return loss.detach()


def _as_networks_see(images: Tensor) -> Tensor:
    """uint8 [N, H, W, C] as the networks see it: [N, C, H, W] in [-1, 1]."""
    return images.permute(0, 3, 1, 2).float() / 127.5 - 1.0


def cores() -> int:
    """Physical cores, as far as this process may use them: a second thread on one core only slows the first."""
    allowed = getattr(psutil.Process(), "cpu_affinity", lambda: range(psutil.cpu_count()))()  # macOS has none
    return min(psutil.cpu_count(logical=False) or 1, len(allowed))
