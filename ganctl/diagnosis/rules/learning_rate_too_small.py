"""A learning rate is too small: the weights of a network hardly move.

Losses and samples stay as they were, although nothing is wrong.

A useful update changes weights by about a thousandth of their norm (Karpathy, CS231n, "Ratio of weights:updates").
With one of a hundred-thousandth, a run takes a hundred times as long.

What helps: a learning rate from 1e-4 to 1e-3 for Adam.
"""

from collections.abc import Iterator

import numpy as np

from ganctl.diagnosis import prescriptions
from ganctl.diagnosis.findings import Found, Severity
from ganctl.diagnosis.history import RunHistory, Unseen
from ganctl.diagnosis.series import Series
from ganctl.run_folder.vitals_csv import UPDATE

# 51 runs of python -m benchmarks.doctor --half thresholds: the least sick 4.83e+06, the greatest healthy 442.
THRESHOLD = 1e5  # the weights' norm over that of an iteration's update
FEWEST_ROWS = 2
SCHEDULED = 0.7  # with a schedule, only this first part of the run counts


def updates(history: RunHistory) -> dict[str, Series]:
    """Return what an iteration changes in each network that moves, as a share of its weights."""
    found = {}
    for name in history.vitals.columns:
        if name.startswith(UPDATE):
            try:
                found[name.removeprefix(UPDATE)] = history.sign(name)
            except Unseen:
                continue
    if not found:
        raise Unseen("vitals.csv does not say how far weights move")
    return found


def player_of(role: str) -> str:
    """Return whose optimizer moves a network, of the two that every experiment has."""
    return "discriminator" if "discriminator" in role or role in ("critic", "q_head") else "generator"


def slowness(history: RunHistory, role: str, moves: Series) -> Series:
    """Return the weights' norm over that of an update of a network, where it plays."""
    scheduled = history.setting(f"optimizer.{player_of(role)}.schedule", "constant") != "constant"
    kept = moves.at <= (SCHEDULED * history.planned if scheduled else np.inf)
    # Of a player that rests nothing moves.
    playing = kept & (moves.values > 0)
    return Series(moves.name, moves.at[playing], 1.0 / moves.values[playing])


def statistic(history: RunHistory) -> Series:
    """The slowest network's weights over its updates."""
    slow = [slowness(history, role, moves) for role, moves in updates(history).items()]
    return max(slow, key=lambda each: _usual(each) if len(each) else 0.0)


def _usual(slow: Series) -> float:
    """Return a quartile: a player that has won, or has run away, may rest later on, whatever its learning rate."""
    return float(np.quantile(slow.values, 0.25))


def examine(history: RunHistory) -> Iterator[Found]:
    """Find networks that have hardly moved."""
    shares = {}
    for role, moves in updates(history).items():
        slow = slowness(history, role, moves)
        if len(slow) >= FEWEST_ROWS and _usual(slow) >= THRESHOLD:
            shares[role] = 1 / _usual(slow)
    if not shares:
        return
    told = ", ".join(f"of the {role} by {share:.1e}" for role, share in shares.items())
    says = f"An iteration changes the weights {told} of their norm; about 1e-03 is usual."
    changes = []
    for player in dict.fromkeys(map(player_of, shares)):
        now = history.number(f"optimizer.{player}.learning_rate", 2e-4)
        changes.append(prescriptions.rate(history, player, max(2e-4, 10 * now), "It learns at all."))
    slowest = min(shares, key=lambda role: shares[role])
    yield Found(Severity.SERIOUS, 0, says, f"update_{slowest}", {f"update_{r}": s for r, s in shares.items()}, changes)
