"""Builds the game with each extreme value of a sweep before its first trial: only the networks refuse some values."""

from collections.abc import Mapping
from typing import Any

from ganctl.build.games import make_game
from ganctl.build.parts import Parts
from ganctl.build.resolving import read_split
from ganctl.errors import GanctlError
from ganctl.host.device import select_device
from ganctl.images.image_set import ImageSet, Track
from ganctl.planning.sweep.sweep_file import Sweep

_NEVER_REFUSED = ("optimizer", "dataset", "seed")
"""Sections whose values are fully checked without building anything."""


def check_networks(sweep: Sweep, track: Track) -> None:
    """Build the game of the base experiment, and with each extreme value of the space.

    Raises:
        DataError: the images cannot be read.
        ConfigurationError: a value is refused; the message names its key and place in the file.
    """
    select_device("cpu")  # other processes of the sweep may be using the GPU
    images: dict[tuple[str, ...], Mapping[str, ImageSet]] = {}
    _build(sweep.parts({}), images, track)
    for key, value in sweep.probes():
        if key.split(".")[0] not in _NEVER_REFUSED:
            try:
                _build(sweep.parts({key: value}), images, track)
            except GanctlError as error:
                raise sweep.refused(key, value, error) from None


def _build(parts: Parts, images: dict[tuple[str, ...], Mapping[str, Any]], track: Track) -> None:
    """Build a game on a few images, which are read once for each combination of feeds."""
    feeds = tuple(parts.model.feeds)
    if feeds not in images:
        images[feeds] = read_split(parts, track)[0]
    most = max(1024, parts.experiment.training.batch_size)
    make_game(parts, {role: found.first(most) for role, found in images[feeds].items()}, pretrained=False)
