"""Divergence: gradients or weights grow without end.

A gradient norm grows by orders of magnitude within a few iterations; the losses follow, and the samples turn to noise
or to one colour. What grows first began it.

Each step of a game with steps that are too large leads further from the equilibrium (Mescheder et al. 2018, section
2). Adam hides it for a while, because it divides by the size of the gradient.

What helps: learning rates that are ten times smaller, clipped gradients, and a return to a checkpoint from before.
"""

import re
from collections.abc import Callable, Iterator

import numpy as np

from ganctl.diagnosis import prescriptions
from ganctl.diagnosis.findings import Advice, Found, Severity
from ganctl.diagnosis.history import RunHistory, Unseen
from ganctl.diagnosis.series import Series
from ganctl.run_folder.vitals_csv import WEIGHT_NORM

# 49 runs of python -m benchmarks.doctor --half thresholds: the greatest healthy 3.8. Sick runs end within
# a few iterations; the one that did not has 247.
THRESHOLD = 30.0  # a gradient norm over its median until half of the run
WEIGHTS_GROWN = 3.0  # a weight norm over that at half of the run
FEWEST_BINS = 3
_ENDED = re.compile(r"^ended: Iteration (\d+): (.*?)\. The training has diverged")


def statistic(history: RunHistory) -> Series:
    """The largest gradient norm of a player, over its median in the first half of the run."""
    grown = list(_grown(history).values())
    if not grown:
        raise Unseen("losses.csv has no gradient norm")
    first, *others = grown
    return first.with_others(lambda *each: np.max(each, axis=0), *others) if others else first


def _grown(history: RunHistory) -> dict[str, Series]:
    found = {}
    for name in history.losses.columns:
        if name.endswith("_grad_norm"):
            try:
                norm = history.curve(name)
            except Unseen:
                continue
            usual = float(np.median(norm.head(0.5)))
            found[name] = norm.mapped(_times(usual))
    return found


def _times(usual: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda values: values / max(usual, 1e-12)


def advice(history: RunHistory) -> list[Advice]:
    """Take smaller steps, and cut off large gradients."""
    players = ("discriminator", "generator")
    return [
        *(prescriptions.learning_rate(history, player, 0.1, "Smaller steps do not run away.") for player in players),
        *(Advice(f"optimizer.{player}.clipvalue=1.0", "A single gradient cannot throw it off.") for player in players),
    ]


def examine(history: RunHistory) -> Iterator[Found]:
    """Find a run that ended so, gradients that have grown far beyond what was usual, and weights that grow."""
    ended = next((found for line in history.log[-1:] if (found := _ENDED.match(line))), None)
    grown = _grown(history)
    begins = {name: since for name, norm in grown.items() if (since := norm.since(THRESHOLD, FEWEST_BINS)) is not None}
    first = min(begins, key=lambda name: begins[name], default="")
    if ended:
        what = f" {first} had grown since iteration {begins[first]:,}." if first else ""
        since = begins[first] if first else int(ended[1])
        says = f"The run ended at iteration {int(ended[1]):,}: {ended[2]}.{what}"
        yield Found(Severity.SERIOUS, since, says, first, {"iteration": float(ended[1])})
    elif first:
        times = grown[first].newest
        says = f"{first} is {times:.0f} times what it was in the first half of the run."
        yield Found(Severity.SERIOUS, begins[first], says, first, {"times": times})
    else:
        yield from _growing_weights(history)


def _growing_weights(history: RunHistory) -> Iterator[Found]:
    for name in history.vitals.columns:
        if name.startswith(WEIGHT_NORM):
            try:
                norm = history.sign(name)
            except Unseen:
                continue
            half = norm.after(history.iterations / 2)
            if len(half) < FEWEST_BINS:
                continue
            times = half.mapped(_times(float(half.values[0])))
            if times.newest >= WEIGHTS_GROWN and (np.diff(times.values) > 0).all():
                says = (
                    f"The weights of the {name.removeprefix('weight_norm_')} grow: {times.newest:.1f} times as large."
                )
                yield Found(Severity.WARNING, int(half.at[0]), says, name, {"times": times.newest})
