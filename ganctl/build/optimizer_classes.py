"""Optimizers and a learning-rate schedule as Keras classes; this module loads TensorFlow.

The fused optimizers update each variable with one TensorFlow operation, where Keras uses a dozen and reads the variable
just as often. Variables, their order and their names are those of Keras, and so is the update, up to rounding.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ganctl.lazy import keras, tf

Tensor = Any


@dataclass
class _Slots:
    """The optimizer's own variables by name and by the variable that they belong to.

    An object, because Keras and TensorFlow would track a dictionary, and checkpoints have these variables already.
    """

    by_name: dict[str, dict[Any, Any]] = field(default_factory=dict)

    def remember(self, name: str, variables: Sequence[Any], slots: Sequence[Any]) -> None:
        """Record which slot, a `tf.Variable`, belongs to which `keras.Variable`."""
        self.by_name[name] = {variable.value.ref(): slot for variable, slot in zip(variables, slots, strict=True)}

    def handle(self, name: str, variable: Any) -> Any:
        """Return the resource handle of a `tf.Variable`'s slot, as TensorFlow's operations take it."""
        return self.by_name[name][variable.ref()].handle


class _WithSlots:
    """Base of the fused optimizers: they know which of their variables belongs to which weight."""

    plain_name: str
    """Keras' name for the plain optimizer."""

    def __init__(self, *arguments: Any, name: str | None = None, **settings: Any) -> None:
        # As Keras counts the plain ones: TensorFlow goes by the names of operations where it may choose an order, and
        # other names may change the last digits of a run.
        super().__init__(*arguments, name=name or _next_name(self.plain_name), **settings)  # type: ignore[call-arg]
        self._slots = _Slots()

    def add_optimizer_variables(self, trainable_variables: Sequence[Any], name: Any, initializer: Any = "zeros") -> Any:
        """Create the optimizer's variables for weights, as Keras does, and record them."""
        made = super().add_optimizer_variables(trainable_variables, name, initializer)  # type: ignore[misc]
        named = {name: made} if isinstance(name, str) else dict(zip(name, made, strict=True))
        for slot, variables in named.items():
            self._slots.remember(slot, trainable_variables, [variable.value for variable in variables])
        return made


def _next_name(prefix: str) -> str:
    """The name of the next object of a kind: `adam`, `adam_1` and so on."""
    count = keras.backend.get_uid(prefix)
    return prefix if count == 1 else f"{prefix}_{count - 1}"


@keras.saving.register_keras_serializable("ganctl")
class FusedAdam(_WithSlots, keras.optimizers.Adam):
    """Adam (Kingma and Ba 2014, https://arxiv.org/abs/1412.6980, section 2), one operation a variable.

    Takes the arguments of `keras.optimizers.Adam` except `amsgrad`.
    """

    plain_name = "adam"

    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Tensor) -> None:
        """Update a variable and its two moments."""
        kind = variable.dtype
        step = tf.cast(self.iterations.value + 1, kind)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._slots.handle("momentum", variable),
            v=self._slots.handle("velocity", variable),
            beta1_power=tf.pow(tf.cast(self.beta_1, kind), step),
            beta2_power=tf.pow(tf.cast(self.beta_2, kind), step),
            lr=tf.cast(learning_rate, kind),
            beta1=tf.cast(self.beta_1, kind),
            beta2=tf.cast(self.beta_2, kind),
            epsilon=tf.cast(self.epsilon, kind),
            grad=tf.cast(tf.convert_to_tensor(gradient), kind),  # an embedding gives it by rows
        )


@keras.saving.register_keras_serializable("ganctl")
class FusedRMSprop(_WithSlots, keras.optimizers.RMSprop):
    """RMSprop (Tieleman and Hinton 2012, Lecture 6.5, slide 29), one operation a variable.

    Takes the arguments of `keras.optimizers.RMSprop` except `momentum` and `centered`.
    """

    plain_name = "rm_sprop"

    def build(self, variables: Sequence[Any]) -> None:
        """Create the means of squared gradients."""
        super().build(variables)
        # The operation must write its step somewhere. Without momentum nothing reads it, and no checkpoint has it.
        steps = [tf.Variable(tf.zeros(v.shape, v.dtype), trainable=False) for v in variables]
        self._slots.remember("step", variables, steps)

    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Tensor) -> None:
        """Update a variable and the mean of its squared gradients."""
        kind = variable.dtype
        tf.raw_ops.ResourceApplyRMSProp(
            var=variable.handle,
            ms=self._slots.handle("velocity", variable),
            mom=self._slots.handle("step", variable),
            lr=tf.cast(learning_rate, kind),
            rho=tf.cast(self.rho, kind),
            momentum=tf.zeros([], kind),
            epsilon=tf.cast(self.epsilon, kind),
            grad=tf.cast(tf.convert_to_tensor(gradient), kind),
        )


@keras.saving.register_keras_serializable("ganctl")
class RateOfIteration(keras.optimizers.schedules.LearningRateSchedule):
    """The learning rate as a function of the iteration r = 0, 1, ...: all steps of an iteration have the same rate.

    Only iterations in which the optimizer steps count: in some stages, its player may rest.

    learning_rate * min(1, (r + 1) / warmup) * f(x), with x = max(0, r / iterations - hold) / (1 - hold), and
    f(x) = 1 - x for `linear` or (1 + cos(pi x)) / 2 for `cosine` (Loshchilov and Hutter 2016,
    https://arxiv.org/abs/1608.03983, equation 5); divided by 1 + decay * step if there is a decay, which counts steps
    as it does without a schedule.

    Args:
        section: the keys of an optimizer's section that determine the rate.
        iterations: number of them in the whole run.
        steps_per_iteration: number of the optimizer's steps in each of them.
        earlier: of first iterations with other numbers of steps: how many iterations, and the steps in each of them.
    """

    def __init__(
        self,
        section: Mapping[str, Any],
        iterations: int,
        steps_per_iteration: int = 1,
        earlier: Sequence[tuple[int, int]] = (),
    ) -> None:
        self.section, self.iterations, self.steps_per_iteration = dict(section), iterations, steps_per_iteration
        self.earlier = list(earlier)

    def __call__(self, step: Tensor) -> Tensor:
        """Return the rate at an optimizer's step, counted from 0: a float32 scalar."""
        section, step = self.section, tf.cast(tf.convert_to_tensor(step), tf.int64)
        number = tf.cast(self._iteration(step), tf.float32)
        played = tf.minimum(number / self.iterations, 1.0)
        if section["hold"]:
            played = tf.maximum(played - section["hold"], 0.0) / (1.0 - section["hold"])
        rate = tf.constant(section["learning_rate"], tf.float32)
        if section["warmup"]:
            rate *= tf.minimum((number + 1.0) / section["warmup"], 1.0)
        if section["schedule"] == "linear":
            rate *= 1.0 - played
        elif section["schedule"] == "cosine":
            rate *= 0.5 * (1.0 + tf.cos(math.pi * played))
        return rate / (1.0 + section["decay"] * tf.cast(step, tf.float32))

    def _iteration(self, step: Tensor) -> Tensor:
        """The iteration that a step belongs to, both counted from 0."""
        before = tf.zeros([], tf.int64)
        for iterations, steps in self.earlier:
            before += tf.minimum(step // steps, iterations)
            step = tf.maximum(step - iterations * steps, 0)
        return before + step // self.steps_per_iteration

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {
            "section": self.section,
            "iterations": self.iterations,
            "steps_per_iteration": self.steps_per_iteration,
            "earlier": self.earlier,
        }
