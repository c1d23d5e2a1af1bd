"""Data sets: one file per source, each a registered function from the configuration to an `ImageSet`.

Floor 4, a shelf. May import: images, experiment, host, registry.
"""

from ganctl.registry import Registry, import_siblings

registry = Registry("data set", "dataset.name", injected=("config", "track"), facts=("shape",))

import_siblings(__name__, list(__path__))
