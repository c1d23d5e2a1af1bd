"""Floating point operations of a round, counted from the shapes of the networks as they are written.

Counted are multiplications and additions of dense and convolutional layers (two for each weight that meets an input, at
a border also where the input is padding); the rest is a few per cent. A layer whose forward pass costs F costs F more
for the gradient of its weights and F more for the gradient of its input, each only where the update needs it:

- the discriminator learns from a batch: forward and both gradients of every layer, but no gradient of the images, which
  are its first layer's input;
- it is shown generated images: the generator's forward pass alone;
- the generator learns: both passes of it, but no gradient of the latent vectors; of the discriminator the forward pass
  and the gradient of every layer's input, none of its weights.

All columns are measured by this one count, also where a rewritten network gets by with less.
"""

import math
from collections.abc import Sequence

from benchmarks.blueprint import Layer


def forward(layer: Layer) -> int:
    """Return the operations of a layer's forward pass on one example."""
    if layer.kind == "Dense":
        return 2 * math.prod(layer.input_shape) * layer.output_shape[-1]
    if layer.kind in ("Conv2D", "Conv2DTranspose"):
        # A transposed convolution spreads every input pixel; an ordinary one gathers every output pixel.
        places = layer.output_shape[:2] if layer.kind == "Conv2D" else layer.input_shape[:2]
        kernel = math.prod(layer.settings["kernel_size"])
        return 2 * math.prod(places) * kernel * layer.input_shape[2] * layer.output_shape[2]
    return 0


def of_round(generator: Sequence[Layer], discriminator: Sequence[Layer], half: int, batch: int) -> int:
    """Return the operations of one round.

    Args:
        generator: the layers of the generator.
        discriminator: the layers of the discriminator.
        half: real images, and as many generated ones, from which the discriminator learns.
        batch: images from which the generator learns.
    """
    g, d = [[cost for layer in network if (cost := forward(layer))] for network in (generator, discriminator)]
    discriminator_learns = 2 * half * (3 * sum(d) - d[0])
    fakes = half * sum(g)
    generator_learns = batch * (3 * sum(g) - g[0] + 2 * sum(d))
    return discriminator_learns + fakes + generator_learns
