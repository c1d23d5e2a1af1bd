"""The proofs of papers: what they say of figures, the page they write, and that every run can be trained."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.papers import clothes, page
from benchmarks.papers.__main__ import table, verdicts
from benchmarks.papers.proof import Expected, Measured, Proof, averaged
from benchmarks.papers.proofs import PROOFS
from ganctl.build.resolving import load_parts
from ganctl.host.device import select_device
from ganctl.training.prepared import Prepared

RUNS = [
    Measured({"ours": {"L1": 0.1, "KID": 0.3}, "control": {"L1": 0.3}}, {"made": np.zeros((2, 4, 4, 1), np.uint8)}),
    Measured({"ours": {"L1": 0.2, "KID": 0.1}, "control": {"L1": 0.1}}),
]


def proof(*expected: Expected) -> Proof:
    return Proof("ours", "A paper", "It is better.", "the same without it.", expected, lambda seed, folder: RUNS[0])


def test_a_claim_is_judged_by_the_mean_over_seeds_and_counted_by_seed() -> None:
    claim = proof(
        Expected("L1", "ours", "<", "control"),
        Expected("L1", "ours", "<", "control", plus=-0.1),
        Expected("KID", "ours", ">", 0.15),
    )
    lines = verdicts(claim, RUNS)
    assert [line.split()[0] for line in lines] == ["holds", "FAILS", "holds"]
    assert "L1 of ours < L1 of control - 0.1  (0.15 and 0.1; 1 of 2 seeds)" in lines[1]
    assert "KID of ours > 0.15  (0.2 and 0.15; 1 of 2 seeds)" in lines[2]
    assert averaged(RUNS)["ours"]["L1"] == pytest.approx((0.15, 0.0707), abs=1e-4)
    assert averaged(RUNS[:1])["ours"]["L1"] == (0.1, 0.0)
    assert table(RUNS).row_count == 2


def test_the_page_keeps_the_other_proofs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "PAGE", tmp_path / "papers.md")
    monkeypatch.setattr(page, "PICTURES", tmp_path / "images")
    table = f"{page._START}\n{page._END}\n"
    sections = "## first\n\nKept.\n\n## ours\n\nOld.\n\n## last\n\nKept, too.\n"
    page.PAGE.write_text(f"# Papers\n\nText.\n\n{table}\n{sections}")
    page.write(page.Entry.of(proof(Expected("L1", "ours", "<", "control")), RUNS, "abc1234"))
    text = page.PAGE.read_text()
    assert "Old." not in text
    assert text.index("Kept.") < text.index("It is better.") < text.index("Kept, too.")
    assert "| ours | 0.15 ± 0.071 | 0.2 ± 0.14 |" in text
    assert "- L1 of ours < L1 of control: yes, 0.15 and 0.2 (1 of 2 seeds)" in text
    assert "| [ours](#ours) | L1 of ours < L1 of control | 0.15 | 0.2 | yes | 1 of 1 | 2 |" in text
    assert (tmp_path / "images" / "ours.png").read_bytes().startswith(b"\x89PNG")
    page.write(page.Entry.of(proof(Expected("L1", "ours", "<", "control")), RUNS, "abc1234"))
    assert page.PAGE.read_text() == text, "written twice, it is the same"


@pytest.mark.parametrize("name", [proof.name for proof in PROOFS])
def test_every_run_of_every_proof_can_be_trained(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All settings are valid, the data set reads what was written, and the game is built; the training is left out."""
    built: dict[str, Prepared] = {}
    drawn: list[Path] = []

    def build(config: str, run: Path, seed: int, settings: dict[str, Any]) -> None:
        words = clothes.as_overrides({**settings, "dataset.limit": 64})
        parts = load_parts(clothes.config_path(config), words)
        parts = parts.with_training(precision="float32", xla=False)
        prepared = Prepared.make(parts, select_device("cpu"), lambda sequence, *_, **__: sequence)
        assert prepared.game.columns
        assert run.name not in built, "each run in a folder of its own"
        built[run.name] = prepared

    def translate(checkpoint: Path, given: Path, made: Path, *options: str) -> np.ndarray:
        drawn.append(checkpoint)
        return np.zeros((150, 28, 28, 1), np.uint8)

    def draw_through(checkpoint: Path, roles: Sequence[str], given: np.ndarray) -> np.ndarray:
        drawn.append(checkpoint)
        return np.zeros_like(given)

    def network_of(run: Path, role: str) -> Any:
        drawn.extend([run] if run not in drawn else [])
        return built[run.name].game.networks[role]

    real = clothes.Clothes.read
    monkeypatch.setattr(clothes.Clothes, "read", lambda: tuple(part.part(slice(150)) for part in real()))
    monkeypatch.setattr(clothes, "train", build)
    monkeypatch.setattr(clothes, "translate", translate)
    monkeypatch.setattr(clothes, "draw_through", draw_through)
    monkeypatch.setattr(clothes, "network_of", network_of)
    monkeypatch.setattr(clothes, "history", lambda run, window: {"d_loss": np.arange(4.0), "kid": np.arange(4.0)})
    monkeypatch.setattr(clothes, "scores", lambda images, real: dict.fromkeys(("kid", "precision", "recall"), 0.5))
    monkeypatch.setattr(clothes, "kernel_distance", lambda made, real: 0.5)
    monkeypatch.setattr(clothes, "accuracy", lambda judge, images, labels: 0.5)
    monkeypatch.setattr(clothes, "judge_of", lambda given: None)
    claim = next(each for each in PROOFS if each.name == name)
    for count in ("READ", "DRAWN"):  # of samples that are measured, not of images to learn from
        monkeypatch.setattr(sys.modules[claim.measure.__module__], count, 64, raising=False)
    found = claim.measure(0, tmp_path)
    assert len(set(drawn)) == len(drawn) >= 2, "what the paper's networks draw, and its control's"
    assert {checkpoint.relative_to(tmp_path).parts[0] for checkpoint in drawn} == set(built)
    assert verdicts(claim, [found]), "all figures of the claim are there"


def test_the_table_of_the_docs_is_what_their_sections_say() -> None:
    text = page.PAGE.read_text("utf-8")
    before, sections = page._sections(text)
    rows = page.summary(sections)
    assert "\n".join(rows) in before
    assert len(rows) == 2 + len(sections), "every section has a verdict"


def test_a_run_of_an_interrupted_proof_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed: list[list[str]] = []
    monkeypatch.setattr(clothes, "run_ganctl", typed.append)
    begun = tmp_path / "begun"
    begun.mkdir()
    (begun / "config.yaml").write_text("name: begun\n", encoding="utf-8")
    for run in (begun, tmp_path / "new"):
        clothes.train("cgan", run, 0, {"training.iterations": 3})
    assert typed[0] == ["resume", str(begun), "--quiet"]
    assert typed[1][0] == "train"
    assert typed[1][-5:] == ["--set", "training.iterations=3", "--seed", "0", "--quiet"]
