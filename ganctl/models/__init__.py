"""Models by name: one file each, a builder that makes the networks for an image shape.

A builder gets `image_shape` (height, width, channels) and, if it has such a parameter, `num_classes`, and returns
networks by role. `num_classes: int = 0` says that it can do without classes; without a default it refuses images that
have no labels. Its other parameters are the user's keys under `model:`. Score heads yield logits; a discriminator's
first output is its score. Last layers compute in float32, whatever the precision. A generator's inputs are latent
vectors, and classes where one is called `classes` (`ganctl.generation.drawing`).

A model whose players are not the usual two registers a function `players=` that makes them; its keyword-only parameters
are the user's keys too. One that does not take every size registers `unfit=`, which answers a height and width with
what it needs instead, or with an empty string. One that can start from trained weights registers `pretrained=`, a
function of the networks that returns the parts that take such weights, by key: its keyword-only parameters are the
user's keys, paths of those weights.
A generator that can draw its noise itself registers `noise_given=`, the arguments with which the same weights take that
noise as an input instead: so it is exported.

Floor 4, a shelf. May import: game, layers, registry.
"""

from ganctl.registry import Registry, import_siblings

registry = Registry(
    "model",
    "model.name",
    injected=("image_shape", "num_classes"),
    facts=("players", "unfit", "pretrained", "noise_given"),
)

import_siblings(__name__, list(__path__))
