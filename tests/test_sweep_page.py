"""sweep.html: what it says of trials in every state, and in a real browser."""

import re
import shutil
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from browsing import opened, running_browser
from report_runs import write_metrics
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from ganctl.report.sweep_page import HEIGHT, MARGIN, MOST_GRIDS, WIDTH, write_sweep_page
from ganctl.run_folder.metrics_csv import METRICS
from ganctl.run_folder.paths import RunFolder
from ganctl.run_folder.sweep_folder import SweepFolder, SweepRecord, Trial, TrialState

RATE, LOSS = "optimizer.generator.learning_rate", "loss.name"
KEYS = {RATE: "1e-05 to 0.1, logarithmic", LOSS: "one of hinge, minimax"}
KID = next(metric for metric in METRICS if metric.name == "kid")
F, P, D, X, W = (TrialState(s) for s in ("finished", "pruned", "diverged", "failed", "waiting"))
OWNED = "</script><script>document.title='owned'</script>"


@pytest.fixture(scope="module")
def record(reported_run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> SweepRecord:
    """Six trials in every state of rest; the base is the worst that finished, and one has no folder."""
    folder = SweepFolder(tmp_path_factory.mktemp("sweeps") / "night")
    folder.path.mkdir()
    plan = [
        (F, 0.5, {4: 0.6, 8: 0.5}, 2e-4, "minimax", ""),
        (F, 0.1, {4: 0.3, 8: 0.1}, 1e-3, "hinge", ""),
        (P, None, {4: 0.9}, 1e-5, "hinge", ""),
        (D, None, {}, 1e-1, "minimax", ""),
        (X, None, {}, 1e-2, "hinge", OWNED),
        (W, None, {4: 0.2}, 1e-4, "hinge", ""),
    ]
    trials = []
    for number, (state, score, curve, rate, loss, note) in enumerate(plan):
        run = folder.trial(number)
        if state is not X:
            shutil.copytree(reported_run.path, run.path)
            write_metrics(run, list(curve.items()))
        trials.append(Trial(number, {RATE: rate, LOSS: loss}, state, score, curve, note, run))
    return SweepRecord("night", folder, KID, KEYS, frozenset({RATE}), trials, 0, {RATE: 0.75, LOSS: 0.25})


def text_of(page: str) -> str:
    """What a page says, without its scripts, styles and pictures."""
    page = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def test_the_page_says_what_became_of_the_trials(record: SweepRecord) -> None:
    page = write_sweep_page(record).read_text("utf-8")
    text = text_of(page)
    assert record.folder.page.read_text("utf-8") == page
    assert "6 trials: 1 waiting, 2 finished, 1 pruned, 1 diverged, 1 failed · KID-Lite0, lower is better" in text
    assert "trial 1 : KID-Lite0 0.1 ; the base experiment, trial 0, has 0.5." in text
    rows = re.findall(r"<tr><th>(?:<span class=\"swatch\".*?</span>)?(?:<a .*?>)?(\d)", page)
    assert rows == ["1", "0", "2", "5", "3", "4"], "the best first, those without a score last"
    assert 'href="trial-001/report.html"' in page
    assert "trial-004/report.html" not in page
    assert f"trial 4: {OWNED}" in text
    assert OWNED not in page
    assert "75%" in text
    assert "25%" in text


def test_a_trial_stands_where_its_value_and_score_are(record: SweepRecord) -> None:
    page = write_sweep_page(record).read_text("utf-8")
    circles = re.findall(r'<circle cx="(.*?)" cy="(.*?)" r="5" class="(\w+)"><title>trial (\d)', page)
    found = {(number, index // 4): (float(x), float(y), state) for index, (x, y, state, number) in enumerate(circles)}
    inner, left, right = (WIDTH - 2 * MARGIN) / 2, MARGIN, WIDTH - MARGIN
    # Of 1e-5, 1e-4, 2e-4 and 1e-3 on two orders of magnitude.
    assert found["2", 0] == (left, MARGIN, "pruned")
    assert found["1", 0] == (right, HEIGHT - MARGIN, "finished")
    assert found["5", 0][0] == pytest.approx(left + inner)
    assert found["0", 0][0] == pytest.approx(left + 1.30103 * inner, abs=0.1)
    assert found["0", 0][1] == pytest.approx(HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * (0.5 - 0.1) / (0.9 - 0.1))
    # The words of a choice, in the order of the alphabet.
    assert [found[number, 1][0] for number in "0125"] == [right, left, left, left]
    assert len(found) == 8, "those without a score are on no chart"


def test_a_page_before_the_first_trial_has_ended(record: SweepRecord) -> None:
    running = Trial(0, {RATE: 2e-4, LOSS: "hinge"}, TrialState.RUNNING, None, {}, "", record.folder.trial(4))
    for trials in ([], [running]):
        early = SweepRecord("night", record.folder, KID, KEYS, frozenset({RATE}), trials, None, {})
        text = text_of(write_sweep_page(early).read_text("utf-8"))
        assert "No trial has finished yet." in text
        assert "Too few trials have finished" in text


def test_a_page_of_many_trials_has_the_grids_of_the_best_and_of_the_base(record: SweepRecord) -> None:
    run = record.trials[0].folder
    trials = [Trial(n, {RATE: 1e-3, LOSS: "hinge"}, F, 1 - n / 100, {8: 1 - n / 100}, "", run) for n in range(50)]
    many = SweepRecord("night", record.folder, KID, KEYS, frozenset({RATE}), trials, 0, {})
    page = write_sweep_page(many).read_text("utf-8")
    assert page.count("<figure>") == MOST_GRIDS
    shown = re.findall(r"<b>trial (\d+)</b> · ", page)
    assert shown == [*(str(number) for number in range(49, 38, -1)), "0"]
    assert "40 of 50 trials are drawn, the best first." in text_of(page)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with running_browser(tmp_path_factory.mktemp("browser")) as driver:
        yield driver


def test_the_page_in_a_browser(browser: Any, record: SweepRecord) -> None:
    with opened(browser, write_sweep_page(record)) as page:
        assert page.title == "night · ganctl"
        sizes = page.execute_script(
            "return [...document.querySelectorAll('img.grid')].map(image => image.naturalWidth)"
        )
        assert len(sizes) == 5
        assert all(width > 8 for width in sizes)
        titles = [head.text for head in page.find_elements(By.CSS_SELECTOR, ".panels .panel h3 span:first-child")]
        assert {"KID-Lite0", "d_loss", "g_loss"} <= set(titles)
        captions = [when.text for when in page.find_elements(By.CLASS_NAME, "when")]
        assert captions == ["after 8 iterations"] * 5
        scores = [line.text for line in page.find_elements(By.CSS_SELECTOR, ".evaluation")]
        assert scores[0] == "Scores after 8 iterations:\nKID-Lite0 0.1 (floor 0.01)"
        page.find_element(By.ID, "step").send_keys(Keys.HOME)
        assert {when.text for when in page.find_elements(By.CLASS_NAME, "when")} == {"after 0 iterations"}
        circles = page.find_elements(By.CSS_SELECTOR, ".chart circle")
        assert len(circles) == 8
        assert all(circle.size["width"] > 4 for circle in circles)
        for width in (1300, 500):
            page.set_window_size(width, 1000)
            assert page.execute_script("return document.documentElement.scrollWidth <= window.innerWidth"), width
        page.set_window_size(1300, 1000)
