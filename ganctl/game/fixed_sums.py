"""Sums of three or more tensors that are the same every time.

TensorFlow 2.21 computes such a sum as one operation, AddN, in the memory of the first tensor that nothing else needs
any more, and begins with that tensor: the last bit depends on which operation has finished when, even with
deterministic operations. They come from `tf.add_n`; from gradients that flow together; and from `a + b + c`, because
the optimizer of graphs (Grappler) joins additions.

Here, each addition of a game has two operands, and is marked as one that the optimizer has already seen. This needs two
functions and a name that are private to TensorFlow. They were read in release 2.21, and only this module uses them.
What else is traced in the process, such as the network that scores samples, is left as it is: its figures are those of
a process that trains nothing.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from ganctl.lazy import tf

Tensor = Any

# The attribute by which the optimizer recognizes the additions that it has joined or left.
_SEEN = "_grappler_ArithmeticOptimizer_AddOpsRewriteStage"


_wanted: ContextVar[bool] = ContextVar("_wanted", default=False)
"""Whether a game is traced now."""


@contextmanager
def in_fixed_order() -> Iterator[None]:
    """Add in a fixed order in what the body traces, if `add_in_fixed_order` was called; also a decorator."""
    before = _wanted.set(True)
    try:
        yield
    finally:
        _wanted.reset(before)


def add_in_fixed_order() -> None:
    """From now on, make every game that TensorFlow traces in this process add in a fixed order.

    Functions that XLA compiles always do. So does TensorFlow if it computes operation by operation.
    """
    from tensorflow.python.ops import gen_math_ops

    if not hasattr(gen_math_ops.add_n, "in_fixed_order"):
        gen_math_ops.add_n = _fixed(gen_math_ops.add_n, _in_pairs)
        gen_math_ops.add_v2 = _fixed(gen_math_ops.add_v2, _apart)


def _fixed(original: Callable[..., Tensor], traced: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The function that TensorFlow is to call in place of `original`: in a graph that is not XLA's, `traced`."""

    @functools.wraps(original)
    def add(*operands: Any, name: str | None = None) -> Tensor:
        if not _wanted.get() or tf.executing_eagerly() or _is_for_xla():
            return original(*operands, name=name)
        return traced(original, *operands, name=name)

    add.in_fixed_order = True  # type: ignore[attr-defined]
    return add


def _apart(original: Callable[..., Tensor], *operands: Any, name: str | None) -> Tensor:
    """A sum that the optimizer does not join to others."""
    from tensorflow.core.framework.attr_value_pb2 import AttrValue

    total = original(*operands, name=name)
    total.op._set_attr(_SEEN, AttrValue(b=True))
    return total


def _in_pairs(original: Callable[..., Tensor], summands: Sequence[Any], *, name: str | None) -> Tensor:
    """The sum of tensors of one shape, from left to right in the order of their names.

    Into this order the optimizer puts the operands of any sum, so nearly all recipes compute what they always did.
    """
    tensors = [tf.convert_to_tensor(summand) for summand in summands]
    if len(tensors) < 3 or not (tensors[0].dtype.is_floating or tensors[0].dtype.is_complex):
        return _apart(original, tensors, name=name)
    total, *others = sorted(tensors, key=lambda tensor: (tensor.op.name, tensor.value_index))
    for other in others:
        # Unlike that of `total + other`, the gradient of this never asks for shapes.
        total = _apart(original, [total, other], name=name)
    return total


def _is_for_xla() -> bool:
    """Whether the function that is being traced is compiled by XLA."""
    from tensorflow.python.framework import ops
    from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext

    return bool(GraphOrParentsInXlaContext(ops.get_default_graph()))
