"""Detects from the measurements whether training has diverged, when, and in which term."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ganctl.game.game import Player

# Losses that recover stay below 1e6 even after the worst start; with a learning rate of 100 they exceed 1e9 at once.
# Gradients may be large for a while, and may be clipped.
MAX_LOSS = 1e8


class Divergence(NamedTuple):
    """The first measurement that cannot occur in healthy training."""

    row: int
    name: str
    value: float


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
    return Divergence(row, name, suspects[name])


def _in_order_of_play(players: Sequence[Player]) -> list[str]:
    names: list[str] = []
    for player in players:
        names += [term.name for turn in player.turns for term in turn.terms]
        names += [f"{player.prefix}_loss", f"{player.prefix}_grad_norm"]
    return names
