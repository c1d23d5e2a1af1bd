"""Writes StyleGAN's archives of images and labels, which many other programs read."""

import json
import zipfile
from pathlib import Path
from typing import Any

from ganctl.errors import UsageError
from ganctl.host.files import replacement_for, shown, writing
from ganctl.images.bands import straight
from ganctl.images.draw import to_png
from ganctl.images.image_set import ImageSet, Track

SUFFIX = ".zip"
LABELS = "dataset.json"
IN_A_FOLDER = 1000
"""The number of images in each folder of an archive."""

# The earliest time that a zip archive can state: the same images make the same bytes.
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_READABLE = 0o644 << 16


def check_output(path: Path) -> None:
    """Create the folder of an archive; raises UsageError if the archive cannot be written, or something is there."""
    if path.suffix.lower() != SUFFIX:
        raise UsageError(f"--output takes FILE.zip. Received: {path}")
    with writing(path):
        if path.exists():
            raise UsageError(f"{shown(path)} already exists. Choose another --output, or remove it.")
        path.absolute().parent.mkdir(parents=True, exist_ok=True)


def write(path: Path, images: ImageSet, track: Track) -> None:
    """Write images and labels as an archive, which appears whole or not at all.

    The PNGs are stored in folders of IN_A_FOLDER: `00000/img00000000.png` and so on. `dataset.json` beside the folders
    has `labels`: a list of pairs of a file's name and a whole number, or null. With labels it also has `class_names`,
    the name of each number, which ganctl reads, and programs of the StyleGAN family do not.

    Args:
        path: where to write it; nothing is there yet.
        images: grey, RGB, or RGB with transparency.
        track: shows progress.

    Raises:
        UsageError: it cannot be written.
    """
    names = [f"{number // IN_A_FOLDER:05d}/img{number:08d}.png" for number in range(len(images))]
    told: dict[str, Any] = {"labels": None}
    if images.labels is not None:
        labels = list(zip(names, images.labels.tolist(), strict=True))
        told = {"labels": labels, "class_names": images.class_names}
    with writing(path), replacement_for(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for number, name in track(enumerate(names), "Packing images", total=len(names)):
            image = images.images[number]
            archive.writestr(_entry(name), to_png(straight(image) if images.alpha else image))
        archive.writestr(_entry(LABELS), json.dumps(told))


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _LONG_AGO)
    entry.external_attr = _READABLE
    return entry
