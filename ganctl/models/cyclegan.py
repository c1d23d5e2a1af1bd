"""CycleGAN: pictures of one kind to pictures of another and back, learned from two sets without pairs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any

from pydantic import Field

import ganctl.layers
from ganctl.errors import ConfigurationError
from ganctl.game import (
    REAL,
    UNPAIRED,
    ForwardPass,
    GanPass,
    ImageSampler,
    Key,
    MixedPass,
    Networks,
    Player,
    Setup,
    Term,
    discriminator,
    generator,
    in_parts,
    mean,
)
from ganctl.layers.patch_discriminator import Patch, fitting_patch, patch_scores
from ganctl.layers.resolutions import needed_sizes
from ganctl.lazy import keras, tf
from ganctl.models import registry

_MANY_BLOCKS_FROM = 128
_FEW_BLOCKS, _MANY_BLOCKS = 6, 9

Shape = tuple[int, int, int]
OTHER = {"a": "b", "b": "a"}
"""The other one of the two kinds of images."""


class CyclePass(ForwardPass):
    """A batch of each kind of images, and what the generators make of them.

    Real images that a generator is to translate and those that it is to leave alone are one batch to it. Instance norm
    does not mix them, and each generator is called only twice in an update: that is faster than three calls, and
    their gradients are added in one order only (`ganctl.game.gradients`).

    Attributes:
        kinds: what the discriminator of each kind sees.

    Args:
        networks: by role; `generator_a` makes images of kind `a`.
        images: real images of both kinds.
        key: of the update.
        pooled: the discriminators also see older images, from the pools if there are any.
        identity: `same` will be used.
        settings: as for `GanPass`.
    """

    def __init__(
        self,
        networks: Networks,
        images: Mapping[str, Any],
        key: Key,
        *,
        pooled: bool,
        identity: bool = False,
        **settings: Any,
    ) -> None:
        super().__init__(networks, images, key)
        self.pooled, self.identity = pooled, identity
        of_kind = MixedKindPass if "real_first" in settings else KindPass
        self.kinds = {kind: of_kind(self, kind, **settings) for kind in UNPAIRED}

    def real(self, kind: str) -> Any:
        """Real images of a kind [N, H, W, C] in [-1, 1]."""
        return self.images[kind].pixels

    def fake(self, kind: str) -> Any:
        """Images of a kind, made from real ones of the other kind."""
        return self._from_real[kind][0]

    def same(self, kind: str) -> Any:
        """Images of a kind, made from real ones of that kind."""
        return self._from_real[kind][1]

    def back(self, kind: str) -> Any:
        """Images of a kind, made from the other kind's fakes, which were made from real images of this kind."""
        return self._from_fake[kind]

    @cached_property
    def _from_real(self) -> Mapping[str, list[Any]]:
        if not self.identity:
            return {kind: [self._made(kind, self.real(OTHER[kind]))] for kind in UNPAIRED}
        both = {kind: tf.concat([self.real(OTHER[kind]), self.real(kind)], axis=0) for kind in UNPAIRED}
        return {kind: tf.split(self._made(kind, both[kind]), 2) for kind in UNPAIRED}

    @cached_property
    def _from_fake(self) -> Mapping[str, Any]:
        return {kind: self._made(kind, self.fake(OTHER[kind])) for kind in UNPAIRED}

    def _made(self, kind: str, images: Any) -> Any:
        return self.networks[f"generator_{kind}"](images, training=True)


class KindPass(GanPass):
    """The part of a `CyclePass` that the discriminator of one kind sees, as losses and penalties know it.

    Args:
        cycle: the whole.
        kind: `a` or `b`.
        settings: as for `GanPass`.
    """

    def __init__(self, cycle: CyclePass, kind: str, **settings: Any) -> None:
        roles = {role: cycle.networks[f"{role}_{kind}"] for role in ("generator", "discriminator")}
        super().__init__({**cycle.networks, **roles}, {REAL: cycle.images[kind]}, cycle.key.part(kind), **settings)
        self._cycle, self._kind = cycle, kind

    @cached_property
    def fake(self) -> Any:
        """Generated images [N, H, W, C]: new ones, or a mix of new and older ones."""
        new, pool = self._cycle.fake(self._kind), self.networks.get(f"pool_{self._kind}")
        return pool(new, key=self.key) if pool is not None and self._cycle.pooled else new


class MixedKindPass(KindPass, MixedPass):
    """The same with real and generated images as one batch."""


def cyclegan_players(
    networks: Networks,
    setup: Setup,
    *,
    cycle_weight: Annotated[float, Field(ge=0.0)] = 10.0,
    identity_weight: Annotated[float, Field(ge=0.0)] = 5.0,
) -> list[Player]:
    """Both discriminators as one player, and both generators (equations 1 to 3 and section 5.2).

    Args:
        networks: the networks.
        setup: the experiment's settings.
        cycle_weight: weight of the mean absolute difference between images and what comes back of them after a
            translation there and back, in the generators' loss.
        identity_weight: weight of the mean absolute difference between images that are of the right kind already and
            what their generator makes of them; 0 for kinds with different numbers of channels.

    Raises:
        ConfigurationError: the number of channels differs, and `identity_weight` is not 0.
    """
    channels = {kind: networks[f"generator_{kind}"].output_shape[-1] for kind in UNPAIRED}
    if identity_weight and channels["a"] != channels["b"]:
        raise ConfigurationError(
            f"images of {channels['a']} and of {channels['b']} channels cannot be left as they are. Set it to 0.",
            key="model.identity_weight",
        )
    restored = [Term(f"cycle_{kind}", _distance(CyclePass.back, kind), cycle_weight) for kind in UNPAIRED]
    left = [Term(f"identity_{kind}", _distance(CyclePass.same, kind), identity_weight) for kind in UNPAIRED]
    judges, makers = discriminator(setup), generator(setup)
    further = [*restored, *(left if identity_weight else [])]
    return [
        _of_both_kinds(judges, pooled=True),
        _of_both_kinds(makers, further, pooled=False, identity=bool(identity_weight)),
    ]


def _distance(made: Callable[[CyclePass, str], Any], kind: str) -> Callable[[CyclePass], Any]:
    return lambda batch: mean(tf.abs(made(batch, kind) - batch.real(kind)))


def _of_both_kinds(player: Player, further: Sequence[Term] = (), **settings: bool) -> Player:
    """A player of `discriminator` or `generator`, who moves the networks of both kinds in each turn.

    Args:
        player: the player of one kind. Its terms and measures become those of `a` and of `b`.
        further: terms on the `CyclePass`.
        settings: of the `CyclePass`.
    """

    def roles(names: Any) -> list[str]:
        return [f"{name}_{kind}" for name in names for kind in UNPAIRED]

    turns = [
        in_parts(
            turn,
            CyclePass,
            UNPAIRED,
            lambda batch, kind: batch.kinds[kind],
            feeds=UNPAIRED,
            further=further,
            **settings,
        )
        for turn in player.turns
    ]
    opponents = {role: how for name, how in player.opponents.items() for role in roles([name])}
    return replace(
        player,
        networks=roles(player.networks),
        turns=turns,
        opponents=opponents,
    )


@registry.register(
    "cyclegan",
    source="Zhu et al. 2017, https://arxiv.org/abs/1703.10593",
    why_unfit=needed_sizes(16, 1024),
    players=cyclegan_players,
    feeds=UNPAIRED,
    samplers={
        "a_to_b": ImageSampler("generator_b", gives="b", source="a"),
        "b_to_a": ImageSampler("generator_a", gives="a", source="b"),
    },
)
def cyclegan(
    image_shape: Shape,
    image_shapes: Mapping[str, Shape],
    *,
    capacity: Annotated[int, Field(ge=1, le=512)] = 64,
    blocks: Annotated[int, Field(ge=0, le=32)] = 0,
    patch: Patch = 70,
    pool: Annotated[int, Field(ge=0, le=10_000)] = 50,
) -> dict[str, Any]:
    """Residual networks between two kinds of pictures, in both directions; sizes from 16x16 to 1024x1024.

    Each generator halves the image twice, transforms it by residual blocks and doubles it again, with instance norm and
    reflected borders. Once trained, it takes images of other sizes, too. Discriminators judge patches.

    Args:
        image_shape: height, width and channels.
        image_shapes: the same of both kinds, `a` and `b`.
        capacity: filters at the full resolution, doubled at each halving. The paper's is 64.
        blocks: residual blocks of a generator; 0: 6 below 128 pixels a side, 9 from there.
        patch: side in pixels of the patches that are judged; reduced to what fits into a smaller image.
        pool: how many generated images of each kind are remembered for the discriminators; 0: none.
    """
    sizes = {kind: image_shapes[kind][:2] for kind in UNPAIRED}
    if sizes["a"] != sizes["b"]:
        received = " and ".join(f"{height}x{width}" for height, width in sizes.values())
        raise ConfigurationError(
            f"'cyclegan' needs images of one size. Received: {received}. Set dataset.image_size.", key="model.name"
        )
    few = min(image_shape[:2]) < _MANY_BLOCKS_FROM
    count = blocks or (_FEW_BLOCKS if few else _MANY_BLOCKS)
    networks: dict[str, Any] = {}
    for kind in UNPAIRED:
        given, image = keras.Input(image_shapes[OTHER[kind]]), keras.Input(image_shapes[kind])
        drawn = _translated(given, image_shapes[kind][2], capacity, count)
        scores = patch_scores(image, fitting_patch(*image_shape[:2], patch), capacity, "instance")
        networks[f"generator_{kind}"] = keras.Model(given, drawn, name=f"generator_{kind}")
        networks[f"discriminator_{kind}"] = keras.Model(image, scores, name=f"discriminator_{kind}")
    for kind in UNPAIRED if pool else ():
        networks[f"pool_{kind}"] = ganctl.layers.ImagePool(pool, name=f"pool_{kind}")
        networks[f"pool_{kind}"].build((None, *image_shapes[kind]))
    return networks


def _translated(images: Any, channels: int, capacity: int, blocks: int) -> Any:
    """Images [N, H, W, channels] that the generator makes, a Keras tensor (section 7.2 of the paper).

    The kernels of the doublings are 4x4, not 3x3, which cover all pixels equally often.
    """
    layers = keras.layers

    def convolution(filters: int, size: int, **settings: Any) -> Any:
        return layers.Conv2D(filters, size, kernel_initializer=keras.initializers.RandomNormal(0.0, 0.02), **settings)

    def activated(maps: Any) -> Any:
        return layers.ReLU()(ganctl.layers.InstanceNormalization()(maps))

    maps = convolution(capacity, 7, use_bias=False)(ganctl.layers.ReflectionPadding2D(3)(images))
    sizes = [maps := activated(maps)]
    for level in (1, 2):
        maps = convolution(capacity * 2**level, 3, strides=2, padding="same", use_bias=False)(maps)
        sizes.append(maps := activated(maps))
    for _ in range(blocks):
        inner = convolution(capacity * 4, 3, use_bias=False)(ganctl.layers.ReflectionPadding2D(1)(maps))
        inner = convolution(capacity * 4, 3, use_bias=False)(ganctl.layers.ReflectionPadding2D(1)(activated(inner)))
        maps = layers.Add()([maps, ganctl.layers.InstanceNormalization()(inner)])
    for level in (1, 0):
        maps = layers.Conv2DTranspose(
            capacity * 2**level,
            4,
            2,
            padding="same",
            use_bias=False,
            kernel_initializer=keras.initializers.RandomNormal(0.0, 0.02),
        )(maps)
        maps = activated(ganctl.layers.CropLike()(maps, sizes[level]))
    last = convolution(channels, 7, activation="tanh", dtype="float32")
    return last(ganctl.layers.ReflectionPadding2D(3)(maps))
