"""`ganctl export`."""

from pathlib import Path

import click

from ganctl.cli._options import best_option, direction_option, json_option, output_option, run_argument
from ganctl.cli._printing import show, show_json
from ganctl.generation.formats import formats, quantizations


@click.command()
@run_argument
@click.option("--format", "name", type=click.Choice(list(formats())), required=True, help="File format to write.")
@output_option(
    "File or folder.  [default: generator.html, generator.keras, generator.onnx, generator.safetensors, "
    "generator.tflite, or a folder generator_savedmodel]"
)
@click.option(
    "--batch",
    type=click.IntRange(min=1),
    help="Fix the number of images in a batch (onnx, litert, savedmodel), for hardware that needs it.  [default: any "
    "number]",
)
@click.option(
    "--quantization",
    type=click.Choice(["none", *quantizations()]),
    default="none",
    show_default=True,
    help="Store the weights with fewer bits (litert): half the size with float16, about a quarter with dynamic-range.",
)
@direction_option
@best_option
@json_option
def command(
    run: Path,
    name: str,
    output: Path | None,
    batch: int | None,
    quantization: str,
    direction: str | None,
    best: bool,
    as_json: bool,
) -> None:
    """Export the generator of RUN (a run folder, checkpoint or generator file) for use in other programs.

    `html` is a page that opens from disk in any browser and draws there, without a network.

    The written file is read back and run on the same inputs. It is kept only if no pixel differs from the
    original by more than 1e-4, for images in [-1, 1]. A model that makes pictures from pictures takes any height and
    width there, if the network and the format can. A quantized file is judged by limits of its own, which are printed
    with its differences.

    \b
    ganctl export outputs/quickstart --format onnx
    ganctl export outputs/quickstart --format keras --output clothes.keras
    ganctl export outputs/acgan_mnist --format litert --json
    ganctl export outputs/quickstart --format litert --quantization float16 --batch 1
    ganctl export outputs/quickstart --format html --output clothes.html
    """
    from ganctl.cli._drawing import warn_skipped
    from ganctl.generation.export import Generator, check_choices, check_output, export
    from ganctl.host.device import select_device

    wanted = None if quantization == "none" else quantization
    path = check_output(name, output)
    check_choices(name, batch, wanted)
    select_device("cpu")  # for float32 accuracy; a GPU's convolutions round more
    every = formats()[name].every_direction
    generator = Generator.load(run, best=best, direction=direction, batch=batch, every_direction=every)
    warn_skipped(generator.problems)
    exported = export(generator, name, path, wanted)
    if as_json:
        show_json(exported.facts())
        return
    show(exported)
