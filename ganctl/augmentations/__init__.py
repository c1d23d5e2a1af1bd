"""Augmentations of what the discriminator sees, by name: one file each (`ganctl.game.Augmentation`).

Real and generated images go through the same function with random numbers of their own, in both players' updates: the
discriminator never sees an image without augmentation, and the generator learns through it. A change to real images
alone would be learned by the generator.

Floor 4, a shelf. May import: game, layers, registry.
"""

from ganctl.registry import Entry, Registry, import_siblings

registry = Registry("augmentation", "training.augment", Entry)

import_siblings(__name__, list(__path__))
