"""Adversarial losses, penalties and generator terms, by name.

Floor 4, a shelf. May import: game, registry.
"""

from dataclasses import dataclass

from ganctl.registry import Entry, Registry, import_siblings


@dataclass(frozen=True)
class PenaltyEntry(Entry):
    """A registered penalty.

    Attributes:
        constraint: it makes a `Constraint` on the discriminator's variables instead of a term of its loss.
    """

    constraint: bool = False


registry = Registry("loss", "loss.name", Entry)
penalties = Registry("penalty", "loss.penalties", PenaltyEntry)
generator_terms = Registry("generator term", "loss.generator_terms", Entry)

import_siblings(__name__, list(__path__))
