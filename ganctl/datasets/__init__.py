"""Data sets: one file per source, each a registered function from the configuration to an `ImageSet`.

Floor 4, a shelf. May import: images, experiment, host, registry.
"""

from dataclasses import dataclass

from ganctl.registry import Entry, Registry, import_siblings


@dataclass(frozen=True)
class DatasetEntry(Entry):
    """A registered data set.

    Attributes:
        shape: height, width and channels of its images, if fixed; None: depends on the files.
    """

    shape: tuple[int, int, int] | None = None


registry = Registry("data set", "dataset.name", DatasetEntry, injected=("config", "track"))

import_siblings(__name__, list(__path__))
