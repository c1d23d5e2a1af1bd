"""BiGAN (Donahue et al. 2016) as a plugin: an encoder plays with the generator, the discriminator sees pairs."""

from functools import cached_property, partial
from typing import Any

from ganctl import models
from ganctl.game import GanPass, Networks, Player, Setup, Term, Turn, mean
from ganctl.lazy import keras, tf

LATENT_DIM = 8


class BiGanPass(GanPass):
    """Scores pairs: (x, E(x)) is real, (G(z), z) is fake."""

    @cached_property
    def code(self) -> Any:
        return self.networks["encoder"](self.real, training=True)

    @cached_property
    def real_score(self) -> Any:
        return self.networks["discriminator"]([self.real, self.code], training=True)

    @cached_property
    def fake_score(self) -> Any:
        return self.networks["discriminator"]([self.fake, self.latent], training=True)


def bigan_players(networks: Networks, setup: Setup) -> list[Player]:
    """Equation 2: the encoder and the generator together swap what the discriminator takes for real."""
    count, loss = setup.training.batch_size, setup.loss
    forward = partial(BiGanPass, count=count, generator_training=True, distribution=setup.latent_distribution)
    tell = Turn(
        "tell", forward,
        [Term("d_loss_real", lambda b: mean(loss.real(b))), Term("d_loss_fake", lambda b: mean(loss.fake(b)))],
        draws={"real": count},
    )  # fmt: skip
    fool = Turn(
        "fool", forward,
        [
            Term("g_adversarial", lambda b: mean(loss.generator(b))),
            Term("e_adversarial", lambda b: mean(tf.nn.softplus(b.real_score))),
        ],
        draws={"real": count},
    )  # fmt: skip
    return [
        Player("discriminator", "d", ["discriminator"], setup.optimizer("discriminator"), [tell],
               opponents={"generator": "batch", "encoder": "batch"}),
        Player("generator", "g", ["generator", "encoder"], setup.optimizer("generator"), [fool],
               opponents={"discriminator": "moving"}),
    ]  # fmt: skip


@models.registry.register(
    "plugin_bigan", source="Donahue et al. 2016, https://arxiv.org/abs/1605.09782", players=bigan_players
)
def bigan(image_shape: tuple[int, int, int]) -> dict[str, Any]:
    """Dense generator, encoder and a discriminator of pairs."""
    layers, pixels = keras.layers, image_shape[0] * image_shape[1] * image_shape[2]
    generator = keras.Sequential(
        [keras.Input([LATENT_DIM]), layers.Dense(32), layers.BatchNormalization(), layers.ReLU(),
         layers.Dense(pixels, activation="tanh"), layers.Reshape(image_shape)]
    )  # fmt: skip
    encoder = keras.Sequential(
        [keras.Input(image_shape), layers.Flatten(), layers.Dense(32, activation="relu"), layers.Dense(LATENT_DIM)]
    )
    image, latent = keras.Input(image_shape), keras.Input([LATENT_DIM])
    hidden = layers.Dense(32, activation="relu")(layers.Concatenate()([layers.Flatten()(image), latent]))
    return {
        "generator": generator,
        "encoder": encoder,
        "discriminator": keras.Model([image, latent], layers.Dense(1)(hidden)),
    }
