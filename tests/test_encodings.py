"""Every command prints in the terminal's encoding: what that lacks is escaped, and nothing fails."""

import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from conftest import RunCli, WriteYaml, slow_but
from PIL import Image
from test_cli import clean

from ganctl.host.terminal import Terminal

NAME = "bilder \u00e9\u03a9\U0001f600"
"""In Latin-1 only the first of these letters exists, in ASCII none."""


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of 60 different pictures whose name most encodings cannot write."""
    folder = tmp_path / NAME
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(60):
        Image.fromarray(random.integers(0, 256, (16, 16, 3), np.uint8)).save(folder / f"{number}.png")
    return folder


@pytest.fixture(params=slow_but(["fork ascii"], ["fork ascii", "typed ascii:strict", "typed cp1252", "typed latin-1"]))
def printed(
    request: pytest.FixtureRequest, tmp_path: Path, run_cli: RunCli, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., str]:
    """Return what runs a command beside the pictures, under an encoding, and gives its standard output."""
    start, encoding = request.param.split()
    monkeypatch.setenv("PYTHONIOENCODING", encoding)

    def run(*words: object) -> str:
        done = run_cli(*words, cwd=tmp_path, start=start)
        clean(done)
        return done.stdout

    return run


def shown() -> str:
    """The name as a terminal of the encoding shows it."""
    codec = os.environ["PYTHONIOENCODING"].partition(":")[0]
    return NAME.encode(codec, "backslashreplace").decode(codec)


@pytest.mark.slow
def test_init_prints_a_name_that_the_encoding_lacks(printed: Callable[..., str], pictures: Path) -> None:
    assert shown() in printed("init", NAME, "--minutes", "1")
    (written,) = pictures.parent.glob("*.yaml")
    assert yaml.safe_load(written.read_text("utf-8"))["dataset"]["path"] == str(pictures)


def test_a_run_prints_a_name_that_the_encoding_lacks(
    printed: Callable[..., str], pictures: Path, tiny_yaml: WriteYaml
) -> None:
    place = pictures.parent
    dataset = {"name": "image_folder", "path": NAME, "image_size": 8}
    tiny_yaml({"dataset": dataset, "training.iterations": 2}).rename(place / f"{NAME}.yaml")
    written = yaml.safe_load(printed("validate", f"{NAME}.yaml", "--show"))
    assert written["dataset"]["path"] == str(pictures)
    assert shown() in printed("train", f"{NAME}.yaml", "--output-dir", f"runs of {NAME}")
    (run,) = (place / f"runs of {NAME}").iterdir()
    assert shown() in printed("sample", "--checkpoint", run, "--output", f"{NAME}.png")
    assert cv2.imread(str(place / f"{NAME}.png")).std() > 0
    scored = json.loads(printed("evaluate", run, "--num", "50", "--pairs", f"{NAME}.pairs.png", "--json"))
    assert scored["what"] == str(run)
    assert shown() in printed("report", run)


def test_a_refusal_names_what_the_encoding_lacks(run_cli: RunCli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    done = run_cli("train", f"{NAME}.yaml")
    assert done.stdout == ""
    assert clean(done, 2).startswith("Error: bilder \\xe9\\u03a9\\U0001f600.yaml does not exist.")
    assert "No such option '--\\xe9'" in clean(run_cli("train", "--\u00e9"), 2)


def test_python_prints_where_its_stream_is_strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """`ganctl.train` in a user's own program, whose standard output is left as it is."""
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, "latin-1", "strict"))
    Terminal(quiet=False).say(NAME)
    sys.stdout.flush()
    assert written.getvalue() == NAME.encode("latin-1", "backslashreplace") + b"\n"
    assert sys.stdout.errors == "strict"
