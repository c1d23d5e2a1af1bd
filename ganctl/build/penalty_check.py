"""Refuses what a gradient penalty cannot differentiate twice, before training.

Each penalty is traced once, with its gradient by the discriminator's variables, and its operations are looked through.
So everything is seen that stands between the images and the scores: layers, at any depth, a plugin's own operations,
and augmentations. What ganctl computes by other expressions is not there anymore (`ganctl.build.second_derivatives`).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from ganctl.build.networks import discriminators
from ganctl.build.parts import Parts
from ganctl.build.penalty_faults import Fault, Graph, no_derivative
from ganctl.errors import ConfigurationError, GanctlError
from ganctl.game import traced_gradients
from ganctl.game.freezing import frozen
from ganctl.game.game import Game, Networks, Player, Turn
from ganctl.game.gradients import sum_of
from ganctl.game.noise import Key
from ganctl.keras_internals import layers_of
from ganctl.lazy import keras, tf

OVERWRITTEN = Fault(
    "its kernel is written over at every call, and the singular value is a constant to the gradient",
    "Use `ganctl.layers.SpectralConv2D` or `SpectralDense`.",
)


def differentiates_twice(parts: Parts) -> bool:
    """Return whether the discriminator is differentiated twice, as far as can be known before it is."""
    return bool(parts.penalties) or _has_own_players(parts)


def _has_own_players(parts: Parts) -> bool:
    """Whether a plugin makes the players, whose terms may be penalties."""
    return not parts.model.players.__module__.startswith("ganctl.")


def check_penalties(game: Game, parts: Parts) -> None:
    """Raise ConfigurationError if a penalty's gradient by the discriminator's variables would be wrong or missing."""
    if parts.penalties:
        _refuse_overwritten(game.networks, "loss.penalties")
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
                graph = _check(game, player, turn, partial(_sum, own), f"the turn '{turn.name}'", "model.name")
                if graph.differentiates:
                    _refuse_overwritten(game.networks, "model.name")


def _refuse_overwritten(networks: Networks, key: str) -> None:
    for role in discriminators(networks):
        for layer in layers_of(networks[role]):
            if isinstance(layer, keras.layers.SpectralNormalization):
                message = f"the layer '{layer.name}' cannot be penalised: {OVERWRITTEN.what}. {OVERWRITTEN.instead}"
                raise ConfigurationError(message, key=key)


def _sum(functions: Sequence[Callable[[Any], Any]], batch: Any) -> Any:
    return sum_of([function(batch) for function in functions])


def _check(game: Game, player: Player, turn: Turn, value: Callable[[Any], Any], name: str, key: str) -> Graph:
    """Return the operations of a function of a turn's forward pass.

    Raises:
        ConfigurationError: some of them cannot be differentiated twice.
    """
    before = traced_gradients.registered()
    try:
        graph, failure = _traced(game, player, turn, value)
        unknown = _named(failure) if isinstance(failure, LookupError) else ""
        fault = next(graph.faults(unknown), None)
        if fault is not None:
            scopes, why = fault
            raise GanctlError(f"{_place(scopes, game.networks)}: {why.what}. {why.instead}")
        if unknown:  # in a loop that was never finished
            why = no_derivative(unknown)
            raise GanctlError(f"{why.what}. {why.instead}")
        if failure is not None:
            raise GanctlError(
                f"TensorFlow cannot differentiate it twice: {type(failure).__name__}: {failure}. Use other layers."
            ) from failure
    except GanctlError as error:
        raise ConfigurationError(f"{name} cannot be computed: {error}", key=key) from None
    finally:
        traced_gradients.forget(traced_gradients.registered() - before)
    return graph


def _named(failure: LookupError) -> str:
    """The type of the operation without a gradient.

    The tape says "... has no entry for: TYPE", a function "No gradient defined for ... (op type: TYPE). In ...".
    """
    return re.split(r"\W", str(failure).rpartition("op type: ")[2].rpartition("no entry for: ")[2])[0]


def _traced(game: Game, player: Player, turn: Turn, function: Callable[[Any], Any]) -> tuple[Graph, Exception | None]:
    """The operations of a function of a turn's forward pass, and why it cannot be differentiated twice."""
    functions = dict[str, Sequence[Any]]()
    failure: Exception | None = None

    def traced(rows: Mapping[str, Any]) -> None:
        nonlocal failure
        key = Key(game.seed, game.step, player.name).narrow(turn.name, 0)
        feeds = {name: game.feeds[name] for name in rows}
        images = {name: feed.prepare(*feed.look_up(rows[name]), key.narrow(name)) for name, feed in feeds.items()}
        variables = [variable.value for variable in game.moved[player.name]]
        held = frozen({game.networks[name]: how for name, how in player.opponents.items()})
        with held, tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            try:
                value = function(turn.forward(game.played, images, key))
            except LookupError as error:
                failure = error
            # Before the second gradient is taken, whose operations need no further one.
            graph = tf.compat.v1.get_default_graph().as_graph_def(add_shapes=True)
            functions[""] = graph.node
            functions.update({inner.signature.name: inner.node_def for inner in graph.library.function})
            if failure is None:
                try:
                    tape.gradient(value, variables)
                # No gradient is registered; it refuses, as of recompute_grad; it needs a shape that is not known.
                except (LookupError, NotImplementedError, ValueError) as error:
                    failure = error

    # The feeds' own chunks are not touched: they are read ahead.
    rows = {
        name: tf.nest.map_structure(lambda spec: tf.TensorSpec(spec.shape[1:], spec.dtype), feed)
        for name, feed in ((name, game.feeds[name].signature(count)) for name, count in turn.draws.items())
    }
    tf.function(traced, autograph=False).get_concrete_function(rows)
    return Graph(functions), failure


def _place(scopes: str, networks: Networks) -> str:
    """Where an operation stands: the innermost layer whose name is in its own or around it."""
    judges = [networks[role] for role in discriminators(networks)]
    layers = {layer.name: type(layer).__name__ for network in judges for layer in layers_of(network)}
    for part in reversed(scopes.split("/")):
        # TensorFlow numbers the scopes of one name; Keras opens a layer's scope before each call, and for the call.
        for name in (re.sub(r"_\d+$", "", part), part):
            if name in layers:
                return f"the layer '{name}' ({layers[name]})"
    return f"the operation {scopes.rpartition('/')[2]}"
