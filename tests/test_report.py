"""report.html and `ganctl report`: what a run folder holds, on one page, whatever state its files are in."""

import base64
import json
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import RunCli, at_most
from report_runs import write_metrics
from small_runs import train

from ganctl.experiment.experiment import Experiment
from ganctl.images import draw
from ganctl.report import run_report
from ganctl.report.curves import MAX_POINTS, read_curves
from ganctl.report.grids import MAX_GRIDS, read_grids
from ganctl.report.run_report import write_report
from ganctl.report.scores import read_scores
from ganctl.run_folder.paths import RunFolder
from ganctl.training.hooks.report import Report

Small = Callable[..., Experiment]


class Page(HTMLParser):
    """What a browser would make of a page: its elements, its words, and the data of its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words, self.scripts = "", []
        self.feed(text)
        self.data: Any = json.loads(self.scripts[0])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.words += " "

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1][0] == "script" and self.lasttag == "script":
            self.scripts.append(data) if data.strip() else None
        else:
            self.words += data

    @property
    def text(self) -> str:
        return " ".join(self.words.split())


def page_of(folder: RunFolder) -> Page:
    return Page(write_report(folder).read_text("utf-8"))


@pytest.fixture
def run(reported_run: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy of the run, to be spoiled."""
    return RunFolder(Path(shutil.copytree(reported_run.path, tmp_path / "run")))


def titles(page: Page, place: str) -> list[str]:
    return [panel["title"] for panel in page.data["panels"][place]]


def test_training_leaves_a_report_that_shows_all_of_the_run(reported_run: RunFolder) -> None:
    page = page_of(reported_run)
    assert "8 of 8 iterations" in page.text
    drawn = [curve["label"] for panel in page.data["panels"]["curves"] for curve in panel["tables"][0]["curves"]]
    header = reported_run.losses.read_text().splitlines()[0].split(",")
    assert sorted(drawn) == sorted(set(header) - {"iteration", "epoch"})
    losses = page.data["panels"]["curves"][0]
    assert losses["tables"][0]["at"] == list(range(1, 9))
    column = [float(row.split(",")[2]) for row in reported_run.losses.read_text().splitlines()[1:]]
    assert losses["tables"][0]["curves"][0]["values"] == pytest.approx(column, rel=1e-5)
    assert [grid["iteration"] for grid in page.data["runs"][0]["grids"]] == [0, 4, 8]
    for grid in page.data["runs"][0]["grids"]:
        content = base64.b64decode(grid["picture"].removeprefix("data:image/png;base64,"))
        assert content == reported_run.sample_grid(grid["iteration"]).read_bytes()
    assert "tensorflow 2." in page.text
    assert "device CPU (for the test)" in page.text


def test_training_itself_writes_the_report_at_every_evaluation_and_at_the_end(
    small_experiment: Small, tmp_path: Path
) -> None:
    folder = RunFolder.create(tmp_path, "run", explicit=True)
    experiment = small_experiment("dense_gan")
    folder.write_config(experiment.to_yaml())
    seen: list[int] = []

    def write(of: RunFolder) -> Path:
        where = write_report(of)
        data = Page(where.read_text("utf-8")).data
        seen.append(data["panels"]["curves"][0]["tables"][0]["at"][-1])
        return where

    train(experiment, folder, Report(3, write))
    assert seen == [3, 6, 8]
    assert "8 of 8 iterations" in folder.report.read_text("utf-8")


@pytest.mark.slow
def test_a_report_that_fails_warns_and_training_goes_on(small_experiment: Small, tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "run", explicit=True)

    def fail(_: RunFolder) -> Path:
        raise ValueError("no report today")

    train(small_experiment("dense_gan"), folder, Report(4, fail))
    assert folder.losses.read_text().count("\n") == 9
    assert "Warning: Report failed after iteration 4; training continues: no report today" in folder.log.read_text()


def test_scores_are_shown_newest_and_best_with_floors_and_protocol(run: RunFolder) -> None:
    write_metrics(run, [(2, 0.5), (4, 0.1), (8, 0.3)])
    page = page_of(run)
    assert titles(page, "scores") == ["KID-Lite0", "FD-Lite0"]
    kid, floor = page.data["panels"]["scores"][0]["tables"][0]["curves"]
    assert kid["values"] == [0.5, 0.1, 0.3]
    assert kid["low"] == pytest.approx([0.48, 0.08, 0.28])
    assert (floor["values"], floor["dashed"]) == ([0.01] * 3, True)
    assert re.search(r"KID-Lite0 0\.3 ± 0\.02 8 0\.1 4 0\.01 ", page.text)
    assert "features lite0, weights 0a1b, resize area" in page.text
    assert page.data["runs"][0]["evaluations"][1]["iteration"] == 4


def test_scores_of_another_protocol_are_not_mixed(run: RunFolder) -> None:
    write_metrics(run, [(2, 0.5), (4, 0.4)], num=100)
    write_metrics(run, [(8, 0.3)], append=True)
    scores = read_scores(run.metrics)
    assert [row["iteration"] for row in scores.scores[0].rows] == [8]
    assert scores.notes == ["Evaluations with another protocol, not comparable and left out: 2."]


def test_scores_that_are_no_numbers_are_said(run: RunFolder) -> None:
    write_metrics(run, [(2, 0.5), (4, float("nan"))])
    page = page_of(run)
    assert "Evaluations in which kid is not finite: 1." in page.text
    assert page.data["panels"]["scores"][0]["tables"][0]["curves"][0]["values"] == [0.5]
    run.metrics.write_text("iteration,kid\n4,good\n")
    assert "Damaged lines of metrics.csv, left out: 1." in page_of(run).text


def test_how_a_run_ended_is_news_until_it_is_resumed(run: RunFolder) -> None:
    ended = "ended: Iteration 7: d_loss is nan."
    run.append_log(ended)
    assert page_of(run).text.count(ended) == 2, "above, and in the log"
    run.append_log("resumed after iteration 4")
    assert page_of(run).text.count(ended) == 1


def test_a_folder_with_nothing_but_a_config_makes_a_page_that_says_so(run: RunFolder) -> None:
    for path in (run.samples, run.checkpoints, run.generators):
        shutil.rmtree(path)
    for path in (run.losses, run.loss_plot, run.log, run.info):
        path.unlink(missing_ok=True)
    text = page_of(run).text
    for words in (
        "No curves: losses.csv: No such file or directory.",
        "No sample grids yet.",
        "The picture of real images, samples/real.png, is missing.",
        "No scores: this run was trained without evaluation.every.",
        "Versions, device and data set of the run are unknown: run.json: No such file or directory.",
        "log.txt is missing.",
    ):
        assert words in text


@pytest.mark.parametrize("content", ["", "iteration,epoch,d_loss\n", "iteration,epo", "\n\n", "d_loss\n1\n", "\0\0\n"])
def test_a_losses_csv_without_rows_makes_a_page(run: RunFolder, content: str) -> None:
    run.losses.write_text(content)
    page = page_of(run)
    assert "No curves yet: losses.csv has no complete row." in page.text
    assert page.data["panels"]["curves"] == []


def test_what_is_torn_empty_or_infinite_in_losses_csv_is_left_out_and_said(run: RunFolder) -> None:
    rows = ["iteration,epoch,d_loss,g_loss,d_mae", "1,0,1,nan,", "2,0,inf,2,", "3,0,3,", "4,0,4,4,", "5,0,5,5"]
    run.losses.write_text("\n".join(rows))
    page = page_of(run)
    d_loss, g_loss = page.data["panels"]["curves"][0]["tables"][0]["curves"]
    assert page.data["panels"]["curves"][0]["tables"][0]["at"] == [1, 2, 4]
    assert (d_loss["values"], g_loss["values"]) == ([1, None, 4], [None, 2, 4])
    for words in (
        "Unreadable lines of losses.csv, left out: 1.",
        "d_loss is infinite in iteration 2.",
        "g_loss is not a number in iteration 1.",
        "Not measured in this run: d_mae.",
    ):
        assert words in page.text


@pytest.mark.parametrize("name", ["config", "info", "log", "metrics", "losses"])
def test_garbage_in_a_file_makes_a_page(run: RunFolder, name: str) -> None:
    getattr(run, name).write_bytes(bytes(range(256)) * 4)
    assert page_of(run).text


def test_torn_pictures_are_left_out_and_said(run: RunFolder) -> None:
    run.sample_grid(4).write_bytes(run.sample_grid(4).read_bytes()[:40])
    run.real_samples.write_bytes(b"")
    page = page_of(run)
    assert [grid["iteration"] for grid in page.data["runs"][0]["grids"]] == [0, 8]
    assert "000000004.png could not be read" in page.text
    assert "real.png could not be read" in page.text


def test_of_many_grids_some_are_chosen_evenly_and_large_ones_compressed(run: RunFolder) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    for step in range(0, 1000, 5):
        draw.write_png(run.sample_grid(step), noise)
    grids = read_grids(run)
    assert len(grids.steps) == MAX_GRIDS
    assert (min(grids.steps), max(grids.steps)) == (0, 995)
    assert np.diff(list(grids.steps)).max() <= 20
    assert f"{MAX_GRIDS} of 202 sample grids are on this page; all are in samples/." in grids.notes
    small = read_grids(run, 20_000)
    assert (min(small.steps), max(small.steps)) == (0, 995)
    assert sum(map(len, small.steps.values())) < 20_000 * 1.5
    assert all(uri.startswith("data:image/webp;base64,") for uri in small.steps.values())
    assert any("compressed" in note for note in small.notes)


@pytest.mark.slow
def test_a_long_run_is_thinned_quickly_without_losing_its_spikes(run: RunFolder) -> None:
    rows, columns = 200_000, [f"term_{i}" for i in range(18)]
    values = np.random.default_rng(0).normal(size=rows)
    values[123_456] = 50.0
    with run.losses.open("w") as file:
        file.write(",".join(["iteration", "epoch", *columns]) + "\n")
        file.writelines(f"{i + 1},0" + f",{value:.9g}" * 18 + "\n" for i, value in enumerate(values))
    with at_most(15):
        page = page_of(run)
    assert run.report.stat().st_size < 10 * 2**20
    curves = read_curves(run.losses)
    assert (curves.iterations, curves.rows_per_point, len(curves.at)) == (rows, 100, MAX_POINTS)
    assert curves.curves[0].high.max() == 50.0
    assert curves.curves[0].mean == pytest.approx(values.reshape(-1, 100).mean(axis=1), abs=1e-8)
    assert curves.curves[0].final == pytest.approx(values[-100:].mean())
    assert "each is the mean of 100 iterations" in page.text


def test_thinning_does_not_need_whole_buckets(run: RunFolder) -> None:
    run.losses.write_text("iteration,epoch,d_loss\n" + "".join(f"{i},0,{i}\n" for i in range(1, 8)))
    curves = read_curves(run.losses, max_points=3)
    assert curves.at.tolist() == [3, 6, 7]
    assert [curves.curves[0].mean.tolist(), curves.curves[0].high.tolist()] == [[2, 5, 7], [3, 6, 7]]


HOSTILE = "</script><script>document.title='owned'</script><img src=http://x.example/a.png onerror=alert(1)> {{ 7*7 }}"


def test_nothing_in_a_file_can_become_a_part_of_the_page(run: RunFolder) -> None:
    config = run.config.read_text().replace("name: tiny", f"name: {json.dumps(HOSTILE)}")
    run.write_config(config)
    run.write_info({"command": ["ganctl", HOSTILE], "dataset": {"classes": [HOSTILE]}, HOSTILE: HOSTILE})
    run.append_log(f"Warning: {HOSTILE}")
    run.losses.write_text(f"iteration,epoch,{HOSTILE.replace(',', '')}\n1,0,3\n")
    write_metrics(run, [(4, 0.5)], features=HOSTILE)
    page = page_of(run)
    assert [tag for tag, _ in page.elements].count("script") == 3
    assert page.text.count(HOSTILE) >= 4, "shown as it is"
    assert HOSTILE in page.data["panels"]["curves"][0]["tables"][0]["curves"][0]["label"]


def test_no_page_names_anything_outside_itself(run: RunFolder) -> None:
    page = page_of(run)
    addresses = [
        value for _, attributes in page.elements for key, value in attributes.items() if key in ("src", "href")
    ]
    assert all(address and address.startswith("data:") for address in addresses)
    policy = next(a["content"] for tag, a in page.elements if tag == "meta" and "http-equiv" in a)
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:; ")


def test_the_difference_to_the_shipped_configuration_is_shown(run: RunFolder) -> None:
    assert "ganctl does not ship a configuration called “tiny”" in page_of(run).text
    run.write_config(run.config.read_text().replace("name: tiny", "name: quickstart"))
    text = page_of(run).text
    assert "key shipped quickstart this run" in text
    assert "dataset.image_size None 8" in text
    assert "training.precision" not in text.split("config.yaml, every default")[0], "auto is nobody's choice"


@pytest.mark.slow
def test_the_report_links_to_the_page_that_draws_if_it_lies_beside_it(run: RunFolder) -> None:
    links = [attributes["href"] for tag, attributes in page_of(run).elements if tag == "a"]
    assert "generator.html" not in links
    run.page.write_text("<!doctype html>", "utf-8")
    page = page_of(run)
    assert "generator.html" in [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    assert "Draw with this generator" in page.text


def test_the_command_opens_the_report_in_the_browser(
    run: RunFolder, run_cli: RunCli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, opened = tmp_path / "browser", tmp_path / "opened"
    program.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    program.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{program} %s")
    assert run_cli("report", run.path, "--open").returncode == 0
    assert opened.read_text().strip() == run.report.as_uri()
    program.write_text("#!/bin/sh\nexit 1\n")
    monkeypatch.setenv("PATH", str(tmp_path))  # nor any other browser
    refused = run_cli("report", run.path, "--open")
    assert (refused.returncode, refused.stdout) == (1, f"{run.report}\n")
    assert refused.stderr == f"Error: No web browser was found. Open {run.report} yourself.\n"


def test_the_command_writes_the_page_again_and_says_where(run: RunFolder, run_cli: RunCli, tmp_path: Path) -> None:
    run.report.unlink(missing_ok=True)
    done = run_cli("report", run.path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{run.path / 'report.html'}\n", "")
    assert run.report.is_file()
    (tmp_path / "no_run").mkdir()
    refused = run_cli("report", tmp_path / "no_run")
    assert refused.returncode == 2
    assert refused.stderr.endswith("no_run is not a run folder: config.yaml is missing.\n")


def test_an_interrupted_page_leaves_the_old_one(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    before = write_report(run).read_bytes()

    def fail(*_: object, **__: object) -> bytes:
        raise OSError("full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="full"):
        run_report.write_report(run)
    assert run.report.read_bytes() == before
    assert not list(run.path.glob(".*.tmp"))
