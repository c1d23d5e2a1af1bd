"""The Keras optimizer of a section."""

from typing import Any

from ganctl.experiment import OptimizerSection
from ganctl.lazy import keras, tf


def make_optimizer(section: OptimizerSection, *, fused: bool = False) -> Any:
    """Return the Keras optimizer of a section.

    `fused`: each variable is updated by one operation of TensorFlow, where Keras takes a dozen and reads it as often;
    the same update up to rounding. Only Adam has such an operation without a further variable.
    """
    rate: Any = section.learning_rate
    if section.decay:
        rate = keras.optimizers.schedules.InverseTimeDecay(
            section.learning_rate, decay_steps=1, decay_rate=section.decay
        )
    match section.name:
        case "adam":
            adam = keras.optimizers.Adam(rate, section.beta_1, section.beta_2, clipvalue=section.clipvalue)
            if fused:
                adam.update_step = _FusedAdam(adam)
            return adam
        case "rmsprop":
            return keras.optimizers.RMSprop(rate, clipvalue=section.clipvalue)
        case "sgd":
            return keras.optimizers.SGD(rate, clipvalue=section.clipvalue)


class _FusedAdam:
    """What stands for `Adam.update_step` (Kingma and Ba 2014, https://arxiv.org/abs/1412.6980, section 2)."""

    def __init__(self, optimizer: Any) -> None:
        self._optimizer = optimizer

    def __call__(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Move a variable and its two moments."""
        adam = self._optimizer
        index = adam._get_variable_index(variable)
        step = tf.cast(adam.iterations.value + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=adam._momentums[index].value.handle,
            v=adam._velocities[index].value.handle,
            beta1_power=tf.pow(tf.cast(adam.beta_1, variable.dtype), step),
            beta2_power=tf.pow(tf.cast(adam.beta_2, variable.dtype), step),
            lr=tf.cast(learning_rate, variable.dtype),
            beta1=tf.cast(adam.beta_1, variable.dtype),
            beta2=tf.cast(adam.beta_2, variable.dtype),
            epsilon=tf.cast(adam.epsilon, variable.dtype),
            grad=tf.cast(tf.convert_to_tensor(gradient), variable.dtype),  # an embedding gives it by rows
        )
