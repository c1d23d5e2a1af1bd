"""SGAN, stacked: a GAN that draws features of a class, and one that draws images with such features."""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any

from pydantic import Field

from ganctl.game import (
    CLASSES,
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
    refuse_together,
)
from ganctl.game.augmentation import memory_of
from ganctl.layers.resolutions import Resolutions, needed_sizes
from ganctl.layers.strided_convolutions import enlarged, reduced
from ganctl.lazy import keras, tf
from ganctl.models import registry

Weight = Annotated[float, Field(ge=0.0)]

FEATURES = "features"
"""The upper level, in names: of an input, of a discriminator, and at the end of what its players measure."""


class StackPass(GanPass):
    """A batch of labelled images and what the encoder makes of them. Generated images have the real images' classes.

    Attributes:
        whole: all networks by role. In `networks`, generator and discriminator are those of a level.
    """

    level = ("generator", "discriminator")
    """The roles of the level's generator and discriminator."""

    def __init__(self, networks: Networks, *arguments: Any, **settings: Any) -> None:
        drawing, judging = (networks[role] for role in self.level)
        super().__init__({**networks, "generator": drawing, "discriminator": judging}, *arguments, **settings)
        self.whole = networks

    @cached_property
    def latent(self) -> Any:
        """The latent vectors [count, latent_dim] of the upper and of the lower level, a list."""
        return draw_latent(self.whole["generator"], self.key, self.count, self.distribution)

    @property
    def fake_classes(self) -> Any:
        """The labels of the real images, int32 [N]."""
        return self.real_classes

    @property
    def encoded(self) -> Any:
        """Features [N, 1, 1, F] of the real images."""
        return self.networks["encoder"](self.images["real"].pixels, training=True)

    @cached_property
    def class_scores(self) -> Any:
        """Scores of the classes [N, classes] of the real images, by the encoder and its classifier."""
        return self.networks["classifier"](self.encoded, training=True)


class FeaturePass(StackPass):
    """The upper level: the images of this pass are features, maps [N, 1, 1, F], as losses and penalties take them."""

    level = ("feature_generator", "discriminator_features")

    @cached_property
    def real(self) -> Any:
        """Features of the real images."""
        return tf.stop_gradient(self.encoded)

    @cached_property
    def fake(self) -> Any:
        """Features that were drawn for the classes of the real images."""
        chosen = tf.one_hot(self.fake_classes, self.num_classes)
        return self.networks["generator"]([self.latent[0], chosen], training=self.generator_training)

    def augmented(self, images: Any, kind: Any) -> Any:
        """Return the features as they are: augmentations are for images."""
        return images

    @cached_property
    def condition_error(self) -> Any:
        """Mean cross entropy of the classes that the encoder's classifier finds in the drawn features (equation 4)."""
        scores = self.networks["classifier"](self.fake, training=True)
        return mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=self.fake_classes, logits=scores))

    @cached_property
    def latent_error(self) -> Any:
        """How badly the upper latent vectors are read back (equation 6)."""
        return _latent_error(self.networks["q_features"](self.fake_verdict[1], training=True), self.latent[0])


class MixedFeaturePass(FeaturePass, MixedPass):
    """The same with real and drawn features as one batch."""


class ImagePass(StackPass):
    """The lower level: images drawn for features, here the true ones of the real images."""

    level = ("image_generator", "discriminator")

    @cached_property
    def features(self) -> Any:
        """The features [N, 1, 1, F] that the images are drawn for."""
        return tf.stop_gradient(self.encoded)

    @cached_property
    def fake(self) -> Any:
        """Images [N, H, W, C] that were drawn for the features."""
        return self.networks["generator"]([self.features, self.latent[1]], training=self.generator_training)

    @cached_property
    def condition_error(self) -> Any:
        """Mean squared difference of the generated images' features and those that were asked for (equation 4).

        No gradient flows through those that were asked for.
        """
        found = self.networks["encoder"](self.fake, training=True)
        return mean(tf.square(found - tf.stop_gradient(self.features)))

    @cached_property
    def latent_error(self) -> Any:
        """How badly the lower latent vectors are read back (equation 6)."""
        return _latent_error(self.networks["q_images"](self.fake_verdict[1], training=True), self.latent[1])


class MixedImagePass(ImagePass, MixedPass):
    """The same with real and generated images as one batch."""


class JointPass(ImagePass):
    """The lower level below the upper one: images are drawn for the features that the upper generator draws."""

    @cached_property
    def upper(self) -> FeaturePass:
        """The upper level, of the same latent vectors and classes."""
        return FeaturePass(
            self.whole,
            self.images,
            self.key,
            count=self.count,
            generator_training=self.generator_training,
            distribution=self.distribution,
            num_classes=self.num_classes,
            augmentations=self.augmentations,
            pairs=self.pairs,
        )

    @property
    def features(self) -> Any:
        """The features [N, 1, 1, F] that the upper generator draws."""
        return self.upper.fake


class MixedJointPass(JointPass, MixedPass):
    """The same with real and generated images as one batch."""


def _latent_error(read: Any, true: Any) -> Any:
    """Mean squared error in the paper's unit: its latent vectors come from U(0, 1), half as wide as ours."""
    return mean(tf.square((read - true) / 2.0))


def sgan_players(
    networks: Networks,
    setup: Setup,
    *,
    adversarial_weight: Weight = 1.0,
    conditional_weight: Weight = 1.0,
    entropy_weight: Weight = 10.0,
) -> list[Player]:
    """The encoder; then both levels, each apart on the encoder's true features; then the whole chain (section 3).

    Args:
        networks: the networks.
        setup: the experiment's settings.
        adversarial_weight: weight of the adversarial losses of both generators.
        conditional_weight: weight of the conditional losses: how badly the encoder recognises the class in drawn
            features, and the features in drawn images.
        entropy_weight: weight of the entropy losses: the mean squared error of the latent vectors that are read back
            from what was drawn. As in the paper, the vectors count as if from U(0, 1), so that the best guess without
            reading has an error of 0.083.

    Raises:
        ConfigurationError: `training.stages` lets two of the generators' players, or of the discriminator's, play
            together that would undo each other's work.
    """
    for apart in ("feature_generator", "image_generator"):
        refuse_together(setup, apart, "generator")
    refuse_together(setup, "discriminator_apart", "discriminator")
    further = [
        Term("g_conditional", lambda batch: batch.condition_error, conditional_weight),
        Term("g_entropy", lambda batch: batch.latent_error, entropy_weight),
    ]
    judge, maker = discriminator(setup), generator(setup, further=further)
    maker = replace(maker, turns=[_weighted(turn, adversarial_weight) for turn in maker.turns])
    upper_judge, upper_maker = _of_features(judge, setup), _of_features(maker, setup)
    joint_maker = _on(maker, JointPass, MixedJointPass)
    pairs = zip(joint_maker.turns, upper_maker.turns, strict=True)
    joint_maker = replace(joint_maker, turns=[_with_upper(joint, upper) for joint, upper in pairs])

    drawing, judging = judge.opponents["generator"], maker.opponents["discriminator"]
    both_draw = {"feature_generator": drawing, "image_generator": drawing}
    both_judge = {"discriminator_features": judging, "discriminator": judging}

    def named(name: str, player: Player, networks: list[str], opponents: dict[str, str]) -> Player:
        fixed = {"encoder": "moving", "classifier": "moving"}
        optimizer, against = setup.optimizer(name), {**opponents, **fixed}
        return replace(player, name=name, networks=networks, opponents=against, optimizer=optimizer)

    upper, lower = ["feature_generator", "q_features"], ["image_generator", "q_images"]
    apart_judge, apart_maker = (_on(player, ImagePass, MixedImagePass) for player in (judge, maker))
    joint_judge = _on(judge, JointPass, MixedJointPass)
    return [
        _encoder(setup),
        named("discriminator_features", upper_judge, ["discriminator_features"], {"feature_generator": drawing}),
        named("discriminator_apart", apart_judge, ["discriminator"], {"image_generator": drawing}),
        named("discriminator", joint_judge, ["discriminator"], both_draw),
        named("feature_generator", upper_maker, upper, {"discriminator_features": judging}),
        named("image_generator", apart_maker, lower, {"discriminator": judging}),
        named("generator", joint_maker, [*upper, *lower], both_judge),
    ]


def _encoder(setup: Setup) -> Player:
    """The player that learns to name the classes of real images, and so to describe them by features."""

    def error(batch: StackPass) -> Any:
        return mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels=batch.real_classes, logits=batch.class_scores)
        )

    def accuracy(batch: StackPass) -> Any:
        found = tf.argmax(batch.class_scores, axis=1, output_type=tf.int32)
        return mean(tf.cast(found == batch.real_classes, tf.float32))

    count = setup.training.batch_size
    turn = Turn(
        name="classify",
        forward=setup.forward(StackPass, count, generator_training=True),
        terms=[Term("e_classes", error)],
        measures={"e_accuracy": accuracy},
        draws={"real": count},
    )
    return Player("encoder", "e", ["encoder", "classifier"], setup.optimizer("encoder"), [turn])


def _weighted(turn: Turn, weight: float) -> Turn:
    terms = [replace(term, weight=weight) if term.name == "g_adversarial" else term for term in turn.terms]
    return replace(turn, terms=terms)


def _on(player: Player, kind: type[StackPass], mixed: type[MixedPass]) -> Player:
    """The player of `discriminator` or `generator` on passes of a class; each of its turns draws labelled images."""
    return replace(player, turns=[on_drawn_images(turn, kind, mixed) for turn in player.turns])


def _of_features(player: Player, setup: Setup) -> Player:
    """The player of `discriminator` or `generator` on the upper level, with its own names of what it measures."""
    memories = {memory_of(name) for name in setup.augmentations}  # these learn from scores of images alone

    def renamed(turn: Turn) -> Turn:
        return replace(
            turn,
            terms=[replace(term, name=f"{term.name}_{FEATURES}") for term in turn.terms],
            measures={f"{name}_{FEATURES}": f for name, f in turn.measures.items() if name not in memories},
        )

    found = _on(player, FeaturePass, MixedFeaturePass)
    return replace(found, prefix=f"{player.prefix}_{FEATURES}", turns=[renamed(turn) for turn in found.turns])


def _with_upper(joint: Turn, upper: Turn) -> Turn:
    """A turn on both levels: that of the whole chain, and the upper level's terms and measures."""
    terms = [replace(term, function=_of_upper(term.function)) for term in upper.terms]
    measures = {name: _of_upper(function) for name, function in upper.measures.items()}
    return replace(joint, terms=[*joint.terms, *terms], measures={**joint.measures, **measures})


def _of_upper(function: Callable[[FeaturePass], Any]) -> Callable[[JointPass], Any]:
    return lambda batch: function(batch.upper)


@registry.register(
    "sgan",
    source="Huang et al. 2016, https://arxiv.org/abs/1612.04357",
    why_unfit=needed_sizes(16, 256),
    players=sgan_players,
    features=True,
    noise_at_depths=True,
)
def sgan(
    image_shape: tuple[int, int, int],
    num_classes: int,
    *,
    latent_dim: Annotated[int, Field(ge=1, le=4096)] = 50,
    feature_size: Annotated[int, Field(ge=1, le=4096)] = 256,
    capacity: Annotated[int, Field(ge=1, le=512)] = 32,
) -> dict[str, Any]:
    """Two stacked GANs on the features of a classifier, for labelled images from 16x16 to 256x256.

    An encoder learns to classify the images. The upper generator draws, for a class, features such as the encoder
    finds; the lower one draws images for features. Training has three stages: the player `encoder`; then
    `discriminator_features` with `feature_generator` and `discriminator_apart` with `image_generator`, each level for
    itself; then `discriminator_features` and `discriminator` with `generator`, the whole chain.

    Each level has its own latent vector. The features lie between -1 and 1, as images do. The discriminator's last
    features also go to the head that reads the latent vectors back, which the discriminators do not learn from.

    Args:
        image_shape: height, width and channels.
        num_classes: number of classes of the images.
        latent_dim: length of each of the two latent vectors.
        feature_size: length of the encoder's features.
        capacity: filters at the full resolution; doubled at each halving, up to eightfold.
    """
    resolutions, layers = Resolutions.of(*image_shape[:2]), keras.layers
    width = 16 * capacity
    upper, lower = (keras.Input([latent_dim], name=f"latent_{level}") for level in (1, 2))
    category, seen = keras.Input([num_classes], name=CLASSES), keras.Input((1, 1, feature_size), name=FEATURES)
    image = keras.Input(image_shape, name="image")

    found = layers.Flatten()(reduced(image, resolutions, capacity, 4))
    found = _as_features(found, feature_size)
    encoder = keras.Model(image, found, name="encoder")
    scores = layers.Dense(num_classes, dtype="float32")(layers.Flatten()(seen))
    classifier = keras.Model(seen, scores, name="classifier")

    drawn = layers.Concatenate()([category, upper])
    for _ in range(2):
        drawn = layers.LeakyReLU(0.2)(layers.BatchNormalization()(layers.Dense(width, use_bias=False)(drawn)))
    drawn = _as_features(drawn, feature_size)
    feature_generator = keras.Model([upper, category], drawn, name="feature_generator")

    maps = enlarged(layers.Concatenate()([layers.Flatten()(seen), lower]), resolutions, capacity, 4)
    made = layers.Conv2D(image_shape[2], 3, padding="same", activation="tanh", dtype="float32")(maps)
    image_generator = keras.Model([seen, lower], made, name="image_generator")

    chain = image_generator([feature_generator([upper, category]), lower])
    judged = layers.LeakyReLU(0.2)(layers.Dense(width)(layers.Flatten()(seen)))
    return {
        "generator": keras.Model([upper, lower, category], chain, name="generator"),
        "feature_generator": feature_generator,
        "image_generator": image_generator,
        "encoder": encoder,
        "classifier": classifier,
        "discriminator": _judge(image, layers.Flatten()(reduced(image, resolutions, capacity, 4)), width, ""),
        f"discriminator_{FEATURES}": _judge(seen, judged, width, f"_{FEATURES}"),
        "q_images": _reader(width, latent_dim, "q_images"),
        "q_features": _reader(width, latent_dim, "q_features"),
    }


def _as_features(vectors: Any, size: int) -> Any:
    """Features [N, 1, 1, size] between -1 and 1, as the output of a network."""
    layers = keras.layers
    return layers.Reshape((1, 1, size), dtype="float32")(
        layers.Dense(size, activation="tanh", dtype="float32")(vectors)
    )


def _judge(given: Any, maps: Any, width: int, suffix: str) -> Any:
    """A discriminator: its score, and the features before it, from which a head reads latent vectors."""
    layers = keras.layers
    features = layers.LeakyReLU(0.2)(layers.Dense(width)(maps))
    score = layers.Dense(1, dtype="float32")(features)
    return keras.Model(given, [score, features], name=f"discriminator{suffix}")


def _reader(width: int, latent_dim: int, name: str) -> Any:
    """A head that reads a latent vector from a discriminator's features."""
    layers = keras.layers
    features = keras.Input([width])
    hidden = layers.LeakyReLU(0.1)(layers.Dense(128)(features))
    return keras.Model(features, layers.Dense(latent_dim, dtype="float32")(hidden), name=name)
