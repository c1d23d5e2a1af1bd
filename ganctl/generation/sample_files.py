"""Writes generated images as a grid, an npz or a folder of PNGs, batch by batch."""

import errno
import math
import os
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from ganctl.errors import UsageError
from ganctl.host.files import is_folder, replacement_for, writing
from ganctl.images import draw
from ganctl.images.bands import straight
from ganctl.images.class_names import class_name, in_file_names

MAX_GRID_PIXELS = 2**28

Batches = Iterable[np.ndarray]


@dataclass(frozen=True)
class CodeTable:
    """The codes of images, of which some were set, and how a grid shows them.

    Attributes:
        values: all codes of each image, float32 [N, codes]; an npz has them as `codes`.
        given: the codes that were set; they are part of the names of files.
        columns: of a grid; 0: as without codes.
        headings: what stands above the columns.
        row_names: what stands beside the rows; empty: nothing.
    """

    values: np.ndarray
    given: tuple[int, ...]
    columns: int = 0
    headings: Sequence[str] = ()
    row_names: Sequence[str] = ()

    def ending(self, number: int) -> str:
        """Return the end of the name of the file of an image, `-code0=-1.5`."""
        return "".join(f"-code{place}={self.values[number, place]:g}" for place in self.given)


class Write(Protocol):
    """Writes images, and returns the path."""

    def __call__(
        self,
        batches: Batches,
        classes: Sequence[int] = (),
        *,
        names: Sequence[str] | None = None,
        alpha: bool = False,
        codes: CodeTable | None = None,
    ) -> Path:
        """Write images, and return the path.

        Args:
            batches: images [n, H, W, C].
            classes: the classes from which they were drawn cyclically. A grid has a column for each; more
                than `draw.MOST_COLUMNS` columns wrap; an npz has them as `labels`.
            names: the name of each class, by number; a class without one is shown by number. They stand above the
                columns, in the names of files, and as `class_names` in an npz. None: no names are shown.
            alpha: the last channel is transparency. An npz then has straight colours and an array `alpha` that is true.
            codes: the codes of the images, if some were set.
        """


def writer_for(path: Path, count: int) -> Write:
    """Return a function that writes `count` images to a path; raises UsageError if it cannot be written.

    Args:
        path: `.png` for one grid, `.npz` for `images` [N, H, W, C], no suffix for a new folder.
        count: number of images.
    """
    writers = {".png": _write_grid, ".npz": _write_npz, "": _write_folder}
    if is_folder(path):
        write = _write_folder
    elif path.suffix.lower() in writers:
        write = writers[path.suffix.lower()]
    else:
        raise UsageError(f"--output takes FILE.png, FILE.npz or a folder. Received: {path}")
    folder, new = (path, "samples") if write is _write_folder else (path.parent, "")
    check_folder(folder, new=new)  # it is made when there is something to write

    def guarded(
        batches: Batches,
        classes: Sequence[int] = (),
        *,
        names: Sequence[str] | None = None,
        alpha: bool = False,
        codes: CodeTable | None = None,
    ) -> Path:
        prepare_folder(folder, new=new)
        with writing(path):
            write(path, batches, count, classes, names, alpha, codes)
        return path

    return guarded


def check_folder(folder: Path, *, new: str) -> None:
    """Raise UsageError if a folder cannot be written to, without making it.

    Args:
        folder: the folder.
        new: what is written to a folder that must not hold files yet, in words; empty: it may hold some.
    """
    if is_folder(folder):
        with writing(folder):
            if new and any(folder.iterdir()):
                raise UsageError(
                    f"{folder} already contains files, and {new} would overwrite some of them or mix with them. "
                    "Choose a new folder."
                )
    with writing(folder):
        nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        if not nearest.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(nearest, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def prepare_folder(folder: Path, *, new: str) -> None:
    """Make a folder to write to; raises UsageError if that cannot work, as `check_folder` does."""
    check_folder(folder, new=new)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)


def png_of(image: np.ndarray) -> np.ndarray:
    """Return an image [H, W, C] as PNG has it: grey with transparency, two channels, as colour with transparency.

    Raises UsageError for more channels.
    """
    channels = image.shape[-1]
    if channels > 4:
        raise UsageError(f"The images have {channels} bands, which no PNG has. Use --output FILE.npz.")
    return image[..., [0, 0, 0, 1]] if channels == 2 else image


Names = Sequence[str] | None


def _write_grid(
    path: Path,
    batches: Batches,
    count: int,
    classes: Sequence[int],
    names: Names,
    alpha: bool,
    codes: CodeTable | None,
) -> None:
    """Write a grid: a row for each sweep of a code, otherwise a column for each class, otherwise about a square."""
    across = codes.columns if codes and codes.columns else math.ceil(math.sqrt(count))
    wraps = len(classes) > 1 and not (codes and codes.columns)
    rows, columns = draw.wrapped_shape(count, len(classes)) if wraps else (math.ceil(count / across), across)
    collected: list[np.ndarray] = []
    for batch in batches:
        collected.append(batch)
        if count * math.prod(batch.shape[1:]) > MAX_GRID_PIXELS:
            raise UsageError(f"{count:,} images are too many for one picture. Use --output FILE.npz or a folder.")
        draw.check_fits_png(path, rows, columns, batch.shape[1:])  # now: drawing them all may take hours
    images = np.concatenate(collected)
    if codes and codes.columns:
        headings = [list(codes.headings)]
        sheet = draw.grid(images, rows, columns, alpha=alpha, headings=headings, row_names=codes.row_names)
    else:
        arranged = draw.wrapped(images, len(classes)) if wraps else images
        headings = _headings(classes[:count], names, columns) if names is not None else []
        sheet = draw.grid(arranged, rows, columns, alpha=alpha, headings=headings)
    draw.write_png(path, sheet)


def _headings(classes: Sequence[int], names: Sequence[str], columns: int) -> list[list[str]]:
    """Return the names above the columns of each part of a grid; of a single class, one name above all of it."""
    shown = [class_name(number, names) for number in classes]
    return [shown[start : start + columns] for start in range(0, len(shown), columns)]


def _write_npz(
    path: Path,
    batches: Batches,
    count: int,
    classes: Sequence[int],
    names: Names,
    alpha: bool,
    codes: CodeTable | None,
) -> None:
    """Write the npz batch by batch: an array header, then the images."""
    with (
        replacement_for(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        with archive.open("images.npy", "w", force_zip64=True) as file:
            for index, batch in enumerate(batches):
                if index == 0:
                    header = {"descr": batch.dtype.str, "fortran_order": False, "shape": (count, *batch.shape[1:])}
                    np.lib.format.write_array_header_1_0(file, header)
                file.write((straight(batch) if alpha else batch).tobytes())
        if alpha:
            with archive.open("alpha.npy", "w") as file:
                np.lib.format.write_array(file, np.array(True))
        if codes:
            with archive.open("codes.npy", "w") as file:
                np.lib.format.write_array(file, codes.values)
        if classes:
            with archive.open("labels.npy", "w") as file:
                np.lib.format.write_array(file, np.resize(np.asarray(classes, np.int32), count))
        if classes and names:
            with archive.open("class_names.npy", "w") as file:
                np.lib.format.write_array(file, np.asarray(names))


def _write_folder(
    path: Path,
    batches: Batches,
    count: int,
    classes: Sequence[int],
    names: Names,
    alpha: bool,
    codes: CodeTable | None,
) -> None:
    digits, number = len(str(count - 1)), 0
    endings = [""]
    if names is not None and classes:
        known = in_file_names([class_name(place, names) for place in range(max(classes) + 1)])
        endings = [f"-{known[place]}" for place in classes]
    for batch in batches:
        channels = batch.shape[-1]
        if alpha:
            batch = straight(batch)[..., [0, 0, 0, 1] if channels == 2 else [0, 1, 2, 3]]
        elif channels not in (1, 3):
            raise UsageError(f"The images have {channels} bands, which no PNG has. Use --output FILE.npz.")
        for image in batch:
            ending = endings[number % len(endings)] + (codes.ending(number) if codes else "")
            draw.write_png(path / f"{number:0{digits}d}{ending}.png", image)
            number += 1
