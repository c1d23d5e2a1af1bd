"""The objects that the names of an experiment refer to, looked up once."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ganctl.build.catalog import DatasetEntry, ModelEntry
from ganctl.experiment.experiment import Experiment
from ganctl.game.augmentation import Augmentation
from ganctl.game.objectives import AdversarialLoss, Constraint, GeneratorTerm, Penalty
from ganctl.game.sampler import Sampler


@dataclass(frozen=True)
class Parts:
    """A resolved experiment and the objects that its names refer to.

    Attributes:
        experiment: every default of every builder written out.
        dataset: reads the images.
        model: makes the networks and the players, and gives the samplers.
        loss: the adversarial loss.
        penalties: name, weight and function of each further term of the discriminator's loss.
        generator_terms: the same of the generator's.
        constraints: applied to the discriminator's variables after each of its updates.
        augmentations: applied to the discriminator's images, by name and in this order.
    """

    experiment: Experiment
    dataset: DatasetEntry
    model: ModelEntry
    loss: AdversarialLoss
    penalties: tuple[tuple[str, float, Penalty], ...]
    constraints: tuple[Constraint, ...]
    generator_terms: tuple[tuple[str, float, GeneratorTerm], ...]
    augmentations: Mapping[str, Augmentation]

    @property
    def sampler(self) -> Sampler:
        """How samples are drawn."""
        return self.model.sampler

    def with_training(self, **changes: Any) -> "Parts":
        """Return the parts with keys of `training` changed; no name may depend on them."""
        return replace(self, experiment=self.experiment.with_keys("training", **changes))
