"""losses.png shows the mean of every epoch, also of a run that was resumed."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from ganctl.game import Game
from ganctl.run_folder.paths import RunFolder
from ganctl.training.hooks import RunInPlay
from ganctl.training.hooks.loss_csv import LossCsv
from ganctl.training.hooks.loss_plot import COLUMNS, LossPlot


def test_a_resumed_run_plots_what_an_uninterrupted_one_does(small_game: Callable[..., Game], tmp_path: Path) -> None:
    game = small_game("dense_gan")
    rows = np.abs(np.random.default_rng(0).normal(size=(7, len(game.columns)))).astype(np.float32)
    pictures = []
    for name, parts in (("whole", [(0, 7)]), ("resumed", [(0, 4), (4, 7)])):
        run = RunInPlay(game, RunFolder.create(tmp_path, name, explicit=True), iterations=7, iterations_per_epoch=3)
        for start, end in parts:
            table, plot = LossCsv(100), LossPlot(100)
            for tell in ("start", "rows", "stop"):
                for hook in (table, plot):
                    more = (rows[start:end],) if tell == "rows" else ()
                    later = getattr(hook, tell)(run, end if tell == "stop" else start, *more)
                    if later:
                        later()
            table.close()
        expected = [rows[i : i + 3, game.columns.index("g_loss")].mean() for i in (0, 3, 6)]
        drawn = [plot.means[epoch][COLUMNS.index("g_loss")] for epoch in (0, 1, 2)]
        np.testing.assert_allclose(drawn, expected, rtol=1e-6)
        pictures.append(cv2.imread(str(run.folder.loss_plot)))
    assert pictures[0].std() > 1, "something is drawn"
    assert (pictures[0] == pictures[1]).all()


def test_plots_that_follow_at_once_are_left_out_but_never_the_last(
    small_game: Callable[..., Game], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    game = small_game("dense_gan")
    run = RunInPlay(game, RunFolder.create(tmp_path, "run", explicit=True), iterations=3, iterations_per_epoch=3)
    plot, now = LossPlot(1), [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    plot.start(run, 0)
    plot.rows(run, 0, np.ones((1, len(game.columns)), np.float32))
    drawn = []
    for now[0] in (101.0, 109.9, 110.0, 119.9, 120.0):
        drawn.append(plot.act(run, 1) is not None)
    assert drawn == [False, False, True, False, True]
    assert plot.stop(run, 3) is not None
