"""`ganctl sweep`."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganctl.cli._options import PATH, device_option, json_option, output_dir_option, quiet_option
from ganctl.cli._printing import prints_unicode, show, show_json

if TYPE_CHECKING:
    from ganctl.planning.sweep.study import Study
    from ganctl.run_folder.sweep_folder import SweepRecord, Trial


@click.command()
@click.argument("file", metavar="SWEEP.yaml", type=PATH)
@output_dir_option
@click.option("--best", is_flag=True, help="Train nothing; print the experiment of the best trial as YAML.")
@click.option(
    "--dry-run", is_flag=True, help="Check the file and build the networks of its extreme values; train nothing."
)
@device_option
@json_option
@quiet_option
def command(
    file: Path,
    output_dir: Path | None,
    best: bool,
    dry_run: bool,
    device: str,
    as_json: bool,
    quiet: bool,
) -> None:
    """Train an experiment many times with different values of some keys, to find the best ones: a sweep.

    SWEEP.yaml names the experiment, the keys to try, each with its range, and a budget of trials or minutes. Every
    trial is a run folder within that of the sweep, whose sweep.html shows them all. The same command continues a sweep;
    in another terminal, it works on the same sweep at the same time. Needs Optuna: pip install 'ganctl[sweep]'.

    \b
    ganctl sweep night.yaml
    ganctl sweep night.yaml --best > best.yaml
    """
    from ganctl.errors import UsageError
    from ganctl.host.terminal import Terminal
    from ganctl.planning.sweep.extremes import check_networks
    from ganctl.planning.sweep.running import SweepRunner
    from ganctl.planning.sweep.study import Study, optuna
    from ganctl.planning.sweep.sweep_file import read_sweep
    from ganctl.plugins import as_options
    from ganctl.run_folder.sweep_folder import SweepFolder

    if as_json and (best or dry_run):
        raise UsageError("--json prints the trials when a sweep ends; leave it out with --best and --dry-run.")
    optuna()
    sweep = read_sweep(file)
    if dry_run:
        check_networks(sweep, Terminal(quiet=True).track)
        show(f"{file} is valid.")
        return
    outputs = Path(os.path.expanduser(output_dir or sweep.experiment.root_dir))
    folder = SweepFolder(outputs / sweep.name)
    if best:
        _print_best(Study.open(folder, sweep, new=False))
        return
    terminal = Terminal(quiet=quiet or as_json)
    if not folder.definition.is_file():
        terminal.say("checking    the networks of the space's extreme values")
        _check_in_another_process(file)
    study = Study.open(folder, sweep)
    keys = "key" if len(sweep.space) == 1 else "keys"
    terminal.say(
        f"sweep       {folder.path}: {len(sweep.space)} {keys}, {sweep.objective.title} at the end of each trial"
    )
    minutes = sweep.budget.minutes
    runner = SweepRunner(
        study,
        terminal.say,
        ["--device", device, *as_options()],
        None if minutes is None else 60 * minutes,
        lambda: _write_page(study, terminal.say),
    )
    again = ["ganctl", "sweep", str(file), *(["--output-dir", str(output_dir)] if output_dir else [])]
    runner.run(shlex.join(again))
    record = study.record()
    _write_page(study, terminal.say)
    if as_json:
        show_json(record.as_json())
    else:
        _conclude(record, shlex.join([*again, "--best"]), terminal.say)


def _check_in_another_process(file: Path) -> None:
    """Build the networks in another process: this one only waits for trainings, and should not load TensorFlow."""
    from ganctl.errors import ConfigurationError, DataError, GanctlError
    from ganctl.plugins import as_options

    command = [sys.executable, "-m", "ganctl", "sweep", str(file), "--dry-run", *as_options()]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        kinds: dict[int, type[GanctlError]] = {2: ConfigurationError, 3: DataError}
        told = done.stderr.strip().removeprefix("Error: ")
        raise kinds.get(done.returncode, GanctlError)(told or f"The check ended with exit code {done.returncode}.")


def _write_page(study: "Study", say: Callable[[str], None]) -> None:
    from ganctl.report.sweep_page import write_sweep_page

    try:
        write_sweep_page(study.record())
    except OSError as error:
        say(f"Warning: {study.folder.page} cannot be written: {error.strerror or error}.")


def _conclude(record: "SweepRecord", command: str, say: Callable[[str], None]) -> None:
    """Print the best trial, and what to type next."""
    best, base, objective = record.best, record.base_trial, record.objective.title
    if best is None:
        say(f"No trial has finished yet. The trials are in {record.folder.path}; open its {record.folder.page.name}.")
        return
    beside = f"; the base, trial {base.number}, {_outcome(base)}" if base and base.number != best.number else ""
    say(f"best        trial {best.number}: {objective} {best.score:.4g}{beside}")
    for key, value in best.values.items():
        say(f"            {key} {value}")
    say(f"Done. The trials are in {record.folder.path}; open its {record.folder.page.name}. The best as a file:")
    say(f"  {command}")


def _outcome(trial: "Trial") -> str:
    return f"has {trial.score:.4g}" if trial.score is not None else f"is {trial.state}"


def _print_best(study: "Study") -> None:
    """Print the experiment of the best trial, with its score as a comment."""
    from ganctl.errors import GanctlError
    from ganctl.experiment.yaml_editing import comment

    record = study.record()
    if record.best is None:
        raise GanctlError(f"No trial of {record.folder.path} has finished yet.")
    best, sweep = record.best, study.sweep
    head = f"Trial {best.number} of the sweep {record.name}, the best of {len(record.ranked)} that finished: "
    head += f"{record.objective.title} {best.score:.4g}."
    text = sweep.parts(best.values).experiment.to_yaml(ascii_only=not prints_unicode())
    show("\n".join([*comment(head), text]), nl=False)
