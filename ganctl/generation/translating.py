"""Translates the user's pictures, and writes the results: a PNG each, under the same names, or one npz.

Pictures are read, translated and written one after another: a thousand need no more memory than one. A picture that
cannot be read is left out and named; all others are written.
"""

import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ganctl.errors import DataError, UsageError
from ganctl.generation.given_pictures import GivenPictures, Picture, Reading, check_read, read_in_memory
from ganctl.generation.sample_files import png_of, prepare_folder
from ganctl.generation.translator import Translator
from ganctl.host.files import is_folder, replacement_for, shown, writing
from ganctl.images import draw
from ganctl.images.image_set import Track

FOLDER = Path("translated")
"""Where several pictures are written by default."""
SUFFIX = "-translated"
"""What the name of a single picture gets by default."""
_BLOCK_BYTES = 2**24

Write = Callable[[Picture, np.ndarray], Path]
"""Writes what was made of a picture, and returns the path."""


@dataclass
class Translated:
    """What became of pictures.

    Attributes:
        where: the file or folder that was written.
        written: where each picture is, by its origin.
        failed: the reason why each of the others could not be read, by its origin.
        skipped: the number of files that are not pictures.
    """

    where: Path
    written: dict[str, Path] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    skipped: int = 0

    def check(self) -> None:
        """Raise DataError if pictures could not be read, or if there were none."""
        others = f"The others are in {shown(self.where)}" if self.written else "None was translated"
        check_read(self.failed, len(self.written), others)


def translate_in_memory(translator: Translator, given: Any, reading: Reading) -> np.ndarray | list[np.ndarray]:
    """Translate pictures, and return the results.

    Args:
        translator: what translates them.
        given: uint8 images [N, H, W, C]; one image [H, W, C] or [H, W]; a path, as `find_pictures` takes it; or a list
            of images and paths.
        reading: how files are read.

    Returns:
        uint8 [N, H', W', C'], or [H', W', C'] for one image or one file of a picture; a list, if sizes differ.

    Raises:
        UsageError: an array is not uint8, or has other axes.
        DataError: a picture cannot be read, or there is none.
    """
    pictures, single = read_in_memory(given, reading)
    made = [translator.of_picture(pixels) for _, pixels in pictures]
    if not made:
        raise DataError("There is no picture to translate.")
    if single:
        return made[0]
    return np.stack(made) if len({image.shape for image in made}) == 1 else made


class Destination:
    """Where results are written.

    Args:
        path: FILE.png, for a single picture; FILE.npz; or a new folder. None: a file or folder in the current folder.
        given: the pictures.

    Raises:
        UsageError: it cannot be written, would replace a picture that is to be read, or does not suit the pictures.
    """

    def __init__(self, path: Path | None, given: GivenPictures) -> None:
        if path is None:
            path = FOLDER if given.several else Path(f"{Path(given.pictures[0].name).name}{SUFFIX}.png")
        self.path = path
        suffix = "" if is_folder(path) else path.suffix.lower()
        if suffix not in ("", ".png", ".npz"):
            raise UsageError(f"--output takes FILE.png, FILE.npz or a folder. Received: {path}")
        if suffix == ".png" and given.several:
            raise UsageError(f"--output {path} holds a single picture. Name a folder, or FILE.npz.")
        if any(path.exists() and path.samefile(file) for file in given.files):
            raise UsageError(f"--output {path} is one of the pictures to read. Choose another file.")
        self._suffix = suffix
        prepare_folder(path.parent if suffix else path, new="" if suffix else "translations")

    @contextmanager
    def opened(self) -> Iterator[Write]:
        """Open it for writing; nothing that is half written is left behind if the body fails."""
        with writing(self.path):
            if self._suffix == ".npz":
                with _npz(self.path) as write:
                    yield write
            else:
                yield self._write_png

    def _write_png(self, picture: Picture, image: np.ndarray) -> Path:
        path = self.path if self._suffix else self.path / f"{picture.name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        draw.write_png(path, png_of(image))
        return path


def translate_pictures(
    translator: Translator, given: GivenPictures, destination: Destination, track: Track
) -> Translated:
    """Translate pictures one after another, and write each as soon as it is made.

    Args:
        translator: what translates them.
        given: the pictures.
        destination: where to.
        track: shows progress.

    Raises:
        UsageError: the results cannot be written.
        GanctlError: there is not enough memory for a picture.
    """
    done = Translated(destination.path)
    with destination.opened() as write:
        for picture in track(given.pictures, "Translating", len(given.pictures)):
            try:
                pixels = picture.read()
                made = None if pixels is None else translator.of_picture(pixels)
            except (DataError, MemoryError) as error:
                done.failed[picture.origin] = str(error) or "it needs more memory than there is"
                continue
            if made is None:
                done.skipped += 1
            else:
                done.written[picture.origin] = write(picture, made)
    return done


@contextmanager
def _npz(path: Path) -> Iterator[Write]:
    """Write an npz of `images` [N, H, W, C] and their `names`; images wait on disk until their number is known."""
    shape: tuple[int, ...] = ()
    names: list[str] = []
    with ExitStack() as stack:
        waiting: Any = stack.enter_context(tempfile.TemporaryFile(dir=path.parent))

        def write(picture: Picture, image: np.ndarray) -> Path:
            nonlocal shape
            shape = shape or image.shape
            if image.shape != shape:
                raise UsageError(
                    f"An npz holds images of one shape, but what becomes of {picture.origin} is {_sides(image.shape)} "
                    f"and of the pictures before it {_sides(shape)}. Use --output FOLDER."
                )
            waiting.write(image.tobytes())
            names.append(picture.name)
            return path

        yield write
        if not names:
            return
        with (
            replacement_for(path) as temporary,
            zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        ):
            with archive.open("images.npy", "w", force_zip64=True) as file:
                header = {"descr": "|u1", "fortran_order": False, "shape": (len(names), *shape)}
                np.lib.format.write_array_header_1_0(file, header)
                waiting.seek(0, os.SEEK_SET)
                while block := waiting.read(_BLOCK_BYTES):
                    file.write(block)
            arrays = {"names": np.array(names), **({"alpha": np.array(True)} if shape[-1] in (2, 4) else {})}
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w") as file:
                    np.lib.format.write_array(file, array)


def _sides(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
