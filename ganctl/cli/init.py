"""`ganctl init`."""

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganctl.cli._options import PATH, FiniteRange, device_option, json_option, label_column_option, output_option
from ganctl.cli._printing import show_json

if TYPE_CHECKING:
    from ganctl.planning.survey.two_sides import Kind

# Time limit for decoding pictures. Together with the measurements, the command takes under a minute.
DECODING_SECONDS = 15.0


@click.command()
@click.argument("folder", type=PATH)
@click.argument("folder_b", type=PATH, required=False)
@output_option("FILE.yaml to write.  [default: FOLDER.yaml here]", "-o")
@click.option(
    "--kind",
    type=click.Choice(["pictures", "pairs", "unpaired", "super-resolution"]),
    metavar="KIND",
    help="What the pictures are for: `pictures` to draw more of them, `pairs` to make one picture from another, "
    "`super-resolution` to make larger ones, `unpaired` to turn one kind into another.  [default: found out]",
)
@click.option(
    "--minutes",
    type=FiniteRange(1, 20_000),
    default=60,
    show_default=True,
    help="Time that training may take on this machine.",
)
@label_column_option
@click.option("--force", is_flag=True, help="Overwrite existing files.")
@device_option
@json_option
def command(
    folder: Path,
    folder_b: Path | None,
    output: Path | None,
    kind: "Kind | None",
    minutes: float,
    label_column: str | None,
    force: bool,
    device: str,
    as_json: bool,
) -> None:
    """Examine the pictures in FOLDER and this machine; write the YAML of a GAN that learns them in the given time.

    FOLDER may also be a zip archive, a Parquet file or a tar archive, or a folder of Parquet files or tar archives.
    Reports what is in it: sizes, formats, damaged files, duplicates, classes. FILE.yaml explains every choice. Beside
    it, FILE-crop.png previews how the pictures are cropped and scaled, and FILE-files.txt lists damaged and duplicate
    files, if there are any. Nothing in FOLDER is changed.

    With FOLDER_B, or a FOLDER that holds two folders of pairs, the GAN makes pictures like those in FOLDER_B from those
    in FOLDER: of the same name, if the folders hold equal names.

    \b
    ganctl init photos
    ganctl init photos -o cats.yaml --minutes 480
    ganctl init train-00000-of-00001.parquet -o birds.yaml
    ganctl init sketches paintings
    ganctl init horse2zebra
    ganctl init facades --kind pairs
    """
    from ganctl.planning.recipe.files import StartingFiles

    given = [folder] if folder_b is None else [folder, folder_b]
    paths = [Path(os.path.expanduser(path)) for path in given]  # leaves ~name as it is if there is no such user
    files = StartingFiles.open(output, paths, force=force)

    from ganctl.host.terminal import Terminal
    from ganctl.planning.recipe.subject import look_at

    terminal = Terminal(quiet=as_json)
    subject = look_at(paths, kind, label_column, DECODING_SECONDS, terminal.track)
    width = max(12, *(len(title) + 1 for title, _ in subject.lines))
    for title, line in subject.lines:
        terminal.say(f"{title:<{width}}{line}")

    from ganctl.experiment.yaml_editing import scalar
    from ganctl.host.device import select_device
    from ganctl.planning.recipe.recipe import start, written_out

    chosen = select_device(device)
    started = start(subject.material(), minutes, chosen)
    train = ["ganctl", "train", str(files.yaml)]
    text = written_out(files.experiment, [f"{title}: {line}" for title, line in subject.lines], started, train)
    files.write(text, subject.sheet(started.dataset), subject.listed)
    advice = subject.warnings(str(files.names))
    if as_json:
        names = str(files.names) if subject.listed else None
        written = {"yaml": str(files.yaml), "crop": str(files.crop), "files": names}
        facts = {**subject.facts, "device": chosen.name, "minutes": minutes, **started.as_json()}
        show_json({**facts, "warnings": advice, **written})
        return
    for measured in started.measured:
        terminal.say(f"{'machine':<{width}}{chosen}: {measured.rate:.3g} iterations/s at {measured.cost}")
    for choice in started.choices:
        terminal.say(f"{'chosen':<{width}}{'.'.join(map(str, choice.key))}: {scalar(choice.value)}")
    for line in advice:
        terminal.say(f"{'warning':<{width}}{line}")
    terminal.say(f"{'crop':<{width}}{files.crop}: some pictures, and what the networks see of them")
    if subject.listed:
        terminal.say(f"{'files':<{width}}{files.names}: files that need a look, by name")
    terminal.say(f"{'wrote':<{width}}{files.yaml}, with the reason for each choice. Next:")
    terminal.say(f"  {shlex.join(train)}")
