"""Detects from the measurements whether training has diverged, when, and in which term."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ganctl.game.game import Player

# Losses that recover stay below 1e6 even after the worst start; with a learning rate of 100 they exceed 1e9 at once.
# Gradients may be large for a while, and may be clipped.
MAX_LOSS = 1e8
_LARGEST = float(np.finfo(np.float32).max)


class Divergence(NamedTuple):
    """The first measurement that cannot occur in healthy training.

    Attributes:
        row: the round.
        name: the measurement's column.
        value: what was measured.
        weight: the factor of a term in its total; 1 for anything else.
        total: in words, the total that is too large because of this term; empty if `name` is itself too large.
    """

    row: int
    name: str
    value: float
    weight: float = 1.0
    total: str = ""

    def __str__(self) -> str:
        weighted = f", times its weight of {self.weight:g} {self.weight * self.value:.9g}" if self.weight != 1 else ""
        return f"{self.name} is {self.value:.9g}{weighted}{self.total and f', and {self.total}'}"

    @property
    def remedy(self) -> str:
        """What may help."""
        lower_weight = f"a smaller weight of {self.name}, or " if self.weight != 1 else ""
        return f"Try {lower_weight}lower learning rates."


def find_divergence(rows: np.ndarray, columns: Sequence[str], players: Sequence[Player]) -> Divergence | None:
    """Return the first divergence in measured rows, if any.

    Args:
        rows: float32 [rounds, columns].
        columns: what each column holds.
        players: whose measurements they are. Within a round, a term is named before the total that it spoils, and a
            player before those that its weights spoil afterwards.
    """
    norms = [name.endswith("_grad_norm") for name in columns]
    bad = ~np.isfinite(rows) | ((np.abs(rows) > MAX_LOSS) & ~np.array(norms))
    if not bad.any():
        return None
    row = int(np.flatnonzero(bad.any(axis=1))[0])
    suspects = {name: float(value) for name, value, wrong in zip(columns, rows[row], bad[row], strict=True) if wrong}
    name = next(name for name in (*_in_order_of_play(players), *suspects) if name in suspects)
    found = Divergence(row, name, suspects[name])
    total_of = {f"{player.prefix}_loss": player for player in players}
    if name in total_of and not np.isnan(found.value):
        return _largest_term(found, total_of[name], dict(zip(columns, rows[row], strict=True)))
    return found


def _largest_term(total: Divergence, player: Player, measured: Mapping[str, np.float32]) -> Divergence:
    """Return the term that makes a total too large, such as a penalty with a large weight.

    The measured terms do not include their weights.
    """
    terms = {term.name: term.weight for turn in player.turns for term in turn.terms}
    added = {name: float(weight * measured[name]) for name, weight in terms.items()}
    name = max(added, key=lambda name: abs(added[name]), default="")
    if not name or abs(added[name]) < min(abs(total.value), _LARGEST) / (2 * len(added)):
        return total
    return Divergence(total.row, name, float(measured[name]), terms[name], str(total))


def _in_order_of_play(players: Sequence[Player]) -> list[str]:
    names: list[str] = []
    for player in players:
        names += [term.name for turn in player.turns for term in turn.terms]
        names += [f"{player.prefix}_loss", f"{player.prefix}_grad_norm"]
    return names
