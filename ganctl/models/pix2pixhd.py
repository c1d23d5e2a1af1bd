"""pix2pixHD: large pictures from pictures, first coarse and then enhanced, judged at several scales."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field

import ganctl.layers
from ganctl.errors import ConfigurationError
from ganctl.game import (
    PAIRED,
    ConditionalPass,
    ForwardPass,
    ImageSampler,
    Key,
    MixedConditionalPass,
    Networks,
    Player,
    Setup,
    Term,
    discriminator,
    generator,
    in_parts,
    mean,
    refuse_together,
)
from ganctl.layers.image_pyramid import halved
from ganctl.layers.resolutions import needed_sizes
from ganctl.lazy import keras, tf
from ganctl.models import registry

Shape = tuple[int, int, int]

_MOST_HALVINGS = 3
_SMALLEST_MAP = 4
_MOST_TIMES_WIDER = 8


class ScalesPass(ForwardPass):
    """A batch of pairs and what a generator makes of them, as the discriminators of all scales see it.

    Attributes:
        scales: what each discriminator sees, by the discriminator's number; the second one sees everything at half the
            size, and so on.

    Args:
        networks: by role.
        images: real `source` and `target`.
        key: of the update.
        coarse: everything is at half the size, and the coarse generator draws.
        scales: the numbers of the discriminators, as text.
        settings: as for `GanPass`.
    """

    def __init__(
        self,
        networks: Networks,
        images: Mapping[str, Any],
        key: Key,
        *,
        coarse: bool,
        scales: Sequence[str],
        **settings: Any,
    ) -> None:
        super().__init__(networks, images, key)
        self._coarse, self._training = coarse, settings["generator_training"]
        kind = MixedScalePass if "real_first" in settings else ScalePass
        self.scales = {scale: kind(self, scale, **settings) for scale in scales}

    @cached_property
    def source(self) -> list[Any]:
        """The input images [N, H, W, C] as each discriminator sees them."""
        return self._of_scales(self._sized("source"))

    @cached_property
    def real(self) -> list[Any]:
        """The true output images as each discriminator sees them."""
        return self._of_scales(self._sized("target"))

    @cached_property
    def fake(self) -> list[Any]:
        """The generated images as each discriminator sees them."""
        if not self._coarse:
            return self._of_scales(self.networks["generator"](self.source[0], training=self._training))
        maps = self.networks["coarse_generator"](self.source[0], training=self._training)
        return self._of_scales(self.networks["coarse_image"](maps, training=self._training))

    def _sized(self, role: str) -> Any:
        pixels = self.images[role].pixels
        return halved(pixels) if self._coarse else pixels

    def _of_scales(self, images: Any) -> list[Any]:
        sizes = [images]
        while len(sizes) < len(self.scales):
            sizes.append(halved(sizes[-1]))
        return sizes


class ScalePass(ConditionalPass):
    """The part of a `ScalesPass` that one discriminator sees, as losses and penalties know it.

    Args:
        whole: the pass.
        scale: the number of the discriminator, from `1` on.
        settings: as for `GanPass`.
    """

    def __init__(self, whole: ScalesPass, scale: str, **settings: Any) -> None:
        own = {"discriminator": whole.networks[f"discriminator_{scale}"]}
        super().__init__({**whole.networks, **own}, whole.images, whole.key, **settings)
        self._whole, self._at = whole, int(scale) - 1

    @property
    def condition(self) -> Any:
        """The input images [N, h, w, C] in [-1, 1]."""
        return self._whole.source[self._at]

    @property
    def real(self) -> Any:
        """The true output images [N, h, w, C] in [-1, 1]."""
        return self._whole.real[self._at]

    @cached_property
    def fake(self) -> Any:
        """The generated images [N, h, w, C]."""
        return self._whole.fake[self._at]

    @property
    def matching(self) -> Any:
        """Mean absolute difference of the discriminator's maps, of generated and of true images (equation 4).

        No gradient flows through the maps of the true images.
        """
        pairs = zip(self.fake_verdict[1:], self.real_verdict[1:], strict=True)
        errors = [_distance(made, tf.stop_gradient(true)) for made, true in pairs]
        return tf.reduce_sum(tf.stack(errors))


def _distance(made: Any, true: Any) -> Any:
    return mean(tf.abs(tf.cast(made, tf.float32) - tf.cast(true, tf.float32)))


class MixedScalePass(ScalePass, MixedConditionalPass):
    """The same with true and generated images as one batch."""


def pix2pixhd_players(
    networks: Networks, setup: Setup, *, matching_weight: Annotated[float, Field(ge=0.0)] = 10.0
) -> list[Player]:
    """The coarse game, then the enhancer, then all of the generator (sections 3.2 and 3.3, equations 3 to 5).

    Args:
        networks: the networks.
        setup: the experiment's settings.
        matching_weight: weight of feature matching in the generators' loss; 0: off.

    Raises:
        ConfigurationError: `training.stages` lets two of the generators play together, or both discriminators.
    """
    for one, other in (("coarse_generator", "enhancer"), ("coarse_generator", "generator"), ("enhancer", "generator")):
        refuse_together(setup, one, other)
    refuse_together(setup, "discriminator_coarse", "discriminator")
    roles = [role for role in networks if role.startswith("discriminator_")]
    scales = [role.removeprefix("discriminator_") for role in roles]
    matching = [
        Term(f"feature_matching_{scale}", _matching(scale), matching_weight) for scale in scales if matching_weight
    ]
    judges, makers = discriminator(setup), generator(setup)
    parts = {
        "coarse_generator": ["coarse_generator", "coarse_image"],
        "enhancer": ["enhancer"],
        "generator": ["coarse_generator", "enhancer"],
    }
    players = []
    for name, coarse in (("discriminator_coarse", True), ("discriminator", False)):
        judge = _at_all_scales(judges, [], scales, coarse=coarse)
        drawing = parts["coarse_generator" if coarse else "generator"]
        opponents = dict.fromkeys(drawing, judges.opponents["generator"])
        players.append(replace(judge, name=name, networks=roles, opponents=opponents, optimizer=setup.optimizer(name)))
    for name, moved in parts.items():
        maker = _at_all_scales(makers, matching, scales, coarse=name == "coarse_generator")
        opponents = dict.fromkeys(roles, makers.opponents["discriminator"])
        players.append(replace(maker, name=name, networks=moved, opponents=opponents, optimizer=setup.optimizer(name)))
    return players


def _matching(scale: str) -> Callable[[ScalesPass], Any]:
    return lambda batch: batch.scales[scale].matching


def _at_all_scales(player: Player, further: list[Term], scales: Sequence[str], *, coarse: bool) -> Player:
    """A player of `discriminator` or `generator` whose turns see all scales.

    Args:
        player: the player of one scale. Its terms and measures become those of each.
        further: terms on the `ScalesPass`.
        scales: the numbers of the discriminators.
        coarse: play at half the size.
    """
    turns = [
        in_parts(
            turn,
            ScalesPass,
            scales,
            lambda batch, scale: batch.scales[scale],
            feeds=PAIRED,
            further=further,
            coarse=coarse,
            scales=scales,
        )
        for turn in player.turns
    ]
    return replace(player, turns=turns)


@registry.register(
    "pix2pixhd",
    source="Wang et al. 2017, https://arxiv.org/abs/1711.11585",
    # The coarse generator works at half the size, and halves that at least once.
    why_unfit=needed_sizes(16, 1024, multiple=4),
    players=pix2pixhd_players,
    feeds=PAIRED,
    samplers={"translated": ImageSampler(gives="target", source="source", truth=True)},
    paired=True,
    features=True,
)
def pix2pixhd(
    image_shape: Shape,
    image_shapes: Mapping[str, Shape],
    *,
    capacity: Annotated[int, Field(ge=1, le=512)] = 64,
    blocks: Annotated[int, Field(ge=1, le=32)] = 9,
    enhancer_blocks: Annotated[int, Field(ge=1, le=32)] = 3,
    scales: Literal[1, 2, 3] = 2,
) -> dict[str, Any]:
    """Coarse generator, an enhancer around it, discriminators at several scales; sizes from 16x16 to 1024x1024.

    Training has three stages: the coarse generator at half the size, then the enhancer alone, then both. In each,
    discriminators judge patches at each scale, beside the input. Its players are `discriminator_coarse` and
    `coarse_generator`, then `discriminator` with `enhancer`, then with `generator`.

    Args:
        image_shape: height, width and channels of the output.
        image_shapes: the same of `source` and `target`.
        capacity: filters of the coarse generator at half the size; the enhancer has half as many at the full size. The
            paper's is 64.
        blocks: residual blocks of the coarse generator. The paper's number is 9.
        enhancer_blocks: residual blocks of the enhancer. The paper's number is 3.
        scales: number of discriminators; each sees half the size of the one before. The paper has 3 for images of
            2048x1024, its authors' code 2.
    """
    given = image_shapes["source"]
    if given[:2] != image_shape[:2]:
        raise ConfigurationError(
            f"'pix2pixhd' makes images as large as its inputs. Received: inputs of {given[0]}x{given[1]}, outputs of "
            f"{image_shape[0]}x{image_shape[1]}. To make images larger, use the model 'srgan'.",
            key="model.name",
        )
    # When the coarse generator plays, the last discriminator sees the size halved once for each scale.
    least = min(image_shape[:2]) // 2**scales
    if least < _SMALLEST_MAP:
        raise ConfigurationError(
            f"{scales} discriminators need images of at least {_SMALLEST_MAP * 2**scales} pixels a side. Received: "
            f"{image_shape[0]}x{image_shape[1]}",
            key="model.scales",
        )
    half = (given[0] // 2, given[1] // 2, given[2])
    coarse, last = _coarse_generator(half, capacity, blocks), keras.Input((*half[:2], capacity))
    enhancer = _enhancer(given, (*half[:2], capacity), image_shape[2], capacity // 2 or 1, enhancer_blocks)
    source = keras.Input(given, name="source")
    maps = coarse(keras.layers.AveragePooling2D(2)(source))
    networks = {
        "generator": keras.Model(source, enhancer([source, maps]), name="generator"),
        "coarse_generator": coarse,
        "coarse_image": keras.Model(last, _image(last, image_shape[2]), name="coarse_image"),
        "enhancer": enhancer,
    }
    halvings = max(1, min(_MOST_HALVINGS, int(math.log2(least)) - 1))
    for number in range(1, scales + 1):
        networks[f"discriminator_{number}"] = _discriminator(image_shape[2], given[2], capacity, halvings, number)
    return networks


def _convolution(filters: int, size: int, **settings: Any) -> Any:
    return keras.layers.Conv2D(filters, size, kernel_initializer=keras.initializers.RandomNormal(0.0, 0.02), **settings)


def _activated(maps: Any) -> Any:
    return keras.layers.ReLU()(ganctl.layers.InstanceNormalization()(maps))


def _enlarged(maps: Any, filters: int) -> Any:
    """Maps of twice the size; kernels of 4x4, not the paper's 3x3, cover all pixels equally often."""
    normal = keras.initializers.RandomNormal(0.0, 0.02)
    layer = keras.layers.Conv2DTranspose(filters, 4, 2, padding="same", use_bias=False, kernel_initializer=normal)
    return _activated(layer(maps))


def _residual(maps: Any, filters: int) -> Any:
    inner = _activated(_convolution(filters, 3, use_bias=False)(ganctl.layers.ReflectionPadding2D(1)(maps)))
    inner = _convolution(filters, 3, use_bias=False)(ganctl.layers.ReflectionPadding2D(1)(inner))
    inner = ganctl.layers.InstanceNormalization()(inner)
    return keras.layers.Add()([maps, inner])


def _image(maps: Any, channels: int) -> Any:
    return _convolution(channels, 7, activation="tanh", dtype="float32")(ganctl.layers.ReflectionPadding2D(3)(maps))


def _coarse_generator(given: Shape, capacity: int, blocks: int) -> Any:
    """G1 without its last layer: an input at half the size to the maps before the output (section 3.2).

    The paper halves the maps four times, from 512 pixels; here, as often as their sides stay whole and have 4 or more.
    """
    source = keras.Input(given)
    maps = _activated(_convolution(capacity, 7, use_bias=False)(ganctl.layers.ReflectionPadding2D(3)(source)))
    count = 0
    while count < 4 and not any(side % 2 ** (count + 1) or side >> (count + 1) < _SMALLEST_MAP for side in given[:2]):
        count += 1
    widths = [capacity * min(2**level, 16) for level in range(count + 1)]
    for filters in widths[1:]:
        maps = _activated(_convolution(filters, 3, strides=2, padding="same", use_bias=False)(maps))
    for _ in range(blocks):
        maps = _residual(maps, widths[-1])
    for filters in reversed(widths[:-1]):
        maps = _enlarged(maps, filters)
    return keras.Model(source, maps, name="coarse_generator")


def _enhancer(given: Shape, coarse: Shape, channels: int, capacity: int, blocks: int) -> Any:
    """G2: an input and the coarse generator's last maps, at half the size, to the output (section 3.2)."""
    source, added = keras.Input(given), keras.Input(coarse)
    maps = _activated(_convolution(capacity, 7, use_bias=False)(ganctl.layers.ReflectionPadding2D(3)(source)))
    maps = _activated(_convolution(coarse[2], 3, strides=2, padding="same", use_bias=False)(maps))
    maps = keras.layers.Add()([maps, added])
    for _ in range(blocks):
        maps = _residual(maps, coarse[2])
    return keras.Model([source, added], _image(_enlarged(maps, capacity), channels), name="enhancer")


def _discriminator(channels: int, given: int, capacity: int, halvings: int, number: int) -> Any:
    """Scores of patches, and the maps of each layer before them, of images of any size beside their inputs."""
    layers = keras.layers
    image, source = keras.Input((None, None, channels)), keras.Input((None, None, given))
    maps, found = layers.Concatenate()([image, source]), []
    for level in range(halvings + 1):
        filters, stride = capacity * min(2**level, _MOST_TIMES_WIDER), 2 if level < halvings else 1
        maps = _convolution(filters, 4, strides=stride, padding="same", use_bias=level == 0)(maps)
        maps = layers.LeakyReLU(0.2)(ganctl.layers.InstanceNormalization()(maps) if level else maps)
        found.append(maps)
    score = _convolution(1, 4, padding="same", dtype="float32")(maps)
    return keras.Model([image, source], [score, *found], name=f"discriminator_{number}")
