"""Stages: parts of a run in which only some players play, or at another pace.

Which images a round sees must not depend on where a run was interrupted. In each stage a round takes its own number of
images, so they are counted from the lengths of the stages before it: a pure function of the step.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

Player = Any
"""A `ganctl.game.Player`; the game, which has them, imports this module."""


@dataclass(frozen=True)
class Stage:
    """A part of a run: the rounds up to the `until`-th, or all that follow if None.

    Attributes:
        players: who plays in it, in the order of play. A player may take other numbers of updates than in the game's
            list, and other turns; its name, networks and optimizer are the same.
        until: the last round of it.
    """

    players: Sequence[Player]
    until: int | None = None


@dataclass(frozen=True, eq=False)
class StageInPlay:
    """A stage as it is played.

    Attributes:
        start: completed rounds before it.
        until: completed rounds after it; None: it has no end.
        players: who plays, in the order of play.
        draws: the numbers of images that its turns take from each feed.
        drawn: how many images of each feed all earlier stages have taken.
        columns: what it measures.
        averages: the running averages that follow. Those of networks that rest do not.
        play: the compiled function that plays a chunk of its rounds.
    """

    start: int
    until: int | None
    players: Sequence[Player]
    draws: Mapping[str, list[int]]
    drawn: Mapping[str, int]
    columns: Sequence[str]
    averages: Sequence[Any]
    play: Any = None

    def drawn_before(self, feed: str, step: int) -> int:
        """Return how many images of a feed all rounds before one of this stage have taken."""
        return self.drawn[feed] + (step - self.start) * sum(self.draws[feed])

    def most_rounds(self, feeds: Mapping[str, Any], step: int) -> int:
        """Return the most rounds after `step` that one chunk may hold: it must not cross the end of the stage."""
        bounds = [feed.max_rounds(self.draws[name]) for name, feed in feeds.items()]
        return min([sys.maxsize if self.until is None else self.until - step, *bounds])

    def refuse_crossing(self, step: int, rounds: int) -> None:
        """Raise ValueError if these rounds do not all belong to the stage."""
        if self.until is not None and step + rounds > self.until:
            raise ValueError(f"A stage ends after {self.until} rounds. Received: {rounds} rounds after {step}")


class Stages(Sequence[StageInPlay]):
    """All stages of a game, one after the other; the last has no end.

    Args:
        stages: who plays when; after the last `until`, and without stages, every player plays.
        players: all players, in the order of play.
        feeds: the names of the feeds.
        averages: all running averages.
        compiled: returns the function that plays a stage.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        players: Sequence[Player],
        feeds: Sequence[str],
        averages: Sequence[Any],
        compiled: Callable[[StageInPlay], Any],
    ) -> None:
        self._stages: list[StageInPlay] = []
        follows = [] if stages and stages[-1].until is None else [Stage(players)]
        start, drawn = 0, dict.fromkeys(feeds, 0)
        for stage in (*stages, *follows):
            playing = stage.players
            moving = {name for player in playing for name in player.networks}
            resting = {name for player in players for name in player.networks} - moving
            turns = [turn for player in playing for _ in range(player.updates) for turn in player.turns]
            draws = {name: [turn.draws[name] for turn in turns if name in turn.draws] for name in feeds}
            columns = list(dict.fromkeys(name for player in playing for name in measured(player)))
            following = [average for average in averages if average.of not in resting]
            found = StageInPlay(start, stage.until, playing, draws, drawn, columns, following)
            self._stages.append(replace(found, play=compiled(found)))
            if stage.until is not None:
                drawn = {name: found.drawn_before(name, stage.until) for name in feeds}
                start = stage.until

    def __len__(self) -> int:
        return len(self._stages)

    def __getitem__(self, index: Any) -> Any:
        return self._stages[index]

    def __iter__(self) -> Iterator[StageInPlay]:
        return iter(self._stages)

    def at(self, step: int) -> StageInPlay:
        """Return the stage of the round that follows `step` completed ones."""
        return next(stage for stage in self._stages if stage.until is None or step < stage.until)

    def now(self, step: Any) -> StageInPlay:
        """Return the stage of the next round, given the variable that counts the completed ones."""
        return self._stages[0] if len(self) == 1 else self.at(int(step.numpy()))


def measured(player: Player) -> list[str]:
    """Return the names of what a player's turns measure."""
    own = [f"{player.prefix}_loss", f"{player.prefix}_grad_norm"]
    return own + [name for turn in player.turns for name in (*turn.measures, *(term.name for term in turn.terms))]
