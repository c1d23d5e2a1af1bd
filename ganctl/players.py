"""The usual two players: a discriminator that tells real from generated, and a generator that it teaches.

The discriminator learns from the three forms of batches that the tutorials use. A model file with other players makes
its own from the same parts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any, Literal

from ganctl.errors import ConfigurationError
from ganctl.experiment import TrainingSection
from ganctl.feed import ImageBatch
from ganctl.game import Ahead, ForwardPass, Networks, Player, Term, Turn, nothing_ahead
from ganctl.generation import arrange_inputs, draw_latent, takes_classes
from ganctl.layers.spectral_normalization import spectral_layers
from ganctl.lazy import tf
from ganctl.noise import Key, layer_seeds

Tensor = Any
Kind = Literal["real", "fake"]

AVERAGED = "generator_ema"
"""The role of the generator's running average."""

# In one call: more than these no longer fit in a processor's caches together, and are slower than one by one.
MOST_FAKES_AHEAD = 64


class AdversarialLoss:
    """An adversarial loss: what each network pays, one value an example. Scores are raw network outputs [N, 1]."""

    def real(self, batch: "GanPass") -> Tensor:
        """What the discriminator pays on real images, [N, 1]."""
        raise NotImplementedError

    def fake(self, batch: "GanPass") -> Tensor:
        """What the discriminator pays on generated images, [N, 1]."""
        raise NotImplementedError

    def mixed(self, batch: "MixedPass") -> Tensor:
        """What the discriminator pays on a batch of real and generated images, [2N, 1] in the batch's order."""
        return batch.in_order(self.real(batch), self.fake(batch))

    def generator(self, batch: "GanPass") -> Tensor:
        """What the generator pays, [N, 1]."""
        raise NotImplementedError

    def realness(self, score: Tensor) -> Tensor:
        """What the log says of a score: the probability of being real, or a critic's score as it is."""
        return score

    def judged_real(self, score: Tensor) -> Tensor:
        """Whether the discriminator takes the image for real, boolean [N, 1]."""
        return score > 0

    def mirrored(self, score: Tensor) -> Tensor:
        """The score that says `fake` as surely as this one says `real`: 0 lies between the two."""
        return -score

    def errors(self) -> "Mapping[str, Callable[[Any], Tensor]] | None":
        """Absolute errors against the target for `real`, `fake`, `mixed` and `generator`; None for critics."""
        return None

    zero_divides: bool = True
    """Whether a score by itself says real or fake: `judged_real` then means something, and ADA can look at it."""

    real_comes_first: bool = True
    """In a mixed batch: whether the real half stands before the generated half."""

    needs_both: bool = False
    """Whether `real` and `fake` look at real and generated images: a discriminator's update must then see both.

    They are compared in pairs, which a discriminator that is told classes sees within one class.
    """

    needs_real: bool = False
    """Whether `generator` looks at real images, too: as many as generated ones are then drawn for its turn."""


@dataclass(frozen=True)
class Penalty:
    """A further loss term of the discriminator: a scalar function of the forward pass.

    `needs` says which images it looks at; `partial` as in `Term`. With `every` = n it is evaluated at each n-th update
    and counts n times (Karras et al. 2019, https://arxiv.org/abs/1912.04958, section 3.1). `in_one_batch` multiplies
    its weight where real and generated images are one batch: the adversarial term is then a mean over twice as many
    scores, half of the sum of two means, and a weight is to mean the same beside either.
    """

    function: Callable[["GanPass"], Tensor]
    needs: Literal["real", "fake", "both"]
    partial: bool = False
    every: int = 1
    in_one_batch: float = 0.5


@dataclass(frozen=True)
class Constraint:
    """What becomes of each of the discriminator's variables after each of its updates."""

    function: Callable[[Any], Tensor]


class Augmentation:
    """What is done to real and generated images alike before the discriminator sees them, in both players' updates.

    It must be differentiable twice: the generator learns through it, and penalties look at gradients.
    """

    def apply(self, images: Tensor, key: Key, memory: Any) -> Tensor:
        """Return other images of the same shape, float32 [N, H, W, C]; `key` and nothing else decides which.

        `memory` is what `memory()` returned, one of the game's networks.
        """
        raise NotImplementedError

    def memory(self) -> Any:
        """Return a Keras layer with what it remembers from update to update, or None."""
        return None

    def learn(self, memory: Any, judged_real: Tensor) -> Tensor:
        """Remember how the real images of a discriminator's update were judged, boolean [N, 1].

        Returns:
            a scalar that is worth a column, `augment_NAME`. Called only where there is a memory.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Setup:
    """What an experiment says about the players.

    Attributes:
        loss: the adversarial loss.
        penalties: name, weight and function of each further loss term.
        training: the `training` section.
        latent_distribution: `normal` or `uniform`.
        optimizer: makes the optimizer of the player of that name.
        num_classes: how many classes the images have; 0 without labels.
        augmentations: what the discriminator's images go through, by name and in this order. Passes that `forward`
            makes know them.
    """

    loss: AdversarialLoss
    penalties: Sequence[tuple[str, float, Penalty]]
    training: TrainingSection
    latent_distribution: str
    optimizer: Callable[[str], Any]
    num_classes: int = 0
    augmentations: Mapping[str, Augmentation] = field(default_factory=dict)

    def forward(self, kind: "type[GanPass]", count: int, *, generator_training: bool, **settings: Any) -> Any:
        """Return what makes the forward passes of a turn, with all that the experiment says about them.

        Args:
            kind: the class of the pass.
            count: how many images are generated.
            generator_training: the generator's mode.
            **settings: the class's own arguments.
        """
        return partial(
            kind,
            count=count,
            generator_training=generator_training,
            distribution=self.latent_distribution,
            num_classes=self.num_classes,
            augmentations=self.augmentations,
            pairs=self.loss.needs_both,
            **settings,
        )


NO_AUGMENTATIONS: Mapping[str, Augmentation] = MappingProxyType({})


class GanPass(ForwardPass):
    """One batch of a generator and a discriminator.

    Args:
        count: how many images are generated.
        generator_training: the generator's mode.
        distribution: of the latent vectors.
        num_classes: how many classes a class-conditional generator draws.
        augmentations: what the discriminator's images go through.
        pairs: the loss compares each generated image with a real one. A discriminator that is told classes is then
            shown two images of one class.
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
    ) -> None:
        super().__init__(networks, images, key)
        self.count, self.generator_training = count, generator_training
        self.distribution, self.num_classes, self.augmentations = distribution, num_classes, augmentations
        self.pairs = pairs

    @property
    def real(self) -> Tensor:
        """Real images [N, H, W, C] in [-1, 1]."""
        return self.images["real"].pixels

    @property
    def real_classes(self) -> Tensor:
        """Labels of the real images, int32 [N]."""
        return self.images["real"].labels

    @cached_property
    def latent(self) -> Tensor:
        """Latent vectors [count, latent_dim]; a list of them where the generator has not just one such input.

        They are drawn, or come from a feed called `latent`, joined along the last axis.
        """
        if "latent" in self.images:
            widths = [tensor.shape[1] for tensor in self.networks["generator"].inputs]
            vectors = tf.split(self.images["latent"].pixels, widths, axis=1)
        else:
            vectors = draw_latent(self.networks["generator"], self.key, self.count, self.distribution)
        return vectors[0] if len(vectors) == 1 else vectors

    @cached_property
    def fake_classes(self) -> Tensor:
        """The classes that a class-conditional generator is to draw, int32 [count]: all as likely, or in pairs.

        In pairs they are the real images', as the authors of R3GAN give one set of conditions to the generator and to
        both calls of the discriminator.
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
        """What the generator is called with."""
        generator = self.networks["generator"]
        return arrange_inputs(generator, self.latent, self.fake_classes if takes_classes(generator) else None)

    @cached_property
    def fake(self) -> Tensor:
        """Generated images [count, H, W, C], where they were not made ahead."""
        if "fake" in self.images:
            return self.images["fake"].pixels
        return self.networks["generator"](self.generator_inputs, training=self.generator_training)

    @cached_property
    def real_verdict(self) -> list[Tensor]:
        """All that the discriminator says of the real images; its first output is the score."""
        return self.judge(self.real, kind="real")

    @cached_property
    def fake_verdict(self) -> list[Tensor]:
        """All that the discriminator says of the generated images."""
        return self.judge(self.fake, kind="fake")

    @property
    def real_score(self) -> Tensor:
        """The discriminator's scores of the real images [N, 1]."""
        return self.real_verdict[0]

    @property
    def fake_score(self) -> Tensor:
        """The discriminator's scores of the generated images [count, 1]."""
        return self.fake_verdict[0]

    def judge(self, images: Tensor, classes: Tensor | None = None, kind: Kind = "real") -> list[Tensor]:
        """Return the discriminator's outputs, in training mode; the first is the score.

        Args:
            images: float32 [N, H, W, C] in [-1, 1].
            classes: what a class-conditional discriminator takes them for, int32 [N]; None: the classes of the real or
                generated images of this pass. Any other discriminator is not told.
            kind: what the images count as. Both are augmented in the same way, by random numbers of their own; asked
                twice in one pass about the same images, the discriminator sees them augmented in the same way.
        """
        return self._ask(self.augmented(images, kind), partial(self._classes_of, classes, kind))

    def augmented(self, images: Tensor, kind: Kind) -> Tensor:
        """Return images [N, H, W, C] as the discriminator is to see them."""
        for name, augmentation in self.augmentations.items():
            key = self.key.narrow("augment", kind, name)
            images = augmentation.apply(images, key, self.networks.get(memory_of(name)))
        return images

    def slope(self, images: Tensor, kind: Kind) -> Tensor:
        """Return the gradient of the discriminator's scores with respect to images, before they are augmented."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            score = self.judge(images, kind=kind)[0]
        return tape.gradient(score, images)

    def _classes_of(self, classes: Tensor | None, kind: Kind) -> Tensor:
        if classes is not None:
            return classes
        return self.real_classes if kind == "real" else self.fake_classes

    def _ask(self, images: Tensor, classes: Callable[[], Tensor]) -> list[Tensor]:
        """The discriminator's outputs; it is told the classes if it takes them."""
        discriminator = self.networks["discriminator"]
        asked = arrange_inputs(discriminator, images, classes()) if takes_classes(discriminator) else images
        verdict = discriminator(asked, training=True)
        return verdict if isinstance(verdict, list) else [verdict]


class MixedPass(GanPass):
    """The same with one call of the discriminator on both halves as one batch: BatchNorm then sees both at once."""

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
        """All that the discriminator says of the whole batch, in the batch's order."""
        seen = self.in_order(self.augmented(self.real, "real"), self.augmented(self.fake, "fake"))
        return self._ask(seen, lambda: self.in_order(self.real_classes, self.fake_classes))

    @property
    def score(self) -> Tensor:
        """The discriminator's scores of the whole batch, [2N, 1] in the batch's order."""
        return self.verdict[0]

    @cached_property
    def real_verdict(self) -> list[Tensor]:
        """All that the discriminator says of the real half."""
        return [tf.split(output, 2)[0 if self.real_first else 1] for output in self.verdict]

    @cached_property
    def fake_verdict(self) -> list[Tensor]:
        """All that the discriminator says of the generated half."""
        return [tf.split(output, 2)[1 if self.real_first else 0] for output in self.verdict]


def usual_two(networks: Networks, setup: Setup) -> list[Player]:
    """Return the discriminator and the generator as players."""
    return [discriminator(setup), generator(setup)]


def advancing(players: Sequence[Player], networks: Networks) -> list[Player]:
    """Return the players with turns that begin with one power iteration of every spectral layer that they move.

    So both kinds of images of an update meet the same kernels, and no player's turn changes what another one moves.
    """

    def with_advance(player: Player) -> Player:
        layers = [layer for role in player.networks for layer in spectral_layers(networks[role])]
        turns = [replace(turn, forward=partial(_advanced, layers, turn.forward)) for turn in player.turns]
        return replace(player, turns=turns) if layers else player

    return [with_advance(player) for player in players]


def _advanced(layers: Sequence[Any], forward: Callable[..., ForwardPass], *arguments: Any) -> ForwardPass:
    for layer in layers:
        layer.advance()
    return forward(*arguments)


def discriminator(setup: Setup) -> Player:
    """Return the player that learns to tell real from generated images; raises ConfigurationError."""
    training = setup.training
    if setup.loss.needs_both and training.discriminator_batches == "separate":
        raise ConfigurationError(
            "this loss compares real with generated images, so one update must see both; use `summed`, `mixed` or "
            "`concatenated`.",
            key="training.discriminator_batches",
        )
    return Player(
        name="discriminator",
        prefix="d",
        networks=["discriminator"],
        optimizer=setup.optimizer("discriminator"),
        turns=_BATCH_FORMS[training.discriminator_batches](setup),
        updates=training.disc_updates,
        opponents={"generator": "batch"},
    )


def generator(setup: Setup, *, count: int | None = None, further: Sequence[Term] = ()) -> Player:
    """Return the player that learns to be taken for real.

    Args:
        setup: what the experiment says.
        count: how many images it learns from in one update, if not a batch.
        further: loss terms besides the adversarial one.
    """
    training, loss = setup.training, setup.loss
    count = count or training.batch_size
    errors = loss.errors()
    turn = Turn(
        name="generate",
        forward=setup.forward(GanPass, count, generator_training=True),
        terms=[Term("g_adversarial", lambda batch: mean(loss.generator(batch))), *further],
        measures={"g_mae": lambda batch: mean(errors["generator"](batch))} if errors else {},
        draws={"real": count} if loss.needs_real else {},
    )
    return Player(
        name="generator",
        prefix="g",
        networks=["generator"],
        optimizer=setup.optimizer("generator"),
        turns=[turn],
        updates=training.gen_updates,
        opponents={"discriminator": training.frozen_batchnorm},
    )


def on_passes(turn: Turn, kind: type[GanPass], mixed: type[MixedPass] | None = None) -> Turn:
    """Return a turn of `discriminator` or `generator` on passes of another class, which know all that its own do.

    Args:
        turn: the turn.
        kind: the class.
        mixed: the class where real and generated images are one batch; None: such turns are on `kind`, too.
    """
    forward: Any = turn.forward  # as `Setup.forward` made it
    chosen = mixed if mixed and issubclass(forward.func, MixedPass) else kind
    return replace(turn, forward=partial(chosen, **forward.keywords))


def fakes_ahead(forward: Callable[..., GanPass], networks: Networks, keys: Sequence[Key]) -> Ahead:
    """Generate the images of consecutive updates together, from the noise that each would draw for itself.

    Only for a generator in inference mode: it then makes of a latent vector what it makes of it among any others. One
    that draws noise of its own would draw it otherwise, and one that follows the real images does not know them yet.
    """
    generator, passes = networks["generator"], [forward(networks, {}, key) for key in keys]
    most = MOST_FAKES_AHEAD // passes[0].count
    if min(most, len(keys)) < 2 or layer_seeds(generator) or passes[0].follows_real:
        return nothing_ahead(networks, keys)
    fakes: list[Tensor] = []
    for start in range(0, len(keys), most):
        inputs = [batch.generator_inputs for batch in passes[start : start + most]]
        together = tf.nest.map_structure(lambda *parts: tf.concat(parts, axis=0), *inputs)
        fakes += tf.split(generator(together, training=False), len(inputs))
    return [{"fake": ImageBatch(fake, tf.zeros([fake.shape[0]], tf.int32))} for fake in fakes]


def remembers(augmentation: Augmentation) -> bool:
    """Whether an augmentation has a memory, and so learns from how real images are judged."""
    return type(augmentation).memory is not Augmentation.memory


def memory_of(augmentation: str) -> str:
    """Return the role of the network in which an augmentation of that name remembers."""
    return f"augment_{augmentation}"


def lengths(slope: Tensor) -> Tensor:
    """Return the Euclidean norm of each image's gradient, [N] of [N, H, W, C].

    The square root's gradient is infinite at zero: a constant discriminator must give a penalty, not a NaN.
    """
    return tf.sqrt(tf.reduce_sum(tf.square(slope), axis=[1, 2, 3]) + 1e-12)


def mean(values: Tensor) -> Tensor:
    """Return the mean as Keras' losses take it: the sum divided by the count."""
    return tf.reduce_sum(values) / tf.cast(tf.size(values), values.dtype)


def _separate(setup: Setup) -> list[Turn]:
    """An update on real images, then one on generated ones (tutorial 5)."""
    loss, n = setup.loss, setup.training.batch_size
    forward = _forward(setup, GanPass, n)
    real = Turn(
        name="real",
        forward=forward,
        terms=[Term("d_loss_real", lambda batch: mean(loss.real(batch))), *_penalties(setup, "real")],
        measures=_scores_of(loss, "real", "real_score") | _mae(loss, "real") | _learning(setup),
        draws={"real": n},
    )
    fake = Turn(
        name="fake",
        forward=forward,
        terms=[Term("d_loss_fake", lambda batch: mean(loss.fake(batch))), *_penalties(setup, "fake")],
        measures=_scores_of(loss, "fake", "fake_score") | _mae(loss, "fake"),
        ahead=_ahead(setup, forward),
    )
    return [real, fake]


def _summed(setup: Setup) -> list[Turn]:
    """One update on the sum of the loss on real and the loss on generated images (tutorial 4)."""
    loss, n = setup.loss, setup.training.batch_size
    terms = [
        Term("d_loss_real", lambda batch: mean(loss.real(batch))),
        Term("d_loss_fake", lambda batch: mean(loss.fake(batch))),
    ]
    errors = loss.errors()
    mae = {"d_mae": lambda batch: mean(tf.concat([errors["real"](batch), errors["fake"](batch)], 0))} if errors else {}
    return [_joint_turn(setup, _forward(setup, GanPass, n), terms, mae, n)]


def _mixed(setup: Setup) -> list[Turn]:
    """One update on a batch of which one half is real and one half generated (tutorial 2)."""
    if setup.training.batch_size % 2:
        raise ConfigurationError(
            "must be even, because `mixed` batches are half real, half generated.", key="training.batch_size"
        )
    return _one_batch(setup, setup.training.batch_size // 2)


def _concatenated(setup: Setup) -> list[Turn]:
    """One update on a whole batch of real and a whole batch of generated images, as one (tutorial 3's book)."""
    return _one_batch(setup, setup.training.batch_size)


def _one_batch(setup: Setup, count: int) -> list[Turn]:
    loss = setup.loss
    forward = _forward(setup, MixedPass, count, real_first=loss.real_comes_first)
    terms = [Term("d_adversarial", lambda batch: mean(loss.mixed(batch)))]
    return [_joint_turn(setup, forward, terms, _mae(loss, "mixed"), count, one_batch=True)]


def _joint_turn(
    setup: Setup,
    forward: Any,
    terms: list[Term],
    mae: dict[str, Callable[[GanPass], Tensor]],
    count: int,
    *,
    one_batch: bool = False,
) -> Turn:
    measures = _scores_of(setup.loss, "real", "real_score") | _scores_of(setup.loss, "fake", "fake_score") | mae
    measures |= _learning(setup)
    terms = [*terms, *_penalties(setup, "both", one_batch=one_batch)]
    return Turn("real and fake", forward, terms, measures, {"real": count}, _ahead(setup, forward))


_BATCH_FORMS: Mapping[str, Callable[[Setup], list[Turn]]] = {
    "separate": _separate,
    "mixed": _mixed,
    "concatenated": _concatenated,
    "summed": _summed,
}


def _forward(setup: Setup, kind: type[GanPass], count: int, **settings: Any) -> Any:
    """The passes of a discriminator's turn."""
    return setup.forward(kind, count, generator_training=setup.training.fakes == "training", **settings)


def _ahead(setup: Setup, forward: Any) -> Any:
    """What a turn of this forward pass has made ahead: its fakes, where that may be."""
    training = setup.training
    return partial(fakes_ahead, forward) if training.rewrites and training.fakes == "inference" else nothing_ahead


def _penalties(setup: Setup, sees: str, *, one_batch: bool = False) -> list[Term]:
    """The penalties of a turn that sees these images; raises ConfigurationError for one that needs more than that."""
    terms = []
    for name, weight, penalty in setup.penalties:
        if penalty.needs == "both" and sees != "both":
            raise ConfigurationError(
                f"'{name}' needs real and generated images in one update; use `summed`, `mixed` or `concatenated`.",
                key="training.discriminator_batches",
            )
        if sees in ("both", penalty.needs):
            weight *= penalty.in_one_batch if one_batch else 1.0
            terms.append(Term(name, _lazy(penalty, setup.training.disc_updates), weight, penalty.partial))
    return terms


def _lazy(penalty: Penalty, updates: int) -> Callable[[GanPass], Tensor]:
    """The penalty at every n-th of the discriminator's updates, of which a round has so many; zero in between."""
    if penalty.every == 1:
        return penalty.function

    def now_and_then(batch: GanPass) -> Tensor:
        if penalty.needs != "real":
            _ = batch.fake  # made here, because a tensor that is first made within the branch could not leave it
            if takes_classes(batch.networks["discriminator"]):
                _ = batch.fake_classes
        due = batch.key.number(updates) % penalty.every == 0
        return tf.cond(due, lambda: penalty.every * penalty.function(batch), lambda: tf.constant(0.0))

    return now_and_then


def _scores_of(loss: AdversarialLoss, kind: str, score: str) -> dict[str, Callable[[GanPass], Tensor]]:
    """How real these images look to the discriminator, and how often it is right about them."""

    def accuracy(batch: GanPass) -> Tensor:
        judged_real = tf.cast(loss.judged_real(getattr(batch, score)), tf.float32)
        return mean(judged_real if kind == "real" else 1.0 - judged_real)

    return {f"d_{kind}": lambda batch: mean(loss.realness(getattr(batch, score))), f"d_accuracy_{kind}": accuracy}


def _learning(setup: Setup) -> dict[str, Callable[[GanPass], Tensor]]:
    """What augmentations with a memory learn of the real images' scores, and say of it."""

    def learns(name: str, augmentation: Augmentation) -> Callable[[GanPass], Tensor]:
        role = memory_of(name)
        return lambda batch: augmentation.learn(batch.networks[role], setup.loss.judged_real(batch.real_score))

    changing = {name: a for name, a in setup.augmentations.items() if remembers(a)}
    return {memory_of(name): learns(name, augmentation) for name, augmentation in changing.items()}


def _mae(loss: AdversarialLoss, kind: str) -> dict[str, Callable[[GanPass], Tensor]]:
    errors = loss.errors()
    return {"d_mae": lambda batch: mean(errors[kind](batch))} if errors else {}
