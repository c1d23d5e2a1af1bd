"""The files that `ganctl init` writes: a YAML, and next to it a picture and a list."""

import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from ganctl.build import given_data
from ganctl.errors import UsageError
from ganctl.host.files import is_text, shown, write_atomically, writing
from ganctl.images.draw import write_png

_SUFFIXES = (".yaml", ".yml")
_LONGEST_FILE_NAME = 230  # bytes; file systems allow 255, and temporary files have longer names
_LONGEST_NAME = 100  # bytes; run folders allow 200


@dataclass(frozen=True)
class StartingFiles:
    """The paths of the files."""

    yaml: Path

    @classmethod
    def open(cls, output: Path | None, pictures: Path | Sequence[Path], *, force: bool) -> Self:
        """Return the paths, after checking that they can be written.

        Args:
            output: the YAML; None: named after the pictures, in the current folder.
            pictures: the folder or archive of pictures, or two of them.
            force: overwrite existing files.

        Raises:
            UsageError: a file exists, cannot be written, or would be among the pictures.
        """
        places = [pictures] if isinstance(pictures, Path) else list(pictures)
        path = Path(os.path.expanduser(output)) if output else Path(f"{plain_name(_name_of(places))}.yaml")
        for place in (path, *places):
            if not is_text(place):
                message = f"{shown(place.absolute())} is not valid UTF-8, which a YAML file requires. Rename it."
                raise UsageError(message)
        if path.suffix.lower() not in _SUFFIXES:
            raise UsageError(f"--output takes FILE.yaml. Received: {path}")
        files = cls(path)
        folder = path.absolute().parent
        above = (folder.resolve(), *folder.resolve().parents)
        if any(place.resolve() in above for place in places):
            raise UsageError(
                f"{path} is in the folder of pictures, where {files.crop.name} would be learned as one of them. "
                "Choose another place: --output ../FILE.yaml"
            )
        if len(os.fsencode(files.names.name)) > _LONGEST_FILE_NAME:
            raise UsageError(f"The name {path.name} is too long. Choose another --output.")
        with writing(path):
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        taken = [file for file in (files.yaml, files.crop, files.names) if file.exists()]
        directory = next((file for file in taken if not file.is_file()), None)
        if directory:
            raise UsageError(f"{directory} is a folder. Choose another --output.")
        if taken and not force:
            raise UsageError(f"{taken[0]} already exists. Choose another --output, or overwrite it with --force.")
        return files

    @property
    def crop(self) -> Path:
        """Some pictures, each next to what the networks get of it."""
        return self.yaml.with_name(f"{self.yaml.stem}-crop.png")

    @property
    def names(self) -> Path:
        """The list of damaged and duplicate files."""
        return self.yaml.with_name(f"{self.yaml.stem}-files.txt")

    @property
    def experiment(self) -> str:
        """A name for the experiment and its run folder."""
        return plain_name(self.yaml.stem)

    def write(self, text: str, sheet: np.ndarray, names: Sequence[str]) -> None:
        """Write all files, the YAML last: if it exists, so do the others.

        Args:
            text: of the YAML.
            sheet: uint8 [H,W,3].
            names: lines of the list; if empty, no list is written.
        """
        with writing(self.yaml):
            write_png(self.crop, sheet)
            if names:
                write_atomically(self.names, "".join(f"{line}\n" for line in names).encode("utf-8", "surrogateescape"))
            else:
                self.names.unlink(missing_ok=True)
            write_atomically(self.yaml, text.encode())


def _name_of(places: Sequence[Path]) -> str:
    """What is made of what: the names of folders, and of archives without their suffixes."""
    is_archive = [not place.is_dir() and given_data.dataset_for(place) for place in places]
    return "_to_".join(
        place.stem if archive else place.absolute().name for place, archive in zip(places, is_archive, strict=True)
    )


def plain_name(name: str) -> str:
    """Return the letters, digits, `-` and `_` of a name, up to a limit; `pictures` if nothing is left."""
    plain = re.sub(r"[^\w-]+", "_", name).strip("_-")
    return plain.encode()[:_LONGEST_NAME].decode(errors="ignore") or "pictures"
