"""The Keras optimizer of a section, and how its learning rate changes."""

from typing import Any

from ganctl.experiment.sections import OptimizerSection
from ganctl.lazy import keras, own_settings


def make_optimizer(section: OptimizerSection, *, fused: bool = False, rounds: int = 1) -> Any:
    """Return the Keras optimizer of a section.

    Args:
        section: says which.
        fused: each variable is updated by one operation of TensorFlow; the same update up to rounding. For Adam and
            RMSprop.
        rounds: in the whole run, at whose end a schedule is at zero.
    """
    from ganctl.build import optimizer_classes as classes

    rate: Any = section.learning_rate
    if section.schedule != "constant" or section.warmup:
        keys = {"learning_rate", "schedule", "warmup", "decay"}
        rate = classes.RateOfIteration(section.model_dump(include=keys), rounds)
    elif section.decay:
        rate = keras.optimizers.schedules.InverseTimeDecay(
            section.learning_rate, decay_steps=1, decay_rate=section.decay
        )
    with own_settings():  # a rate is a variable of its own
        match section.name:
            case "adam":
                adam = classes.FusedAdam if fused else keras.optimizers.Adam
                optimizer: Any = adam(rate, section.beta_1, section.beta_2, clipvalue=section.clipvalue)
            case "rmsprop":
                rmsprop = classes.FusedRMSprop if fused else keras.optimizers.RMSprop
                optimizer = rmsprop(rate, clipvalue=section.clipvalue)
            case "sgd":
                optimizer = keras.optimizers.SGD(rate, clipvalue=section.clipvalue)
    optimizer.schedule = rate  # Keras has no public way to ask for it
    return optimizer


def set_steps_per_iteration(optimizer: Any, steps: int) -> None:
    """Tell an optimizer's schedule how many of its steps make an iteration.

    Whether it has one or not, and for optimizers that a plugin makes itself, which are left as they are.
    """
    schedule: Any = getattr(optimizer, "schedule", None)
    if hasattr(schedule, "steps_per_iteration"):
        schedule.steps_per_iteration = steps
