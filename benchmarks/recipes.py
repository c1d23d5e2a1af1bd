"""`python -m benchmarks.recipes`: trains the shipped recipes again and fails where one draws worse than it says.

The head comment of every file in `configs/` has a line that begins with `# Score:`, and below it what was run. A new
one says `not measured yet`, until `--write` has filled it in.
"""

import itertools
import json
import math
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import click
from rich.console import Console
from rich.table import Table

from ganctl.errors import GanctlError

CONFIGS = Path(__file__).parent.parent / "configs"
_LINE = re.compile(
    r"^# Score: (?:not measured yet|"
    r"KID-Lite0 (?P<kid>[-\d.]+), deviation (?P<deviation>[\d.]+) over seeds (?P<seeds>[\d, ]+); "
    r"floor (?P<floor>[-\d.]+); N = (?P<num>\d+); (?P<minutes>[\d.]+) minutes on two cores; commit (?P<commit>\w+))\n"
    r"#   (?P<command>ganctl train .*)$",
    re.MULTILINE,
)
CLEARLY = 3.0
"""Standard errors beyond which two means differ by more than chance."""
_TOLERATED = 0.05  # of the score: another processor rounds otherwise, and chaos does the rest


@dataclass(frozen=True)
class Score:
    """What a recipe's head comment says of it.

    Attributes:
        kid: mean KID-Lite0 over the seeds; infinite where nobody has measured it yet.
        deviation: its standard deviation over the seeds.
        seeds: those.
        floor: KID of as many real images.
        num: samples that were scored.
        minutes: of one training.
        commit: at which it was measured.
        command: what was typed, without the seed.
    """

    kid: float
    deviation: float
    seeds: tuple[int, ...]
    floor: float
    num: int
    minutes: float
    commit: str
    command: str

    @classmethod
    def read(cls, text: str, source: str) -> Self:
        """Find it in the text of a file; raises GanctlError where there is none."""
        found = _LINE.search(text)
        if found is None:
            raise GanctlError(f"{source} has no line '# Score: ...' followed by a command, as other recipes have.")
        if found["kid"] is None:
            return cls(math.inf, 0.0, (0, 1, 2), 0.0, 2000, 0.0, "", found["command"])
        return cls(
            float(found["kid"]),
            float(found["deviation"]),
            tuple(int(seed) for seed in found["seeds"].split(",")),
            float(found["floor"]),
            int(found["num"]),
            float(found["minutes"]),
            found["commit"],
            found["command"],
        )

    def written_into(self, text: str) -> str:
        """Return the file's text with this score in the place of the old one."""
        line = (
            f"# Score: KID-Lite0 {self.kid:.4f}, deviation {self.deviation:.4f} over seeds "
            f"{', '.join(map(str, self.seeds))}; floor {self.floor:.4f}; N = {self.num}; {self.minutes:.1f} minutes on "
            f"two cores; commit {self.commit}\n#   {self.command}"
        )
        return _LINE.sub(lambda _: line, text, count=1)

    def is_worse_than(self, recorded: Self) -> bool:
        """Whether this is clearly more than what was recorded: beyond chance, and beyond another machine's rounding."""
        variances = (self.deviation**2 / len(self.seeds), recorded.deviation**2 / len(recorded.seeds))
        more = self.kid - recorded.kid
        return more > CLEARLY * math.sqrt(sum(variances)) and more > _TOLERATED * recorded.kid


def measure(recorded: Score) -> Score:
    """Train the recorded command with each seed and score it; raises GanctlError where that fails."""
    found, seconds, floor, num = [], [], 0.0, recorded.num
    for seed in recorded.seeds:
        with tempfile.TemporaryDirectory(prefix="ganctl-recipe-") as folder:
            began = time.monotonic()
            arguments = shlex.split(recorded.command)[1:]
            run_ganctl([*arguments, "--seed", str(seed), "--output-dir", folder, "--run-name", "run", "--quiet"])
            seconds.append(time.monotonic() - began)
            scores = json.loads(run_ganctl(["evaluate", f"{folder}/run", "--num", str(recorded.num), "--json"]))
            found.append(scores["kid"])
            floor, num = scores["kid_floor"], scores["num"]
    return replace(
        recorded,
        kid=statistics.mean(found),
        deviation=statistics.stdev(found) if len(found) > 1 else 0.0,
        floor=floor,
        num=num,  # fewer than asked for, if a model of pictures has fewer inputs that were held out
        minutes=statistics.median(seconds) / 60,
        commit=current_commit(),
    )


def run_ganctl(arguments: Sequence[str]) -> str:
    """Run the program in the project's root and return what it printed; raises GanctlError where it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "ganctl", *arguments],
        cwd=CONFIGS.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise GanctlError(f"ganctl {shlex.join(arguments)} failed: {done.stderr.strip()}")
    return done.stdout


def current_commit() -> str:
    """Return the first seven digits of the commit that is checked out, or `unknown`."""
    done = subprocess.run(
        ["git", "rev-parse", "--short=7", "HEAD"], cwd=CONFIGS.parent, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


def overrides_of(words: Sequence[str]) -> tuple[str, ...]:
    """Return the `KEY=VALUE`s that a command sets, given its words."""
    return tuple(after for before, after in itertools.pairwise(words) if before == "--set")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1)
@click.option("--write", is_flag=True, help="Write what was measured into the head comments.")
def command(names: tuple[str, ...], write: bool) -> None:
    """Train the recipes NAMES (all of configs/, if none is named) with their seeds, and compare their scores.

    \b
    python -m benchmarks.recipes
    python -m benchmarks.recipes quickstart --write
    """
    paths = [CONFIGS / f"{name}.yaml" for name in names] or sorted(CONFIGS.glob("*.yaml"))
    table = Table("recipe", "minutes", "KID-Lite0", "floor", "recorded", "at commit", "verdict")
    worse = []
    for path in paths:
        if not path.is_file():
            raise click.ClickException(f"There is no {path}.")
        try:
            recorded = Score.read(path.read_text("utf-8"), path.name)
            found = measure(recorded)
        except GanctlError as error:
            raise click.ClickException(str(error)) from None
        verdict = "worse" if found.is_worse_than(recorded) else "as good"
        worse += [path.stem] if verdict == "worse" else []
        table.add_row(
            path.stem,
            f"{found.minutes:.1f}",
            f"{found.kid:.4f} ± {found.deviation:.4f}",
            f"{found.floor:.4f}",
            f"{recorded.kid:.4f} ± {recorded.deviation:.4f}" if recorded.commit else "not measured yet",
            recorded.commit,
            verdict,
        )
        click.echo(
            f"{path.stem}: {found.kid:.4f} ± {found.deviation:.4f} in {found.minutes:.1f} minutes, {verdict}", err=True
        )
        if write:
            path.write_text(found.written_into(path.read_text("utf-8")), "utf-8")
    Console(width=140).print(table)
    if worse:
        raise click.ClickException(f"worse than recorded: {', '.join(worse)}")


if __name__ == "__main__":
    command()
