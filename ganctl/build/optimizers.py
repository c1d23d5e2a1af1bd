"""The Keras optimizer of a section, with its learning-rate schedule."""

from collections.abc import Sequence
from typing import Any

from ganctl.experiment.sections import OptimizerSection
from ganctl.lazy import keras, own_settings


def make_optimizer(section: OptimizerSection, *, fused: bool = False, rounds: int = 1) -> Any:
    """Return the Keras optimizer of a section.

    Args:
        section: name and settings.
        fused: update each variable with one TensorFlow operation; the same update up to rounding. For Adam and
            RMSprop.
        rounds: number of iterations in which its player plays, at the end of which a schedule reaches zero.
    """
    from ganctl.build import optimizer_classes as classes

    rate: Any = section.learning_rate
    if section.schedule != "constant" or section.warmup:
        keys = {"learning_rate", "schedule", "hold", "warmup", "decay"}
        rate = classes.RateOfIteration(section.model_dump(include=keys), rounds)
    elif section.decay:
        rate = keras.optimizers.schedules.InverseTimeDecay(
            section.learning_rate, decay_steps=1, decay_rate=section.decay
        )
    with own_settings():  # a constant rate is a variable
        match section.name:
            case "adam":
                adam = classes.FusedAdam if fused else keras.optimizers.Adam
                optimizer: Any = adam(rate, section.beta_1, section.beta_2, clipvalue=section.clipvalue)
            case "rmsprop":
                rmsprop = classes.FusedRMSprop if fused else keras.optimizers.RMSprop
                optimizer = rmsprop(rate, clipvalue=section.clipvalue)
            case "sgd":
                optimizer = keras.optimizers.SGD(rate, section.momentum or 0.0, clipvalue=section.clipvalue)
    optimizer.schedule = rate  # Keras has no public way to read it
    return optimizer


def set_steps_per_iteration(optimizer: Any, steps: int, earlier: Sequence[tuple[int, int]] = ()) -> None:
    """Tell an optimizer's schedule how many steps make an iteration.

    An optimizer without such a schedule, or one that a plugin makes itself, is left as it is.

    Args:
        optimizer: the optimizer.
        steps: in each iteration.
        earlier: of first iterations with other numbers of steps: how many iterations, and the steps in each of them.
    """
    schedule: Any = getattr(optimizer, "schedule", None)
    if hasattr(schedule, "steps_per_iteration"):
        schedule.steps_per_iteration = steps
        schedule.earlier = list(earlier)
