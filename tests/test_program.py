"""The program itself, before any command: huge pages, and Ctrl-C while it starts."""

import mmap
import os
import platform
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ganctl.host import huge_pages

MEBIBYTES = 64
CAN_ASK = platform.libc_ver()[0] == "glibc" and tuple(map(int, platform.libc_ver()[1].split("."))) >= (2, 35)
MUST_ASK = CAN_ASK and huge_pages.POLICY.is_file() and "[madvise]" in huge_pages.POLICY.read_text()
ASKED = "glibc.malloc.hugetlb=1"
REFUSED = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=0"}

# What the program was started with, as seen from inside of it.
PLUGIN = """
import os, sys
print("tunables", os.environ.get("GLIBC_TUNABLES"))
print("arguments", sys.argv[1:], sys.warnoptions, sys.flags.utf8_mode, ascii(sys.stdin.read()))
"""


def in_huge_pages() -> int:
    """KiB of this process' memory."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("AnonHugePages")).split()[1])


def given_here() -> bool:
    """Whether this machine has huge pages left for who asks."""
    try:
        before = in_huge_pages()
        with mmap.mmap(-1, MEBIBYTES << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
            memory.madvise(mmap.MADV_HUGEPAGE)
            memory.write(bytes(MEBIBYTES << 20))
            return in_huge_pages() - before >= MEBIBYTES << 9
    except (OSError, AttributeError, StopIteration):
        return False


def run(environment: dict[str, str], *arguments: str, cwd: Path, python: tuple[str, ...] = (), given: str = "") -> Any:
    kept = {name: value for name, value in os.environ.items() if name != "GLIBC_TUNABLES"}
    command = [sys.executable, *python, "-m", "ganctl", *arguments]
    return subprocess.run(
        command, env=kept | environment, cwd=cwd, input=given, capture_output=True, text=True, check=False
    )


def seen(environment: dict[str, str], folder: Path, plugin: str = PLUGIN, **settings: Any) -> dict[str, str]:
    """Return what a plugin prints, by the first word of each line."""
    (folder / "look.py").write_text(plugin, "utf-8")
    done = run(environment, "list-losses", "--plugin", "look.py", cwd=folder, **settings)
    assert (done.returncode, done.stderr) == (0, "")
    return dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)


@pytest.mark.parametrize("before", ["", "glibc.malloc.perturb=0"])
def test_the_program_asks_where_it_must(before: str, tmp_path: Path) -> None:
    found = seen({"GLIBC_TUNABLES": before} if before else {}, tmp_path)["tunables"]
    assert found == (":".join(filter(None, [before, ASKED])) if MUST_ASK else before or "None")


@pytest.mark.skipif(not MUST_ASK or not given_here(), reason="no huge pages are given here, or without being asked")
@pytest.mark.parametrize(("environment", "given"), [({}, True), (REFUSED, False)], ids=["asked", "refused"])
def test_memory_lies_in_huge_pages_unless_refused(environment: dict[str, str], given: bool, tmp_path: Path) -> None:
    plugin = f"""
from pathlib import Path
memory = bytearray(b"x") * ({MEBIBYTES} << 20)
print("huge", next(line for line in Path("/proc/self/smaps_rollup").open() if "AnonHuge" in line).split()[1])
"""
    assert (int(seen(environment, tmp_path, plugin)["huge"]) >= MEBIBYTES << 9) == given


@pytest.fixture
def begun_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str], dict[str, str]]]:
    """A machine whose Linux waits to be asked, under a C library that can; what a restart would have executed."""
    calls: list[tuple[str, list[str], dict[str, str]]] = []
    monkeypatch.setattr(os, "execve", lambda *call: calls.append(call))
    monkeypatch.setattr(os, "confstr", lambda _: "glibc 2.36", raising=False)
    monkeypatch.setattr(huge_pages, "POLICY", tmp_path / "enabled")
    (tmp_path / "enabled").write_text("always [madvise] never\n", "utf-8")
    for name in ("GLIBC_TUNABLES", huge_pages.RESTARTED):
        monkeypatch.delenv(name, raising=False)
    return calls


def test_it_begins_again_once_with_the_same_arguments(begun_again: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    huge_pages.restart_with_huge_pages()
    ((program, arguments, environment),) = begun_again
    assert (program, arguments) == (sys.executable, [sys.executable, *sys.orig_argv[1:]])
    assert environment["GLIBC_TUNABLES"] == ASKED
    # A program with capabilities does not get to see the tunables, and must not begin again for ever.
    monkeypatch.setenv(huge_pages.RESTARTED, environment[huge_pages.RESTARTED])
    huge_pages.restart_with_huge_pages()
    assert len(begun_again) == 1
    monkeypatch.setenv(huge_pages.RESTARTED, "1")  # another one's, which called this one
    huge_pages.restart_with_huge_pages()
    assert len(begun_again) == 2


@pytest.mark.parametrize("policy", ["[always] madvise never", "always madvise [never]", None])
def test_nobody_asks_in_vain(policy: str | None, begun_again: list[Any]) -> None:
    if policy is None:
        huge_pages.POLICY.unlink()
    else:
        huge_pages.POLICY.write_text(policy + "\n", "utf-8")
    huge_pages.restart_with_huge_pages()
    assert not begun_again


@pytest.mark.parametrize("library", ["glibc 2.34", "musl 1.2", "", None, "glibc two"])
def test_a_library_that_cannot_ask(
    library: str | None, begun_again: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "confstr", lambda _: library, raising=False)
    huge_pages.restart_with_huge_pages()
    assert not begun_again


@pytest.mark.parametrize("executable", ["", None])
def test_a_python_that_does_not_know_its_place(
    executable: str | None, begun_again: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", executable)
    huge_pages.restart_with_huge_pages()
    assert not begun_again


def test_what_the_program_was_started_with_survives_the_restart(tmp_path: Path) -> None:
    found = [
        seen(environment, tmp_path, python=("-W", "ignore:a b", "-X", "utf8"), given="first\nlast")["arguments"]
        for environment in ({}, REFUSED)
    ]
    assert found == ["['list-losses', '--plugin', 'look.py'] ['ignore:a b'] 1 'first\\nlast'"] * 2


@pytest.mark.parametrize(("arguments", "code"), [(["--version"], 0), (["train", ""], 2)])
def test_exit_codes_survive_the_restart(arguments: list[str], code: int, tmp_path: Path) -> None:
    assert [run(environment, *arguments, cwd=tmp_path).returncode for environment in ({}, REFUSED)] == [code, code]


@pytest.mark.parametrize("environment", [{}, REFUSED], ids=["restarted", "as it is"])
def test_ctrl_c_while_libraries_load_shows_no_traceback(environment: dict[str, str], tmp_path: Path) -> None:
    # The first library that the command line imports, interrupted.
    (tmp_path / "click.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGINT)\n", "utf-8")
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    done = run({"PYTHONPATH": path, **environment}, "--help", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")
