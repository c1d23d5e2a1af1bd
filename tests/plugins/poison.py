"""Losses that are healthy for a while, and then not a number: in a value, or in a gradient alone."""

from dataclasses import dataclass
from typing import Any

from ganctl import losses
from ganctl.game import GanPass
from ganctl.lazy import tf
from ganctl.losses.minimax import Minimax

HEALTHY = 5


def _poisoned(batch: GanPass) -> Any:
    """Zero while the run is healthy, then NaN."""
    return tf.where(batch.key._step < HEALTHY, 0.0, float("nan"))


@losses.registry.register("poison_discriminator", source="made for a test")
@dataclass(frozen=True)
class PoisonedDiscriminator(Minimax):
    """The discriminator's loss on generated images goes bad."""

    def fake(self, batch: GanPass) -> Any:
        return super().fake(batch) + _poisoned(batch)


@losses.registry.register("poison_generator", source="made for a test")
@dataclass(frozen=True)
class PoisonedGenerator(Minimax):
    """The generator's loss goes bad."""

    def generator(self, batch: GanPass) -> Any:
        return super().generator(batch) + _poisoned(batch)


@losses.registry.register("poison_gradient", source="made for a test")
@dataclass(frozen=True)
class PoisonedGradient(Minimax):
    """The discriminator's loss stays good, and its gradient does not."""

    def fake(self, batch: GanPass) -> Any:
        @tf.custom_gradient
        def spoiled(values: Any) -> Any:
            return tf.identity(values), lambda upstream: upstream + _poisoned(batch)

        return spoiled(super().fake(batch))
