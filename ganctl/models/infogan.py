"""InfoGAN: a generator whose code can be recovered from its images, so that the code acquires a meaning."""

from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any

from pydantic import Field

from ganctl.game import (
    CLASSES,
    CODE,
    GanPass,
    Networks,
    Player,
    Setup,
    Term,
    class_count,
    discriminator,
    generator,
    mean,
    on_passes,
)
from ganctl.layers.resolutions import Resolutions, why_unfit
from ganctl.layers.strided_convolutions import enlarged, reduced
from ganctl.lazy import keras, tf
from ganctl.models import registry

Weight = Annotated[float, Field(ge=0.0)]


class InfoPass(GanPass):
    """A batch whose codes are also predicted."""

    @cached_property
    def guesses(self) -> list[Any]:
        """Predicted scores of the categories [N, categories], and continuous codes [N, codes] if there are any."""
        found = self.networks["q_head"](self.fake_verdict[1], training=True)
        return found if isinstance(found, list) else [found]

    @property
    def code(self) -> Any:
        """The continuous codes of the generated images [N, codes]."""
        return self.latent[1]


def infogan_players(
    networks: Networks, setup: Setup, *, category_weight: Weight = 1.0, code_weight: Weight = 0.1
) -> list[Player]:
    """A discriminator, and a generator that learns together with the head that predicts its codes (equation 6).

    Generator and head minimise -log Q(code | image), which bounds the mutual information of code and image from below:
    the cross entropy of the category, plus half the summed squared errors of the continuous codes, as for a normal Q
    of variance 1. The head takes the discriminator's last features, which the authors also train on this loss; here,
    as in the equation, the discriminator only learns to tell real from generated.

    Args:
        networks: the networks.
        setup: the experiment's settings.
        category_weight: factor of the category's cross entropy (lambda of the paper).
        code_weight: factor of the continuous codes' loss.
    """
    setup = replace(setup, num_classes=class_count(networks["generator"], 0))
    terms = [Term("g_category_loss", _category_loss, category_weight)]
    if len(networks["q_head"].outputs) > 1:
        terms.append(Term("g_code_loss", _code_loss, code_weight))
    usual = generator(setup, further=terms)
    turns = [on_passes(turn, InfoPass) for turn in usual.turns]
    return [discriminator(setup), replace(usual, networks=["generator", "q_head"], turns=turns)]


@registry.register(
    "infogan",
    source="Chen et al. 2016, https://arxiv.org/abs/1606.03657, equation 6 and appendix C",
    why_unfit=why_unfit,
    players=infogan_players,
    features=True,
    noise_at_depths=True,
)
def infogan(
    image_shape: tuple[int, int, int],
    *,
    latent_dim: Annotated[int, Field(ge=1, le=4096)] = 62,
    categories: Annotated[int, Field(ge=2, le=1000)] = 10,
    codes: Annotated[int, Field(ge=0, le=64)] = 2,
    capacity: Annotated[int, Field(ge=1, le=512)] = 32,
) -> dict[str, Any]:
    """Convolutional pair that finds categories in images without labels, for images from 16x16 to 256x256.

    The generator takes noise, a category and continuous codes. The categories take the place of classes, so that the
    columns of sample grids are categories and `ganctl sample --classes` draws some of them. The networks grow with the
    image, whereas the paper has one for each data set; the discriminator has no BatchNorm.

    Args:
        image_shape: height, width and channels.
        latent_dim: length of the noise.
        categories: number of categories of images.
        codes: number of continuous codes, drawn like the noise.
        capacity: filters at the full resolution; doubled at each halving, up to eightfold.
    """
    resolutions, layers = Resolutions.of(*image_shape[:2]), keras.layers
    latent, category = keras.Input([latent_dim], name="latent"), keras.Input([categories], name=CLASSES)
    inputs = [latent, *([keras.Input([codes], name=CODE)] if codes else []), category]
    maps = enlarged(layers.Concatenate()(inputs), resolutions, capacity, 4)
    generated = layers.Conv2D(image_shape[2], 3, padding="same", activation="tanh", dtype="float32")(maps)

    image = keras.Input(image_shape, name="image")
    features = layers.Flatten()(reduced(image, resolutions, capacity, 4))
    features = layers.LeakyReLU(0.2)(layers.Dense(16 * capacity)(features))
    score = layers.Dense(1, dtype="float32")(features)

    seen = keras.Input(features.shape[1:], name="features")
    hidden = layers.LeakyReLU(0.1)(layers.Dense(128)(seen))
    guesses = [layers.Dense(width, dtype="float32")(hidden) for width in (categories, codes) if width]
    return {
        "generator": keras.Model(inputs, generated, name="generator"),
        "discriminator": keras.Model(image, [score, features], name="discriminator"),
        "q_head": keras.Model(seen, guesses, name="q_head"),
    }


def _category_loss(batch: InfoPass) -> Any:
    return mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=batch.fake_classes, logits=batch.guesses[0]))


def _code_loss(batch: InfoPass) -> Any:
    return mean(tf.reduce_sum(0.5 * tf.square(batch.guesses[1] - batch.code), axis=1))
