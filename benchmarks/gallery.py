"""`python -m benchmarks.gallery`: trains every shipped configuration once, for long enough to look at, and shows it.

The head comment of every file in `configs/` has a line that begins with `# Gallery:`, below it what is run, and below
that what a person saw on the picture. `--write` fills in the figures, and writes the picture and docs/gallery.md.

A model that draws from noise is shown by samples; one that makes pictures from pictures by rows of inputs, outputs and,
where it is known, the truth, and its outputs are also compared with a baseline, one by one.
"""

import json
import re
import resource
import shlex
import tempfile
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import click
import numpy as np

from benchmarks.recipes import CONFIGS, current_commit, overrides_of, run_ganctl
from ganctl.build.parts import Parts
from ganctl.build.resolving import load_parts
from ganctl.errors import GanctlError
from ganctl.experiment.experiment import Experiment
from ganctl.game.sampler import Sampler
from ganctl.images.draw import grid, write_png

DOCS = CONFIGS.parent / "docs"
PICTURES = DOCS / "images" / "gallery"
PAGE = DOCS / "gallery.md"
README = DOCS.parent / "README.md"
BEGIN, END = "<!-- gallery: written by python -m benchmarks.gallery -->\n", "<!-- end of gallery -->\n"
SEED = 0
NUM = 2000  # samples that are scored
ROWS, COLUMNS = 6, 8  # with classes, a column for each
CORES = 2

BESIDE = {"PSNR": ("psnr", "{:.2f} dB"), "cycle L1": ("cycle_l1", "{:.4f}")}
"""Figures of single outputs: the key of each in the JSON of `ganctl evaluate`, and how it is written.

The first that a model has is shown.
"""

_LINE = re.compile(
    r"^# Gallery: (?:not measured yet|"
    r"KID-Lite0 (?P<kid>[-\d.]+); floor (?P<floor>[-\d.]+); "
    r"(?:(?P<beside>PSNR|cycle L1) (?P<value>[\d.]+)(?: dB)?, baseline (?P<baseline>[\d.]+)(?: dB)?; )?"
    r"N = (?P<num>\d+); seed (?P<seed>\d+); "
    r"(?P<minutes>[\d.]+) processor minutes on two cores; commit (?P<commit>\w+))\n"
    r"#   (?P<command>ganctl train .*)\n"
    r"(?P<seen>(?:#   .+\n)+)",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Beside:
    """A figure of single outputs, beside that of a model that does nothing.

    Attributes:
        name: a key of BESIDE.
        value: the mean over the outputs.
        baseline: of the inputs themselves.
    """

    name: str
    value: float
    baseline: float

    @classmethod
    def of(cls, scores: dict[str, Any]) -> Self | None:
        """Return that of the JSON of `ganctl evaluate`, None if there is none."""
        for name, (key, _) in BESIDE.items():
            value, baseline = scores.get(key), scores.get(f"{key}_baseline")
            if value is not None and baseline is not None:
                return cls(name, value, baseline)
        return None

    def __str__(self) -> str:
        """Return it as head comments have it."""
        _, written = BESIDE[self.name]
        return f"{self.name} {written.format(self.value)}, baseline {written.format(self.baseline)}"


@dataclass(frozen=True)
class Exhibit:
    """What a configuration's head comment says of its run in the gallery.

    Attributes:
        command: what was typed, without the seed.
        seen: what a person saw on the picture, a sentence or two.
        kid: KID-Lite0; None where nobody has measured it yet.
        floor: KID of as many real images.
        num: samples that were scored.
        seed: of the run.
        minutes: processor time of the training, its start included, divided by the two cores.
        commit: at which it was trained.
        beside: a figure of single outputs; None of a model that draws from noise.
    """

    command: str
    seen: str
    kid: float | None = None
    floor: float = 0.0
    num: int = NUM
    seed: int = SEED
    minutes: float = 0.0
    commit: str = ""
    beside: Beside | None = None

    @classmethod
    def read(cls, text: str, source: str) -> Self:
        """Find it in the text of a file; raises GanctlError where there is none."""
        found = _LINE.search(text)
        if found is None:
            raise GanctlError(
                f"{source} has no line '# Gallery: ...' followed by a command and a sentence, as other configurations "
                "have. Write '# Gallery: not measured yet' first, then run: python -m benchmarks.gallery --write"
            )
        seen = " ".join(line.removeprefix("#   ") for line in found["seen"].splitlines())
        if found["kid"] is None:
            return cls(found["command"], seen)
        return cls(
            found["command"],
            seen,
            float(found["kid"]),
            float(found["floor"]),
            int(found["num"]),
            int(found["seed"]),
            float(found["minutes"]),
            found["commit"],
            Beside(found["beside"], float(found["value"]), float(found["baseline"])) if found["beside"] else None,
        )

    def measured(self, scores: dict[str, Any], minutes: float) -> Self:
        """Return this with the figures of the JSON of `ganctl evaluate`, for today's commit."""
        return replace(
            self,
            kid=scores["kid"],
            floor=scores["kid_floor"],
            num=scores["num"],
            minutes=minutes,
            commit=current_commit(),
            beside=Beside.of(scores),
        )

    def written_into(self, text: str) -> str:
        """Return the file's text with these figures and words in the place of the old ones."""
        beside = f"{self.beside}; " if self.beside else ""
        figures = (
            "not measured yet"
            if self.kid is None
            else f"KID-Lite0 {self.kid:.4f}; floor {self.floor:.4f}; {beside}N = {self.num}; seed {self.seed}; "
            f"{self.minutes:.1f} processor minutes on two cores; commit {self.commit}"
        )
        seen = textwrap.fill(self.seen, 110, initial_indent="#   ", subsequent_indent="#   ")
        lines = f"# Gallery: {figures}\n#   {self.command}\n{seen}\n"
        return _LINE.sub(lambda _: lines, text, count=1)

    @cached_property
    def _parts(self) -> Parts:
        words = shlex.split(self.command)
        return load_parts(CONFIGS.parent / words[2], overrides_of(words))

    def experiment(self) -> Experiment:
        """Return the experiment of the command; raises GanctlError where it is not valid."""
        return self._parts.experiment

    def sampler(self) -> Sampler:
        """Return what `ganctl sample` draws with; raises GanctlError where the command is not valid."""
        return self._parts.sampler


def train(exhibit: Exhibit, picture: Path) -> Exhibit:
    """Train, score and draw an exhibit; returns it with its figures.

    Raises:
        GanctlError: its images are not there, or ganctl failed.
    """
    _check_images(exhibit)
    with tempfile.TemporaryDirectory(prefix="ganctl-gallery-") as folder:
        run = Path(folder) / "run"
        before = _processor_seconds()
        arguments = shlex.split(exhibit.command)[1:]
        run_ganctl([*arguments, "--seed", str(exhibit.seed), "--output-dir", folder, "--run-name", run.name, "--quiet"])
        minutes = (_processor_seconds() - before) / 60 / CORES
        scores = json.loads(run_ganctl(["evaluate", str(run), "--num", str(exhibit.num), "--json"]))
        draw_picture(run, picture, exhibit.sampler())
    return exhibit.measured(scores, minutes)


def _check_images(exhibit: Exhibit) -> None:
    """Raise GanctlError where a folder of images is named that is not there."""
    path = exhibit.experiment().dataset.path
    if path is not None and not (CONFIGS.parent / path).exists():
        raise GanctlError(
            f"There are no images in {path}. The gallery's photo recipes learn the emoji of the npm package "
            "emoji-datasource-google 16.0.0 (Apache-2.0). Get them in the project's root with: "
            "mkdir -p outputs/emoji && npm pack emoji-datasource-google@16.0.0 --pack-destination outputs/emoji && "
            "tar -xzf outputs/emoji/emoji-datasource-google-16.0.0.tgz -C outputs/emoji package/img"
        )


def _processor_seconds() -> float:
    """Processor time of all processes that this one has waited for.

    It is not the time on the clock, which other programs on the machine would lengthen.
    """
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def draw_picture(run: Path, picture: Path, sampler: Sampler) -> None:
    """Write six rows of what a run makes as PNG, from noise or from pictures that it was not trained on."""
    picture.parent.mkdir(parents=True, exist_ok=True)
    if sampler.takes:
        count = ROWS // len(sampler.rows) * COLUMNS
        run_ganctl(["sample", "--checkpoint", str(run), "--num", str(count), "--output", str(picture)])
    else:
        _draw_samples(run, picture)


def _draw_samples(run: Path, picture: Path) -> None:
    """Write six rows of a run's samples as PNG: eight columns, or one for each class."""
    with tempfile.TemporaryDirectory(prefix="ganctl-gallery-") as folder:
        samples = Path(folder) / "samples.npz"
        run_ganctl(["sample", "--checkpoint", str(run), "--num", "60", "--output", str(samples)])
        with np.load(samples) as file:
            images = file["images"]
            columns = len(np.unique(file["labels"])) if "labels" in file.files else COLUMNS
    if (images == images[..., :1]).all():
        images = images[..., :1]  # grey images in three channels: a third of the bytes
    write_png(picture, grid(images, ROWS, columns))


def pages() -> dict[Path, str]:
    """Return docs/gallery.md and README.md with what the head comments say today."""
    read = {path.stem: Exhibit.read(path.read_text("utf-8"), path.name) for path in sorted(CONFIGS.glob("*.yaml"))}
    exhibits = {name: exhibit for name, exhibit in read.items() if exhibit.kid is not None}  # others have no picture
    sections = [_section(name, exhibit) for name, exhibit in exhibits.items()]
    written = {PAGE: "\n".join([*_tables(exhibits), *sections]), README: _rows_of_pictures(exhibits)}
    found = {}
    for path, text in written.items():
        before, _, rest = path.read_text("utf-8").partition(BEGIN)
        found[path] = before + BEGIN + text + END + rest.partition(END)[2]
    return found


def _rows_of_pictures(exhibits: dict[str, Exhibit], columns: int = 5) -> str:
    """A table of pictures with their figures, for README."""
    cells = []
    for name, exhibit in exhibits.items():
        kid, _, minutes = _figures(exhibit)
        beside = f", {exhibit.beside}" if exhibit.beside else ""
        picture = f'<img src="docs/images/gallery/{name}.png" width="150" alt="{name}"><br>'
        link = f'<a href="docs/gallery.md#{name}">{name}</a>'
        cells.append(f"<td>{picture}\n{link}<br>\nKID {kid}{beside}, {minutes} min</td>")
    rows = ["<tr>" + "\n".join(cells[start : start + columns]) + "</tr>" for start in range(0, len(cells), columns)]
    return "<table>\n" + "\n".join(rows) + "\n</table>\n"


def _tables(exhibits: dict[str, Exhibit]) -> tuple[str, str]:
    """A table of the models that draw from noise, and one of those that make pictures from pictures."""
    from_noise, from_pictures = [], []
    for name, exhibit in exhibits.items():
        shown = "samples" if not exhibit.sampler().takes else "outputs"
        picture = f'<a href="#{name}"><img src="images/gallery/{name}.png" width="200" alt="{shown} of {name}"></a>'
        kid, floor, minutes = _figures(exhibit)
        begin = f"| [{name}](#{name}) | `{exhibit.experiment().model.name}` | {picture} | {kid} | {floor}"
        if exhibit.sampler().takes:
            from_pictures.append(f"{begin} | {exhibit.beside or 'none'} | {minutes} |")
        else:
            from_noise.append(f"{begin} | {minutes} |")
    first = [
        "| configuration | model | samples | KID-Lite0 | floor | processor minutes on two cores |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    second = [
        "| configuration | model | inputs, outputs, truth | KID-Lite0 | floor | of single outputs | processor minutes "
        "on two cores |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    return "\n".join(first + from_noise) + "\n", "\n".join(second + from_pictures) + "\n"


def _figures(exhibit: Exhibit) -> tuple[str, str, str]:
    """KID, floor and minutes as they are shown."""
    if exhibit.kid is None:
        return "not measured yet", "", ""
    # A KID of nearly nothing can come out below it; "-0.00" would only puzzle.
    return f"{exhibit.kid:.2f}", f"{abs(exhibit.floor):.2f}", f"{exhibit.minutes:.1f}"


def _section(name: str, exhibit: Exhibit) -> str:
    experiment = exhibit.experiment()
    kid, floor, minutes = _figures(exhibit)
    beside = f", {exhibit.beside}" if exhibit.beside else ""
    rows = exhibit.sampler().rows
    shown = f"Rows of {', '.join(rows)}: " if rows else "Samples of "
    measured = (
        "not measured yet."
        if exhibit.kid is None
        else f"{minutes} processor minutes on two cores, KID-Lite0 {kid} (floor {floor}){beside}, commit "
        f"{exhibit.commit}."
    )
    facts = textwrap.fill(f"Seed {exhibit.seed}, {experiment.training.iterations:,} iterations, {measured}", 110)
    settings = f"Settings: [configs/{name}.yaml](../configs/{name}.yaml)."
    command = " \\\n        ".join(_wrapped(f"{exhibit.command} --seed {exhibit.seed}"))
    return (
        f"### {name}\n\n{textwrap.fill(exhibit.seen, 110)}\n\n![{shown}{name}](images/gallery/{name}.png)\n\n"
        f"    {command}\n\n{facts}\n{settings}\n"
    )


def _wrapped(command: str) -> Sequence[str]:
    """The lines of a command, broken before options only."""
    words = re.sub(r" (--\S+) ", r" \1\0", command)
    lines = textwrap.wrap(words, 96, break_long_words=False, break_on_hyphens=False)
    return [line.replace("\0", " ") for line in lines]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1)
@click.option("--write", is_flag=True, help="Write pictures, figures, docs/gallery.md and README's table.")
@click.option(
    "--page",
    "page_only",
    is_flag=True,
    help="Write docs/gallery.md and README's table from the head comments; train nothing.",
)
def command(names: tuple[str, ...], write: bool, page_only: bool) -> None:
    """Train the configurations NAMES (default: all of configs/) for the gallery.

    Without --write, pictures go to outputs/gallery.

    \b
    python -m benchmarks.gallery quickstart
    python -m benchmarks.gallery --write
    """
    try:
        for path in [] if page_only else _paths(names):
            exhibit = Exhibit.read(path.read_text("utf-8"), path.name)
            folder = PICTURES if write else CONFIGS.parent / "outputs" / "gallery"
            found = train(exhibit, folder / f"{path.stem}.png")
            kid, floor, minutes = _figures(found)
            click.echo(f"{path.stem}: KID-Lite0 {kid}, floor {floor}, {minutes} processor minutes, {folder}")
            if write:
                path.write_text(found.written_into(path.read_text("utf-8")), "utf-8")
        if write or page_only:
            for page, text in pages().items():
                page.write_text(text, "utf-8")
    except GanctlError as error:
        raise click.ClickException(str(error)) from None


def _paths(names: Sequence[str]) -> list[Path]:
    paths = [CONFIGS / f"{name}.yaml" for name in names] or sorted(CONFIGS.glob("*.yaml"))
    for path in paths:
        if not path.is_file():
            raise GanctlError(f"There is no {path}.")
    return paths


if __name__ == "__main__":
    command()
