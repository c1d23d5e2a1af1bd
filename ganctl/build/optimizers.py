"""The Keras optimizer of a section, and how its learning rate changes."""

import math
from functools import cache
from typing import Any

from ganctl.experiment.sections import OptimizerSection
from ganctl.lazy import keras, tf


def make_optimizer(section: OptimizerSection, *, fused: bool = False, rounds: int = 1) -> Any:
    """Return the Keras optimizer of a section.

    Args:
        section: says which.
        fused: each variable is updated by one operation of TensorFlow, where Keras takes a dozen and reads it as often;
            the same update up to rounding. For Adam and RMSprop.
        rounds: in the whole run, at whose end a schedule is at zero.
    """
    rate: Any = section.learning_rate
    if section.schedule != "constant" or section.warmup:
        rate = _rate_class()(section, rounds)
    elif section.decay:
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
            rmsprop = keras.optimizers.RMSprop(rate, clipvalue=section.clipvalue)
            if fused:
                rmsprop.update_step = _FusedRMSprop(rmsprop)
            return rmsprop
        case "sgd":
            return keras.optimizers.SGD(rate, clipvalue=section.clipvalue)


def keep_pace(optimizer: Any, steps_each_round: int) -> None:
    """Tell an optimizer's schedule how many of its steps make a round; one without a schedule need not know."""
    rate = getattr(optimizer, "_learning_rate", None)
    if isinstance(rate, _rate_class()):
        rate.steps_each_round = steps_each_round


@cache
def _rate_class() -> Any:
    """The class; a function, because a base class at the top of a module would load Keras with it."""

    class RateOfRound(keras.optimizers.schedules.LearningRateSchedule):
        """The learning rate as a function of the round r = 0, 1 ...: every step of a round has the same.

        learning_rate * min(1, (r + 1) / warmup) * f(r / rounds), with f(x) = 1 - x for `linear` and
        (1 + cos(pi x)) / 2 for `cosine` (Loshchilov and Hutter 2016, https://arxiv.org/abs/1608.03983, equation 5);
        divided by 1 + decay * step where there is a decay, which counts steps as it does alone.
        """

        def __init__(self, section: OptimizerSection, rounds: int) -> None:
            self.section, self.rounds, self.steps_each_round = section, rounds, 1

        def __call__(self, step: Any) -> Any:
            """Return the rate at an optimizer's step, counted from 0: a float32 scalar."""
            section, step = self.section, tf.cast(tf.convert_to_tensor(step), tf.int64)
            number = tf.cast(step // self.steps_each_round, tf.float32)
            played = tf.minimum(number / self.rounds, 1.0)
            rate = tf.constant(section.learning_rate, tf.float32)
            if section.warmup:
                rate *= tf.minimum((number + 1.0) / section.warmup, 1.0)
            if section.schedule == "linear":
                rate *= 1.0 - played
            elif section.schedule == "cosine":
                rate *= 0.5 * (1.0 + tf.cos(math.pi * played))
            return rate / (1.0 + section.decay * tf.cast(step, tf.float32))

        def get_config(self) -> dict[str, Any]:
            """Return what tells one schedule from another."""
            return {"section": self.section.model_dump(), "rounds": self.rounds}

    return RateOfRound


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


class _FusedRMSprop:
    """What stands for `RMSprop.update_step` (Tieleman and Hinton 2012, Lecture 6.5, slide 29)."""

    def __init__(self, optimizer: Any) -> None:
        self._optimizer = optimizer
        self._steps: dict[int, Any] = {}

    def __call__(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Move a variable and the mean of its squared gradients."""
        rmsprop = self._optimizer
        index = rmsprop._get_variable_index(variable)
        tf.raw_ops.ResourceApplyRMSProp(
            var=variable.handle,
            ms=rmsprop._velocities[index].value.handle,
            mom=self._step(index, variable).handle,
            lr=tf.cast(learning_rate, variable.dtype),
            rho=tf.cast(rmsprop.rho, variable.dtype),
            momentum=tf.zeros([], variable.dtype),
            epsilon=tf.cast(rmsprop.epsilon, variable.dtype),
            grad=tf.cast(tf.convert_to_tensor(gradient), variable.dtype),
        )

    def _step(self, index: int, variable: Any) -> Any:
        """Where the operation writes its step: without momentum nothing reads it again, and no checkpoint has it."""
        if index not in self._steps:
            with tf.init_scope():
                self._steps[index] = tf.Variable(tf.zeros(variable.shape, variable.dtype), trainable=False)
        return self._steps[index]
