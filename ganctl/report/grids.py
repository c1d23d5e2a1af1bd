"""The sample grids, as many as fit on one page."""

import base64
from dataclasses import dataclass
from pathlib import Path

from ganctl.errors import DataError
from ganctl.images.decode import decode
from ganctl.images.draw import to_webp
from ganctl.images.file_formats import image_kind
from ganctl.images.spread import spread
from ganctl.run_folder.paths import RunFolder

MAX_GRIDS = 60
MAX_BYTES = 5 * 2**20


@dataclass(frozen=True)
class Grids:
    """The pictures of a run, as data URIs.

    Attributes:
        steps: sample grids by iteration.
        real: real.png.
        nearest: nearest.png.
        notes: what a reader of the pictures must know, in words.
    """

    steps: dict[int, str]
    real: str | None
    nearest: str | None
    notes: list[str]


def read_grids(folder: RunFolder, max_bytes: int = MAX_BYTES) -> Grids:
    """Read pictures of at most `max_bytes`: sample grids at even intervals, including the first and the last."""
    notes: list[str] = []
    paths = folder.sample_grids
    chosen = _evenly(list(paths), MAX_GRIDS)
    pictures = {step: content for step in chosen if (content := _read(paths[step], notes))}
    if sum(map(len, pictures.values())) > max_bytes:
        pictures = {step: to_webp(decode(content).pixels) for step, content in pictures.items()}
        notes.append("The grids on this page are compressed and lose some detail; the files in samples/ do not.")
    total = sum(map(len, pictures.values()))
    if total > max_bytes:
        few = _evenly(list(pictures), max(2, len(pictures) * max_bytes // total))
        pictures = {step: pictures[step] for step in few}
    if len(pictures) < len(paths):
        notes.append(f"{len(pictures)} of {len(paths)} sample grids are on this page; all are in samples/.")
    if not pictures:
        notes.append("No sample grids yet.")
    real, nearest = folder.real_samples, folder.nearest_pairs
    beside = {path: _uri(c) for path in (real, nearest) if path.exists() and (c := _read(path, notes))}
    if real not in beside:
        notes.append("The picture of real images, samples/real.png, is missing.")
    return Grids({step: _uri(c) for step, c in pictures.items()}, beside.get(real), beside.get(nearest), notes)


def _evenly(steps: list[int], count: int) -> list[int]:
    return [steps[place] for place in spread(len(steps), count)]


def _read(path: Path, notes: list[str]) -> bytes | None:
    """Return the content of a picture file; None, with a note, if it cannot be read."""
    try:
        content = path.read_bytes()
        decode(content)
    except (OSError, DataError) as error:
        notes.append(f"{path.name} could not be read: {error.strerror if isinstance(error, OSError) else error}.")
        return None
    return content


def _uri(content: bytes) -> str:
    return f"data:image/{str(image_kind(content)).lower()};base64,{base64.b64encode(content).decode()}"
