"""Adversarial losses and penalties, by name.

Floor 4, a shelf. May import: game, registry.
"""

from ganctl.registry import Registry, import_siblings

registry = Registry("loss", "loss.name")
penalties = Registry("penalty", "loss.penalties", facts=("constraint",))

import_siblings(__name__, list(__path__))
