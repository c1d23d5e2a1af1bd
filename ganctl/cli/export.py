"""`ganctl export`."""

from pathlib import Path

import click

from ganctl.cli._options import best_option, direction_option, json_option, output_option, run_argument
from ganctl.cli._printing import show, show_json
from ganctl.generation.formats import formats


@click.command()
@run_argument
@click.option("--format", "name", type=click.Choice(list(formats())), required=True, help="File format to write.")
@output_option(
    "File or folder.  [default: generator.keras, generator.onnx, generator.safetensors, generator.tflite, or a folder "
    "generator_savedmodel]"
)
@direction_option
@best_option
@json_option
def command(run: Path, name: str, output: Path | None, direction: str | None, best: bool, as_json: bool) -> None:
    """Export the generator of RUN (a run folder, checkpoint or generator file) for use in other programs.

    The written file is read back and run on the same inputs. It is kept only if no pixel differs from the
    original by more than 1e-4, for images in [-1, 1]. A model that makes pictures from pictures takes any height and
    width there, if the network and the format can.

    \b
    ganctl export outputs/quickstart --format onnx
    ganctl export outputs/quickstart --format keras --output clothes.keras
    ganctl export outputs/acgan_mnist --format litert --json
    """
    from ganctl.cli._drawing import warn_skipped
    from ganctl.generation.export import Generator, check_output, export
    from ganctl.host.device import select_device

    path = check_output(name, output)
    select_device("cpu")  # for float32 accuracy; a GPU's convolutions round more
    generator = Generator.load(run, best=best, direction=direction)
    warn_skipped(generator.problems)
    exported = export(generator, name, path)
    if as_json:
        show_json(exported.facts())
        return
    show(exported)
