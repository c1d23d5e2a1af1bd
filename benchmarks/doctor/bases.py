"""The bases: small trainings of different losses and networks, each healthy as it is."""

from dataclasses import dataclass
from typing import Literal

Half = Literal["thresholds", "test"]


@dataclass(frozen=True)
class Base:
    """A short healthy training.

    Attributes:
        name: of the base.
        config: the shipped configuration that it is a small form of.
        half: whether its runs set thresholds or test them.
        iterations: its length: 20 to 40 seconds of one core.
        changes: what makes it small, as `--set` takes it.
        conditional: whether its generator takes classes.
    """

    name: str
    config: str
    half: Half
    iterations: int
    changes: tuple[str, ...]
    conditional: bool = False


_SMALL = (
    "training.batch_size=16",
    "training.precision=float32",
    "training.xla=false",
    "training.stages=[]",
    "dataset.flip=false",
    "dataset.holdout=0.1",
    "dataset.classes=null",
    "dataset.sampling=shuffle",
)
_EMA = "training.ema=0.99"  # a run this short forgets quickly


def _base(name: str, config: str, half: Half, iterations: int, *changes: str, conditional: bool = False) -> Base:
    return Base(name, config, half, iterations, (*_SMALL, *changes), conditional)


# Losses: minimax, wasserstein, relativistic, minimax with classes; then hinge, least squares, non-saturating, InfoGAN.
BASES: tuple[Base, ...] = (
    _base("dcgan", "quickstart", "thresholds", 1500, _EMA, "model.capacity=8"),
    _base("wgan_gp", "wgan_gp", "thresholds", 400, _EMA, "model.capacity=8", "dataset.image_size=32"),
    _base("acgan", "acgan_mnist", "thresholds", 500, "dataset.image_size=28", "dataset.channels=1", conditional=True),
    _base("r3gan", "r3gan", "thresholds", 500, _EMA, "model.capacity=8", "dataset.image_size=32", conditional=True),
    _base("sngan", "sngan", "test", 300, _EMA, "model.capacity=8", "dataset.image_size=32", conditional=True),
    _base("lsgan", "quickstart", "test", 1500, _EMA, "model.capacity=8", "loss.name=least_squares",
          "loss.label_smoothing=0"),
    _base("diffaugment", "photos", "test", 1000, _EMA, "model.capacity=8", "dataset.image_size=28",
          "dataset.channels=1"),
    _base("infogan", "infogan", "test", 800, "model.capacity=8", conditional=True),
)  # fmt: skip


def base_called(name: str) -> Base:
    """Return the base of that name."""
    return next(base for base in BASES if base.name == name)
