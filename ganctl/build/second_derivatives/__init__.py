"""Stand-ins for layers whose second derivative TensorFlow computes wrongly or not at all.

A gradient penalty differentiates the discriminator twice: by the images, then by the weights. For some layers of Keras,
the second of these derivatives is wrong, missing or refused (docs/gradients.md). A stand-in computes the same function
with the same variables, by an expression that TensorFlow differentiates rightly any number of times.

Each kind of layer is one file with a function `stand_ins`; there is no list to edit. What is left, within composite
layers or in operations without a layer, is refused (`ganctl.build.penalty_check`).
"""

import importlib
import pkgutil
from functools import cache

from ganctl.build.rewrites import Graph, Layer, StandIns


def stand_ins(graph: Graph) -> StandIns:
    """Return stand-ins for all layers of a network that need one, by the layers that they replace."""
    found: dict[Layer, Layer] = {}
    for name in _kinds():
        found |= importlib.import_module(f"{__name__}.{name}").stand_ins(graph)
    return found


@cache
def _kinds() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(__path__))
