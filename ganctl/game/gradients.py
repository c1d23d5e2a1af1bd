"""Gradients and sums that are the same every time.

TensorFlow 2.21 adds gradients that flow together from three or more places with AddN, in the order in which their
memory happens to become free: the last bit depends on timing, even with deterministic operations. With two places, or a
sum over a stack, there is only one order. So these functions need nothing of `ganctl.game.fixed_sums`, which mends
every other sum on a CPU.
"""

from collections.abc import Sequence
from typing import Any

from ganctl.lazy import tf

Tensor = Any


def sum_of(values: Sequence[Tensor]) -> Tensor:
    """Return the sum of scalars, added in a fixed order."""
    return tf.reduce_sum(tf.stack(values))


def gradients_of(tape: Any, losses: Sequence[Tensor], sources: Sequence[Any]) -> list[Tensor | None]:
    """Return the gradient of the sum of losses for each source; None where no loss depends on it.

    Args:
        tape: the GradientTape; persistent if there are several losses.
        losses: scalars. Computations that several of them share are differentiated once for each of them.
        sources: what the gradients are taken with respect to.
    """
    each = [tape.gradient(loss, sources) for loss in losses]
    return [
        _added([gradient for gradient in of_source if gradient is not None]) for of_source in zip(*each, strict=True)
    ]


def _added(gradients: Sequence[Tensor]) -> Tensor | None:
    """The sum of tensors of one shape, added in a fixed order."""
    if len(gradients) < 2:
        return gradients[0] if gradients else None
    return tf.reduce_sum(tf.stack([tf.convert_to_tensor(gradient) for gradient in gradients]), axis=0)
