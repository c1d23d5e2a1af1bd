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


@dataclass(frozen=True)
class DatasetEntry(Entry):
    """A registered data set.

    Attributes:
        shape: height, width and channels of its images, if fixed; None: depends on the files.
        listed: finds the image files without reading them, so that `ganctl init` can survey them; None: they are not
            files of their own.
        suffixes: the ends of the names of its files, lower case: a path with one of them is read by this data set.
    """

    shape: tuple[int, int, int] | None = None
    listed: "Callable[[DatasetSection], Listed] | None" = None
    suffixes: tuple[str, ...] = ()


registry = Registry("data set", "dataset.name", DatasetEntry, injected=("config", "track"))

import_siblings(__name__, list(__path__))
