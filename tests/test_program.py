"""The program itself, before any command: it starts once, and Ctrl-C while it does."""

import os
import signal
import subprocess
import sys
from pathlib import Path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program in a folder whose Python files come before all others."""
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    environment = {name: value for name, value in os.environ.items() if name != "GLIBC_TUNABLES"}
    command = [sys.executable, "-m", "ganctl", *arguments]
    return subprocess.run(
        command, env=environment | {"PYTHONPATH": path}, cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_program_starts_once_and_leaves_its_environment_alone(tmp_path: Path) -> None:
    """A debugger, profiler or supervisor would have to follow a second start."""
    (tmp_path / "sitecustomize.py").write_text("print('Python starts', flush=True)\n", "utf-8")
    (tmp_path / "look.py").write_text("import os; print('tunables', os.environ.get('GLIBC_TUNABLES'))\n", "utf-8")
    done = run(tmp_path, "list-losses", "--plugin", "look.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("Python starts") == 1
    assert "tunables None" in done.stdout


def test_ctrl_c_while_libraries_load_shows_no_traceback(tmp_path: Path) -> None:
    # The first library that the command line imports, interrupted.
    (tmp_path / "click.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGINT)\n", "utf-8")
    done = run(tmp_path, "--help")
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


LOOK = """
import sys
from ganctl.lazy import tf

assert tf.version
print("loaded by Keras:", "matplotlib.pyplot" in sys.modules)
from matplotlib import pyplot
assert pyplot.rcParams
"""


def test_what_only_keras_uses_is_not_loaded_by_the_program_and_is_there_for_others(tmp_path: Path) -> None:
    (tmp_path / "look.py").write_text(LOOK, "utf-8")
    done = run(tmp_path, "list-losses", "--plugin", "look.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert "loaded by Keras: False\n" in done.stdout


def test_a_users_own_process_has_all_of_keras(tmp_path: Path) -> None:
    script = f"import ganctl\n{LOOK}"
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "loaded by Keras: True\n"
