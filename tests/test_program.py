"""The program itself, before any command: huge pages, and Ctrl-C while it starts."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ganctl import huge_pages

# Runs inside of the program: what its environment says, and how much of 64 MiB that it writes to lies in huge pages.
PLUGIN = """
import os
memory = bytearray(b"x") * (64 << 20)
fields = dict(line.split(":", 1) for line in open("/proc/self/smaps_rollup") if line.count(":") == 1)
print("tunables", os.environ.get("GLIBC_TUNABLES"), "huge", fields["AnonHugePages"].split()[0])
"""
asks = pytest.mark.skipif(
    not huge_pages._given_to_who_asks(), reason="Linux gives no huge pages here, or without being asked"
)


def run(environment: dict[str, str], *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name != "GLIBC_TUNABLES"}
    command = [sys.executable, "-m", "ganctl", *arguments]
    return subprocess.run(command, env=kept | environment, cwd=cwd, capture_output=True, text=True, check=False)


def seen(environment: dict[str, str], folder: Path) -> tuple[str, int]:
    """Return the allocator's settings, and KiB in huge pages, as a plugin finds them."""
    (folder / "look.py").write_text(PLUGIN, "utf-8")
    done = run(environment, "list-losses", "--plugin", "look.py", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    _, tunables, _, huge = next(line for line in done.stdout.splitlines() if line.startswith("tunables")).split()
    return tunables, int(huge)


@asks
@pytest.mark.parametrize("before", ["", "glibc.malloc.perturb=0"])
def test_memory_lies_in_huge_pages(before: str, tmp_path: Path) -> None:
    tunables, huge = seen({"GLIBC_TUNABLES": before} if before else {}, tmp_path)
    assert tunables == ":".join(filter(None, [before, "glibc.malloc.hugetlb=1"]))
    assert huge > 32 << 10


@asks
def test_who_decides_against_huge_pages_gets_none(tmp_path: Path) -> None:
    assert seen({"GLIBC_TUNABLES": "glibc.malloc.hugetlb=0"}, tmp_path) == ("glibc.malloc.hugetlb=0", 0)


@pytest.mark.parametrize("policy", ["[always] madvise never", "always madvise [never]", None])
def test_nobody_asks_in_vain(policy: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "enabled"
    if policy is not None:
        file.write_text(policy + "\n", "utf-8")
    monkeypatch.setattr(huge_pages, "_POLICY", file)
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    monkeypatch.setattr(os, "execv", lambda *_: pytest.fail("began again"))
    huge_pages.restart_with_huge_pages()
    assert "GLIBC_TUNABLES" not in os.environ


def test_arguments_and_exit_codes_survive_the_restart(tmp_path: Path) -> None:
    done = run({}, "train", "no such file.yaml", "--set", "name=*", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("Error: There is no file no such file.yaml.")


@pytest.mark.parametrize("tunables", [{}, {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=0"}], ids=["restarted", "as it is"])
def test_ctrl_c_while_the_program_starts_shows_no_traceback(tunables: dict[str, str], tmp_path: Path) -> None:
    # The first library that the command line imports, interrupted.
    (tmp_path / "click.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGINT)\n", "utf-8")
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    done = run({"PYTHONPATH": path, **tunables}, "--help", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")
