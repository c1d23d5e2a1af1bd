"""The networks of tutorial 1, with classes and without.

The tutorial's text stops before its loop. This is a reconstruction after the Keras example that it cites
(keras-team/keras, examples/mnist_acgan.py). The tutorial's mistakes are fixed:

- `Embedding(...)` is made and never called on the class: here it is.
- `num_classes` is nowhere defined: here it comes from the data.
- the input of that embedding has the shape of a one-hot class, but its docstring says integer: here it is an integer,
  or a one-hot class through a matrix without bias, which is the same embedding.
- the `Lambda` that should draw the noise is made and never called: here its counterpart is.
- the generator ends with tanh twice, which keeps it within +-0.76: here once; `double_tanh: true` restores it.
- a bracket too many in the first layer of the discriminator's base.
- the text ends at "A basic discriminator can be made by": one real/fake head on the shared base; the second, for the
  classes, is the example's.
"""

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field

import ganctl.layers
from ganctl.errors import ConfigurationError
from ganctl.game import CLASSES, GanPass, Networks, Penalty, Player, Setup, Term, discriminator, generator, mean
from ganctl.lazy import keras, tf
from ganctl.models import registry

LatentDim = Annotated[int, Field(ge=1, le=4096)]
Weight = Annotated[float, Field(ge=0.0)]
Shape = tuple[int, int, int]

_TUTORIAL = "tutorial 1: GANs in Keras on MNIST, 2018; a reconstruction after Keras' examples/mnist_acgan.py"


def _why_unfit(height: int, width: int) -> str:
    return "" if height == width == 28 else "images of 28x28"


@registry.register("dcgan_mnist", source=_TUTORIAL, why_unfit=_why_unfit)
def dcgan_mnist(image_shape: Shape, *, latent_dim: LatentDim = 100, double_tanh: bool = False) -> dict[str, Any]:
    """Convolutional pair for 28x28 images: 3x3x384 upwards, and a base with dropout downwards.

    Args:
        image_shape: height, width and channels.
        latent_dim: length of the latent vector.
        double_tanh: end the generator with tanh twice, as the tutorial does; it then cannot leave +-0.76.
    """
    discriminator = _downsampling(image_shape, name="discriminator")
    discriminator.add(keras.layers.Dense(1, dtype="float32"))
    return {"generator": _upsampling(image_shape, latent_dim, double_tanh), "discriminator": discriminator}


def acgan_players(
    networks: Networks,
    setup: Setup,
    *,
    class_weight: Weight = 1.0,
    classify_fakes: bool = False,
    generator_batches: Annotated[int, Field(ge=1, le=16)] = 2,
) -> list[Player]:
    """The usual two players with a class loss (Odena et al. 2016, https://arxiv.org/abs/1610.09585, equation 3).

    The discriminator learns to classify real images, the generator to make images whose class is recognised.

    Args:
        networks: the networks.
        setup: the experiment's settings.
        class_weight: factor of the cross entropy of the class in both losses.
        classify_fakes: the discriminator also learns the classes of generated images, as in the paper; Keras' example
            leaves that out.
        generator_batches: batches from which the generator learns in one update; two in Keras' example, so that it
            sees as many images as the discriminator.
    """
    if len(networks["generator"].inputs) == 1 and setup.latent_distribution != "normal":
        raise ConfigurationError(
            "a generator that draws its own noise draws it from N(0, 1). Set it to normal.", "model.latent_distribution"
        )
    # Keras' example gives the class loss of real images its full weight in one batch, too.
    of_real = Penalty(_class_loss_of_real, needs="real", partial=True, in_one_batch=1.0)
    of_fake = Penalty(_class_loss_of_fake, needs="fake", partial=True, in_one_batch=1.0)
    attentive = [
        ("d_class_loss", class_weight, of_real),
        ("d_class_loss_fake", class_weight * classify_fakes, of_fake),
    ]
    recognised = Term("g_class_loss", _class_loss_of_fake, class_weight, partial=True)
    count = generator_batches * setup.training.batch_size
    judge = discriminator(replace(setup, penalties=[*setup.penalties, *attentive]))
    return [judge, generator(setup, count=count, further=[recognised])]


def _pretrained_parts(networks: Networks, *, generator_checkpoint: str | None = None) -> dict[str, Any]:
    """Return the part of the generator that the tutorial names separately.

    Args:
        networks: the networks.
        generator_checkpoint: run folder, checkpoint or generator file of a dcgan_mnist whose generator to start from.
    """
    return {"generator_checkpoint": networks["generator"].get_layer("generator")}


@registry.register(
    "acgan_mnist",
    source=_TUTORIAL,
    why_unfit=_why_unfit,
    players=acgan_players,
    pretrained=_pretrained_parts,
    noise_given={"latent_input": "given"},
)
def acgan_mnist(
    image_shape: Shape,
    num_classes: int,
    *,
    latent_dim: LatentDim = 100,
    latent_input: Literal["given", "inside"] = "inside",
    class_input: Literal["integer", "one_hot"] = "integer",
    double_tanh: bool = False,
) -> dict[str, Any]:
    """Auxiliary classifier GAN for 28x28 images: the generator draws a given class, the discriminator classifies.

    Args:
        image_shape: height, width and channels.
        num_classes: number of classes.
        latent_dim: length of the latent vector, and of the class embedding that it is multiplied by.
        latent_input: the noise is an input of the generator (`given`), or drawn `inside` it.
        class_input: the generator takes its class as an `integer`, or `one_hot`.
        double_tanh: end the generator with tanh twice, as the tutorial does; it then cannot leave +-0.76.
    """
    layers = keras.layers
    upsampling = _upsampling(image_shape, latent_dim, double_tanh)

    if class_input == "integer":
        classes = keras.Input([1], dtype="int32", name=CLASSES)
        embedding = layers.Embedding(num_classes, latent_dim, embeddings_initializer="glorot_normal")
        embedded = layers.Flatten()(embedding(classes))
    else:
        classes = keras.Input([num_classes], name=CLASSES)
        embedded = layers.Dense(latent_dim, use_bias=False, kernel_initializer="glorot_normal")(classes)
    if latent_input == "given":
        latent = keras.Input([latent_dim], name="latent")
        inputs, noisy = [latent, classes], layers.Multiply()([latent, embedded])
    else:
        inputs, noisy = classes, ganctl.layers.TimesNoise()(embedded)

    image = keras.Input(image_shape)
    features = _downsampling(image_shape, name="base")(image)
    realness = layers.Dense(1, dtype="float32", name="generation")(features)
    class_scores = layers.Dense(num_classes, dtype="float32", name="auxiliary")(features)
    return {
        "generator": keras.Model(inputs, upsampling(noisy), name="generator"),
        "discriminator": keras.Model(image, [realness, class_scores], name="discriminator"),
    }


def _upsampling(image_shape: Shape, latent_dim: int, double_tanh: bool) -> Any:
    """The tutorial's `get_generator_model`: 3x3x384, then 7x7, 14x14 and 28x28."""
    layers = keras.layers

    def transposed(filters: int, strides: int, padding: str, activation: str, **settings: Any) -> Any:
        return layers.Conv2DTranspose(
            filters,
            5,
            strides=strides,
            padding=padding,
            activation=activation,
            kernel_initializer="glorot_normal",
            **settings,
        )

    network = keras.Sequential(
        [
            keras.Input([latent_dim]),
            layers.Dense(3 * 3 * 384, activation="relu"),
            layers.Reshape((3, 3, 384)),
            transposed(192, 1, "valid", "relu"),
            layers.BatchNormalization(),
            transposed(96, 2, "same", "relu"),
            layers.BatchNormalization(),
            transposed(image_shape[2], 2, "same", "tanh", dtype="float32"),
        ],
        name="generator",
    )
    if double_tanh:
        network.add(layers.Activation("tanh", dtype="float32"))
    return network


def _downsampling(image_shape: Shape, name: str) -> Any:
    """The tutorial's `get_downsample_model`: the base that every head shares."""
    layers = keras.layers
    network = keras.Sequential([keras.Input(image_shape)], name=name)
    for filters, strides in ((32, 2), (64, 1), (128, 2), (256, 1)):
        network.add(layers.Conv2D(filters, 3, strides=strides, padding="same"))
        network.add(layers.LeakyReLU(0.2))
        network.add(layers.Dropout(0.3))
    network.add(layers.Flatten())
    return network


def _class_loss_of_real(batch: GanPass) -> Any:
    return _class_loss(batch.real_verdict[1], batch.real_classes)


def _class_loss_of_fake(batch: GanPass) -> Any:
    return _class_loss(batch.fake_verdict[1], batch.fake_classes)


def _class_loss(scores: Any, classes: Any) -> Any:
    """Mean cross entropy of class scores [N, classes] and int32 classes [N]."""
    return mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=classes, logits=scores))
