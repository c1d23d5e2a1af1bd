"""The doctor's laboratory: its cases can be trained, its table counts right, and a case goes through all of it."""

import json
import multiprocessing
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import operation_by_operation
from made_up_runs import ITERATIONS, make_up
from PIL import Image

from benchmarks.doctor import laboratory, pages, pictures, tables, trainings
from benchmarks.doctor.__main__ import command, each_once_first
from benchmarks.doctor.bases import BASES, Base, base_called
from benchmarks.doctor.laboratory import HistoryUntil, Laboratory, Result, first_said, held_by_rules
from benchmarks.doctor.sicknesses import SICKNESSES, Case, Sickness, cases
from ganctl.build import resolving
from ganctl.cli import commands
from ganctl.diagnosis.doctor import all_rules
from ganctl.diagnosis.history import RunHistory
from ganctl.errors import GanctlError
from ganctl.experiment.changes import never_may_be_set
from ganctl.experiment.packaged_configs import find_config
from ganctl.experiment.typed_words import Typed

CASES = cases()
OTHERS = {case.name: case for case in CASES}


def test_there_are_enough_runs_of_both_kinds_in_both_halves() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
    healthy = [case for case in CASES if case.sickness is None]
    assert len(healthy) >= 30
    assert len(CASES) - len(healthy) >= 60
    assert Counter(base.half for base in BASES) == {"thresholds": 4, "test": 4}
    assert {each.name for each in SICKNESSES} == all_rules().keys()
    for sickness in SICKNESSES:
        assert {base_called(name).half for name in sickness.bases} == {"thresholds", "test"}, sickness.name
        assert sickness.companions <= all_rules().keys(), sickness.name
        assert sickness.name not in {each for each in sickness.companions if each not in all_rules()}
    assert {case.badly for case in CASES if case.sickness} == {True, False}
    first = CASES[: len(healthy)]
    assert first == healthy, "what a half-finished laboratory has is healthy runs, then each sickness once"
    rest = CASES[len(healthy) :]
    once = rest[: len(rest) // 2]
    pairs = {(case.sickness, case.base) for case in rest}
    assert {(case.sickness, case.base) for case in once} == pairs
    assert len(once) == len(pairs)
    degrees = {(case.sickness, case.base, case.badly) for case in rest}
    assert len(degrees) == len(rest), "each in both degrees"


def test_each_sickness_is_cured_once_before_any_again() -> None:
    sick = [case for case in CASES if case.sickness and case.base.half == "test"]
    ordered = each_once_first(sick)
    assert sorted(case.name for case in ordered) == sorted(case.name for case in sick)
    assert len({case.sickness for case in ordered[: len(SICKNESSES)]}) == len(SICKNESSES)


@pytest.mark.parametrize("sickness", [None, *SICKNESSES], ids=lambda each: each.name if each else "healthy")
def test_every_case_is_an_experiment(sickness: Any) -> None:
    for case in CASES:
        if case.sickness is sickness and case.seed == 0:
            changes = case.changes("pictures.npz")
            config = find_config(case.base.config)
            resolving.load_parts(config, tuple(map(Typed, changes)))
            if case.onset:
                resolving.load_parts(config, tuple(map(Typed, (*changes, *case.sick_changes))))
                assert not [change for change in case.sick_changes if never_may_be_set(change.partition("=")[0])]


@pytest.fixture
def few_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "COUNT", 120)


@pytest.mark.parametrize("source", pictures.SOURCES)
def test_the_pictures_are_as_sick_as_their_form_says(source: str, few_pictures: None, tmp_path: Path) -> None:
    found = {}
    for form in pictures.FORMS:
        with np.load(pictures.write_pictures(tmp_path, source, form)) as archive:
            found[form] = archive["images"], archive["labels"]
        assert found[form][0].dtype == np.uint8
        assert len(found[form][0]) == len(found[form][1])
    assert found["whole"][0].shape[0] == 120
    assert found["dark"][0].max() < 8
    assert np.ptp(found["constant"][0].astype(int), axis=0).max() == 1
    assert len(np.unique(found["copies"][0], axis=0)) <= 40
    assert np.bincount(found["one_class_outweighs"][1]).max() > 0.5 * len(found["one_class_outweighs"][1])
    assert len(np.unique(found["one_a_class"][0], axis=0)) == len(np.unique(found["whole"][1]))
    assert (found["narrow"][0].min(), found["narrow"][0].max()) >= (100, 140)
    assert found["narrow"][0].max() <= 151
    assert sorted(found["shuffled_labels"][1]) == sorted(found["whole"][1])
    assert not np.array_equal(found["shuffled_labels"][1], found["whole"][1])
    assert pictures.write_pictures(tmp_path, source, "few").stat().st_mtime_ns > 0


# What is counted --------------------------------------------------------------------------------------------------

COLLAPSE = next(each for each in SICKNESSES if each.name == "collapse")
COPIES = next(each for each in SICKNESSES if each.name == "data_copies")


def case_of(sickness: Any, seed: int) -> Case:
    return Case(base_called("dcgan"), seed, "clothes", sickness)


def result_of(*names: str, said: int = 0, **facts: Any) -> Result:
    findings = [{"name": name, "severity": "warning"} for name in names]
    return Result(findings, dict.fromkeys(names, said), facts.pop("held", {}), **facts)


def test_the_table_counts_what_is_right_missed_and_false() -> None:
    length = base_called("dcgan").iterations
    results = {
        case_of(None, 0): result_of(),
        case_of(None, 1): result_of("collapse"),
        case_of(COLLAPSE, 0): result_of("collapse", said=length * 3 // 4, cured=True, better=True),
        case_of(COLLAPSE, 1): result_of("collapse", "saturated_pixels", said=length, cured=True, better=False),
        case_of(COLLAPSE, 2): result_of("copies"),
        case_of(COPIES, 0): result_of("data_copies", "collapse", said=2, cured=None),
    }
    row = tables.row_of("collapse", results)
    assert (row.right, row.missed, row.false) == (2, 1, 1), "a companion is not false"
    assert (row.precision, row.recall) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert row.delays == (0.25, 0.5), "it began in the middle"
    assert row.cures == (True, False)
    assert tables.row_of("copies", results).false == 1
    assert tables.row_of("saturated_pixels", results).false == 0
    *_, together = tables.rows(results)
    assert (together.name, together.right, together.missed, together.false) == ("all", 3, 1, 2)
    assert tables.false_alarms(results) == ["healthy-dcgan-clothes-1: collapse"]
    told = tables.shortfalls(results)
    assert "precision of all findings is 0.60, and should be 0.95 or more" in told
    assert "recall of collapse is 0.67, and should be 0.8 or more" in told
    assert tables.row_of("cycling", results).recall != tables.row_of("cycling", results).recall


def test_a_threshold_is_put_into_the_gap() -> None:
    assert tables.part(np.array([5.0, 6.0, 7.0]), np.array([1.0, 2.0, 3.0])) == (4.0, 1.0)
    cut, separation = tables.part(np.array([5.0, 6.0, 1.0]), np.array([1.0, 2.0, 5.5]))
    assert separation == pytest.approx(2 / 3 - 1 / 3)
    assert 2 < cut < 5
    low, high = ({"collapse": value} for value in (0.2, 0.9))
    results = {case_of(None, 0): result_of(held=low), case_of(COLLAPSE, 0): result_of(held=high)}
    (fit,) = tables.fits(results)
    assert (fit.name, fit.best, fit.separation, fit.sick, fit.others) == ("collapse", pytest.approx(0.55), 1, 1, 1)
    assert (fit.least, fit.greatest) == (0.9, 0.2)
    assert fit.now == all_rules()["collapse"].module.THRESHOLD


def test_a_run_is_seen_as_it_was(tmp_path: Path) -> None:
    collapsed = {"lite0_diversity": lambda at: np.where(at > ITERATIONS / 2, 0.05, 0.6)}
    folder = make_up(tmp_path / "run", vitals=collapsed)
    early = HistoryUntil(RunHistory(folder), 1000)
    assert early.config == RunHistory(folder).config
    assert early.iterations == 1000
    assert early.vitals.column("iteration").max() == 1000
    assert early.metrics[-1]["iteration"] == 1000
    assert early.log == []
    assert first_said(RunHistory(folder), ["collapse"]) == {"collapse": 3000}
    assert first_said(RunHistory(folder), []) == {}
    held = held_by_rules(RunHistory(folder))
    assert held["collapse"] == pytest.approx(1 - 0.05 / 0.78, abs=0.02)
    assert "penalty_too_weak" not in held


# A case, all the way ----------------------------------------------------------------------------------------------


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[str]]]:
    """Play ganctl's trainings in this process; yields the command lines."""
    typed: list[list[str]] = []

    def run(arguments: Sequence[str]) -> tuple[float, bool]:
        typed.append(list(arguments))
        done = CliRunner().invoke(commands, list(arguments))
        if done.exception:
            raise done.exception if isinstance(done.exception, GanctlError) else AssertionError(repr(done.exception))
        return 1.5, False

    monkeypatch.setattr(laboratory, "run_ganctl", run)
    with operation_by_operation():
        yield typed


TINY = Base("dense", "dense_gan_mnist", "test", 8, ("training.precision=float32", "training.xla=false"))
LATE = Sickness("data_dark", ("dense",), lambda *_: ("optimizer.generator.learning_rate=1e-3",), "dark", late=True)


@pytest.mark.slow
def test_a_healthy_and_a_sick_run_go_through_all_of_it(
    in_this_process: list[list[str]], few_pictures: None, tmp_path: Path
) -> None:
    said: list[str] = []
    lab = Laboratory(tmp_path, ("training.batch_size=2", "evaluation.every=0", "dataset.image_size=28"), said.append)
    case = Case(TINY, 0, "clothes")
    assert lab.results([case]) == {}
    lab.train(case)
    lab.cure(case)
    lab.train(case)
    assert len(in_this_process) == 1, "a case is trained once, and a healthy one needs no cure"
    healthy = lab.result(case)
    assert healthy.findings == []
    assert (healthy.kid, healthy.cured, healthy.advice, healthy.seconds) == (None, None, "", 1.5)
    kept = {path.name for path in lab.kept(case).path.iterdir()}
    assert kept == {"config.yaml", "run.json", "losses.csv", "vitals.csv", "log.txt", "samples", "laboratory.json"}
    sick = Case(TINY, 0, "clothes", LATE)
    lab.train(sick)
    found = lab.result(sick)
    assert (found.all_names, found.first_said) == ({"data_dark"}, {"data_dark": 1})
    assert found.advice == "dataset.value_range=percentiles"
    assert (found.cured, found.seconds) == (None, 3.0)
    lab.cure(sick)
    lab.cure(sick)
    assert lab.results([case, sick]) == {case: healthy, sick: replace(found, cured=True)}
    words = [" ".join(line) for line in in_this_process[1:]]
    assert [line.split()[0] for line in words] == ["train", "resume", "train", "resume"]
    assert [re.findall(r"training.iterations=(\d+)", line)[-1] for line in words] == ["4", "8", "4", "8"]
    assert ["learning_rate=1e-3" in line for line in words] == [False, True, False, True]
    # No resumption may set it.
    assert ["value_range=percentiles" in line for line in words] == [False, False, True, True], (
        "no resumption may set it"
    )
    assert [line.split(":")[0] for line in said] == [case.name, sick.name, f"{sick.name}--cured"]


def test_a_training_in_a_process_of_its_own_says_how_it_ended(tmp_path: Path) -> None:
    answers = {}
    for name, arguments in {"done": ["--version"], "wrong": ["train", str(tmp_path / "none.yaml")]}.items():
        here, there = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("spawn").Process(target=trainings.play, args=(arguments, there))
        process.start()
        answers[name] = here.recv()
        process.join()
        assert process.exitcode == 0
    assert answers["done"][1:] == (0, "")
    assert answers["wrong"][1] == 2
    assert "none.yaml" in answers["wrong"][2]


def test_the_program_lists_its_cases_and_shows_what_is_kept(tmp_path: Path) -> None:
    done = CliRunner().invoke(command, ["--list", "--half", "test", "--seeds", "0", "--sicknesses", "collapse"])
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1] == "2 runs, 0 of them healthy"
    done = CliRunner().invoke(command, ["--no-train", "--fit", "--folder", str(tmp_path)])
    assert done.exit_code == 0
    assert "precision" in done.stdout
    assert CliRunner().invoke(command, ["--sicknesses", "colapse"]).exit_code == 2


# The page ---------------------------------------------------------------------------------------------------------


def test_the_page_has_the_table_with_its_command(tmp_path: Path) -> None:
    page = tmp_path / "doctor.md"
    page.write_text(f"# The doctor\n\n{pages.BEGIN}old\n{pages.END}\nmore\n")
    results = {
        case_of(None, 0): result_of("copies"),
        case_of(COLLAPSE, 0): result_of("collapse", said=base_called("dcgan").iterations, cured=True),
    }
    pages.write_table(page, "python -m benchmarks.doctor", results)
    text = page.read_text()
    assert text.startswith(
        f"# The doctor\n\n{pages.BEGIN}`python -m benchmarks.doctor`: 1 sick runs and 1 healthy ones."
    )
    assert "\n| collapse | 1 | 0 | 0 | 1.00 | 1.00 | 50% | 1 of 1 |\n" in text
    assert "\n| copies | 0 | 0 | 1 | 0.00 |  |  |  |\n" in text
    assert "`healthy-dcgan-clothes-0: copies`." in text
    assert "\n- precision of all findings is 0.50, and should be 0.95 or more.\n" in text
    assert text.endswith(f"{pages.END}\nmore\n")


def test_a_picture_shows_the_grids_and_the_curve(tmp_path: Path) -> None:
    lab = Laboratory(tmp_path, say=lambda _: None)
    grey, white = (Image.new("RGB", (32, 16), level) for level in ((90, 90, 90), (255, 255, 255)))
    collapsed = {"lite0_diversity": lambda at: np.where(at > ITERATIONS / 2, 0.05, 0.6)}
    for case, vitals, grid in ((case_of(None, 0), None, white), (case_of(COLLAPSE, 0), collapsed, grey)):
        folder = make_up(lab.kept(case).path, vitals=vitals)
        (folder.path / laboratory.FACTS).write_text('{"seconds": 1.0, "diverged": false, "advice": ""}')
        folder.samples.mkdir()
        grid.save(folder.samples / "000005000.png")
    where = tmp_path / "images"
    pages.draw_all(lab, [case_of(None, 0), case_of(COLLAPSE, 0)], where)
    assert {path.name for path in where.iterdir()} == {"collapse.png", "shown.json"}
    shown = json.loads((where / "shown.json").read_text())["collapse"]
    assert (shown["case"], shown["curve"]) == (case_of(COLLAPSE, 0).name, "lite0_diversity")
    drawn = np.asarray(Image.open(where / "collapse.png").convert("RGB")).astype(int)
    near_grey = (abs(drawn - 90).max(axis=2) < 12).sum(axis=0)
    assert near_grey[: drawn.shape[1] // 3].max() > 50, "the sick run's grid is on the left"
    assert near_grey[drawn.shape[1] // 3 + 20 : drawn.shape[1] // 2].max() < 50
    assert (drawn[:, drawn.shape[1] * 2 // 3 :, 0] - drawn[:, drawn.shape[1] * 2 // 3 :, 2] > 100).any(), "a red curve"
    assert (where / "collapse.png").stat().st_size < 40_000
