"""SRGAN: images two or four times as large, with details that a discriminator takes for real."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

import ganctl.layers
from ganctl.errors import ConfigurationError
from ganctl.game import (
    PAIRED,
    GanPass,
    ImageSampler,
    Key,
    Networks,
    Player,
    Setup,
    Term,
    Turn,
    discriminator,
    generator,
    mean,
    on_feeds,
    refuse_together,
)
from ganctl.layers.resolutions import needed_sizes
from ganctl.lazy import keras, tf
from ganctl.models import registry

Shape = tuple[int, int, int]

SCALES = (2, 4)
_CONTENT_STRIDE = 4
_LAST_SIDE = 7
_MOST_TIMES_WIDER = 8
# BatchNorm's moving statistics draw the samples: with Keras' 0.99 they would lag behind a pre-training of 500 steps.
_MOMENTUM = 0.9


def squared_error(batch: GanPass) -> Any:
    """The mean squared error of the pixels (equation 4)."""
    return mean(tf.square(batch.fake - batch.real))


def srgan_players(
    networks: Networks,
    setup: Setup,
    *,
    content_weight: Annotated[float, Field(ge=0.0)] = 1.0,
    adversarial_weight: Annotated[float, Field(ge=0.0)] = 1e-3,
) -> list[Player]:
    """Pre-training by squared error, then the game: content plus a thousandth of the adversarial loss (equation 3).

    The content is compared in feature maps of EfficientNet-Lite0 at a quarter of the image's size, scaled so that this
    loss is about as large as the squared error of pixels; so are VGG19's in the paper (equation 5, and section 3.2).

    Args:
        networks: the networks.
        setup: the experiment's settings.
        content_weight: weight of the mean squared difference of feature maps, in the generator's loss.
        adversarial_weight: weight of the adversarial loss, in the generator's loss.

    Raises:
        ConfigurationError: `training.stages` lets the pre-training play together with the generator.
    """
    refuse_together(setup, "pretraining", "generator")
    features = setup.content_features
    assert features is not None, "the registration asks for them"

    def content_error(batch: GanPass) -> Any:
        made, true = (features(_rolled(images, batch.key)) for images in (batch.fake, batch.real))
        return mean(tf.square(made - true))

    judge = discriminator(setup)
    maker = generator(setup, further=[Term("content", content_error, content_weight)])
    (turn,) = maker.turns
    terms = [replace(t, weight=adversarial_weight) if t.name == "g_adversarial" else t for t in turn.terms]
    pretraining = replace(
        maker,
        name="pretraining",
        prefix="p",
        optimizer=setup.optimizer("pretraining"),
        turns=[_of_pairs(replace(turn, name="pretrain", terms=[Term("squared_error", squared_error)], measures={}))],
        opponents={},
    )
    return [
        pretraining,
        replace(judge, turns=[_of_pairs(turn) for turn in judge.turns]),
        replace(maker, turns=[_of_pairs(replace(turn, terms=terms))]),
    ]


def _rolled(images: Any, key: Key) -> Any:
    """Images rolled by a random number of pixels, the same for all of an update.

    The maps look at every fourth place. Always in the same one, they would not see a pattern that repeats there, and
    the generator would draw one, a lattice over all that is bright.
    """
    return tf.roll(images, key.integers("content grid", [2], _CONTENT_STRIDE), axis=[1, 2])


def _of_pairs(turn: Turn) -> Turn:
    return on_feeds(turn, gives="target", takes="source")


@registry.register(
    "srgan",
    source="Ledig et al. 2016, https://arxiv.org/abs/1609.04802",
    why_unfit=needed_sizes(16, 1024, multiple=SCALES[0]),
    players=srgan_players,
    feeds=PAIRED,
    samplers={"translated": ImageSampler(gives="target", source="source", truth=True)},
    paired=True,
    content_features=True,
)
def srgan(
    image_shape: Shape,
    image_shapes: Mapping[str, Shape],
    *,
    capacity: Annotated[int, Field(ge=1, le=512)] = 64,
    blocks: Annotated[int, Field(ge=1, le=64)] = 16,
) -> dict[str, Any]:
    """Residual network that makes images two or four times as large, to sizes from 16x16 to 1024x1024.

    The generator works at the small size; at the end, pixel shuffles enlarge. It is convolutional: once trained, it
    takes images of other sizes, too. The sizes of inputs and outputs determine the scale. Training has two stages: the
    player `pretraining` first, then `discriminator` and `generator`.

    Args:
        image_shape: height, width and channels of the large images.
        image_shapes: the same of `source`, small, and `target`, large.
        capacity: filters of the generator, and of the discriminator's first convolution. The paper's is 64.
        blocks: residual blocks of the generator. The paper's number is 16.
    """
    small = image_shapes["source"]
    scale = _scale(small, image_shape)
    source, image = keras.Input(small, name="source"), keras.Input(image_shape, name="image")
    return {
        "generator": keras.Model(source, _enlarged(source, image_shape[2], capacity, blocks, scale), name="generator"),
        "discriminator": keras.Model(image, _judged(image, capacity), name="discriminator"),
    }


def _scale(small: Shape, large: Shape) -> int:
    for scale in SCALES:
        if (small[0] * scale, small[1] * scale) == large[:2]:
            return scale
    raise ConfigurationError(
        f"'srgan' makes images 2 or 4 times as high and as wide as its inputs. Received: inputs of "
        f"{small[0]}x{small[1]}, outputs of {large[0]}x{large[1]}. With the data set `derived`, set "
        "`dataset.transform: downscale` and `dataset.amount: 2` or `4`.",
        key="model.name",
    )


def _enlarged(source: Any, channels: int, capacity: int, blocks: int, scale: int) -> Any:
    """The large images for small ones, Keras tensors (figure 4 of the paper)."""
    layers = keras.layers

    def activated(maps: Any) -> Any:
        return layers.PReLU(alpha_initializer=keras.initializers.Constant(0.2), shared_axes=[1, 2])(maps)

    def convolved(maps: Any) -> Any:
        maps = layers.Conv2D(capacity, 3, padding="same", use_bias=False)(maps)
        return layers.BatchNormalization(momentum=_MOMENTUM)(maps)

    maps, first = ganctl.layers.Copies()(activated(layers.Conv2D(capacity, 9, padding="same")(source)))
    for _ in range(blocks):
        maps = layers.Add()([maps, convolved(activated(convolved(maps)))])
    maps = layers.Add()([first, convolved(maps)])
    for _ in range(SCALES.index(scale) + 1):
        maps = activated(ganctl.layers.PixelShuffle(2)(layers.Conv2D(4 * capacity, 3, padding="same")(maps)))
    return layers.Conv2D(channels, 9, padding="same", activation="tanh", dtype="float32")(maps)


def _judged(image: Any, capacity: int) -> Any:
    """The score of images [N, 1], a Keras tensor: pairs of convolutions halve until the shorter side is small.

    From 96 to 6 pixels, as in figure 4 of the paper, there are four; other sizes have more or fewer.
    """
    layers = keras.layers
    maps, level = image, 0
    while level == 0 or min(maps.shape[1:3]) > _LAST_SIDE:
        filters = capacity * min(2**level, _MOST_TIMES_WIDER)
        for stride in (1, 2):
            first = maps is image
            maps = layers.Conv2D(filters, 3, stride, padding="same", use_bias=first)(maps)
            maps = layers.LeakyReLU(0.2)(maps if first else layers.BatchNormalization(momentum=_MOMENTUM)(maps))
        level += 1
    seen = layers.LeakyReLU(0.2)(layers.Dense(16 * capacity)(layers.Flatten()(maps)))
    return layers.Dense(1, dtype="float32")(seen)
