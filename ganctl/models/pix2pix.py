"""pix2pix: from the picture of one kind to the picture of another that belongs to it, learned from pairs."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

import ganctl.layers
from ganctl.errors import ConfigurationError
from ganctl.game import (
    PAIRED,
    ConditionalPass,
    ImageSampler,
    MixedConditionalPass,
    Networks,
    Player,
    Setup,
    Term,
    discriminator,
    generator,
    mean,
    on_feeds,
    on_passes,
)
from ganctl.layers.patch_discriminator import Normalization, Patch, fitting_patch, normalised, patch_scores
from ganctl.layers.resolutions import needed_sizes
from ganctl.lazy import keras, tf
from ganctl.models import registry

_MOST_TIMES_WIDER = 8
_SMALLEST_MAP = 2

Shape = tuple[int, int, int]


def pix2pix_players(
    networks: Networks, setup: Setup, *, l1_weight: Annotated[float, Field(ge=0.0)] = 100.0
) -> list[Player]:
    """The usual two players on pairs, and a generator that also learns to meet the true output (equation 4).

    Args:
        networks: the networks.
        setup: the experiment's settings.
        l1_weight: weight of the mean absolute difference from the true output in the generator's loss.
    """
    distance = Term("l1", lambda batch: mean(tf.abs(batch.fake - batch.real)), l1_weight)
    return [_of_pairs(discriminator(setup)), _of_pairs(generator(setup, further=[distance]))]


def _of_pairs(player: Player) -> Player:
    turns = [on_feeds(turn, gives="target", takes="source") for turn in player.turns]
    return replace(player, turns=[on_passes(turn, ConditionalPass, mixed=MixedConditionalPass) for turn in turns])


@registry.register(
    "pix2pix",
    source="Isola et al. 2016, https://arxiv.org/abs/1611.07004",
    why_unfit=needed_sizes(16, 1024),
    players=pix2pix_players,
    feeds=PAIRED,
    samplers={"translated": ImageSampler(gives="target", source="source", truth=True)},
    paired=True,
)
def pix2pix(
    image_shape: Shape,
    image_shapes: Mapping[str, Shape],
    *,
    capacity: Annotated[int, Field(ge=1, le=512)] = 64,
    patch: Patch = 70,
    normalization: Normalization = "instance",
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.5,
) -> dict[str, Any]:
    """U-Net from picture to picture, and a discriminator of patches that sees both; sizes from 16x16 to 1024x1024.

    The generator halves the input until its shorter side has two pixels (rounding up) and doubles it again; at every
    size, the decoder also gets the encoder's maps. All is convolutional: once trained, it takes larger images, too.
    Dropout is the only noise. It is off when samples are drawn: the same input always gives the same picture.

    Args:
        image_shape: height, width and channels of the output.
        image_shapes: the same of `source` and `target`.
        capacity: filters at the full resolution; doubled at each halving, up to eightfold. The paper's is 64.
        patch: side in pixels of the patches that are judged; reduced to what fits into a smaller image.
        normalization: normalise each image by itself (instance), as the paper's batches of one do, or the batch.
        dropout: share of features dropped in training, in up to three layers of the decoder.
    """
    source_shape = image_shapes["source"]
    if source_shape[:2] != image_shape[:2]:
        raise ConfigurationError(
            f"'pix2pix' makes images as large as its inputs. Received: inputs of {_size(source_shape)}, outputs of "
            f"{_size(image_shape)}. To make images larger, use the model 'srgan'.",
            key="model.name",
        )
    source, image = keras.Input(source_shape, name="source"), keras.Input(image_shape, name="image")
    drawn = _u_net(source, image_shape[2], capacity, normalization, dropout)
    seen = keras.layers.Concatenate()([source, image])
    scores = patch_scores(seen, fitting_patch(*image_shape[:2], patch), capacity, normalization)
    return {
        "generator": keras.Model(source, drawn, name="generator"),
        "discriminator": keras.Model([image, source], scores, name="discriminator"),
    }


def halvings(height: int, width: int) -> int:
    """Return how often the U-Net halves an image, rounding up, until its shorter side has two pixels."""
    count, side = 0, min(height, width)
    while side > _SMALLEST_MAP:
        count, side = count + 1, -(-side // 2)
    return count


def _u_net(source: Any, channels: int, capacity: int, normalization: Normalization, dropout: float) -> Any:
    """The output images of a U-Net for the input images, Keras tensors (section 6.1.1 of the paper)."""
    layers, normal = keras.layers, keras.initializers.RandomNormal
    depth = halvings(*source.shape[1:3])
    widths = [capacity * min(2**level, _MOST_TIMES_WIDER) for level in range(depth)]
    maps, skipped = source, []
    for level, filters in enumerate(widths):
        skipped.append(maps)
        maps = layers.LeakyReLU(0.2)(maps) if level else maps
        # Neither the first maps nor the smallest: of 1x1 maps, instance norm would leave nothing.
        norm = 0 < level < depth - 1
        maps = layers.Conv2D(filters, 4, 2, padding="same", use_bias=not norm, kernel_initializer=normal(0.0, 0.02))(
            maps
        )
        maps = normalised(maps, normalization) if norm else maps
    for level in reversed(range(1, depth)):
        maps = layers.ReLU()(maps)
        maps = layers.Conv2DTranspose(
            widths[level - 1], 4, 2, padding="same", use_bias=False, kernel_initializer=normal(0.0, 0.02)
        )(maps)
        maps = normalised(ganctl.layers.CropLike()(maps, skipped[level]), normalization)
        if level >= max(2, depth - 3):
            maps = layers.Dropout(dropout)(maps)
        maps = layers.Concatenate()([maps, skipped[level]])
    drawn = layers.Conv2DTranspose(
        channels, 4, 2, padding="same", kernel_initializer=normal(0.0, 0.02), activation="tanh", dtype="float32"
    )(layers.ReLU()(maps))
    return ganctl.layers.CropLike(dtype="float32")(drawn, source)


def _size(shape: Shape) -> str:
    return f"{shape[0]}x{shape[1]}"
