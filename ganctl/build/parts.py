"""What the names of an experiment stand for, looked up once."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ganctl.build.catalog import DatasetEntry, ModelEntry
from ganctl.experiment.experiment import Experiment
from ganctl.game.augmentation import Augmentation
from ganctl.game.objectives import AdversarialLoss, Constraint, Penalty
from ganctl.game.sampler import Sampler


@dataclass(frozen=True)
class Parts:
    """A resolved experiment and what its names stand for.

    Attributes:
        experiment: every default of every builder written out.
        dataset: reads the images.
        model: makes the networks and the players, and says how to draw from them.
        loss: the adversarial loss.
        penalties: name, weight and function of each further term of the discriminator's loss.
        constraints: what the discriminator's variables have to meet after each of its updates.
        augmentations: what the discriminator's images go through, by name and in this order.
    """

    experiment: Experiment
    dataset: DatasetEntry
    model: ModelEntry
    loss: AdversarialLoss
    penalties: tuple[tuple[str, float, Penalty], ...]
    constraints: tuple[Constraint, ...]
    augmentations: Mapping[str, Augmentation]

    @property
    def sampler(self) -> Sampler:
        """How samples are drawn."""
        return self.model.sampler

    def with_training(self, **changes: Any) -> "Parts":
        """Return the parts with other values of keys of `training` that no name depends on."""
        return replace(self, experiment=self.experiment.with_keys("training", **changes))
