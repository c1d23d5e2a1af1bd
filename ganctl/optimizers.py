"""The Keras optimizer of a section."""

from typing import Any

from ganctl.experiment import OptimizerSection
from ganctl.lazy import keras


def make_optimizer(section: OptimizerSection) -> Any:
    """Return the Keras optimizer of a section."""
    rate: Any = section.learning_rate
    if section.decay:
        rate = keras.optimizers.schedules.InverseTimeDecay(
            section.learning_rate, decay_steps=1, decay_rate=section.decay
        )
    match section.name:
        case "adam":
            return keras.optimizers.Adam(rate, section.beta_1, section.beta_2, clipvalue=section.clipvalue)
        case "rmsprop":
            return keras.optimizers.RMSprop(rate, clipvalue=section.clipvalue)
        case "sgd":
            return keras.optimizers.SGD(rate, clipvalue=section.clipvalue)
