"""Forward passes of a generator and a discriminator: tensors, each computed when a loss term first uses it.

Images of either kind go through the same augmentations before the discriminator sees them.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, Literal

from ganctl.errors import GanctlError
from ganctl.game.augmentation import NO_AUGMENTATIONS, Augmentation, memory_of
from ganctl.game.game import ForwardPass, Networks
from ganctl.game.inputs import arrange_inputs, draw_latent, takes_classes
from ganctl.game.noise import Key
from ganctl.lazy import tf

Tensor = Any
Kind = Literal["real", "fake"]


class GanPass(ForwardPass):
    """A forward pass of one batch through a generator and a discriminator.

    Args:
        count: number of generated images.
        generator_training: whether the generator runs in training mode.
        distribution: of the latent vectors.
        num_classes: number of classes that a class-conditional generator draws.
        augmentations: applied to the discriminator's images.
        pairs: the loss compares each generated image with a real one. A class-conditional discriminator then sees two
            images of the same class.
        gives: the feed of the real images, which the generator imitates.
        takes: the feed of the images that the generator takes; empty: it takes noise, and classes if it is conditional.
    """

    def __init__(
        self,
        networks: Networks,
        images: Mapping[str, Any],
        key: Key,
        *,
        count: int,
        generator_training: bool,
        distribution: str,
        num_classes: int = 0,
        augmentations: Mapping[str, Augmentation] = NO_AUGMENTATIONS,
        pairs: bool = False,
        gives: str = "real",
        takes: str = "",
    ) -> None:
        super().__init__(networks, images, key)
        self.count, self.generator_training = count, generator_training
        self.distribution, self.num_classes, self.augmentations = distribution, num_classes, augmentations
        self.pairs = pairs
        self.gives, self.takes = gives, takes

    @property
    def real(self) -> Tensor:
        """Real images [N, H, W, C] in [-1, 1]."""
        return self.images[self.gives].pixels

    @property
    def real_classes(self) -> Tensor:
        """Labels of the real images, int32 [N]."""
        return self.images[self.gives].labels

    @cached_property
    def latent(self) -> Tensor:
        """Latent vectors [count, latent_dim]; a list of them unless the generator has exactly one such input.

        They are drawn, or come from a feed called `latent`, concatenated along the last axis.
        """
        if "latent" in self.images:
            widths = [tensor.shape[1] for tensor in self.networks["generator"].inputs]
            vectors = tf.split(self.images["latent"].pixels, widths, axis=1)
        else:
            vectors = draw_latent(self.networks["generator"], self.key, self.count, self.distribution)
        return vectors[0] if len(vectors) == 1 else vectors

    @cached_property
    def fake_classes(self) -> Tensor:
        """The classes for a class-conditional generator to draw, int32 [count]: uniform, or those of the real images.

        In pairs they are the real images', just as the authors of R3GAN give the same conditions to the generator and
        to both calls of the discriminator.
        """
        if self.follows_real:
            return self.real_classes
        return self.key.integers("classes", [self.count], self.num_classes)

    @property
    def follows_real(self) -> bool:
        """Whether the generator draws the classes of the real images."""
        return self.pairs and takes_classes(self.networks["discriminator"])

    @property
    def generator_inputs(self) -> Tensor:
        """The generator's arguments; images [N, H, W, C] in [-1, 1], if it takes those."""
        if self.takes:
            return self.images[self.takes].pixels
        generator = self.networks["generator"]
        return arrange_inputs(generator, self.latent, self.fake_classes if takes_classes(generator) else None)

    @cached_property
    def fake(self) -> Tensor:
        """Generated images [count, H, W, C]; those made in advance, if there are any."""
        if "fake" in self.images:
            return self.images["fake"].pixels
        return self.networks["generator"](self.generator_inputs, training=self.generator_training)

    @cached_property
    def real_verdict(self) -> list[Tensor]:
        """The discriminator's outputs for the real images; the first is the score."""
        return self.judge(self.real, kind="real")

    @cached_property
    def fake_verdict(self) -> list[Tensor]:
        """The discriminator's outputs for the generated images; the first is the score."""
        return self.judge(self.fake, kind="fake")

    @property
    def real_score(self) -> Tensor:
        """The discriminator's scores of the real images [N, 1]."""
        return self.real_verdict[0]

    @property
    def fake_score(self) -> Tensor:
        """The discriminator's scores of the generated images [count, 1]."""
        return self.fake_verdict[0]

    @property
    def real_features(self) -> Tensor:
        """The discriminator's features of the real images [N, ...]: its last output, if a generator term needs them."""
        return self.real_verdict[-1]

    @property
    def fake_features(self) -> Tensor:
        """The discriminator's features of the generated images [count, ...]."""
        return self.fake_verdict[-1]

    def judge(self, images: Tensor, classes: Tensor | None = None, kind: Kind = "real") -> list[Tensor]:
        """Return the discriminator's outputs, in training mode; the first is the score.

        Args:
            images: float32 [N, H, W, C] in [-1, 1].
            classes: the classes given to a class-conditional discriminator, int32 [N]; None: those of the real or
                generated images of this pass. Any other discriminator ignores them.
            kind: what the images count as. Both kinds get the same augmentations, each with its own random numbers.
                Images judged twice in one pass are augmented identically both times.
        """
        return self._ask(self.augmented(images, kind), partial(self._classes_of, classes, kind))

    def augmented(self, images: Tensor, kind: Kind) -> Tensor:
        """Return images [N, H, W, C] with all augmentations applied."""
        for name, augmentation in self.augmentations.items():
            key = self.key.narrow("augment", kind, name)
            images = augmentation.apply(images, key, self.networks.get(memory_of(name)))
        return images

    def slope(self, images: Tensor, kind: Kind) -> Tensor:
        """Return the gradient of the discriminator's scores with respect to images, before they are augmented."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            score = self.judge(images, kind=kind)[0]
        slope = tape.gradient(score, images)
        if slope is None:
            raise GanctlError(
                "The discriminator's scores have no gradient with respect to the images: look for a layer without one, "
                "such as one that rounds or compares."
            )
        return slope

    def _classes_of(self, classes: Tensor | None, kind: Kind) -> Tensor:
        if classes is not None:
            return classes
        return self.real_classes if kind == "real" else self.fake_classes

    def _ask(self, images: Tensor, classes: Callable[[], Tensor]) -> list[Tensor]:
        """The discriminator's outputs; it gets the classes if it takes them."""
        discriminator = self.networks["discriminator"]
        return self._outputs(
            arrange_inputs(discriminator, images, classes()) if takes_classes(discriminator) else images
        )

    def _outputs(self, seen: Tensor) -> list[Tensor]:
        verdict = self.networks["discriminator"](seen, training=True)
        return verdict if isinstance(verdict, list) else [verdict]


class MixedPass(GanPass):
    """The same with both halves as one batch in one call of the discriminator: BatchNorm then sees both at once."""

    def __init__(
        self, networks: Networks, images: Mapping[str, Any], key: Key, *, real_first: bool, **settings: Any
    ) -> None:
        super().__init__(networks, images, key, **settings)
        self.real_first = real_first

    def in_order(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the two halves in the order of the batch."""
        return tf.concat([real, fake] if self.real_first else [fake, real], axis=0)

    @cached_property
    def verdict(self) -> list[Tensor]:
        """The discriminator's outputs for the whole batch, in the batch's order."""
        seen = self.in_order(self.augmented(self.real, "real"), self.augmented(self.fake, "fake"))
        return self._ask(seen, lambda: self.in_order(self.real_classes, self.fake_classes))

    @property
    def score(self) -> Tensor:
        """The discriminator's scores of the whole batch, [2N, 1] in the batch's order."""
        return self.verdict[0]

    @cached_property
    def real_verdict(self) -> list[Tensor]:
        """The discriminator's outputs for the real half."""
        return [tf.split(output, 2)[0 if self.real_first else 1] for output in self.verdict]

    @cached_property
    def fake_verdict(self) -> list[Tensor]:
        """The discriminator's outputs for the generated half."""
        return [tf.split(output, 2)[1 if self.real_first else 0] for output in self.verdict]


class ConditionalPass(GanPass):
    """The same for a discriminator that sees each image beside the one that it was made from (Isola et al. 2016)."""

    @property
    def condition(self) -> Tensor:
        """The images [N, H, W, C] in [-1, 1] that the real and the generated images belong to."""
        return self.generator_inputs

    def judge(self, images: Tensor, classes: Tensor | None = None, kind: Kind = "real") -> list[Tensor]:
        """Return the discriminator's outputs for images beside the condition; the first is the score."""
        return self._outputs(self.shown(images, kind))

    def shown(self, images: Tensor, kind: Kind) -> list[Tensor]:
        """Return images and the condition with all augmentations applied, alike to both: they are augmented as one."""
        together = self.augmented(tf.concat([images, self.condition], axis=-1), kind)
        return [together[..., : images.shape[-1]], together[..., images.shape[-1] :]]


class MixedConditionalPass(ConditionalPass, MixedPass):
    """The same with real and generated images as one batch."""

    @cached_property
    def verdict(self) -> list[Tensor]:
        """The discriminator's outputs for the whole batch, in the batch's order."""
        halves = zip(self.shown(self.real, "real"), self.shown(self.fake, "fake"), strict=True)
        return self._outputs([self.in_order(*half) for half in halves])


@dataclass(frozen=True)
class Forward:
    """The `forward` of a turn: makes its forward passes.

    Attributes:
        kind: the class of the passes.
        count: number of generated images.
        generator_training: whether the generator runs in training mode.
        distribution: of the latent vectors.
        num_classes: number of classes that a class-conditional generator draws.
        augmentations: applied to the discriminator's images.
        pairs: the loss compares each generated image with a real one.
        settings: the class's own arguments.
    """

    kind: type[GanPass]
    count: int
    generator_training: bool
    distribution: str
    num_classes: int = 0
    augmentations: Mapping[str, Augmentation] = field(default_factory=dict)
    pairs: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, networks: Networks, images: Mapping[str, Any], key: Key) -> GanPass:
        """Return the forward pass of one batch."""
        return self.kind(
            networks,
            images,
            key,
            count=self.count,
            generator_training=self.generator_training,
            distribution=self.distribution,
            num_classes=self.num_classes,
            augmentations=self.augmentations,
            pairs=self.pairs,
            **self.settings,
        )

    def of(self, kind: type[GanPass]) -> "Forward":
        """Return a copy that makes passes of another class, which takes the same arguments."""
        return replace(self, kind=kind)


def augments(forward: Callable[..., ForwardPass], names: Iterable[str]) -> bool:
    """Return whether a turn is known to apply the augmentations of these names: only a `Forward` tells."""
    return isinstance(forward, Forward) and set(names) <= set(forward.augmentations)
