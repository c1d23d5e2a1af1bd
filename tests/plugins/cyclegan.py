"""CycleGAN (Zhu et al. 2017) as a plugin: two unpaired feeds, two of each network, an image pool each.

ganctl train tests/plugins/cyclegan.yaml --plugin tests/plugins/cyclegan.py
"""

from functools import cached_property
from typing import Any

import keras

from ganctl import datasets, models
from ganctl.game import ForwardPass, ImageSampler, Networks, Player, Setup, Term, Turn
from ganctl.images.image_set import ImageSet
from ganctl.lazy import tf

CYCLE_WEIGHT = 10.0
IDENTITY_WEIGHT = 5.0
CLASSES = {"a": 7, "b": 9}


class ImagePool(keras.layers.Layer):
    """Remembers generated images; half of the time the discriminator is shown an old one (Shrivastava et al. 2017)."""

    def __init__(self, size: int, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.images = self.add_weight(shape=(size, *image_shape), initializer="zeros", trainable=False, name="images")
        self.filled = self.add_weight(shape=(), initializer="zeros", dtype="int32", trainable=False, name="filled")

    def call(self, new: Any, key: Any) -> Any:
        count, size = new.shape[0], self.images.shape[0]
        full = self.filled.value + count > size
        slots = tf.where(full, key.integers("slots", [count], size), self.filled.value + tf.range(count))
        old_wanted = tf.logical_and(full, key.uniform("old or new", [count]) < 0.5)[:, None, None, None]
        shown = tf.where(old_wanted, tf.gather(self.images.value, slots), new)
        self.images.assign(tf.tensor_scatter_nd_update(self.images.value, slots[:, None], new))
        self.filled.assign(tf.minimum(size, self.filled.value + count))
        return shown


class CyclePass(ForwardPass):
    """One batch of either domain, and what the generators make of it."""

    def make(self, to: str, image: Any) -> Any:
        return self.networks[f"generator_{to}"](image, training=True)

    def score(self, domain: str, image: Any) -> Any:
        return self.networks[f"discriminator_{domain}"](image, training=True)

    @cached_property
    def fake_b(self) -> Any:
        return self.make("b", self.images["a"].pixels)

    @cached_property
    def fake_a(self) -> Any:
        return self.make("a", self.images["b"].pixels)


def _distance(x: Any, y: Any) -> Any:
    return tf.reduce_mean(tf.abs(x - y))


def _identity(batch: CyclePass, domain: str) -> Any:
    return _distance(batch.make(domain, batch.images[domain].pixels), batch.images[domain].pixels)


def _square(score: Any, target: float) -> Any:
    return tf.reduce_mean(tf.square(score - target))


def cyclegan_players(networks: Networks, setup: Setup) -> list[Player]:
    """Equations 1 to 3, with the least squares of section 4 and the identity term of section 5.2."""
    draws = dict.fromkeys("ab", setup.training.batch_size)
    generate = Turn(
        "generate", CyclePass,
        [
            Term("g_adversarial_a", lambda p: _square(p.score("a", p.fake_a), 1.0)),
            Term("g_adversarial_b", lambda p: _square(p.score("b", p.fake_b), 1.0)),
            Term("cycle_a", lambda p: _distance(p.make("a", p.fake_b), p.images["a"].pixels), CYCLE_WEIGHT),
            Term("cycle_b", lambda p: _distance(p.make("b", p.fake_a), p.images["b"].pixels), CYCLE_WEIGHT),
            Term("identity_a", lambda p: _identity(p, "a"), IDENTITY_WEIGHT),
            Term("identity_b", lambda p: _identity(p, "b"), IDENTITY_WEIGHT),
        ],
        draws=draws,
        apart=True,  # both generators are called three times
    )  # fmt: skip

    def tell(domain: str) -> Turn:
        def fake_loss(batch: Any) -> Any:
            shown = batch.networks[f"pool_{domain}"](getattr(batch, f"fake_{domain}"), key=batch.key)
            return _square(batch.score(domain, shown), 0.0)

        real = Term(f"d_loss_real_{domain}", lambda p: _square(p.score(domain, p.images[domain].pixels), 1.0), 0.5)
        return Turn("tell", CyclePass, [real, Term(f"d_loss_fake_{domain}", fake_loss, 0.5)], draws=draws)

    discriminators = [
        Player(f"discriminator_{d}", f"d_{d}", [f"discriminator_{d}"],
               setup.optimizer(f"discriminator_{d}"), [tell(d)],
               opponents={"generator_a": "batch", "generator_b": "batch"})
        for d in "ab"
    ]  # fmt: skip
    held = {"discriminator_a": "moving", "discriminator_b": "moving"}
    return [
        Player(
            "generators", "g", ["generator_a", "generator_b"], setup.optimizer("generators"), [generate], opponents=held
        ),
        *discriminators,
    ]


@models.registry.register(
    "plugin_cyclegan",
    source="Zhu et al. 2017, https://arxiv.org/abs/1703.10593",
    players=cyclegan_players,
    feeds=("a", "b"),
    samplers={
        "a_to_b": ImageSampler("generator_b", gives="b", source="a"),
        "b_to_a": ImageSampler("generator_a", gives="a", source="b"),
    },
)
def cyclegan(image_shape: tuple[int, int, int], *, pool: int = 6) -> dict[str, Any]:
    """Small networks by role.

    Args:
        image_shape: height, width and channels, of both feeds.
        pool: how many generated images each discriminator's pool remembers.
    """
    layers = keras.layers
    networks: dict[str, Any] = {}
    for domain in "ab":
        networks[f"generator_{domain}"] = keras.Sequential(
            [keras.Input(image_shape), layers.Conv2D(8, 3, padding="same"), layers.BatchNormalization(), layers.ReLU(),
             layers.Conv2D(image_shape[-1], 3, padding="same", activation="tanh", dtype="float32")]
        )  # fmt: skip
        networks[f"discriminator_{domain}"] = keras.Sequential(
            [
                keras.Input(image_shape),
                layers.Conv2D(8, 4, 2, padding="same"),
                layers.LeakyReLU(0.2),
                layers.Conv2D(1, 3, padding="same", dtype="float32"),
            ]
        )
        networks[f"pool_{domain}"] = ImagePool(pool, image_shape)
    return networks


@datasets.registry.register("plugin_shoes", source="the embedded Fashion-MNIST images: sneakers and ankle boots")
def shoes(config: Any, track: Any) -> dict[str, ImageSet]:
    """Sneakers as `a`, ankle boots as `b`."""
    clothes = datasets.registry.get("fashion_mnist_mini")
    return {
        role: clothes.make(config.model_copy(update={"classes": [label]}), track) for role, label in CLASSES.items()
    }
