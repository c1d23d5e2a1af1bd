"""One writer of whole files: what is there before stays until the new file is complete, and its mode is the user's."""

import os
import re
import stat
from pathlib import Path

import pytest

import ganctl
from ganctl.host import files
from ganctl.host.files import replacement_for, write_atomically

PACKAGE = Path(ganctl.__file__).parent


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes each fsync found on the disk's side."""
    sizes: list[int] = []
    monkeypatch.setattr(files.os, "fsync", lambda number: sizes.append(os.fstat(number).st_size))
    return sizes


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_is_replaced_and_nothing_lies_beside_it(durable: bool, tmp_path: Path, synced: list[int]) -> None:
    path = tmp_path / "a.txt"
    for content in (b"before", b"after all"):
        write_atomically(path, content, durable=durable)
    assert path.read_bytes() == b"after all"
    assert os.listdir(tmp_path) == ["a.txt"]
    assert synced == ([6, 9] if durable else []), "the disk has all of it before the old file goes"


@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077])
def test_a_file_is_for_whom_the_umask_says(mask: int, tmp_path: Path) -> None:
    before = os.umask(mask)
    try:
        write_atomically(tmp_path / "a.png", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.png").stat().st_mode) == 0o666 & ~mask


def fail_halfway(path: Path, kind: str) -> None:
    with replacement_for(path, ".bin") as temporary:
        assert temporary.parent == path.parent, "a rename must not leave the disk"
        assert (temporary.suffix, temporary.name[0]) == (".bin", ".")
        if kind == "folder":
            temporary.mkdir()
        (temporary / "half" if kind == "folder" else temporary).write_bytes(b"half")
        raise KeyboardInterrupt


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_failure_leaves_what_was_there(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"before")
    with pytest.raises(KeyboardInterrupt):
        fail_halfway(path, kind)
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_nobody_else_writes_beside_and_renames() -> None:
    """But the checkpoint, whose folder is synced before and after, and the image cache, whose file is mapped."""
    renames = re.compile(r"os\.replace|os\.rename|\.rename\(|NamedTemporaryFile|temporary\.replace\(")
    found = {path.stem for path in PACKAGE.rglob("*.py") if renames.search(path.read_text("utf-8"))}
    assert found <= {"files", "checkpoint", "image_cache"}


def test_nobody_but_the_run_folder_spells_its_paths() -> None:
    names = re.compile(
        r"""/ f?"(checkpoints|samples|generators|config\.yaml|run\.json|losses\.|metrics\.csv|\.lock|\{step)"""
    )
    found = [path for path in PACKAGE.rglob("*.py") if names.search(path.read_text("utf-8"))]
    assert found == [PACKAGE / "run_folder" / "paths.py"]
