"""Operations of a traced penalty that TensorFlow cannot differentiate twice, or differentiates wrongly.

A graph is a main list of operations and those of the functions that it calls: `tf.function`, loops and branches. What a
function computes is differentiated in a function of its own, whose operations are called `NAME_grad/...` after the
operation NAME that they differentiate.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

Node = Any
"""An operation of a traced function: its name, type and attributes, and the names of its inputs."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with an operation, and what to use instead."""

    what: str
    instead: str


MOMENTS = Fault(
    "the second derivative of the variance by `tf.nn.moments` is wrong",
    "Use `ganctl.layers.moments`, or Keras' normalisation, without `renorm`, as a layer of a Sequential or functional "
    "model.",
)
MAX_POOLING = Fault(
    "the second derivative of a max pooling that keeps the size of its inputs may be zero",
    "Use a stride of 2, or MaxPooling2D as a layer of a Sequential or functional model.",
)
TRANSFORMED = Fault(
    "the gradient of rotated, sheared, zoomed or shifted images is wrong",
    "Leave the layer out, and use `training.augment`.",
)
INTERPOLATED = Fault(
    "TensorFlow has no second derivative of interpolated images",
    "Use UpSampling2D or Resizing as a layer of a Sequential or functional model, or `keras.ops.repeat`.",
)
QUANTIZED = Fault("TensorFlow has no second derivative of simulated quantization", "Leave it out.")
LABELS = Fault(
    "the second derivative of a softmax cross entropy is wrong if its labels are computed from images or variables",
    "Use `-tf.reduce_sum(labels * tf.nn.log_softmax(logits), axis=-1)`, or `tf.stop_gradient` of the labels.",
)
EXPLICIT = Fault(
    "TensorFlow has no second derivative of a max pooling with explicit padding", "Use `tf.pad` before the pooling."
)
FUSED_IN_A_LOOP = Fault(
    "the second derivative of a fused batch normalisation in a loop may be wrong",
    "Use `ganctl.layers.moments`.",
)
SOFTSIGN = Fault("TensorFlow has no second derivative of softsign", "Use another activation, such as tanh.")
NOT_TWICE: Mapping[str, Fault] = {
    "ResizeBilinearGrad": INTERPOLATED,
    "ResizeBicubicGrad": INTERPOLATED,
    "ResizeNearestNeighborGrad": INTERPOLATED,
    "ScaleAndTranslateGrad": INTERPOLATED,
    "ResizeArea": INTERPOLATED,
    "SoftsignGrad": SOFTSIGN,
    "FakeQuantWithMinMaxArgsGradient": QUANTIZED,
    "FakeQuantWithMinMaxVarsGradient": QUANTIZED,
    "FakeQuantWithMinMaxVarsPerChannelGradient": QUANTIZED,
}
"""What cannot be differentiated, or not once more, by the type of the operation that computes the first derivative."""
SILENT = frozenset(["ResizeBilinearGrad", *(name for name in NOT_TWICE if name.startswith("FakeQuant"))])
"""Those for which TensorFlow silently returns no derivative, instead of raising."""
CONSTANT = frozenset(["StopGradient", "OneHot", "OnesLike", "ZerosLike", "Const", "Shape"])
"""Operations without a gradient, as far as labels are made by them."""

INTEGERS = frozenset([3, 9, 10])
"""int32, int64 and bool as TensorFlow's `DataType` counts them: classes. Images are uint8."""


def no_derivative(operation: str) -> Fault:
    """What is wrong with an operation of which TensorFlow has no derivative."""
    return NOT_TWICE.get(operation) or Fault(
        f"TensorFlow has no derivative of the operation {operation}", "Use another layer."
    )


class Function:
    """The operations of a graph, or of a function that it calls."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = nodes
        self.by_name = {node.name: node for node in nodes}

    def readers(self, name: str) -> list[Node]:
        """The operations that read an operation."""
        return [node for node in self.nodes if name in _sources(node)]


class Graph:
    """A traced graph.

    Args:
        functions: the operations of its functions by name; those of the graph itself have an empty one.
    """

    def __init__(self, functions: Mapping[str, Sequence[Node]]) -> None:
        self.functions = {name: Function(nodes) for name, nodes in functions.items()}

    @property
    def differentiates(self) -> bool:
        """Whether it computes derivatives, as a penalty does."""
        return any(_is_gradient(node.name) for function in self.functions.values() for node in function.nodes)

    def faults(self, unknown: str) -> Iterator[tuple[str, Fault]]:
        """Where operations that cannot be differentiated twice stand, as names of scopes, and what is wrong.

        Args:
            unknown: the type of an operation without a gradient, if there is one.
        """
        for name, function in self.functions.items():
            for node in function.nodes:
                fault = self._fault(function, node, unknown)
                if fault is not None:
                    yield self._scopes(name, node), fault

    def _fault(self, function: Function, node: Node, unknown: str) -> Fault | None:
        if node.op == "StopGradient" and self._is_mean_of_moments(function, node):
            return MOMENTS
        if node.op in ("MaxPoolGrad", "MaxPoolGradV2", "MaxPool3DGrad"):
            if node.attr["padding"].s == b"EXPLICIT":
                return EXPLICIT
            return MAX_POOLING if _keeps_size(function, node) else None
        if node.op.startswith("ImageProjectiveTransform") and _is_gradient(node.name):
            return TRANSFORMED
        if node.op == "SoftmaxCrossEntropyWithLogits" and self._has_moving_labels(function, node):
            return LABELS
        if node.op.startswith("FusedBatchNormGrad") and "while_grad/" in node.name:
            return FUSED_IN_A_LOOP
        return no_derivative(node.op) if node.op == unknown or node.op in SILENT else None

    def _is_mean_of_moments(self, function: Function, node: Node) -> bool:
        """Whether a constant is the mean in the variance of `tf.nn.moments`, and the variance has been differentiated.

        Within one function, its gradient subtracts the constant from the values once more.
        """
        (source,) = _sources(node)
        if source not in function.by_name or function.by_name[source].op != "Mean":
            return False
        values, readers = _sources(function.by_name[source])[0], function.readers(node.name)
        squared = [reader for reader in readers if reader.op == "SquaredDifference" and values in _sources(reader)]
        if not squared:
            return False
        here = any(reader.op == "Sub" and values in _sources(reader) for reader in readers)
        return here or any(self._is_differentiated(each) for each in squared)

    def _has_moving_labels(self, function: Function, node: Node) -> bool:
        """Whether a cross entropy has been differentiated, and its labels depend on images or variables.

        Its gradient is its second output.
        """
        here = any(f"{node.name}:1" in reader.input for reader in function.nodes)
        return (here or self._is_differentiated(node)) and _moves(function, _sources(node)[1])

    def _is_differentiated(self, node: Node) -> bool:
        """Whether an operation of a function is differentiated in another function."""
        return re.sub(r"_\d+$", "", node.name) in self._differentiated

    @cached_property
    def _differentiated(self) -> set[str]:
        names = [node.name for function in self.functions.values() for node in function.nodes]
        return {differentiated for name in names if (differentiated := _differentiated(name))}

    def _scopes(self, name: str, node: Node) -> str:
        """The scopes around an operation, outermost first: those of the calls of its function, and its own."""
        scopes, seen = [node.name], set[str]()
        while name and name not in seen:
            seen.add(name)
            name, caller = self._caller(name, _differentiated(node.name))
            scopes.insert(0, caller)
        return "/".join(scopes)

    def _caller(self, called: str, differentiated: str) -> tuple[str, str]:
        """The function that calls another, and the name of the call; or of what that function differentiates."""
        for name, function in self.functions.items():
            for node in function.nodes:
                if called in _called(node) and not _is_gradient(node.name) and "/" in node.name:
                    return name, node.name
        for name, function in self.functions.items():
            if differentiated in function.by_name and name != called:
                return self._caller(name, "")
        return "", ""


def _sources(node: Node) -> list[str]:
    """The names of the operations that an operation reads."""
    return [name.lstrip("^").partition(":")[0] for name in node.input]


def _called(node: Node) -> list[str]:
    """The names of the functions that an operation calls."""
    return [value.func.name for value in node.attr.values() if value.HasField("func")]


def _is_gradient(name: str) -> bool:
    """Whether an operation was made to differentiate another."""
    return "gradient_tape" in name or "_grad/" in name


def _differentiated(name: str) -> str:
    """The name of the operation that one in a function differentiates; empty if it does not."""
    found = re.match(r"(?:.*gradients/)?(.+?)(?:_\d+)?_grad/[^/]*$", name)
    return found[1] if found else ""


def _keeps_size(function: Function, node: Node) -> bool:
    """Whether a max pooling, here its gradient, has outputs of the shape of its inputs."""
    if node.op == "MaxPoolGradV2":  # whose strides are inputs
        pooled = function.by_name.get(_sources(node)[1])
        return pooled is None or _shape(pooled) == _shape(node)
    padding, shape = node.attr["padding"].s.decode(), _shape(node)
    strides, windows = node.attr["strides"].list.i, node.attr["ksize"].list.i
    if len(shape) != len(strides):  # unknown
        shape = [-1] * len(strides)
    return all(
        (stride == 1 or side == 1) and (padding == "SAME" or window == 1)
        for side, stride, window in zip(shape, strides, windows, strict=True)
    )


def _shape(node: Node) -> list[int]:
    shapes = node.attr["_output_shapes"].list.shape
    return [side.size for side in shapes[0].dim] if shapes else []


def _moves(function: Function, name: str) -> bool:
    """Whether a tensor depends on images or variables in a way that has a gradient."""
    waiting, seen = [name], set[str]()
    while waiting:
        name = waiting.pop()
        node = function.by_name.get(name)
        if node is None or node.op == "ReadVariableOp":  # None: an argument of the function
            return True
        if node.op == "Placeholder" and node.attr["dtype"].type not in INTEGERS:
            return True
        if name not in seen and node.op not in CONSTANT and not _is_cast_from_integers(node):
            waiting.extend(_sources(node)[:1] if node.op == "Reshape" else _sources(node))
        seen.add(name)
    return False


def _is_cast_from_integers(node: Node) -> bool:
    return node.op == "Cast" and node.attr["SrcT"].type in INTEGERS
