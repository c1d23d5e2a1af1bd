"""StackGAN++: one generator that draws each image in three sizes, and a discriminator for each size."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field

from ganctl.errors import ConfigurationError
from ganctl.game import (
    REAL,
    GanPass,
    Key,
    Kind,
    MixedPass,
    Networks,
    Player,
    Setup,
    Turn,
    class_input,
    discriminator,
    generator,
    in_parts,
    takes_classes,
)
from ganctl.game.players import term_name
from ganctl.layers.conditional import Conditional, class_embedding, is_conditional
from ganctl.layers.image_pyramid import halved, level_sizes, trimmed
from ganctl.layers.resolutions import Resolutions, why_unfit
from ganctl.lazy import keras
from ganctl.models import registry

Shape = tuple[int, int, int]

_MOST_TIMES_WIDER = 8
_LAST_SIDE = 4


def discriminators_by_size(networks: Networks) -> dict[str, str]:
    """Return the roles of the discriminators by size, `1` for the smallest; that of the full size has no number."""
    roles = sorted(role for role in networks if role.startswith("discriminator_"))
    return {str(number): role for number, role in enumerate([*roles, "discriminator"], 1)}


class SizesPass(GanPass):
    """A batch in all sizes.

    Attributes:
        parts: what each score is of, by the names that the losses' columns end with: `1` for the smallest size and so
            on, and with classes also `1_class`.

    Args:
        networks: by role.
        images: real images.
        key: of the update.
        real_first: as for `MixedPass`; None: real and generated images are two batches.
        settings: as for `GanPass`.
    """

    def __init__(
        self,
        networks: Networks,
        images: Mapping[str, Any],
        key: Key,
        *,
        real_first: bool | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(networks, images, key, **settings)
        of_image, of_class = (SizePass, ClassPass) if real_first is None else (MixedSizePass, MixedClassPass)
        form = {} if real_first is None else {"real_first": real_first}
        self.parts: dict[str, SizePass] = {}
        for size in discriminators_by_size(networks):
            self.parts[size] = of_image(self, size, **form, **settings)
            self.parts[f"{size}_class"] = of_class(self, size, **form, **settings)

    @cached_property
    def fakes(self) -> list[Any]:
        """The generated images [count, h, w, C] from small to large."""
        images = self.networks["all_sizes"](self.generator_inputs, training=self.generator_training)
        return list(images) if isinstance(images, (list, tuple)) else [images]

    @property
    def fake(self) -> Any:
        """The generated images [count, H, W, C] in their full size."""
        return self.fakes[-1]

    @cached_property
    def reals(self) -> list[Any]:
        """The real images [N, h, w, C] from small to large."""
        images = [self.real]
        while len(images) < len(discriminators_by_size(self.networks)):
            images.insert(0, halved(images[0]))
        return images


class SizePass(GanPass):
    """The part of a `SizesPass` that one discriminator sees, as losses and penalties know it.

    Args:
        whole: the pass.
        size: its number, `1` for the smallest.
        settings: as for `GanPass`.
    """

    def __init__(self, whole: SizesPass, size: str, **settings: Any) -> None:
        own = {"discriminator": whole.networks[discriminators_by_size(whole.networks)[size]]}
        super().__init__({**whole.networks, **own}, whole.images, whole.key, **settings)
        self._whole, self._size, self._at = whole, size, int(size) - 1

    @property
    def real(self) -> Any:
        """The real images [N, h, w, C] in [-1, 1]."""
        return self._whole.reals[self._at]

    @property
    def fake(self) -> Any:
        """The generated images [count, h, w, C]."""
        return self._whole.fakes[self._at]

    @property
    def latent(self) -> Any:
        """The latent vectors of the generated images, the same for every size."""
        return self._whole.latent

    @property
    def fake_classes(self) -> Any:
        """The classes of the generated images, the same for every size."""
        return self._whole.fake_classes


class MixedSizePass(SizePass, MixedPass):
    """The same with real and generated images as one batch."""


class ClassPass(SizePass):
    """The same, judged by the second score of the discriminator: whether an image is real and of its class."""

    def judge(self, images: Any, classes: Any = None, kind: Kind = "real") -> list[Any]:
        """Return the scores of images, that of image and class first."""
        return _of_class(super().judge(images, classes, kind))

    @property
    def real_verdict(self) -> list[Any]:
        """The scores of the real images, that of image and class first."""
        return _of_class(self._whole.parts[self._size].real_verdict)

    @property
    def fake_verdict(self) -> list[Any]:
        """The scores of the generated images, that of image and class first."""
        return _of_class(self._whole.parts[self._size].fake_verdict)


class MixedClassPass(ClassPass, MixedPass):
    """The same with real and generated images as one batch."""

    @property
    def verdict(self) -> list[Any]:
        """The scores of the whole batch, in the batch's order, that of image and class first."""
        both: Any = self._whole.parts[self._size]
        return _of_class(both.verdict)


def _of_class(verdict: list[Any]) -> list[Any]:
    """A discriminator's outputs with the second score first."""
    image, image_and_class, *others = verdict
    return [image_and_class, image, *others]


def stackgan_players(networks: Networks, setup: Setup) -> list[Player]:
    """A generator of several sizes and their discriminators; the losses of all are summed (section 4.1).

    With classes, a discriminator gives two scores, of the image and of image and class, and the losses of both are
    summed (section 4.2).

    Raises:
        ConfigurationError: a generator term compares sizes, and there is only one.
    """
    roles = discriminators_by_size(networks)
    if len(roles) == 1:
        _refuse_sizes(setup)
    judge, maker = discriminator(setup), generator(setup)
    opponents = dict.fromkeys(roles.values(), maker.opponents["discriminator"])
    return [
        replace(
            judge,
            networks=list(roles.values()),
            turns=[_of_all_sizes(turn, networks, setup) for turn in judge.turns],
            opponents={"all_sizes": judge.opponents["generator"]},
        ),
        replace(
            maker,
            networks=["all_sizes"],
            turns=[_of_all_sizes(turn, networks, setup) for turn in maker.turns],
            opponents=opponents,
        ),
    ]


def _refuse_sizes(setup: Setup) -> None:
    for index, (name, _, term) in enumerate(setup.generator_terms):
        if term.needs == "sizes":
            raise ConfigurationError(
                f"'{name}' compares images of several sizes, and with `model.sizes: 1` there is one. Remove it.",
                key=f"loss.generator_terms.{index}.name",
            )


def _of_all_sizes(turn: Turn, networks: Networks, setup: Setup) -> Turn:
    """A turn of one size, on all of them.

    Its terms and measures become those of each score; generator terms that compare features, those of each
    discriminator; other generator terms are on the images of all sizes.
    """
    needs = {term_name(name): term.needs for name, _, term in setup.generator_terms}
    sizes, told = list(discriminators_by_size(networks)), takes_classes(networks["discriminator"])
    scores = [name for size in sizes for name in (size, f"{size}_class")[: 2 if told else 1]]

    def of(names: list[str], part: Turn) -> Turn:
        return in_parts(part, SizesPass, names, lambda batch, name: batch.parts[name], feeds=[REAL])

    of_features = [term for term in turn.terms if needs.get(term.name) == "features"]
    of_whole = [term for term in turn.terms if needs.get(term.name) in ("", "sizes")]
    found = of(scores, replace(turn, terms=[term for term in turn.terms if term.name not in needs]))
    further = of(sizes, replace(turn, terms=of_features)).terms
    return replace(found, terms=[*found.terms, *further, *of_whole], draws=turn.draws)


@registry.register(
    "stackgan",
    source="Zhang et al. 2017, https://arxiv.org/abs/1710.10916",
    why_unfit=why_unfit,
    players=stackgan_players,
    sizes=True,
)
def stackgan(
    image_shape: Shape,
    num_classes: int = 0,
    *,
    latent_dim: Annotated[int, Field(ge=1, le=4096)] = 100,
    capacity: Annotated[int, Field(ge=1, le=512)] = 32,
    blocks: Annotated[int, Field(ge=0, le=16)] = 2,
    sizes: Literal[1, 2, 3] = 3,
    conditional: Conditional = "auto",
) -> dict[str, Any]:
    """Generator with outputs at a quarter, half and all of the size, a discriminator each, from 16x16 to 256x256.

    Each stage takes the maps of the one before and the latent vector again, or with classes the embedded class, and
    doubles the size (section 4). The network `all_sizes` gives all three images; `generator` is the part of it that
    leads to the last one, with the same variables. The discriminators have no BatchNorm.

    Args:
        image_shape: height, width and channels.
        num_classes: number of classes of the images; 0 without labels.
        latent_dim: length of the latent vector. The paper's is 100.
        capacity: filters at the full size; doubled at each halving, up to eightfold.
        blocks: residual blocks of the second and the third stage. The paper's number is 2.
        sizes: how many sizes are drawn and judged, the full one and smaller ones. With 1, there is one discriminator,
            and the generator keeps its stages.
        conditional: give generator and discriminators the class.
    """
    told = is_conditional(conditional, num_classes)
    latent, classes = keras.Input([latent_dim], name="latent"), class_input() if told else None
    # With classes, the code takes the place of the noise in the later stages (section 4.2).
    code = latent if classes is None else class_embedding(classes, num_classes, latent_dim)
    noise = latent if classes is None else keras.layers.Concatenate()([latent, code])
    inputs = latent if classes is None else [latent, classes]

    sides = level_sizes(*image_shape[:2], 3)
    maps = _first_stage(noise, sides[0], capacity)
    found = [maps]
    for size, filters in zip(sides[1:], (2 * capacity, capacity), strict=True):
        maps = _next_stage(maps, code, size, filters, blocks)
        found.append(maps)
    settings = {"padding": "same", "activation": "tanh", "dtype": "float32"}
    images = [keras.layers.Conv2D(image_shape[2], 3, **settings)(maps) for maps in found[-sizes:]]

    networks = {
        "generator": keras.Model(inputs, images[-1], name="generator"),
        "all_sizes": keras.Model(inputs, images, name="all_sizes"),
    }
    for number, size in enumerate(sides[-sizes:], 1):
        role, times = f"discriminator_{number}" if number < sizes else "discriminator", 2 ** (sizes - number)
        shape, judged = (*size, image_shape[2]), num_classes if told else 0
        networks[role] = _discriminator(shape, judged, latent_dim, capacity, times, role)
    return networks


def _repeated(code: Any, height: int, width: int) -> Any:
    """A vector [N, d] at every place, [N, height, width, d]."""
    return keras.layers.Reshape((height, width, code.shape[-1]))(keras.layers.RepeatVector(height * width)(code))


def _gated(maps: Any, filters: int) -> Any:
    maps = keras.layers.Conv2D(2 * filters, 3, padding="same", use_bias=False)(maps)
    return keras.ops.glu(keras.layers.BatchNormalization()(maps))


def _doubled(maps: Any, filters: int, size: tuple[int, int]) -> Any:
    """Maps of twice the size, of which the last row and column are cut off where `size` is odd."""
    return trimmed(_gated(keras.layers.UpSampling2D()(maps), filters), *size)


def _first_stage(noise: Any, size: tuple[int, int], capacity: int) -> Any:
    """F_0: noise to maps at a quarter of the image's size, with four times its filters (figure 2)."""
    small = min(size) < 2 * _LAST_SIDE
    resolutions = Resolutions(*size, (-(-size[0] // 2), -(-size[1] // 2)), 1) if small else Resolutions.of(*size)
    widest = _MOST_TIMES_WIDER * capacity
    maps = keras.layers.Dense(2 * resolutions.base_pixels * widest, use_bias=False)(noise)
    maps = keras.layers.Reshape((*resolutions.base, 2 * widest))(maps)
    maps = keras.ops.glu(keras.layers.BatchNormalization()(maps))
    sizes = level_sizes(*size, resolutions.steps)
    for level, level_size in zip(reversed(range(resolutions.steps)), sizes, strict=True):
        maps = _doubled(maps, capacity * min(_MOST_TIMES_WIDER, 4 * 2**level), level_size)
    return maps


def _next_stage(maps: Any, code: Any, size: tuple[int, int], filters: int, blocks: int) -> Any:
    """F_1 and F_2: maps beside the code, residual blocks, and twice the size (figure 2)."""
    layers, width = keras.layers, maps.shape[-1]
    maps = _gated(layers.Concatenate()([maps, _repeated(code, *maps.shape[1:3])]), width)
    for _ in range(blocks):
        inner = layers.Conv2D(width, 3, padding="same", use_bias=False)(_gated(maps, width))
        maps = layers.Add()([maps, layers.BatchNormalization()(inner)])
    return _doubled(maps, filters, size)


def _discriminator(shape: Shape, num_classes: int, code_dim: int, capacity: int, times: int, role: str) -> Any:
    """The score of an image, and with classes also that of image and class (figure 2).

    Args:
        shape: height, width and channels.
        num_classes: 0 without classes.
        code_dim: length of the embedded class.
        capacity: as for the builder.
        times: how many times the image's sides fit into those of the full size.
        role: its name.
    """
    layers, normal = keras.layers, keras.initializers.RandomNormal
    image = keras.Input(shape, name="image")
    maps = image
    while maps is image or min(maps.shape[1:3]) > _LAST_SIDE:
        times *= 2
        filters = capacity * min(_MOST_TIMES_WIDER, times)
        maps = layers.Conv2D(filters, 4, 2, padding="same", kernel_initializer=normal(0.0, 0.02))(maps)
        maps = layers.LeakyReLU(0.2)(maps)
    score = layers.Dense(1, dtype="float32")(layers.Flatten()(maps))
    if not num_classes:
        return keras.Model(image, score, name=role)
    classes = class_input()
    code = _repeated(class_embedding(classes, num_classes, code_dim), *maps.shape[1:3])
    both = layers.Conv2D(maps.shape[-1], 3, padding="same")(layers.Concatenate()([maps, code]))
    both = layers.Flatten()(layers.LeakyReLU(0.2)(both))
    return keras.Model([image, classes], [score, layers.Dense(1, dtype="float32")(both)], name=role)
