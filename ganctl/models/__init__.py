"""Models by name: one file each, a builder that makes the networks for an image shape.

A builder gets `image_shape` (height, width, channels) and returns networks by role; its other parameters are the
user's keys under `model:`. Score heads yield logits. Last layers compute in float32, whatever the precision. A model
whose players are not the usual two registers a function `players=` that makes them; one that takes not every size
registers `unfit=`, which answers a height and width with what it needs instead, or with an empty string.
"""

from ganctl.registry import Registry, import_siblings

registry = Registry("model", "model.name", injected=("image_shape",))

import_siblings(__name__, list(__path__))
