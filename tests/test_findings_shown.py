"""What the doctor finds is shown: in the report beside the curve, in a comparison, in the training's log, in Python."""

import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from browsing import opened, running_browser
from made_up_runs import ITERATIONS, make_up
from selenium.webdriver.common.by import By

import ganctl.training.hooks.examination as hook
from ganctl.errors import UsageError
from ganctl.report.comparison import Comparison
from ganctl.report.run_report import write_report
from ganctl.run_folder.paths import RunFolder
from ganctl.runs import Run

COLLAPSED = {"lite0_diversity": lambda at: np.where(at > ITERATIONS / 2, 0.05, 0.6), "pixel_diversity": 0.1}
TITLE = "Collapse: all samples are nearly the same picture"


@pytest.fixture(scope="module")
def sick(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return make_up(tmp_path_factory.mktemp("shown") / "sick", vitals=COLLAPSED, survey={"copies": 0.6})


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return make_up(tmp_path_factory.mktemp("shown") / "healthy")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with running_browser(tmp_path_factory.mktemp("browser")) as driver:
        yield driver


def data_of(page: Path) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text("utf-8"), re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_a_finding_stands_beside_the_curve_that_shows_it(sick: RunFolder, healthy: RunFolder) -> None:
    page = write_report(sick)
    panels = data_of(page)["panels"]
    marked = [panel for place in panels.values() for panel in place if "findings" in panel]
    assert [panel["title"] for panel in marked] == ["Diversity of the samples"]
    (finding,) = marked[0]["findings"]
    assert finding == {"since": 2750, "severity": "serious", "says": f"{TITLE}, since iteration 2,750"}
    text = page.read_text("utf-8")
    assert f"<b>serious</b> {TITLE}, since iteration 2,750." in text
    assert "<code>--set 'training.batch_size=64'</code>" in text
    assert "Many real images are copies of others, from the start." in text
    page = write_report(healthy)
    assert not [panel for place in data_of(page)["panels"].values() for panel in place if "findings" in panel]
    assert "<p>Nothing found.</p>" in page.read_text("utf-8")


def test_a_run_of_an_older_version_shows_no_signs(healthy: RunFolder, tmp_path: Path) -> None:
    old = RunFolder(Path(shutil.copytree(healthy.path, tmp_path / "old")))
    old.vitals.unlink()
    page = write_report(old)
    assert data_of(page)["panels"]["vitals"] == []
    assert "vitals.csv has no rows" in page.read_text("utf-8")


def test_the_page_marks_where_it_began(sick: RunFolder, browser: Any) -> None:
    with opened(browser, write_report(sick)) as page:
        panels = page.find_elements(By.CSS_SELECTOR, "#vitals .panel")
        by_title = {panel.find_element(By.CSS_SELECTOR, "h3 span").text: panel for panel in panels}
        assert by_title.keys() >= {"Diversity of the samples", "Raw scores", "Norm of the weights"}
        panel = by_title["Diversity of the samples"]
        assert panel.find_element(By.CSS_SELECTOR, "p.finding.serious").text == f"{TITLE}, since iteration 2,750"
        line, over = (panel.find_element(By.CSS_SELECTOR, name) for name in (".since", ".u-over"))
        share = (line.rect["x"] - over.rect["x"]) / over.rect["width"]
        assert share == pytest.approx(2750 / ITERATIONS, abs=0.02)
        assert not by_title["Raw scores"].find_elements(By.CSS_SELECTOR, ".since")
        page.execute_script("arguments[0].scrollIntoView()", page.find_element(By.ID, "health-title"))
        first = page.find_element(By.CSS_SELECTOR, "main .finding")
        assert first.text.startswith(f"serious {TITLE}")


def test_a_comparison_has_the_findings_of_each_run(sick: RunFolder, healthy: RunFolder, tmp_path: Path) -> None:
    both = Comparison.read([sick, healthy])
    assert both.table()[1] == [
        [
            "findings",
            "collapse (serious, since iteration 2,750), data_copies (warning, from the start)",
            "none",
        ]
    ]
    assert [[each["name"] for each in found] for found in both.as_json()["findings"]] == [
        ["collapse", "data_copies"],
        [],
    ]
    both.write_page(tmp_path / "both.html")
    assert f'<p class="finding serious">{TITLE}, since iteration 2,750</p>' in (tmp_path / "both.html").read_text(
        "utf-8"
    )


def test_the_log_says_what_begins_and_what_is_over(
    sick: RunFolder, healthy: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunFolder(Path(shutil.copytree(sick.path, tmp_path / "run")))
    run: Any = SimpleNamespace(folder=folder)
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    examination = hook.Examination(250)
    examination.start(run, 0)
    assert examination.act(run, 250) is None, "a moment after the start"
    clock[0] = hook.SECONDS
    for _ in range(2):
        later = examination.act(run, 500)
        assert later is not None
        later()
        assert examination.act(run, 750) is None
        clock[0] += hook.SECONDS
    lines = [line for line in folder.log.read_text().splitlines() if line.startswith("Doctor: ")]
    assert lines == [
        f"Doctor: after iteration 500: serious: {TITLE}, since iteration 2,750; see ganctl doctor {folder.path}",
        "Doctor: after iteration 500: warning: Many real images are copies of others, from the start; see ganctl "
        f"doctor {folder.path}",
    ]
    shutil.copy(healthy.vitals, folder.vitals)
    last = examination.stop(run, 5000)
    assert last is not None
    last()
    assert folder.log.read_text().splitlines()[-1] == "Doctor: after iteration 5000: over: collapse"


def test_examining_takes_at_most_a_hundredth_of_the_time(
    sick: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run: Any = SimpleNamespace(folder=RunFolder(Path(shutil.copytree(sick.path, tmp_path / "run"))))
    clock = [0.0]

    def slow(_: RunFolder) -> Any:
        clock[0] += 3.0
        return SimpleNamespace(findings=())

    monkeypatch.setattr(hook, "examine_quietly", slow)
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    examination = hook.Examination(250)
    examination.start(run, 0)
    clock[0] = 10.0
    later = examination.act(run, 250)
    assert later is not None
    later()
    clock[0] = 13.0 + 299
    assert examination.act(run, 500) is None
    clock[0] = 13.0 + 300
    assert examination.act(run, 500) is not None


def test_python_has_the_same_findings(sick: RunFolder, healthy: RunFolder, tmp_path: Path) -> None:
    found = Run(sick.path).doctor()
    assert [each.name for each in found.findings] == ["collapse", "data_copies"]
    assert Run(healthy.path).doctor().findings == ()
    with pytest.raises(UsageError, match="is not a run folder"):
        Run(tmp_path).doctor()
