"""Refuses what a gradient penalty cannot differentiate twice, before training.

Each penalty is traced once, with its gradient by the discriminator's variables, and its operations are looked through.
So everything is seen that stands between the images and the scores: layers, at any depth, a plugin's own operations,
and augmentations. What ganctl computes by other expressions is not there anymore (`ganctl.build.second_derivatives`).
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ganctl.build.networks import discriminators
from ganctl.build.parts import Parts
from ganctl.errors import ConfigurationError, GanctlError
from ganctl.game import traced_gradients
from ganctl.game.freezing import frozen
from ganctl.game.game import Game, Networks, Player, Turn
from ganctl.game.gradients import sum_of
from ganctl.game.noise import Key
from ganctl.keras_internals import layers_of
from ganctl.lazy import keras, tf

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
OVERWRITTEN = Fault(
    "its kernel is written over at every call, and the singular value is a constant to the gradient",
    "Use `ganctl.layers.SpectralConv2D` or `SpectralDense`.",
)
NOT_TWICE: Mapping[str, Fault] = {
    "ResizeBilinearGrad": INTERPOLATED,
    "ResizeBicubicGrad": INTERPOLATED,
    "ResizeNearestNeighborGrad": INTERPOLATED,
    "ScaleAndTranslateGrad": INTERPOLATED,
    "ResizeArea": INTERPOLATED,
    "SoftsignGrad": Fault("TensorFlow has no second derivative of softsign", "Use another activation, such as tanh."),
}
"""What cannot be differentiated, or not once more, by the type of the operation that computes the first derivative."""


def differentiates_twice(parts: Parts) -> bool:
    """Return whether the discriminator is differentiated twice, as far as can be known before it is."""
    return bool(parts.penalties) or _has_own_players(parts)


def _has_own_players(parts: Parts) -> bool:
    """Whether a plugin makes the players, whose terms may be penalties."""
    return not parts.model.players.__module__.startswith("ganctl.")


def check_penalties(game: Game, parts: Parts) -> None:
    """Raise ConfigurationError if a penalty's gradient by the discriminator's variables would be wrong or missing."""
    if parts.penalties:
        _refuse_overwritten(game.networks)
    places = {name: (index, penalty) for index, (name, _, penalty) in enumerate(parts.penalties)}
    for player in game.players:
        for turn in player.turns:
            for term in turn.terms:
                if term.name in places:
                    index, penalty = places[term.name]
                    # Not the term: with `every`, it is within a condition.
                    _check(game, player, turn, penalty.function, f"'{term.name}'", f"loss.penalties.{index}")
            if _has_own_players(parts):
                own = [term.function for term in turn.terms if term.name not in places]
                _check(game, player, turn, partial(_sum, own), f"the turn '{turn.name}'", "model.name")


def _refuse_overwritten(networks: Networks) -> None:
    for role in discriminators(networks):
        for layer in layers_of(networks[role]):
            if isinstance(layer, keras.layers.SpectralNormalization):
                message = f"the layer '{layer.name}' cannot be penalised: {OVERWRITTEN.what}. {OVERWRITTEN.instead}"
                raise ConfigurationError(message, key="loss.penalties")


def _sum(functions: Sequence[Callable[[Any], Any]], batch: Any) -> Any:
    return sum_of([function(batch) for function in functions])


def _check(game: Game, player: Player, turn: Turn, value: Callable[[Any], Any], name: str, key: str) -> None:
    """Raise ConfigurationError if a function of a turn's forward pass contains what cannot be differentiated twice."""
    before = traced_gradients.registered()
    try:
        functions, unknown = _traced(game, player, turn, value)
        fault = next((fault for nodes in functions for fault in _faults(nodes, unknown)), None)
        if fault is not None:
            node, why = fault
            raise GanctlError(f"{_place(node, game.networks)}: {why.what}. {why.instead}")
        if unknown:  # in a loop that was never finished
            raise GanctlError(f"{_no_derivative(unknown).what}. Use another layer.")
    except GanctlError as error:
        raise ConfigurationError(f"{name} cannot be computed: {error}", key=key) from None
    finally:
        traced_gradients.forget(traced_gradients.registered() - before)


def _no_derivative(operation: str) -> Fault:
    return Fault(f"TensorFlow has no derivative of the operation {operation}", "Use another layer.")


def _traced(game: Game, player: Player, turn: Turn, function: Callable[[Any], Any]) -> tuple[list[Sequence[Node]], str]:
    """The operations of a function of a turn's forward pass, and the type of one without a gradient, if there is one.

    They come in lists, one for each function of the graph.
    """
    functions, unknown = list[Sequence[Node]](), ""

    def traced(rows: Mapping[str, Any]) -> None:
        nonlocal unknown
        key = Key(game.seed, game.step, player.name).narrow(turn.name, 0)
        feeds = {name: game.feeds[name] for name in rows}
        images = {name: feed.prepare(*feed.look_up(rows[name]), key.narrow(name)) for name, feed in feeds.items()}
        variables = [variable.value for variable in game.moved[player.name]]
        held = frozen({game.networks[name]: how for name, how in player.opponents.items()})
        with held, tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            try:
                try:
                    value = function(turn.forward(game.played, images, key))
                finally:  # before the second gradient is taken, whose operations need no further one
                    graph = tf.compat.v1.get_default_graph().as_graph_def(add_shapes=True)
                    functions.extend([graph.node, *(inner.node_def for inner in graph.library.function)])
                tape.gradient(value, variables)
            except LookupError as error:
                unknown = str(error).rpartition(": ")[2]

    # The feeds' own chunks are not touched: they are read ahead.
    rows = {
        name: tf.nest.map_structure(lambda spec: tf.TensorSpec(spec.shape[1:], spec.dtype), feed)
        for name, feed in ((name, game.feeds[name].signature(count)) for name, count in turn.draws.items())
    }
    tf.function(traced, autograph=False).get_concrete_function(rows)
    return functions, unknown


def _faults(nodes: Sequence[Node], unknown: str) -> Iterator[tuple[Node, Fault]]:
    """The operations of a function that cannot be differentiated twice."""
    by_name = {node.name: node for node in nodes}
    readers: dict[str, list[Node]] = defaultdict(list)
    for node in nodes:
        for source in _sources(node):
            readers[source].append(node)
    for node in nodes:
        if node.op == "StopGradient" and _is_mean_of_moments(node, by_name, readers[node.name]):
            yield node, MOMENTS
        elif node.op in ("MaxPoolGrad", "MaxPoolGradV2", "MaxPool3DGrad") and _keeps_size(node, by_name):
            yield node, MAX_POOLING
        elif node.op == "ImageProjectiveTransformV3" and "gradient_tape" in node.name:
            yield node, TRANSFORMED
        elif node.op in (unknown, "ResizeBilinearGrad"):
            yield node, NOT_TWICE.get(node.op) or _no_derivative(node.op)


def _sources(node: Node) -> list[str]:
    """The names of the operations that an operation reads."""
    return [name.lstrip("^").partition(":")[0] for name in node.input]


def _is_mean_of_moments(node: Node, by_name: Mapping[str, Node], readers: Sequence[Node]) -> bool:
    """Whether a constant is the mean in the variance of `tf.nn.moments`, and the variance has been differentiated."""
    (source,) = _sources(node)
    if source not in by_name or by_name[source].op != "Mean":
        return False
    values = _sources(by_name[source])[0]
    in_variance = any(reader.op == "SquaredDifference" and values in _sources(reader) for reader in readers)
    return in_variance and any(reader.op == "Sub" and values in _sources(reader) for reader in readers)


def _keeps_size(node: Node, by_name: Mapping[str, Node]) -> bool:
    """Whether a max pooling, here its gradient, has outputs of the shape of its inputs."""
    pooled = by_name.get(_sources(node)[1])
    return pooled is None or _shape(pooled) == _shape(node)


def _shape(node: Node) -> list[int]:
    return [side.size for side in node.attr["_output_shapes"].list.shape[0].dim]


def _place(node: Node, networks: Networks) -> str:
    """Where an operation stands: the innermost layer whose name is in its own."""
    judges = [networks[role] for role in discriminators(networks)]
    layers = {layer.name: type(layer).__name__ for network in judges for layer in layers_of(network)}
    for part in reversed(node.name.split("/")):
        # TensorFlow numbers the scopes of one name; Keras opens a layer's scope before each call, and for the call.
        for name in (re.sub(r"_\d+$", "", part), part):
            if name in layers:
                return f"the layer '{name}' ({layers[name]})"
    return f"the operation {node.op}"
