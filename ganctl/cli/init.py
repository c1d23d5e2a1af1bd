"""`ganctl init`."""

import os
import shlex
from pathlib import Path

import click

from ganctl.cli._options import PATH, FiniteRange, device_option, json_option, label_column_option, output_option
from ganctl.cli._printing import show_json

# Time limit for decoding pictures. Together with the measurements, the command takes under a minute.
DECODING_SECONDS = 15.0


@click.command()
@click.argument("folder", type=PATH)
@output_option("FILE.yaml to write.  [default: FOLDER.yaml here]", "-o")
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
    output: Path | None,
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

    \b
    ganctl init photos
    ganctl init photos -o cats.yaml --minutes 480
    ganctl init train-00000-of-00001.parquet -o birds.yaml
    """
    from ganctl.planning.recipe.files import StartingFiles
    from ganctl.planning.survey.folder_survey import survey

    folder = Path(os.path.expanduser(folder))  # leaves ~name as it is if there is no such user
    files = StartingFiles.open(output, folder, force=force)

    from ganctl.host.terminal import Terminal
    from ganctl.planning.survey.in_words import described, listed_files, warnings

    terminal = Terminal(quiet=as_json)
    pictures = survey(folder, DECODING_SECONDS, terminal.track, label_column)
    lines = described(pictures)
    for title, line in lines:
        terminal.say(f"{title:<12}{line}")

    from ganctl.host.device import select_device
    from ganctl.planning.recipe.one_folder import expectations, one_folder
    from ganctl.planning.recipe.recipe import start, written_out
    from ganctl.planning.survey.contact_sheet import contact_sheet

    chosen = select_device(device)
    started = start(one_folder(pictures), minutes, chosen)
    names = listed_files(pictures)
    train = ["ganctl", "train", str(files.yaml)]
    text = written_out(files.experiment, [f"{title}: {line}" for title, line in lines], started, train)
    files.write(text, contact_sheet(pictures, started.dataset), names)
    advice = [*warnings(pictures, str(files.names)), *expectations(pictures)]
    if as_json:
        written = {"yaml": str(files.yaml), "crop": str(files.crop), "files": str(files.names) if names else None}
        facts = {"folder": pictures.as_json(), "device": chosen.name, "minutes": minutes, **started.as_json()}
        show_json({**facts, "warnings": advice, **written})
        return
    for measured in started.measured:
        terminal.say(f"machine     {chosen}: {measured.rate:.3g} iterations/s at {measured.cost}")
    for choice in started.choices:
        terminal.say(f"chosen      {'.'.join(map(str, choice.key))}: {choice.value}")
    for line in advice:
        terminal.say(f"warning     {line}")
    terminal.say(f"crop        {files.crop}: some pictures, and what the networks see of them")
    if names:
        terminal.say(f"files       {files.names}: damaged and duplicate files by name")
    terminal.say(f"wrote       {files.yaml}, with the reason for each choice. Next:")
    terminal.say(f"  {shlex.join(train)}")
