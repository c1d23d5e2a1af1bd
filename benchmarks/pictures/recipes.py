"""What is played: a shipped model of pictures each, on pictures of noise."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganctl.build import resolving
from ganctl.experiment.experiment import Experiment
from ganctl.experiment.packaged_configs import find_config
from ganctl.images.draw import write_png

SIDE, BATCH, COUNT = 64, 4, 200


@dataclass(frozen=True)
class Recipe:
    """A shipped experiment, at 64x64 with batches of four.

    Attributes:
        name: of the configuration.
        dataset: the data set that reads the pictures.
        folders: of the two kinds of pictures.
        networks: the roles whose weights both sides start from.
        calm: what is changed so that nothing is random.
    """

    name: str
    dataset: str
    folders: tuple[str, str]
    networks: Sequence[str]
    calm: Sequence[str] = ()

    def experiment(self, folder: Path, *overrides: str, told: bool = False) -> Experiment:
        """Return the experiment.

        Args:
            folder: where `write_pictures` wrote.
            overrides: further keys that are changed.
            told: as it is played in the check: on one batch, and without dropout.
        """
        words = [
            f"dataset.name={self.dataset}",
            f"dataset.path={folder / ('batch' if told else 'pictures')}",
            f"dataset.image_size={SIDE}",
            "dataset.channels=3",
            "dataset.flip=false",
            "dataset.holdout=0",
            f"training.batch_size={BATCH}",
            "evaluation.every=0",
        ]
        return resolving.load_experiment(find_config(self.name), (*words, *(self.calm if told else ()), *overrides))

    def write_pictures(self, folder: Path) -> None:
        """Write pictures of noise: many to measure with, and one batch for the check."""
        random = np.random.default_rng(0)
        for name, count in (("pictures", COUNT), ("batch", BATCH)):
            for kind in self.folders:
                path = folder / name / kind
                path.mkdir(parents=True)
                for number in range(count):
                    write_png(path / f"{number:03d}.png", random.integers(0, 256, (SIDE, SIDE, 3), np.uint8))


RECIPES: Sequence[Recipe] = (
    Recipe("pix2pix", "image_pairs", ("A", "B"), ("generator", "discriminator"), ("model.dropout=0",)),
    Recipe(
        "cyclegan",
        "unpaired",
        ("trainA", "trainB"),
        ("generator_a", "generator_b", "discriminator_a", "discriminator_b"),
    ),
)


def called(name: str) -> Recipe:
    """Return the recipe of that name."""
    return next(recipe for recipe in RECIPES if recipe.name == name)
