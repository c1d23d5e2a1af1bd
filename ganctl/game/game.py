"""Turn, Player, Game: the core of ganctl, on one screen.

A game is played by a list of players. Each updates the variables of its networks with one optimizer, in turns; in a
round, every player takes its turns once. All of it is compiled, many rounds per call, and is a pure function of (seed,
step).
"""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ganctl.errors import GanctlError
from ganctl.game.feed import Feed, ImageBatch
from ganctl.game.fixed_sums import in_fixed_order
from ganctl.game.freezing import frozen
from ganctl.game.gradients import gradients_of, sum_of
from ganctl.game.noise import Key, seed_layers
from ganctl.game.stages import Stage, StageInPlay, Stages, measured
from ganctl.game.traced_gradients import forgotten_with_owner
from ganctl.lazy import tf

Tensor = Any
Networks = Mapping[str, Any]
Ahead = Sequence[Mapping[str, ImageBatch]]


class ForwardPass:
    """One batch as the networks see it. Subclasses add cached tensors: each is computed only if a term uses it."""

    def __init__(self, networks: Networks, images: Mapping[str, ImageBatch], key: Key) -> None:
        self.networks = networks
        self.images = images
        self.key = key


@dataclass(frozen=True)
class Term:
    """A loss term: a pure function of the forward pass that returns a scalar.

    `partial` declares that the term alone may leave variables without a gradient (as R1 does the last bias).
    """

    name: str
    function: Callable[[Any], Tensor]
    weight: float = 1.0
    partial: bool = False


def no_images_ahead(networks: Networks, keys: Sequence[Key]) -> Ahead:
    """Make no images in advance."""
    return [{} for _ in keys]


@dataclass(frozen=True)
class Turn:
    """One optimizer step: its forward pass, the loss terms on it, and further measurements.

    `apart` takes the gradient of each term separately: a turn that calls a network three or more times needs this to be
    reproducible to the last bit (`ganctl.game.gradients`).

    `ahead` makes in advance, for all updates of a round, the images that do not depend on what the player moves: one
    dictionary for each key, added to the images that the forward pass of that key is given. `begin` is called before
    the forward pass, for what changes once per update and is constant within it.
    """

    name: str
    forward: Callable[[Networks, Mapping[str, ImageBatch], Key], ForwardPass]
    terms: Sequence[Term]
    measures: Mapping[str, Callable[[Any], Tensor]] = field(default_factory=dict)
    draws: Mapping[str, int] = field(default_factory=dict)  # number of real images, by feed
    ahead: Callable[[Networks, Sequence[Key]], Ahead] = no_images_ahead
    begin: Callable[[], None] = lambda: None
    apart: bool = False


@dataclass(frozen=True)
class Player:
    """One optimizer, the networks that it moves, and its turns.

    `opponents` are frozen during its turns; each value says which statistics its BatchNorm uses, `moving` or `batch`.
    """

    name: str
    prefix: str  # of its columns, such as "d" in d_loss
    networks: Sequence[str]
    optimizer: Any
    turns: Sequence[Turn]
    updates: int = 1
    opponents: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Average:
    """A running average of a network: `networks[copy]` follows `networks[of]` (Polyak and Juditsky 1992)."""

    of: str
    copy: str
    decay: float


class Game:
    """The adversarial game.

    Args:
        networks: Keras layers by role; all of their variables belong in a checkpoint.
        players: the players, in the order of play.
        feeds: the sources of real images, by role.
        seed: the experiment's seed.
        averages: running averages (EMA), updated once per round.
        stages: who plays when; after the last `until`, and without stages, every player plays.
        played: what is called in place of the networks of these roles: other networks with the same layers and
            variables, which compute the same function faster.
        jit: compile the round with XLA.
    """

    def __init__(
        self,
        networks: Networks,
        players: Sequence[Player],
        feeds: Mapping[str, Feed],
        seed: int,
        averages: Sequence[Average] = (),
        *,
        stages: Sequence[Stage] = (),
        played: Networks | None = None,
        jit: bool = False,
    ) -> None:
        self.played = {**networks, **(played or {})}
        self.networks, self.players, self.feeds, self.averages, self.seed = networks, players, feeds, averages, seed
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name="step")
        self.moved = {p.name: [v for name in p.networks for v in networks[name].trainable_variables] for p in players}
        for player in players:
            player.optimizer.build(self.moved[player.name])
        _refuse_shared_names(players)
        self.columns = list(dict.fromkeys(name for player in players for name in measured(player)))
        self.stages = Stages(stages, players, list(feeds), averages, partial(self._compiled, jit))

    def _compiled(self, jit: bool, stage: StageInPlay) -> Any:
        one = partial(self._play_round, stage)
        # AutoGraph would leave generated code in the temporary folder if the process is killed.
        one = tf.function(one, jit_compile=True, autograph=False) if jit else one
        return tf.function(
            partial(self._play_rounds, one),
            input_signature=[{name: feed.signature(sum(stage.draws[name])) for name, feed in self.feeds.items()}],
            autograph=False,
        )

    @property
    def play(self) -> Any:
        """What plays the next rounds: a `chunk` to float32 [rounds, columns]; NaN in the columns of who rests."""
        return self.stages.now(self.step).play

    @property
    def draws(self) -> Mapping[str, list[int]]:
        """The numbers of images that the turns of the next round take from each feed."""
        return self.stages.now(self.step).draws

    def chunk(self, step: int, rounds: int) -> dict[str, Any]:
        """Return the images of `rounds` rounds after `step`, all of one stage: the argument of `play`."""
        stage = self.stages.at(step)
        stage.refuse_crossing(step, rounds)
        return {n: f.chunk(stage.draws[n], step, rounds, stage.drawn_before(n, step)) for n, f in self.feeds.items()}

    def _play_rounds(self, play_round: Callable[..., Tensor], chunk: dict[str, Any]) -> Tensor:
        """Play the rounds of a chunk; returns float32 [rounds, columns]."""
        rounds = tf.shape(tf.nest.flatten(chunk)[0])[0]

        def one(i: Tensor, rows: Any) -> tuple[Tensor, Any]:
            pieces = tf.nest.map_structure(lambda tensor: tensor[i], chunk)
            rows = rows.write(i, play_round({name: feed.look_up(pieces[name]) for name, feed in self.feeds.items()}))
            self.step.assign_add(1)
            return i + 1, rows

        rows = tf.TensorArray(tf.float32, size=rounds, element_shape=[len(self.columns)])
        _, rows = tf.while_loop(lambda i, _: i < rounds, one, (0, rows))
        return rows.stack()

    @in_fixed_order()
    @forgotten_with_owner
    def _play_round(self, stage: StageInPlay, images: dict[str, tuple[Tensor, Tensor]]) -> Tensor:
        values: dict[str, list[Tensor]] = defaultdict(list)
        taken = dict.fromkeys(self.feeds, 0)
        for player in stage.players:
            place = Key(self.seed, self.step, player.name)
            keys = {t.name: [place.narrow(t.name, update) for update in range(player.updates)] for t in player.turns}
            ahead = {t.name: t.ahead(self.played, keys[t.name]) for t in player.turns}
            for update in range(player.updates):
                for turn in player.turns:
                    key, batches = keys[turn.name][update], dict(ahead[turn.name][update])
                    for name, count in turn.draws.items():
                        part = slice(taken[name], taken[name] + count)
                        pixels, labels = images[name]
                        batches[name] = self.feeds[name].prepare(pixels[part], labels[part], key.narrow(name))
                        taken[name] += count
                    for name, value in self._turn(player, turn, batches, key).items():
                        values[name].append(tf.cast(value, tf.float32))
        for average in stage.averages:
            self._follow(average)
        means = [sum_of(values[name]) / len(values[name]) if name in values else math.nan for name in self.columns]
        return tf.stack(means)

    def _turn(self, player: Player, turn: Turn, images: Mapping[str, ImageBatch], key: Key) -> dict[str, Tensor]:
        variables = self.moved[player.name]
        turn.begin()
        batch = turn.forward(self.played, images, key)
        for role, network in self.networks.items():
            seed_layers(network, key.narrow(role))
        with frozen({self.networks[name]: how for name, how in player.opponents.items()}):
            with tf.GradientTape(persistent=turn.apart, watch_accessed_variables=False) as tape:
                tape.watch([v.value for v in variables])
                values = {term.name: term.function(batch) for term in turn.terms}
                paid = [t.weight * values[t.name] if t.weight != 1 else values[t.name] for t in turn.terms]
                total = sum_of(paid)
            gradients = gradients_of(tape, paid if turn.apart else [total], [v.value for v in variables])
            values |= {name: measure(batch) for name, measure in turn.measures.items()}
        gradients = [_reached(g, v, player, turn) for g, v in zip(gradients, variables, strict=True)]
        player.optimizer.apply(gradients, variables)
        return values | {f"{player.prefix}_loss": total, f"{player.prefix}_grad_norm": tf.linalg.global_norm(gradients)}

    def _follow(self, average: Average) -> None:
        # Early on, averages forget faster, as in tf.train.ExponentialMovingAverage(num_updates): samples are useful
        # from the start.
        played = tf.cast(self.step, tf.float32)
        decay = tf.minimum(average.decay, (1.0 + played) / (10.0 + played))
        pairs = zip(self.networks[average.copy].variables, self.networks[average.of].variables, strict=True)
        for copy, variable in pairs:
            copy.assign(copy + (1.0 - decay) * (variable - copy) if variable.trainable else variable)


def _refuse_shared_names(players: Sequence[Player]) -> None:
    for turn in (turn for player in players for turn in player.turns):
        names = [*turn.measures, *(term.name for term in turn.terms)]
        if len(set(names)) < len(names):
            raise ValueError(f"Two terms or measures of the turn '{turn.name}' have the same name. Received: {names}")


def _reached(gradient: Tensor, variable: Any, player: Player, turn: Turn) -> Tensor:
    if gradient is None:
        if not all(term.partial for term in turn.terms):
            raise GanctlError(
                f"The turn '{turn.name}' gives no gradient to {variable.path} of the {player.name}: no loss term "
                "depends on it. Look for a layer without a gradient, or a network that the turn does not use."
            )
        return tf.zeros(variable.shape, variable.dtype)
    return gradient
