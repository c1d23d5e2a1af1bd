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
        iterations: its length: about 10 seconds of one core.
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
    "dataset.image_size=16",
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
_SHORT_EMA = "training.ema=0.98"


def _base(name: str, config: str, half: Half, iterations: int, *changes: str, conditional: bool = False) -> Base:
    return Base(name, config, half, iterations, (*_SMALL, *changes), conditional)


def _adam(generator: float, discriminator: float) -> tuple[str, ...]:
    """Use rates at which a run this short gets anywhere."""
    rates = {"generator": generator, "discriminator": discriminator}
    return tuple(f"optimizer.{player}={{name: adam, learning_rate: {r}, beta_1: 0.5}}" for player, r in rates.items())


# Losses: minimax, wasserstein, minimax with classes, relativistic; then hinge, least squares, minimax with
# augmentation and R1, non-saturating. Networks: convolutional with BatchNorm, without, dense, residual.
BASES: tuple[Base, ...] = (
    _base("dcgan", "quickstart", "thresholds", 1200, _EMA, "model.capacity=16"),
    _base("sngan", "sngan", "test", 400, _SHORT_EMA, "model.capacity=8", "training.disc_updates=2",
          *_adam(5e-4, 1e-3), conditional=True),
    _base("wgan_gp", "wgan_gp", "thresholds", 700, _SHORT_EMA, "model.capacity=16", "model.filter_size=4",
          "training.disc_updates=2", *_adam(1e-3, 1e-3)),
    _base("lsgan", "quickstart", "test", 1200, _EMA, "model.capacity=16", "loss.name=least_squares",
          "loss.label_smoothing=0"),
    _base("cgan", "cgan", "thresholds", 2400, _EMA, "dataset.channels=1", "model.capacity=10", "model.dropout=0",
          "model.latent_distribution=normal", *_adam(5e-4, 5e-4), conditional=True),
    _base("diffaugment", "photos", "test", 900, _EMA, "model.capacity=12"),
    _base("r3gan", "r3gan", "thresholds", 300, _SHORT_EMA, "model.capacity=16", *_adam(5e-4, 5e-4),
          "loss.penalties=[{name: r1, weight: 0.1}, {name: r2, weight: 0.1}]", conditional=True),
    _base("dense", "dense_gan_mnist", "test", 1500, _EMA, "dataset.channels=1", "training.batch_size=32",
          "loss.name=non_saturating", *_adam(2e-4, 2e-4)),
)  # fmt: skip


def base_called(name: str) -> Base:
    """Return the base of that name."""
    return next(base for base in BASES if base.name == name)
