"""The options and arguments that commands share, each defined once, so that a flag means the same everywhere.

Every name here except the parameter types is a decorator for a command's function, or returns one.
"""

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])

PATH = click.Path(path_type=Path)

MOST_SEED = 2**31 - 1


class FiniteRange(click.FloatRange):
    """A range that excludes nan and inf: no comparison rejects nan, and only an upper end rejects inf."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number; fails if it is not finite."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


def is_typed(name: str) -> bool:
    """Return whether the user typed the option of this parameter of the current command."""
    return click.get_current_context().get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


class ClassList(click.ParamType):
    """A comma-separated list of classes by number or name, such as `0,1,shirt`; a name with a comma in quotes."""

    name = "classes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        """Return what lies between the commas; fails if that is nothing."""
        if isinstance(value, list):  # click may pass a value that is converted already
            return value
        try:
            (parts,) = csv.reader([value], skipinitialspace=True, strict=True)
        except (csv.Error, ValueError):
            parts = []
        parts = [part.strip() for part in parts]
        if not parts or not all(parts):
            self.fail(f"{value!r} is not a comma-separated list of classes, such as 0,1,2.", param, ctx)
        return parts


class SeedList(click.ParamType):
    """A comma-separated list of seeds, such as `3,17,42`."""

    name = "seeds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        """Return the seeds; fails if one is not a whole number from 0 to MOST_SEED."""
        if isinstance(value, list):
            return value
        parts = [part.strip() for part in value.split(",")]
        if not all(part.isascii() and part.isdigit() and len(part) < 11 and int(part) <= MOST_SEED for part in parts):
            self.fail(f"{value!r} is not a comma-separated list of seeds from 0 to {MOST_SEED}.", param, ctx)
        return list(map(int, parts))


class ValueRange(click.ParamType):
    """`auto`, `percentiles`, or LOW,HIGH: the values of black and white."""

    name = "value range"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str | list[float]:
        """Return the word or the two numbers; fails if it is something else."""
        if value in ("auto", "percentiles") or isinstance(value, list):
            return value
        try:
            low, high = map(float, value.split(","))
        except ValueError:
            low = high = math.nan
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            self.fail(
                f"{value!r} is neither auto nor percentiles nor LOW,HIGH: the value of black and a larger value of "
                "white, such as 0,4095.",
                param,
                ctx,
            )
        return [low, high]


class Code(click.ParamType):
    """What a code is set to: `0=1.5`, or `0=-2..2` for a sweep."""

    name = "code"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, Any]:
        """Return the code's number, and a number or the two ends of a sweep; fails if it is something else."""
        if isinstance(value, tuple):
            return value
        number, _, text = value.partition("=")
        try:
            ends = tuple(map(float, text.split("..")))
        except ValueError:
            ends = ()
        digits = number.strip()
        if not (digits.isascii() and digits.isdigit() and len(digits) < 5) or len(ends) not in (1, 2):
            self.fail(f"{value!r} is neither N=VALUE nor N=LOW..HIGH, such as 0=1.5 or 0=-2..2.", param, ctx)
        if not all(map(math.isfinite, ends)):
            self.fail(f"{value!r} contains a number that is not finite.", param, ctx)
        return int(digits), ends if len(ends) == 2 else ends[0]


run_argument = click.argument("run", type=PATH)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
quiet_option = click.option("--quiet", is_flag=True, help="Print only errors.")
output_dir_option = click.option(
    "--output-dir", type=PATH, help="Folder of all runs.  [default: root_dir of the file, otherwise outputs]"
)
best_option = click.option("--best", is_flag=True, help="Use the checkpoint with the lowest KID instead of the latest.")
device_option = click.option(
    "--device", default="auto", show_default=True, metavar="auto|cpu|gpu|gpu:N", help="Device to compute on."
)
checkpoint_option = click.option(
    "--checkpoint", required=True, type=PATH, help="A run folder, a checkpoint, or a generator file."
)
direction_option = click.option(
    "--direction",
    metavar="NAME",
    help="Direction of a model that has several, such as a_to_b or b_to_a of CycleGAN.  [default: the first]",
)
label_column_option = click.option(
    "--label-column", metavar="NAME", help="Column of the labels, if there are several: as `dataset.label_column`."
)
seed_option = click.option(
    "--seed", type=click.IntRange(0, MOST_SEED), default=0, show_default=True, help="Seed of the latent vectors."
)

truncation_option = click.option(
    "--truncation",
    type=float,
    metavar="PSI",
    help="Truncation trick: resample latent entries outside ±PSI. Smaller is more typical, but less varied.  "
    "[default: none]",
)
latents_option = click.option(
    "--latents",
    type=PATH,
    metavar="FILE",
    help="Latent vectors of your own: an npz with `latents` [N, size], or an npy. For several latent inputs, join "
    "their vectors in order.",
)

strength_option = click.option(
    "--strength",
    type=FiniteRange(min=0.0, min_open=True),
    help="How far a direction goes to each side, in standard deviations of the latent vectors.  [default: 3]",
)

value_range_option = click.option(
    "--value-range",
    type=ValueRange(),
    default="auto",
    show_default=True,
    metavar="auto|percentiles|LOW,HIGH",
    help="Which stored values become black and white, if pixels have more than 8 bits or are floats: two numbers, the "
    "0.5th and 99.5th percentiles of a set, or the usual range that holds all its values (auto).",
)


def set_option(help: str = "Override a key of the file; may be repeated.") -> Callable[[Function], Function]:
    """Return `--set KEY=VALUE`, which may be repeated; `resume` has its own help for it."""
    return click.option("--set", "overrides", metavar="KEY=VALUE", multiple=True, help=help, callback=_as_typed)


def _as_typed(_: click.Context, __: click.Parameter, overrides: tuple[str, ...]) -> tuple[str, ...]:
    if not overrides:
        return ()
    from ganctl.experiment.typed_words import Typed

    return tuple(map(Typed, overrides))


def classes_option(help: str) -> Callable[[Function], Function]:
    """Return `--classes 0,1,shirt`; None if it is not given."""
    return click.option("--classes", type=ClassList(), help=help)


def output_option(help: str, *short: str, default: Path | None = None) -> Callable[[Function], Function]:
    """Return `--output`, a path.

    Args:
        help: what can be written, and where by default.
        short: more names, such as `-o`.
        default: shown by click; None if `help` states it.
    """
    return click.option(*short, "--output", type=PATH, default=default, show_default=default is not None, help=help)


def plugin_options() -> list[click.Parameter]:
    """Return `--plugin` and `--allow-plugins`, for every command: plugins run before the command does."""
    return [
        click.Option(
            ["--plugin", "plugins"],
            multiple=True,
            metavar="FILE.py",
            help="Run a Python file that registers models, losses, penalties, generator terms, augmentations or data "
            "sets; may be repeated.",
            expose_value=False,
            callback=lambda context, _, files: _permit(context, files) if files else None,
        ),
        click.Option(
            ["--allow-plugins"],
            is_flag=True,
            help="Also run the plugins that the experiment names.",
            expose_value=False,
            callback=lambda context, _, allowed: _permit(context, everything=True) if allowed else None,
        ),
    ]


def _permit(context: click.Context, files: tuple[str, ...] = (), *, everything: bool = False) -> None:
    from ganctl.plugins import permitted

    context.with_resource(permitted(files, everything=everything))
