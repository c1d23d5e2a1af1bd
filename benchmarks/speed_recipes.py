"""What is measured: a shipped experiment each, with images that need no download."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganctl.build import resolving
from ganctl.experiment.experiment import Experiment
from ganctl.experiment.packaged_configs import find_config
from ganctl.experiment.sections import TrainingSection

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Recipe:
    """A shipped experiment and where its images come from.

    Attributes:
        name: what the table calls it.
        config: the packaged configuration.
        overrides: its keys that are changed.
        made_up: how many images of which shape are drawn at random, where the experiment's own need a download.
        over_literal: how many times as fast as the literal loop ganctl is to be.
        over_pytorch: the same over PyTorch's best setting.
        share_of_peak: the least share of the measured bfloat16 peak, where one is wanted.
        check_rounds: how many rounds the columns' check plays.
        check_overrides: keys that are changed for the check only.
    """

    name: str
    config: str
    overrides: tuple[str, ...] = ()
    made_up: tuple[int, Shape] | None = None
    over_literal: float = 1.0
    over_pytorch: float = 1.0
    share_of_peak: float | None = None
    check_rounds: int = 20
    check_overrides: tuple[str, ...] = ()

    def experiment(self, folder: Path, *overrides: str, told: bool = False) -> Experiment:
        """Return the experiment.

        Args:
            folder: where `write_images` was asked to write.
            overrides: further keys that are changed.
            told: as it is played in the check.
        """
        source = ["dataset.name=npz", f"dataset.path={folder / 'images.npz'}"] if self.made_up else []
        checked = self.check_overrides if told else ()
        return resolving.load_experiment(find_config(self.config), (*self.overrides, *source, *checked, *overrides))

    def write_images(self, folder: Path) -> None:
        """Write the images that the experiment reads, where they are made up."""
        if self.made_up:
            count, shape = self.made_up
            images = np.random.default_rng(0).integers(0, 256, (count, *shape), np.uint8)
            np.savez(folder / "images.npz", images=images)


_EMBEDDED = ("dataset.name=fashion_mnist_mini",)

RECIPES: Sequence[Recipe] = (
    Recipe("dense_gan", "dense_gan_mnist", _EMBEDDED, over_literal=10, over_pytorch=1.3),
    Recipe("decoupled_gan", "decoupled_gan_mnist", _EMBEDDED, over_literal=4, over_pytorch=1.3, share_of_peak=0.4),
    Recipe("celeba_gan", "celeba_gan", made_up=(2000, (64, 64, 3)), over_literal=4, over_pytorch=1.2),
    Recipe(
        "dcgan_cifar",
        "dcgan_cifar",
        ("dataset.classes=null",),
        made_up=(5000, (32, 32, 3)),
        over_literal=5,
        over_pytorch=1.4,
        share_of_peak=0.8,
        check_rounds=10,
        # At its own rates the loss is beyond 50 after twenty rounds on one batch, and every rounding error with it.
        check_overrides=("optimizer.discriminator.learning_rate=8e-5", "optimizer.generator.learning_rate=4e-5"),
    ),
    Recipe("dcgan", "quickstart", ("evaluation.every=0",), over_literal=6, over_pytorch=1.2),
)


def as_written() -> list[str]:
    """Return the overrides that give the networks as they are written: float32, nothing rewritten."""
    as_keras = [f"training.{key}=false" for key in ("rewrites", "xla") if key in TrainingSection.model_fields]
    return ["training.precision=float32", *as_keras]
