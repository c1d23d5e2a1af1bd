"""Resolves `auto` for precision and XLA by measuring the game itself."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from ganctl.build.games import make_game
from ganctl.build.parts import Parts
from ganctl.game.game import Game
from ganctl.host.device import Device
from ganctl.images.image_set import ImageSet
from ganctl.planning.precision import faster_precision
from ganctl.planning.xla import worth_xla

AS_CONFIGURED = "as configured"


def choose_precision(parts: Parts, images: Mapping[str, ImageSet], device: Device) -> tuple[Parts, str]:
    """Replace precision `auto` by the faster of float32 and bfloat16 on the game itself; also returns the reason."""
    if parts.experiment.training.precision != "auto":
        return parts, AS_CONFIGURED
    make = partial(_small_game, parts, images, "precision")
    precision, reason = faster_precision(make, _identity(parts, images, device))
    return parts.with_training(precision=precision), reason


def choose_xla(parts: Parts, images: Mapping[str, ImageSet], device: Device) -> tuple[Parts, str]:
    """Replace xla `auto` by whether XLA makes the game faster in its precision; also returns the reason."""
    if parts.experiment.training.xla != "auto":
        return parts, AS_CONFIGURED
    make = partial(_small_game, parts, images, "xla")
    xla, reason = worth_xla(make, device.name, _identity(parts, images, device))
    return parts.with_training(xla=xla), reason


def _small_game(parts: Parts, images: Mapping[str, ImageSet], key: str, value: Any) -> Game:
    """The game with another value of a key of `training`, on some of its images."""
    most = max(1024, parts.experiment.training.batch_size)
    few = {role: found.first(most) for role, found in images.items()}
    return make_game(parts.with_training(**{key: value}), few, pretrained=False)


def _identity(parts: Parts, images: Mapping[str, ImageSet], device: Device) -> str:
    """Everything that affects the speed of a game, which excludes the length of the run."""
    experiment, shapes = parts.experiment, [found.shape for found in images.values()]
    training = experiment.training.model_dump(exclude={"iterations", "iterations_per_epoch"})
    what = [experiment.model.model_dump(), experiment.loss.model_dump(), experiment.optimizer.model_dump(), training]
    return repr((device.name, *shapes, what))
