"""`ganctl plan` says how long a training will take, and nothing else happens."""

import json
import math
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import RunCli, WriteYaml

from ganctl.cli import commands
from ganctl.game import Game, feed
from ganctl.host import huge_pages
from ganctl.planning.pace import format_duration, measure

LONG = 100_000
ASKING = "export GLIBC_TUNABLES=glibc.malloc.hugetlb=1"


@pytest.mark.slow
def test_a_plan_is_near_what_training_takes_and_writes_nothing(
    tiny_yaml: WriteYaml, run_cli: RunCli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLIBC_TUNABLES", f"{huge_pages.TUNABLE}=0")
    config = tiny_yaml({"training.iterations": LONG})
    before = sorted(tmp_path.rglob("*"))
    done = run_cli("plan", config, "--seconds", "0.5", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(tmp_path.rglob("*")) == before
    words = [line.split()[0] for line in done.stdout.splitlines() if not line.startswith(" ")]
    first, last = ["experiment", "device", "precision", "xla", "parameters"], ["speed", "rewrites", "memory", "time"]
    assert words == [*first, "images", "classes", *last]
    assert f"for {LONG:,} iterations" in done.stdout


@pytest.fixture
def waits_to_be_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The policy of a Linux that gives huge pages on request, under a C library that can ask."""
    policy = tmp_path / "enabled"
    policy.write_text("always [madvise] never\n", "utf-8")
    monkeypatch.setattr(huge_pages, "POLICY", policy)
    monkeypatch.setattr(os, "confstr", lambda _: "glibc 2.36", raising=False)
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    return policy


@pytest.mark.slow
def test_a_plan_says_how_to_have_huge_pages(tiny_yaml: WriteYaml, waits_to_be_asked: Path) -> None:
    plan = ["plan", str(tiny_yaml({})), "--seconds", "0.2", "--device", "cpu"]
    said = CliRunner().invoke(commands, plan, catch_exceptions=False).stdout
    assert [line.rpartition(": ")[2] for line in said.splitlines() if line.startswith("huge pages")] == [ASKING]
    assert json.loads(CliRunner().invoke(commands, [*plan, "--json"]).stdout)["huge_pages_command"] == ASKING
    waits_to_be_asked.unlink()
    assert json.loads(CliRunner().invoke(commands, [*plan, "--json"]).stdout)["huge_pages_command"] is None


def test_asking_for_huge_pages_keeps_what_was_asked_before(
    waits_to_be_asked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.perturb=0")
    command = huge_pages.command_for_huge_pages()
    assert command == "export GLIBC_TUNABLES=glibc.malloc.perturb=0:glibc.malloc.hugetlb=1"


@pytest.mark.parametrize("decided", [0, 1])
def test_nobody_is_told_who_has_decided(decided: int, waits_to_be_asked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLIBC_TUNABLES", f"glibc.malloc.perturb=0:{huge_pages.TUNABLE}={decided}")
    assert huge_pages.command_for_huge_pages() is None


@pytest.mark.parametrize("policy", ["[always] madvise never", "always madvise [never]"])
def test_nobody_is_told_where_asking_changes_nothing(policy: str, waits_to_be_asked: Path) -> None:
    assert huge_pages.command_for_huge_pages() == ASKING
    waits_to_be_asked.write_text(policy + "\n", "utf-8")
    assert huge_pages.command_for_huge_pages() is None


@pytest.mark.parametrize("library", ["glibc 2.34", "musl 1.2", "", None, "glibc two"])
def test_nobody_is_told_whose_library_cannot_ask(
    library: str | None, waits_to_be_asked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "confstr", lambda _: library, raising=False)
    assert huge_pages.command_for_huge_pages() is None


@pytest.mark.slow
def test_a_plan_of_a_run_counts_what_is_left(tiny_yaml: WriteYaml, tmp_path: Path) -> None:
    def run(*arguments: object) -> str:
        done = CliRunner().invoke(commands, [str(argument) for argument in arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    config = tiny_yaml({"training.iterations": 8, "outputs.checkpoint_every": 4})
    run("train", config, "--output-dir", tmp_path / "runs", "--run-name", "x", "--quiet")
    facts = json.loads(
        run("plan", tmp_path / "runs" / "x", "--set", "training.iterations=20", "--seconds", 0.2, "--json")
    )
    assert (facts["iterations"], facts["iterations_done"], facts["precision"]) == (20, 8, "float32")
    assert facts["seconds_left"] == pytest.approx(12 / facts["iterations_per_second"])
    assert 0 < facts["slowest"] <= facts["iterations_per_second"] <= facts["fastest"]
    assert facts["memory_bytes_peak"] > 2**27


def test_images_that_stream_are_measured_in_small_calls(
    small_game: Callable[..., Game], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call holds all of its images: of a fast game and large ones, a second's would be gigabytes."""
    monkeypatch.setenv("GANCTL_RESIDENT_BYTES", "0")
    game = small_game("dense_gan")
    image = math.prod(game.networks["generator"].output_shape[1:])
    monkeypatch.setattr(feed, "CHUNK_BYTES", 3 * sum(game.draws["real"]) * image)
    asked: list[int] = []
    chunk = game.chunk
    monkeypatch.setattr(game, "chunk", lambda step, rounds: asked.append(rounds) or chunk(step, rounds))
    found = measure(game, 0.2)
    assert max(asked) <= 3
    assert found.slowest <= found.iterations_per_second <= found.fastest
    game.feeds["real"].close()


@pytest.mark.slow
def test_a_processor_that_is_held_back_is_not_asked_for_bfloat16(
    tiny_yaml: WriteYaml, run_cli: RunCli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked for it, oneDNN ends the process."""
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    config = tiny_yaml({"training.precision": "auto"})
    done = run_cli("plan", config, "--seconds", "0.2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "float32 (ONEDNN_MAX_CPU_ISA=AVX2 disables bfloat16)" in done.stdout


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0 s"), (59, "59 s"), (60, "1 min"), (61, "1 min 1 s"), (3599, "59 min 59 s"), (3600, "1 h"),
     (7300, "2 h 1 min"), (86400 * 3 + 3600 * 5, "3 d 5 h")],
)  # fmt: skip
def test_a_duration_is_said_in_two_units(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
