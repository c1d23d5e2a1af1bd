"""What `auto` becomes: precision and XLA, each measured on the game itself."""

from functools import partial
from typing import Any

from ganctl.build.games import make_game
from ganctl.build.resolving import with_training
from ganctl.experiment.experiment import Experiment
from ganctl.game.game import Game
from ganctl.host.device import Device
from ganctl.images.image_set import ImageSet
from ganctl.planning.precision import faster_precision
from ganctl.planning.xla import worth_xla

AS_SAID = "as the experiment says"


def choose_precision(experiment: Experiment, images: ImageSet, device: Device) -> tuple[Experiment, str]:
    """Replace precision `auto` by the faster of float32 and bfloat16 on the game itself; also says why."""
    if experiment.training.precision != "auto":
        return experiment, AS_SAID
    make = partial(_small_game, experiment, images, "precision")
    precision, reason = faster_precision(make, _identity(experiment, images, device))
    return with_training(experiment, precision=precision), reason


def choose_xla(experiment: Experiment, images: ImageSet, device: Device) -> tuple[Experiment, str]:
    """Replace xla `auto` by whether it makes the game faster in its precision; also says why."""
    if experiment.training.xla != "auto":
        return experiment, AS_SAID
    make = partial(_small_game, experiment, images, "xla")
    xla, reason = worth_xla(make, device.name, _identity(experiment, images, device))
    return with_training(experiment, xla=xla), reason


def _small_game(experiment: Experiment, images: ImageSet, key: str, value: Any) -> Game:
    """The game with another value of a key of `training`, on few of its images."""
    few = images.first(max(1024, experiment.training.batch_size))
    return make_game(with_training(experiment, **{key: value}), few, pretrained=False)


def _identity(experiment: Experiment, images: ImageSet, device: Device) -> str:
    """What makes a game faster or slower: not how long the run is."""
    training = experiment.training.model_dump(exclude={"iterations", "iterations_per_epoch"})
    what = [experiment.model.model_dump(), experiment.loss.model_dump(), experiment.optimizer.model_dump(), training]
    return repr((device.name, images.shape, what))
