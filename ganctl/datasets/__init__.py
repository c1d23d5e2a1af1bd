"""Data sets: one file per source, each a registered function from the configuration to an `ImageSet`.

Floor 4, a shelf. May import: images, experiment, host, registry.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ganctl.experiment.sections import DatasetSection
from ganctl.registry import Entry, Registry, import_siblings

if TYPE_CHECKING:  # it loads NumPy, which a list of names does not need
    from ganctl.images.listed_images import Listed


OWN_KEYS = ("path_b", "source_size", "direction", "base", "transform", "amount")
"""Keys of the section `dataset` that only some data sets use. Any other data set refuses them."""


@dataclass(frozen=True)
class DatasetEntry(Entry):
    """A registered data set.

    Attributes:
        shape: height, width and channels of its images, if fixed; None: depends on the files.
        listed: finds the image files without reading them, so that `ganctl init` can survey them; None: they are not
            files of their own.
        suffixes: the ends of the names of its files, lower case: a path with one of them is read by this data set.
        feeds: the roles of its images, if it returns a mapping; empty: known only when they are read.
        own_keys: those of OWN_KEYS that it uses.
        embedded: whether its images ship with ganctl, so that it takes no path.
    """

    shape: tuple[int, int, int] | None = None
    listed: "Callable[[DatasetSection], Listed] | None" = None
    suffixes: tuple[str, ...] = ()
    feeds: tuple[str, ...] = ()
    own_keys: tuple[str, ...] = ()
    embedded: bool = False


registry = Registry("data set", "dataset.name", DatasetEntry, injected=("config", "track", "seed"))

import_siblings(__name__, list(__path__))
