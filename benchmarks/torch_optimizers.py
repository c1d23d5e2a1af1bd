"""Keras' optimizers in PyTorch, update for update, with as few kernels as PyTorch has them."""

import math
from collections.abc import Sequence

import torch
from torch import nn

from ganctl.experiment.sections import OptimizerSection

_ADAM_EPSILON = _RMSPROP_EPSILON = 1e-7  # Keras' defaults
_RMSPROP_RHO = 0.9


class Optimizer:
    """Moves parameters by their gradients and forgets these.

    Args:
        section: says how.
        parameters: what is moved.
    """

    def __init__(self, section: OptimizerSection, parameters: Sequence[nn.Parameter]) -> None:
        self._section = section
        self._parameters: list[torch.Tensor] = list(parameters)
        self._updates = 0

    def step(self) -> None:
        """Do one update."""
        section = self._section
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        if section.clipvalue:
            torch._foreach_clamp_min_(gradients, -section.clipvalue)
            torch._foreach_clamp_max_(gradients, section.clipvalue)
        self._move(gradients, section.learning_rate / (1.0 + section.decay * self._updates))
        self._updates += 1
        for parameter in self._parameters:
            parameter.grad = None

    def _move(self, gradients: list[torch.Tensor], rate: float) -> None:
        raise NotImplementedError


class Adam(Optimizer):
    """PyTorch's fused kernel. Keras adds epsilon before the bias correction of the square, PyTorch behind it."""

    def __init__(self, section: OptimizerSection, parameters: Sequence[nn.Parameter]) -> None:
        super().__init__(section, parameters)
        assert section.beta_1 is not None
        assert section.beta_2 is not None
        self._betas = section.beta_1, section.beta_2
        self._adam = torch.optim.Adam(self._parameters, betas=self._betas, fused=True)

    def _move(self, gradients: list[torch.Tensor], rate: float) -> None:
        (group,) = self._adam.param_groups
        group["lr"] = rate
        group["eps"] = _ADAM_EPSILON / math.sqrt(1.0 - self._betas[1] ** (self._updates + 1))
        self._adam.step()


class RMSprop(Optimizer):
    """Written out, because Keras adds epsilon within the root and PyTorch outside."""

    def __init__(self, section: OptimizerSection, parameters: Sequence[nn.Parameter]) -> None:
        super().__init__(section, parameters)
        self._squares = [torch.zeros_like(p) for p in self._parameters]

    @torch.no_grad()
    def _move(self, gradients: list[torch.Tensor], rate: float) -> None:
        torch._foreach_mul_(self._squares, _RMSPROP_RHO)
        torch._foreach_addcmul_(self._squares, gradients, gradients, 1.0 - _RMSPROP_RHO)
        roots = torch._foreach_add(self._squares, _RMSPROP_EPSILON)
        torch._foreach_sqrt_(roots)
        torch._foreach_addcdiv_(self._parameters, gradients, list(roots), -rate)


def make_optimizer(section: OptimizerSection, parameters: Sequence[nn.Parameter]) -> Optimizer:
    """Return the optimizer of a section."""
    return {"adam": Adam, "rmsprop": RMSprop}[section.name](section, parameters)
