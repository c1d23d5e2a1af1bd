"""SimGAN: synthetic images refined until they look real, without losing what is in them."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any

from pydantic import Field

import ganctl.layers
from ganctl.errors import ConfigurationError
from ganctl.game import (
    UNPAIRED,
    GanPass,
    ImageSampler,
    MixedPass,
    Networks,
    Player,
    Setup,
    Term,
    Turn,
    discriminator,
    generator,
    mean,
    on_feeds,
    on_passes,
    refuse_together,
)
from ganctl.layers.resolutions import needed_sizes
from ganctl.lazy import keras, tf
from ganctl.models import registry

Shape = tuple[int, int, int]


class HistoryPass(GanPass):
    """A batch as the discriminator sees it: about half of the refined images are older ones, from the history."""

    @cached_property
    def fake(self) -> Any:
        """Refined images [N, H, W, C], new and old."""
        refined = self.networks["generator"](self.generator_inputs, training=self.generator_training)
        return self.networks["history"](refined, key=self.key) if "history" in self.networks else refined


class MixedHistoryPass(HistoryPass, MixedPass):
    """The same with real and refined images as one batch."""


def simgan_players(
    networks: Networks, setup: Setup, *, regularization_weight: Annotated[float, Field(ge=0.0)] = 8.0
) -> list[Player]:
    """The refiner's warm-up, the discriminator, and the refiner against it (algorithm 1).

    Args:
        networks: the networks.
        setup: the experiment's settings.
        regularization_weight: weight of the mean absolute difference between refined and synthetic images in the
            refiner's loss (equation 4). Both losses are means here. The paper sums over pixels and verdicts; its 0.5
            corresponds to 8 for images of 35x55.

    Raises:
        ConfigurationError: `training.stages` lets the warm-up play together with the generator.
    """
    refuse_together(setup, "pretraining", "generator")
    kept = Term("self_regularization", _change, regularization_weight)
    judge, refiner = discriminator(setup), generator(setup, further=[kept])
    (turn,) = refiner.turns
    pretraining = replace(
        refiner,
        name="pretraining",
        prefix="p",
        optimizer=setup.optimizer("pretraining"),
        turns=[_of_both_kinds(replace(turn, name="pretrain", terms=[kept], measures={}))],
        updates=1,
        opponents={},
    )
    seen = [on_passes(_of_both_kinds(turn), HistoryPass, mixed=MixedHistoryPass) for turn in judge.turns]
    # In algorithm 1, the refiner moves first.
    return [
        pretraining,
        replace(refiner, turns=[_of_both_kinds(turn)]),
        replace(judge, turns=seen),
    ]


def _change(batch: GanPass) -> Any:
    """The mean absolute difference between refined and synthetic images."""
    return mean(tf.abs(batch.fake - batch.generator_inputs))


def _of_both_kinds(turn: Turn) -> Turn:
    return on_feeds(turn, gives="b", takes="a")


@registry.register(
    "simgan",
    source="Shrivastava et al. 2016, https://arxiv.org/abs/1612.07828",
    why_unfit=needed_sizes(8, 1024),
    players=simgan_players,
    feeds=UNPAIRED,
    samplers={"refined": ImageSampler(gives="b", source="a")},
)
def simgan(
    image_shape: Shape,
    image_shapes: Mapping[str, Shape],
    *,
    capacity: Annotated[int, Field(ge=1, le=512)] = 64,
    blocks: Annotated[int, Field(ge=1, le=64)] = 4,
    history: Annotated[int, Field(ge=0, le=100_000)] = 512,
) -> dict[str, Any]:
    """Residual refiner of synthetic images `a` towards real ones `b`; sizes from 8x8 to 1024x1024.

    The refiner keeps the size throughout, so that it changes how things look and not where they are. The discriminator
    gives a verdict on each place. Training has three stages: the player `pretraining` (the refiner learns to leave
    images as they are), then `discriminator`, then `generator` and `discriminator`.

    Args:
        image_shape: height, width and channels.
        image_shapes: the same of `a` and `b`.
        capacity: filters of the refiner. The paper's is 64.
        blocks: residual blocks of the refiner. The paper's number is 4 for eyes and 10 for hands.
        history: how many refined images are remembered for the discriminator; 0: none.
    """
    if image_shapes["a"] != image_shapes["b"]:
        shown = " and ".join("x".join(map(str, image_shapes[kind])) for kind in UNPAIRED)
        raise ConfigurationError(
            f"'simgan' needs synthetic and real images of one size and number of channels. Received: {shown}. Set "
            "`dataset.image_size` and `dataset.channels`.",
            key="model.name",
        )
    synthetic, image = keras.Input(image_shape, name="a"), keras.Input(image_shape, name="b")
    networks = {
        "generator": keras.Model(synthetic, _refined(synthetic, image_shape[2], capacity, blocks), name="generator"),
        "discriminator": keras.Model(image, _judged(image, capacity), name="discriminator"),
    }
    if history:
        networks["history"] = ganctl.layers.ImagePool(history, name="history")
        networks["history"].build((None, *image_shape))
    return networks


def _refined(synthetic: Any, channels: int, capacity: int, blocks: int) -> Any:
    """The refined images, a Keras tensor (section 3.1 of the paper)."""
    layers = keras.layers
    maps = layers.ReLU()(layers.Conv2D(capacity, 3, padding="same")(synthetic))
    for _ in range(blocks):
        inner = layers.ReLU()(layers.Conv2D(capacity, 3, padding="same")(maps))
        maps = layers.ReLU()(layers.Add()([maps, layers.Conv2D(capacity, 3, padding="same")(inner)]))
    return layers.Conv2D(channels, 1, activation="tanh", dtype="float32")(maps)


def _judged(image: Any, capacity: int) -> Any:
    """The scores of all places [N, h, w, 1], at a quarter of the size, a Keras tensor.

    The paper's widths, but leaky activations, and averages where it has maxima (their gradient has no fixed order).
    """
    layers = keras.layers
    maps = image
    for filters, kernel, stride in ((1.5, 3, 2), (1, 3, 2), (0.5, 3, 1), (0.5, 1, 1)):
        maps = layers.LeakyReLU(0.2)(
            layers.Conv2D(max(1, int(filters * capacity)), kernel, stride, padding="same")(maps)
        )
        if filters == 1:
            maps = layers.AveragePooling2D(3, 1, padding="same")(maps)
    return layers.Conv2D(1, 1, dtype="float32")(maps)
