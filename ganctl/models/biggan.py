"""BigGAN: a residual pair in which a part of the latent vector, and the class, reach every block of the generator."""

from functools import partial
from typing import Annotated, Any

from pydantic import Field

import ganctl.layers
from ganctl.game import class_input
from ganctl.layers.conditional import Conditional, class_embedding, is_conditional, spectral_residual_score
from ganctl.layers.modulation import modulated
from ganctl.layers.residual_blocks import down_block, up_block
from ganctl.layers.resolutions import Resolutions, why_unfit
from ganctl.lazy import keras
from ganctl.models import registry

_ATTENTIVE_BLOCK = 2


@registry.register(
    "biggan",
    source="Brock et al. 2018, https://arxiv.org/abs/1809.11096, appendix B",
    why_unfit=why_unfit,
    noise_at_depths=True,
)
def biggan(
    image_shape: tuple[int, int, int],
    num_classes: int = 0,
    *,
    latent_dim: Annotated[int, Field(ge=1, le=1024)] = 20,
    class_dim: Annotated[int, Field(ge=1, le=1024)] = 128,
    capacity: Annotated[int, Field(ge=1, le=512)] = 32,
    conditional: Conditional = "auto",
) -> dict[str, Any]:
    """Residual pair with attention and spectral normalisation, for images from 16x16 to 256x256; needs much memory.

    The latent vector comes in chunks: one makes the smallest map, and each block of the generator gets another,
    together with an embedding of the class that all blocks share. Both set scale and shift of the block's BatchNorm.
    Kernels start orthogonal. With classes, the discriminator scores by projection; without, the chunks alone scale
    and shift.

    Args:
        image_shape: height, width and channels.
        num_classes: number of classes of the images; 0 without labels.
        latent_dim: length of each chunk. There is a chunk for each block and one more, and a block for each doubling.
        class_dim: length of the class embedding.
        capacity: channels at the full resolution; doubled at each halving, up to eightfold.
        conditional: give both networks the class.
    """
    with_classes = is_conditional(conditional, num_classes)
    resolutions, layers, own = Resolutions.of(*image_shape[:2]), keras.layers, ganctl.layers
    convolution = partial(own.SpectralConv2D, kernel_initializer="orthogonal")
    dense = partial(own.SpectralDense, kernel_initializer="orthogonal")
    blocks = resolutions.steps
    first, *chunks = (keras.Input([latent_dim], name=f"latent_{number}") for number in range(1, blocks + 2))
    image = keras.Input(image_shape, name="image")
    generator_class, judged_class = (class_input(), class_input()) if with_classes else (None, None)
    shared = []
    if generator_class is not None:
        shared.append(class_embedding(generator_class, num_classes, class_dim, embeddings_initializer="orthogonal"))

    widest = resolutions.channels(capacity, blocks)
    maps = layers.Reshape((*resolutions.base, widest))(dense(resolutions.base_pixels * widest)(first))
    for block, chunk in enumerate(chunks, start=1):
        told = layers.Concatenate()([*shared, chunk]) if shared else chunk
        width = resolutions.channels(capacity, blocks - block)
        maps = up_block(maps, width, convolution, partial(modulated, told=told, dense=dense))
        if block == _ATTENTIVE_BLOCK:
            maps = own.SelfAttention(convolution)(maps)
    maps = layers.ReLU()(layers.BatchNormalization()(layers.Cropping2D(resolutions.cropping)(maps)))
    generated = convolution(image_shape[2], 3, padding="same", activation="tanh", dtype="float32")(maps)

    maps = image
    for level in range(1, blocks + 1):
        maps = down_block(maps, resolutions.channels(capacity, level), convolution, activate=level > 1)
        if level == max(1, blocks - _ATTENTIVE_BLOCK):
            maps = own.SelfAttention(convolution)(maps)
    score = spectral_residual_score(maps, judged_class, num_classes)
    inputs = [first, *chunks, *([generator_class] if with_classes else [])]
    return {
        "generator": keras.Model(inputs, generated, name="generator"),
        "discriminator": keras.Model([image, judged_class] if with_classes else image, score, name="discriminator"),
    }
