"""The adversarial game: the mathematics, readable alone. `game.py` fits a round on one screen.

A model, a loss or a plugin imports all that it needs from here: `from ganctl.game import Turn, Player, Term, GanPass`.

Floor 3. May import: experiment.
"""

from ganctl.game.augmentation import Augmentation
from ganctl.game.feed import Feed, ImageBatch
from ganctl.game.game import Average, ForwardPass, Game, Networks, Player, Term, Turn
from ganctl.game.inputs import CLASSES, CODE, arrange_inputs, class_count, class_input, draw_latent, takes_classes
from ganctl.game.noise import Key
from ganctl.game.objectives import AdversarialLoss, Constraint, GeneratorTerm, Penalty, lengths, mean
from ganctl.game.passes import ConditionalPass, GanPass, Kind, MixedConditionalPass, MixedPass
from ganctl.game.players import (
    Setup,
    discriminator,
    generator,
    generator_and_discriminator,
    in_parts,
    on_drawn_images,
    on_feeds,
    on_passes,
    refuse_together,
)
from ganctl.game.sampler import PAIRED, REAL, UNPAIRED, ImageSampler, NoiseSampler, Sampler
from ganctl.game.stages import Stage

__all__ = [
    "CLASSES",
    "CODE",
    "PAIRED",
    "REAL",
    "UNPAIRED",
    "AdversarialLoss",
    "Augmentation",
    "Average",
    "ConditionalPass",
    "Constraint",
    "Feed",
    "ForwardPass",
    "Game",
    "GanPass",
    "GeneratorTerm",
    "ImageBatch",
    "ImageSampler",
    "Key",
    "Kind",
    "MixedConditionalPass",
    "MixedPass",
    "Networks",
    "NoiseSampler",
    "Penalty",
    "Player",
    "Sampler",
    "Setup",
    "Stage",
    "Term",
    "Turn",
    "arrange_inputs",
    "class_count",
    "class_input",
    "discriminator",
    "draw_latent",
    "generator",
    "generator_and_discriminator",
    "in_parts",
    "lengths",
    "mean",
    "on_drawn_images",
    "on_feeds",
    "on_passes",
    "refuse_together",
    "takes_classes",
]
