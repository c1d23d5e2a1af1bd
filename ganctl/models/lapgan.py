"""LAPGAN: a GAN for the coarsest image of a Laplacian pyramid, and a conditional one for each finer level."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field

from ganctl.errors import ConfigurationError
from ganctl.game import (
    REAL,
    ConditionalPass,
    GanPass,
    Key,
    Kind,
    MixedConditionalPass,
    MixedPass,
    Networks,
    Player,
    Setup,
    arrange_inputs,
    class_input,
    discriminator,
    generator,
    in_parts,
)
from ganctl.layers.conditional import Conditional, class_embedding, is_conditional
from ganctl.layers.image_pyramid import doubled, halved, level_sizes, trimmed
from ganctl.layers.resolutions import needed_sizes
from ganctl.lazy import keras
from ganctl.models import registry

Shape = tuple[int, int, int]

_SMALLEST_SIDE = 4
_KERNEL = 5


class CoarsestPass(GanPass):
    """A batch of the coarsest images of the pyramid, as its generator and discriminator see it.

    Args:
        networks: by role.
        images: real images in their full size.
        key: of the update.
        level: number of the level; 1 is the coarsest.
        settings: as for `GanPass`.
    """

    def __init__(self, networks: Networks, images: Mapping[str, Any], key: Key, *, level: int, **settings: Any) -> None:
        own = {role: networks[f"{role}_{level}"] for role in ("generator", "discriminator")}
        super().__init__({**networks, **own}, images, key, **settings)
        self._halvings = len(levels_of(networks)) - level

    @cached_property
    def real(self) -> Any:
        """The real images of this level [N, h, w, C] in [-1, 1]."""
        images = self.images[self.gives].pixels
        for _ in range(self._halvings):
            images = halved(images)
        return images


class MixedCoarsestPass(CoarsestPass, MixedPass):
    """The same with real and generated images as one batch."""


class ResidualPass(CoarsestPass, ConditionalPass):
    """A batch of a finer level: the coarser image, enlarged, and what the generator adds to it.

    The coarser image is the true one, so that the levels do not depend on each other (section 3.2). The
    discriminator sees images, the sum of low frequencies and residual, beside the low frequencies.
    """

    @cached_property
    def condition(self) -> Any:
        """The low frequencies of the real images: made coarser and enlarged again, [N, h, w, C] (l of the paper)."""
        return doubled(halved(self.real), *self.real.shape[1:3])

    @cached_property
    def latent(self) -> Any:
        """The noise [count, h w]."""
        width = self.networks["generator"].inputs[1].shape[1]
        return self.key.latent([self.count, width], self.distribution)

    @property
    def follows_real(self) -> bool:
        """Images have the classes of the coarser images that they are made from."""
        return True

    @property
    def generator_inputs(self) -> Any:
        """Low frequencies, noise, and the classes if the generator takes them."""
        return arrange_inputs(self.networks["generator"], [self.condition, self.latent], self.fake_classes)

    @cached_property
    def fake(self) -> Any:
        """Low frequencies and generated residuals together, [count, h, w, C]."""
        residual = self.networks["generator"](self.generator_inputs, training=self.generator_training)
        return self.condition + residual

    def judge(self, images: Any, classes: Any = None, kind: Kind = "real") -> list[Any]:
        """Return the discriminator's outputs for images beside low frequencies and, if it takes them, classes."""
        return self._outputs(self.beside_classes(self.shown(images, kind), self._classes_of(classes, kind)))

    def beside_classes(self, seen: list[Any], classes: Any) -> Any:
        """Return the discriminator's arguments, given images and low frequencies."""
        return arrange_inputs(self.networks["discriminator"], seen, classes)


class MixedResidualPass(ResidualPass, MixedConditionalPass):
    """The same with real and generated images as one batch."""

    @cached_property
    def verdict(self) -> list[Any]:
        """The discriminator's outputs for the whole batch, in the batch's order."""
        halves = zip(self.shown(self.real, "real"), self.shown(self.fake, "fake"), strict=True)
        seen = [self.in_order(*half) for half in halves]
        return self._outputs(self.beside_classes(seen, self.in_order(self.real_classes, self.fake_classes)))


def levels_of(networks: Networks) -> list[int]:
    """Return the numbers of the levels, from 1, the coarsest."""
    return [int(role.removeprefix("generator_")) for role in networks if role.removeprefix("generator_").isdigit()]


def lapgan_players(networks: Networks, setup: Setup) -> list[Player]:
    """For each level a discriminator and a generator, which no other level moves.

    A column such as `g_adversarial_2` is that of a level; `d_loss`, `g_loss` and the norms of gradients are means over
    the levels that play.
    """
    players = []
    for level in levels_of(networks):
        for player in (discriminator(setup), generator(setup)):
            name = f"{player.name}_{level}"
            players.append(
                replace(
                    _at_level(player, level),
                    name=name,
                    networks=[name],
                    optimizer=setup.optimizer(name),
                    opponents={f"{role}_{level}": how for role, how in player.opponents.items()},
                )
            )
    return players


def _at_level(player: Player, level: int) -> Player:
    """A player of `discriminator` or `generator` whose turns see the images of a level."""
    turns = []
    for turn in player.turns:
        mixed = issubclass(getattr(turn.forward, "kind", GanPass), MixedPass)
        coarsest, residual = (MixedCoarsestPass, MixedResidualPass) if mixed else (CoarsestPass, ResidualPass)
        whole = coarsest if level == 1 else residual
        found = in_parts(turn, whole, [str(level)], lambda batch, _: batch, feeds=[REAL], level=level)
        # At the coarsest level, generated images need no real ones.
        turns.append(replace(found, draws=turn.draws) if level == 1 else found)
    return replace(player, turns=turns)


@registry.register(
    "lapgan",
    source="Denton et al. 2015, https://arxiv.org/abs/1506.05751",
    why_unfit=needed_sizes(16, 256),
    players=lapgan_players,
    noise_at_depths=True,
)
def lapgan(
    image_shape: Shape,
    num_classes: int = 0,
    *,
    latent_dim: Annotated[int, Field(ge=1, le=4096)] = 100,
    capacity: Annotated[int, Field(ge=1, le=512)] = 64,
    coarsest_units: Annotated[int, Field(ge=1, le=8192)] | None = None,
    levels: Literal[2, 3, 4, 5, 6] = 3,
    conditional: Conditional = "auto",
) -> dict[str, Any]:
    """Laplacian pyramid of GANs, from a coarse image to finer ones, for images from 16x16 to 256x256.

    `generator_1` makes the coarsest image from noise. From an enlarged image and a plane of noise, `generator_2` and
    so on make the details that it lacks. `generator` is the whole chain, with the same variables. Each level has a
    discriminator, and all learn apart from each other: at the same time, or one after the other in `training.stages`.

    Args:
        image_shape: height, width and channels.
        num_classes: number of classes of the images; 0 without labels.
        latent_dim: length of the coarsest level's latent vector; that of another level has a number for each pixel.
        capacity: filters of each finer level's convolutions.
        coarsest_units: units of the coarsest generator's layers; its discriminator has half as many. By default 16
            times the capacity. A narrow generator draws few different images.
        levels: images of the pyramid; each has half the size of the next. The coarsest needs sides of 4 or more, and
            should be small: its networks are fully connected.
        conditional: give all networks the class.

    Raises:
        ConfigurationError: the coarsest image would be too small.
    """
    told = num_classes if is_conditional(conditional, num_classes) else 0
    height, width, channels = image_shape
    shapes = [(*size, channels) for size in level_sizes(height, width, levels)]
    if min(shapes[0][:2]) < _SMALLEST_SIDE:
        raise ConfigurationError(
            f"the coarsest of {levels} levels would have {shapes[0][0]}x{shapes[0][1]} pixels, and needs "
            f"{_SMALLEST_SIDE} or more a side. Choose fewer levels.",
            key="model.levels",
        )
    units = coarsest_units or 16 * capacity
    networks = {
        "generator_1": _coarsest_generator(shapes[0], told, latent_dim, units),
        "discriminator_1": _coarsest_discriminator(shapes[0], told, latent_dim, max(1, units // 2)),
    }
    for level, shape in enumerate(shapes[1:], 2):
        networks[f"generator_{level}"] = _residual_generator(shape, told, capacity, level)
        networks[f"discriminator_{level}"] = _residual_discriminator(shape, told, capacity, level)
    return {"generator": _chain(networks, shapes, told), **networks}


def _chain(networks: Networks, shapes: list[Shape], num_classes: int) -> Any:
    """The whole generator: the coarsest image, to each following one its enlargement and a residual (section 3.2)."""
    layers, classes = keras.layers, [class_input()] if num_classes else []
    first = keras.Input(networks["generator_1"].inputs[0].shape[1:], name="latent_1")
    image, inputs = _called(networks["generator_1"], [first, *classes]), [first]
    for level, (height, width, _) in enumerate(shapes[1:], 2):
        inputs.append(keras.Input([height * width], name=f"latent_{level}"))
        low = layers.UpSampling2D(interpolation="bilinear", dtype="float32")(image)
        low = trimmed(low, height, width, dtype="float32")
        residual = _called(networks[f"generator_{level}"], [low, inputs[-1], *classes])
        image = layers.Add(dtype="float32")([low, residual])
    return keras.Model([*inputs, *classes], image, name="generator")


def _called(network: Any, inputs: list[Any]) -> Any:
    """What a network makes of its inputs; a network with one input takes it without a list."""
    return network(inputs if len(inputs) > 1 else inputs[0])


def _coarsest_generator(shape: Shape, num_classes: int, latent_dim: int, units: int) -> Any:
    """Two fully connected layers (section 4.1)."""
    layers, classes = keras.layers, [class_input()] if num_classes else []
    latent = keras.Input([latent_dim], name="latent")
    hidden = latent
    if classes:
        hidden = layers.Concatenate()([latent, class_embedding(classes[0], num_classes, latent_dim)])
    for _ in range(2):
        hidden = layers.Dense(units, activation="relu")(hidden)
    pixels = layers.Dense(shape[0] * shape[1] * shape[2], activation="tanh", dtype="float32")(hidden)
    image = layers.Reshape(shape, dtype="float32")(pixels)
    return keras.Model([latent, *classes] if classes else latent, image, name="generator_1")


def _coarsest_discriminator(shape: Shape, num_classes: int, latent_dim: int, units: int) -> Any:
    """Two fully connected layers with dropout, half as wide as the generator's (section 4.1)."""
    layers, classes = keras.layers, [class_input()] if num_classes else []
    image = keras.Input(shape, name="image")
    hidden = layers.Flatten()(image)
    for number in range(2):
        if classes and number:
            hidden = layers.Concatenate()([hidden, class_embedding(classes[0], num_classes, latent_dim)])
        hidden = layers.Dropout(0.5)(layers.LeakyReLU(0.2)(layers.Dense(units)(hidden)))
    score = layers.Dense(1, dtype="float32")(hidden)
    return keras.Model([image, *classes] if classes else image, score, name="discriminator_1")


def _residual_generator(shape: Shape, num_classes: int, capacity: int, level: int) -> Any:
    """Three convolutions of the enlarged image beside a plane of noise to the residual (section 4.1)."""
    layers, classes = keras.layers, [class_input()] if num_classes else []
    low, latent = keras.Input(shape, name="low"), keras.Input([shape[0] * shape[1]], name="latent")
    maps = layers.Concatenate()([low, layers.Reshape((*shape[:2], 1))(latent)])
    maps = layers.ReLU()(layers.Conv2D(capacity, _KERNEL, padding="same")(maps))
    if classes:
        maps = _beside_plane(maps, classes[0], num_classes)
    maps = layers.ReLU()(layers.Conv2D(capacity, _KERNEL, padding="same")(maps))
    residual = layers.Conv2D(shape[2], _KERNEL, padding="same", dtype="float32")(maps)
    return keras.Model([low, latent, *classes], residual, name=f"generator_{level}")


def _residual_discriminator(shape: Shape, num_classes: int, capacity: int, level: int) -> Any:
    """Two convolutions of the residual beside the low frequencies, then the score (section 4.1).

    Their strides of two, and the leaky activations, are this implementation's.
    """
    layers, classes = keras.layers, [class_input()] if num_classes else []
    image, low = keras.Input(shape, name="image"), keras.Input(shape, name="low")
    residual = layers.Subtract(dtype="float32")([image, low])
    maps = layers.Concatenate()([residual, low])
    for number in range(2):
        maps = layers.LeakyReLU(0.2)(layers.Conv2D(capacity, _KERNEL, 2, padding="same")(maps))
        if classes and not number:
            maps = _beside_plane(maps, classes[0], num_classes)
    score = layers.Dense(1, dtype="float32")(layers.Flatten()(maps))
    return keras.Model([image, low, *classes], score, name=f"discriminator_{level}")


def _beside_plane(maps: Any, classes: Any, num_classes: int) -> Any:
    """Maps beside a plane [N, h, w, 1] that is a linear function of the class (section 4.1)."""
    height, width = maps.shape[1:3]
    plane = keras.layers.Reshape((height, width, 1))(class_embedding(classes, num_classes, height * width))
    return keras.layers.Concatenate()([maps, plane])
