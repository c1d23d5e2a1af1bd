"""Starting a run from the weights of another, wherever they fit.

Networks of different sizes or models have sequences of layers in common. As many layers as possible are taken over in
order: a longest common subsequence (Hunt and McIlroy 1976) of the layers' kinds and their variables' shapes. A layer
fits completely or not at all. Optimizer state is not taken over.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ganctl.errors import UsageError
from ganctl.game.augmentation import memory_of
from ganctl.game.game import Game
from ganctl.game.players import averaged
from ganctl.game.state import assign, named_variables
from ganctl.run_folder.checkpoint import Checkpoint, Tensors

AVERAGED = averaged("")
SHOWN = 3
"""How many variables that did not fit are named, for each network."""

Layer = list[str]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Fit:
    """What a network took over.

    Attributes:
        role: of the network.
        source: the checkpoint's group that the weights came from; empty if it has none for this network.
        fitted: how many variables were taken over.
        total: how many the network has.
        misfits: the names and shapes of the others.
        notes: what else there is to say.
    """

    role: str
    source: str
    fitted: int
    total: int
    misfits: list[str]
    notes: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Return lines for the user about it."""
        if not self.source:
            return [f"{self.role}: not in the file; all {self.total} variables start anew"]
        by_name = f" (of {self.source})" if self.source != self.role else ""
        lines = [f"{self.role}: {self.fitted} of {self.total} variables fitted{by_name}"]
        more = len(self.misfits) - SHOWN
        lines += [f"  anew: {misfit}" for misfit in self.misfits[:SHOWN]]
        lines += [f"  anew: {more} more"] if more > 0 else []
        return [*lines, *(f"  {note}" for note in self.notes)]


def transfer(game: Game, found: Checkpoint) -> list[Fit]:
    """Put the weights of a checkpoint or generator file into the networks of a game, where they fit.

    Every network takes the weights of the network with the same role. A generator and its EMA take each other's if the
    file has only one of them. The state of augmentations stays as it is.

    Raises:
        UsageError: nothing fits.
    """
    fits = []
    plans: list[tuple[Mapping[str, Any], Tensors]] = []
    for role, network in game.networks.items():
        if role.startswith(memory_of("")):
            continue
        variables = {name: v for name, v in named_variables(network).items() if not _is_seed(name)}
        if not variables:
            continue
        source = next((group for group in _candidates(role) if group in found.groups), "")
        tensors = found.groups.get(source, {})
        taken = _taken({name: tuple(v.shape) for name, v in variables.items()}, tensors)
        plans.append(({name: variables[name] for name in taken}, taken))
        misfits = [f"{name} {list(v.shape)}" for name, v in variables.items() if name not in taken]
        fits.append(Fit(role, source, len(taken), len(variables), misfits))
    if not any(fit.fitted for fit in fits):
        raise UsageError(
            f"Nothing in {found.path} fits: its networks have no layer in common with this experiment's. "
            "Omit --init-from, or use a run of a similar model."
        )
    for places, taken in plans:
        assign(places, taken)
    return fits


def _candidates(role: str) -> Sequence[str]:
    """Return the checkpoint's groups whose weights a network may take, best first."""
    return (role, role.removesuffix(AVERAGED) if role.endswith(AVERAGED) else averaged(role))


def _taken(wanted: Mapping[str, Shape], tensors: Tensors) -> Tensors:
    """Return the tensors that fit, by the names under which they are wanted."""
    shapes = {name: array.shape for name, array in tensors.items() if not _is_seed(name)}
    here, there = _layers(wanted), _layers(sorted(shapes))
    looks, others = [_look(layer, wanted) for layer in here], [_look(layer, shapes) for layer in there]
    pairs = common_subsequence(len(here), len(there), lambda i, j: looks[i] == others[j])
    return {name: tensors[other] for i, j in pairs for name, other in zip(here[i], there[j], strict=True)}


def _is_seed(name: str) -> bool:
    return name.endswith(".seed_generator_state")


def _layers(names: Iterable[str]) -> list[Layer]:
    """Group structural names, `003.Conv2D.kernel`, by layer: a layer ends where its kind changes or a name repeats."""
    layers: list[Layer] = []
    for name in names:
        _, kind, variable = name.split(".", 2)
        last = [known.split(".", 2)[1:] for known in layers[-1]] if layers else []
        if not last or last[0][0] != kind or [kind, variable] in last:
            layers.append([])
        layers[-1].append(name)
    return layers


def _look(layer: Layer, shapes: Mapping[str, Shape]) -> tuple[Any, ...]:
    """What two layers must have in common: kind, variables, shapes."""
    return tuple((name.partition(".")[2], shapes[name]) for name in layer)


def common_subsequence(here: int, there: int, same: Callable[[int, int], bool]) -> list[tuple[int, int]]:
    """Return a longest common subsequence of two sequences, as pairs of positions.

    Args:
        here: the length of one.
        there: the length of the other.
        same: whether a position of the first fits one of the second.
    """
    lengths = [[0] * (there + 1) for _ in range(here + 1)]
    for i in reversed(range(here)):
        for j in reversed(range(there)):
            longest = max(lengths[i + 1][j], lengths[i][j + 1])
            lengths[i][j] = 1 + lengths[i + 1][j + 1] if same(i, j) else longest
    pairs, i, j = [], 0, 0
    while i < here and j < there:
        if same(i, j):
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif lengths[i + 1][j] >= lengths[i][j + 1]:
            i += 1
        else:
            j += 1
    return pairs
