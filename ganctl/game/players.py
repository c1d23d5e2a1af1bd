"""The usual two players: a discriminator that tells real from generated, and a generator that learns from it.

The discriminator learns from batches in any of the forms that the tutorials use. A model file with other players builds
them from the same parts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from ganctl.errors import ConfigurationError
from ganctl.experiment.sections import TrainingSection
from ganctl.game.augmentation import Augmentation, memory_of, remembers
from ganctl.game.feed import ImageBatch
from ganctl.game.game import Ahead, Networks, Player, Term, Turn, no_images_ahead
from ganctl.game.inputs import takes_classes
from ganctl.game.noise import Key, layer_seeds
from ganctl.game.objectives import AdversarialLoss, GeneratorTerm, Penalty, mean
from ganctl.game.passes import Forward, GanPass, MixedPass
from ganctl.keras_internals import layers_of
from ganctl.lazy import tf

Tensor = Any


def averaged(role: str) -> str:
    """Return the role of a network's running average."""
    return f"{role}_ema"


# In one call: more would not fit in a processor's caches together, and would be slower than one batch at a time.
MOST_FAKES_AHEAD = 64


@dataclass(frozen=True)
class Setup:
    """An experiment's settings for the players.

    Attributes:
        loss: the adversarial loss.
        penalties: name, weight and function of each further loss term.
        training: the `training` section.
        latent_distribution: `normal` or `uniform`.
        optimizer: makes the optimizer for the player of a given name.
        num_classes: number of classes of the images; 0 without labels.
        augmentations: applied to the discriminator's images, by name and in this order, by the passes that `forward`
            makes.
        content_features: images [N, H, W, C] in [-1, 1] to feature maps [N, h, w, c] of a trained network, which is
            frozen; None unless the model's registration asks for them.
        generator_terms: name, weight and function of each further term of the generator's loss.
    """

    loss: AdversarialLoss
    penalties: Sequence[tuple[str, float, Penalty]]
    training: TrainingSection
    latent_distribution: str
    optimizer: Callable[[str], Any]
    num_classes: int = 0
    augmentations: Mapping[str, Augmentation] = field(default_factory=dict)
    content_features: Callable[[Tensor], Tensor] | None = None
    generator_terms: Sequence[tuple[str, float, GeneratorTerm]] = ()

    def forward(self, kind: type[GanPass], count: int, *, generator_training: bool, **settings: Any) -> Forward:
        """Return the `forward` of a turn, with all of the experiment's settings.

        Args:
            kind: the class of the pass.
            count: number of generated images.
            generator_training: whether the generator runs in training mode.
            **settings: the class's own arguments.
        """
        return Forward(
            kind,
            count,
            generator_training,
            self.latent_distribution,
            self.num_classes,
            self.augmentations,
            self.loss.needs_both,
            settings,
        )


def refuse_together(setup: Setup, one: str, other: str) -> None:
    """Raise ConfigurationError unless `training.stages` keeps two players apart: they never play in one iteration.

    For players that would undo each other's work, such as pre-training and the game that follows it.
    """
    for start, _, players in setup.training.who_plays():
        if players is None or {one, other} <= set(players):
            when = f"after iteration {start:,}" if start else "from the first iteration on"
            raise ConfigurationError(
                f"`{one}` and `{other}` would play together {when}, and must not. Give each a stage of its own, such "
                f"as [{{until: 500, players: [{one}]}}, {{players: [discriminator, {other}]}}].",
                key="training.stages",
            )


def generator_and_discriminator(networks: Networks, setup: Setup) -> list[Player]:
    """Return the discriminator and the generator as players."""
    return [discriminator(setup), generator(setup)]


def advancing(players: Sequence[Player], networks: Networks) -> list[Player]:
    """Return the players with turns that first call `advance` of every layer that they move and that has this method.

    Spectral layers do one power iteration there: real and generated images of an update see the same kernels, and no
    player's turn changes what another player moves.
    """

    def with_advance(player: Player) -> Player:
        moved = [layer for role in player.networks for layer in layers_of(networks[role])]
        layers = [layer for layer in moved if callable(getattr(layer, "advance", None))]
        turns = [replace(turn, begin=partial(_advance, layers)) for turn in player.turns]
        return replace(player, turns=turns) if layers else player

    return [with_advance(player) for player in players]


def _advance(layers: Sequence[Any]) -> None:
    for layer in layers:
        layer.advance()


def discriminator(setup: Setup) -> Player:
    """Return the player that learns to tell real from generated images; raises ConfigurationError."""
    training = setup.training
    if setup.loss.needs_both and training.discriminator_batches == "separate":
        raise ConfigurationError(
            "this loss compares real with generated images, so one update must see both. Use `summed`, `mixed` or "
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
        setup: the experiment's settings.
        count: number of images that it learns from in one update; None: the batch size.
        further: loss terms in addition to the adversarial one.
    """
    training, loss = setup.training, setup.loss
    count = count or training.batch_size
    errors = loss.errors()
    adversarial = Term("g_adversarial", lambda batch: mean(loss.generator(batch)))
    needs_real = loss.needs_real or any(term.needs_real for _, _, term in setup.generator_terms)
    turn = Turn(
        name="generate",
        forward=setup.forward(GanPass, count, generator_training=True),
        terms=[adversarial, *_generator_terms(setup), *further],
        measures={"g_mae": lambda batch: mean(errors["generator"](batch))} if errors else {},
        draws={"real": count} if needs_real else {},
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
    """Return a turn of `discriminator` or `generator` with passes of another class and the same settings.

    Args:
        turn: the turn.
        kind: the class.
        mixed: the class if real and generated images are one batch; None: also `kind`.

    Raises:
        TypeError: the turn's passes are not made by `Setup.forward`, so that their class cannot be changed.
    """
    forward = _forward_of(turn, f"use {kind.__name__}")
    chosen = mixed if mixed and issubclass(forward.kind, MixedPass) else kind
    return replace(turn, forward=forward.of(chosen))


def on_drawn_images(turn: Turn, kind: type[GanPass], mixed: type[MixedPass] | None = None) -> Turn:
    """Return `on_passes` for generated images that depend on the real ones of the same update, such as their labels.

    The turn draws one real image for each generated one.

    Args:
        turn: as for `on_passes`.
        kind: as for `on_passes`.
        mixed: as for `on_passes`.

    Raises:
        TypeError: as for `on_passes`.
    """
    forward: Any = (found := on_passes(turn, kind, mixed)).forward
    # Images made ahead would not be made from those that the update draws.
    return replace(found, draws={"real": forward.count}, ahead=no_images_ahead)


def on_feeds(turn: Turn, *, gives: str, takes: str) -> Turn:
    """Return a turn of `discriminator` or `generator` in which the generator makes images from images.

    Args:
        turn: the turn.
        gives: the feed of the real images, which the generator imitates.
        takes: the feed of the images that it takes. The turn draws as many of either feed.

    Raises:
        TypeError: as for `on_passes`.
    """
    forward = _forward_of(turn, "draw from other feeds")
    return replace(
        turn,
        forward=replace(forward, settings={**forward.settings, "gives": gives, "takes": takes}),
        draws=dict.fromkeys((takes, gives), forward.count),
        # Images made ahead would not be made from those that the update draws.
        ahead=no_images_ahead,
    )


def in_parts(
    turn: Turn,
    whole: Any,
    names: Sequence[str],
    part: Callable[[Any, str], GanPass],
    *,
    feeds: Sequence[str],
    further: Sequence[Term] = (),
    **settings: Any,
) -> Turn:
    """Return a turn of `discriminator` or `generator` that plays on several parts at once, such as two scales.

    Args:
        turn: the turn of one part. Its terms and measures become those of each part, with the part's name at their end.
        whole: the class of the pass that has all parts, a `ForwardPass`; it takes the settings of a `GanPass`, too.
        names: of the parts.
        part: returns the part of that name, given the whole pass.
        feeds: the turn draws as many images of each.
        further: terms on the whole pass.
        settings: of the whole pass.

    Raises:
        TypeError: as for `on_passes`.
    """
    forward = _forward_of(turn, f"use {whole.__name__}")

    def of(name: str, function: Callable[[Any], Tensor]) -> Callable[[Any], Tensor]:
        return lambda batch: function(part(batch, name))

    terms = [
        replace(term, name=f"{term.name}_{name}", function=of(name, term.function))
        for term in turn.terms
        for name in names
    ]
    return replace(
        turn,
        forward=replace(forward.of(whole), settings={**forward.settings, **settings}),
        terms=[*terms, *further],
        measures={f"{measure}_{name}": of(name, f) for measure, f in turn.measures.items() for name in names},
        draws=dict.fromkeys(feeds, forward.count),
        # Images made ahead would not be made from those that the update draws.
        ahead=no_images_ahead,
    )


def _forward_of(turn: Turn, purpose: str) -> Forward:
    """What makes a turn's passes; raises TypeError, which names the purpose, unless `Setup.forward` returned it."""
    if not isinstance(turn.forward, Forward):
        raise TypeError(
            f"The turn '{turn.name}' cannot {purpose}: its forward must come from Setup.forward(...). "
            f"Received: {turn.forward!r}"
        )
    return turn.forward


def fakes_ahead(forward: Callable[..., GanPass], networks: Networks, keys: Sequence[Key]) -> Ahead:
    """Generate the images of consecutive updates together, from the noise that each update would draw by itself.

    Only for a generator in inference mode, whose image of a latent vector does not depend on the rest of the batch. A
    generator that draws its own noise would draw different numbers, and one that draws the classes of the real images
    does not know them yet; for both, nothing is made in advance.
    """
    generator, passes = networks["generator"], [forward(networks, {}, key) for key in keys]
    most = MOST_FAKES_AHEAD // passes[0].count
    if min(most, len(keys)) < 2 or layer_seeds(generator) or passes[0].follows_real:
        return no_images_ahead(networks, keys)
    fakes: list[Tensor] = []
    for start in range(0, len(keys), most):
        inputs = [batch.generator_inputs for batch in passes[start : start + most]]
        together = tf.nest.map_structure(lambda *parts: tf.concat(parts, axis=0), *inputs)
        fakes += tf.split(generator(together, training=False), len(inputs))
    return [{"fake": ImageBatch(fake, tf.zeros([fake.shape[0]], tf.int32))} for fake in fakes]


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
    """One update on a batch that is half real and half generated (tutorial 2)."""
    if setup.training.batch_size % 2:
        raise ConfigurationError(
            "must be even, because `mixed` batches are half real and half generated.", key="training.batch_size"
        )
    return _one_batch(setup, setup.training.batch_size // 2)


def _concatenated(setup: Setup) -> list[Turn]:
    """One update on a full batch of real and a full batch of generated images, concatenated (tutorial 3's book)."""
    return _one_batch(setup, setup.training.batch_size)


def _one_batch(setup: Setup, count: int) -> list[Turn]:
    loss = setup.loss
    forward = _forward(setup, MixedPass, count, real_first=loss.real_comes_first)
    terms = [Term("d_adversarial", lambda batch: mean(loss.mixed(batch)))]
    return [_joint_turn(setup, forward, terms, _mae(loss, "mixed"), count, one_batch=True)]


def _joint_turn(
    setup: Setup,
    forward: Forward,
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


def _forward(setup: Setup, kind: type[GanPass], count: int, **settings: Any) -> Forward:
    """The passes of a discriminator's turn."""
    return setup.forward(kind, count, generator_training=setup.training.fakes == "training", **settings)


def _ahead(setup: Setup, forward: Forward) -> Any:
    """What makes the fakes of a turn with this forward pass in advance, if that is allowed."""
    training = setup.training
    return partial(fakes_ahead, forward) if training.rewrites and training.fakes == "inference" else no_images_ahead


def term_name(name: str) -> str:
    """Return the column of a generator term."""
    return f"g_{name}"


def _generator_terms(setup: Setup) -> list[Term]:
    """The terms of the generator that the file names."""
    updates = setup.training.gen_updates
    return [
        Term(term_name(name), _lazy(term.function, term.every, updates, _everything_of(term)), weight, term.partial)
        for name, weight, term in setup.generator_terms
    ]


def _penalties(setup: Setup, sees: str, *, one_batch: bool = False) -> list[Term]:
    """The penalties of a turn that sees these images; raises ConfigurationError for one that needs more than these."""
    terms = []
    for name, weight, penalty in setup.penalties:
        if penalty.needs == "both" and sees != "both":
            raise ConfigurationError(
                f"'{name}' needs real and generated images in one update. Use `summed`, `mixed` or `concatenated`.",
                key="training.discriminator_batches",
            )
        if sees in ("both", penalty.needs):
            weight *= penalty.in_one_batch if one_batch else 1.0
            due = _lazy(penalty.function, penalty.every, setup.training.disc_updates, _images_of(penalty))
            terms.append(Term(name, due, weight, penalty.partial))
    return terms


Function = Callable[[GanPass], Tensor]


def _lazy(function: Function, every: int, updates: int, first: Callable[[GanPass], None]) -> Function:
    """The function on every n-th update, multiplied by n, and zero in between; a round has `updates` of them.

    `first` makes what the pass keeps: a tensor first made within the branch could not leave it.
    """
    if every == 1:
        return function

    def now_and_then(batch: GanPass) -> Tensor:
        first(batch)
        due = batch.key.number(updates) % every == 0
        return tf.cond(due, lambda: every * function(batch), lambda: tf.constant(0.0))

    return now_and_then


def _images_of(penalty: Penalty) -> Callable[[GanPass], None]:
    """What makes the images that a penalty uses."""

    def make(batch: GanPass) -> None:
        if penalty.needs != "real":
            _ = batch.fake
            if takes_classes(batch.networks["discriminator"]):
                _ = batch.fake_classes

    return make


def _everything_of(term: GeneratorTerm) -> Callable[[Any], None]:
    """What makes all tensors that a generator term uses."""

    def make(batch: Any) -> None:
        if term.needs == "sizes":
            _ = batch.fakes
        if term.needs == "features":
            _ = batch.fake_features
            if term.needs_real:
                _ = batch.real_features

    return make


def _scores_of(loss: AdversarialLoss, kind: str, score: str) -> dict[str, Callable[[GanPass], Tensor]]:
    """Measures: how real the discriminator takes these images to be, and its accuracy on them."""

    def accuracy(batch: GanPass) -> Tensor:
        judged_real = tf.cast(loss.judged_real(getattr(batch, score)), tf.float32)
        return mean(judged_real if kind == "real" else 1.0 - judged_real)

    return {f"d_{kind}": lambda batch: mean(loss.realness(getattr(batch, score))), f"d_accuracy_{kind}": accuracy}


def _learning(setup: Setup) -> dict[str, Callable[[GanPass], Tensor]]:
    """Measures in which augmentations with a memory learn from the real images' scores."""

    def learns(name: str, augmentation: Augmentation) -> Callable[[GanPass], Tensor]:
        role = memory_of(name)
        return lambda batch: augmentation.learn(batch.networks[role], setup.loss.judged_real(batch.real_score))

    changing = {name: a for name, a in setup.augmentations.items() if remembers(a)}
    return {memory_of(name): learns(name, augmentation) for name, augmentation in changing.items()}


def _mae(loss: AdversarialLoss, kind: str) -> dict[str, Callable[[GanPass], Tensor]]:
    errors = loss.errors()
    return {"d_mae": lambda batch: mean(errors[kind](batch))} if errors else {}
