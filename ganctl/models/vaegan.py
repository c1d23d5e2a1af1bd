"""VAE-GAN: a variational autoencoder that measures its reconstructions in the features of a GAN's discriminator."""

from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any

from pydantic import Field

from ganctl.errors import ConfigurationError
from ganctl.game import (
    GanPass,
    MixedPass,
    Networks,
    Player,
    Setup,
    Term,
    Turn,
    discriminator,
    draw_latent,
    generator,
    mean,
    on_drawn_images,
)
from ganctl.layers.resolutions import Resolutions, why_unfit
from ganctl.layers.strided_convolutions import enlarged, reduced
from ganctl.lazy import channels_last, keras, tf
from ganctl.models import registry

_NORMAL = "normal"


class VaePass(GanPass):
    """A batch of which some generated images are reconstructions of real ones, and the others are samples.

    Both kinds are one batch to the generator, so that it is called once in an update.

    Args:
        networks: by role.
        images: the real images.
        key: of the update.
        samples: half of the generated images, rounded down, are samples; if false, all are reconstructions.
        settings: as for `GanPass`.
    """

    def __init__(self, networks: Networks, images: Any, key: Any, *, samples: bool = True, **settings: Any) -> None:
        super().__init__(networks, images, key, **settings)
        self.sampled = self.count // 2 if samples else 0

    @cached_property
    def originals(self) -> Any:
        """The real images that are reconstructed [M, H, W, C], the first ones of the batch."""
        return self.real[: self.count - self.sampled]

    @cached_property
    def moments(self) -> list[Any]:
        """Mean and log variance of the originals' codes, each [M, latent_dim]."""
        found: list[Any] = self.networks["encoder"](self.originals, training=True)
        return found

    @cached_property
    def code(self) -> Any:
        """A code of each original, drawn from its normal distribution [M, latent_dim]."""
        center, log_variance = self.moments
        drawn = self.key.normal("code", [self.count - self.sampled, center.shape[1]])
        return center + tf.exp(0.5 * log_variance) * drawn

    @cached_property
    def latent(self) -> Any:
        """The vectors that the generator takes [count, latent_dim]: random ones, then codes."""
        if not self.sampled:
            return self.code
        (random,) = draw_latent(self.networks["generator"], self.key, self.sampled, self.distribution)
        return tf.concat([random, self.code], axis=0)

    @property
    def reconstructed(self) -> Any:
        """What the generator makes of the codes [M, H, W, C]."""
        return self.fake[self.sampled :]

    @cached_property
    def compared(self) -> tuple[Any, Any]:
        """The discriminator's features of the originals and of their reconstructions [M, d], without augmentations."""
        both = tf.concat([self.originals, self.reconstructed], axis=0)
        first, second = tf.split(tf.cast(self._outputs(both)[-1], tf.float32), 2)
        return first, second


class MixedVaePass(VaePass, MixedPass):
    """The same with real and generated images as one batch."""


def prior(batch: VaePass) -> Any:
    """KL(q(z | x) || N(0, I)), the mean over images (equation 3)."""
    center, log_variance = batch.moments
    each = tf.square(center) + tf.math.expm1(log_variance) - log_variance
    return mean(tf.reduce_sum(0.5 * each, axis=1))


def likelihood_of_features(batch: VaePass) -> Any:
    """-log p(D_l(x) | z), the mean over images, without its constant: normal with variance 1 (equations 5 and 6)."""
    return _distance(*batch.compared)


def likelihood_of_pixels(batch: VaePass) -> Any:
    """-log p(x | z), the mean over images, without its constant: normal with variance 1."""
    return _distance(batch.originals, batch.reconstructed)


def _distance(first: Any, second: Any) -> Any:
    squared = tf.square(first - second)
    return mean(tf.reduce_sum(0.5 * squared, axis=list(range(1, len(squared.shape)))))


def vaegan_players(
    networks: Networks,
    setup: Setup,
    *,
    gamma: Annotated[float, Field(ge=0.0)] = 1e-3,
    adversarial: bool = True,
) -> list[Player]:
    """A discriminator, an encoder, and a generator that decodes (algorithm 1).

    The discriminator tells real images from samples and reconstructions. The encoder minimises the divergence of codes
    from the latent distribution and the error of reconstructions in the discriminator's features; no adversarial
    gradient reaches it. The generator minimises gamma times that error and the adversarial loss of both kinds.

    Args:
        networks: the networks.
        setup: the experiment's settings.
        gamma: weight of the reconstructions' error beside the adversarial loss, in the generator's loss. The error is a
            sum over all features.
        adversarial: false makes it a plain variational autoencoder of the same encoder and generator, which compares
            pixels.

    Raises:
        ConfigurationError: latent vectors are not normal; or a plain autoencoder has penalties, generator terms or
            augmentations.
    """
    if setup.latent_distribution != _NORMAL:
        raise ConfigurationError(
            "the codes of 'vaegan' follow a normal distribution, so its latent vectors must. Use `normal`.",
            key="model.latent_distribution",
        )
    error = likelihood_of_features if adversarial else likelihood_of_pixels
    maker = generator(setup, further=[Term("g_likelihood", error, gamma if adversarial else 1.0)])
    (turn,) = maker.turns
    encoder = replace(
        maker,
        name="encoder",
        prefix="e",
        networks=["encoder"],
        optimizer=setup.optimizer("encoder"),
        turns=[_of_all(turn, "encode", [Term("e_prior", prior), Term("e_likelihood", error)])],
        opponents={**maker.opponents, "generator": "batch"},
    )
    if not adversarial:
        for key, found in (
            ("loss.penalties", setup.penalties),
            ("loss.generator_terms", setup.generator_terms),
            ("training.augment", setup.augmentations),
        ):
            if found:
                raise ConfigurationError(
                    "a plain autoencoder (`model.adversarial: false`) has no discriminator. Set it to [].", key=key
                )
        decode = [term for term in turn.terms if term.name == "g_likelihood"]
        return [encoder, replace(maker, turns=[_of_all(turn, "decode", decode)])]
    judge = discriminator(setup)
    return [
        replace(
            judge, turns=[_of_vae(turn) for turn in judge.turns], opponents={**judge.opponents, "encoder": "batch"}
        ),
        encoder,
        replace(maker, turns=[_of_vae(turn)], opponents={**maker.opponents, "encoder": "batch"}),
    ]


def _of_vae(turn: Turn) -> Turn:
    """A turn of `discriminator` or `generator` on passes with reconstructions, which need real images."""
    return on_drawn_images(turn, VaePass, MixedVaePass)


def _of_all(turn: Turn, name: str, terms: list[Term]) -> Turn:
    """A turn that reconstructs the whole batch."""
    made: Any = _of_vae(turn)
    forward = replace(made.forward, settings={**made.forward.settings, "samples": False})
    return replace(made, name=name, forward=forward, terms=terms, measures={})


@registry.register(
    "vaegan",
    source="Larsen et al. 2015, https://arxiv.org/abs/1512.09300, algorithm 1",
    why_unfit=why_unfit,
    players=vaegan_players,
    features=True,
)
def vaegan(
    image_shape: tuple[int, int, int],
    *,
    latent_dim: Annotated[int, Field(ge=1, le=4096)] = 128,
    capacity: Annotated[int, Field(ge=1, le=512)] = 32,
) -> dict[str, Any]:
    """Convolutional encoder, generator and discriminator, for images from 16x16 to 256x256.

    The encoder's outputs are mean and log variance of an image's code. The discriminator's features, its last output,
    are its last maps, before the dense layers. They are batch-normalised, as in the paper, so that a variance of 1
    means the same for all of them. The encoder has no BatchNorm: an image's code depends on no other image.

    Args:
        image_shape: height, width and channels.
        latent_dim: length of the latent vector and of the encoder's code.
        capacity: filters at the full resolution; doubled at each halving, up to eightfold.
    """
    resolutions, layers = Resolutions.of(*image_shape[:2]), keras.layers
    latent, image = keras.Input([latent_dim], name="latent"), keras.Input(image_shape, name="image")
    maps = enlarged(latent, resolutions, capacity, 4)
    generated = layers.Conv2D(image_shape[2], 3, padding="same", activation="tanh", dtype="float32")(maps)

    seen = layers.Flatten()(reduced(image, resolutions, capacity, 4))
    moments = [layers.Dense(latent_dim, name=name, dtype="float32")(seen) for name in ("mean", "log_variance")]

    features = layers.Flatten()(_judged(image, resolutions, capacity))
    hidden = layers.LeakyReLU(0.2)(layers.Dense(16 * capacity)(features))
    score = layers.Dense(1, dtype="float32")(hidden)
    return {
        "generator": keras.Model(latent, generated, name="generator"),
        "encoder": keras.Model(image, moments, name="encoder"),
        "discriminator": keras.Model(image, [score, features], name="discriminator"),
    }


@channels_last()
def _judged(images: Any, resolutions: Resolutions, capacity: int) -> Any:
    """Maps [N, *base, C] of images, Keras tensors: `reduced` with BatchNorm after every convolution but the first."""
    layers, maps = keras.layers, images
    for level in range(1, resolutions.steps + 1):
        width = resolutions.channels(capacity, level)
        maps = layers.Conv2D(width, 4, 2, padding="same", use_bias=level == 1)(maps)
        maps = layers.LeakyReLU(0.2)(maps if level == 1 else layers.BatchNormalization()(maps))
    return maps
