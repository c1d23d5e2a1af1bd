"""Experiment -> networks and game. The only place that looks names up."""

import os
from collections.abc import Sequence
from typing import Any

from ganctl.build import catalog
from ganctl.build.networks import make_networks
from ganctl.build.optimizers import keep_pace, make_optimizer
from ganctl.build.resolving import check_players, located, make_augmentation, make_setup
from ganctl.errors import ConfigurationError, DataError
from ganctl.experiment.experiment import Experiment
from ganctl.game.augmentation import memory_of
from ganctl.game.feed import Feed
from ganctl.game.game import Average, Game, Player
from ganctl.game.image_order import ImageOrder
from ganctl.game.inputs import judges_images_alone
from ganctl.game.objectives import Constraint
from ganctl.game.players import AVERAGED, advancing, usual_two
from ganctl.images.image_set import ImageSet
from ganctl.layers.minibatch_standard_deviation import varies_with_batch
from ganctl.lazy import tf
from ganctl.registry import accepted, made_by

# The rest is for weights and activations. TensorFlow does not say how much memory a GPU has, nor Python on Windows.
RESIDENT_SHARE = 0.25
RESIDENT_BYTES_UNTOLD = 2**31


def _memories(experiment: Experiment) -> dict[str, Any]:
    """What augmentations remember, by role: layers of the game, so that it is in every checkpoint."""
    sections = experiment.training.augment
    memories = {memory_of(section.name): make_augmentation(section).memory() for section in sections}
    return {role: memory for role, memory in memories.items() if memory is not None}


def _constrain(experiment: Experiment, discriminator: Any) -> None:
    """Let the discriminator's variables meet the constraints of the experiment after each update, as Keras does it."""
    for penalty in experiment.loss.penalties:
        entry = catalog.penalties.get(penalty.name)
        if entry.facts.get("constraint"):
            constraint = made_by(entry, Constraint, **penalty.arguments)
            for variable in discriminator.trainable_variables:
                variable.constraint = constraint.function


def _check_augmented(experiment: Experiment, players: Sequence[Player]) -> None:
    """Refuse augmentations that a model's own players know nothing of."""
    forms = [getattr(turn.forward, "keywords", {}) for player in players for turn in player.turns]
    if experiment.training.augment and not all("augmentations" in form for form in forms):
        raise ConfigurationError(
            f"the players of '{experiment.model.name}' augment nothing; set it to [].", key="training.augment"
        )


def _check_deviation(experiment: Experiment, discriminator: Any) -> None:
    """Refuse a discriminator that looks at how a batch varies where each of its batches has images of both kinds."""
    form = experiment.training.discriminator_batches
    if form in ("mixed", "concatenated") and varies_with_batch(discriminator):
        raise ConfigurationError(
            f"'{form}' shows the discriminator real and generated images at once, and its minibatch deviation is then "
            "the same for both; use `separate` or `summed`.",
            key="training.discriminator_batches",
        )


def make_game(experiment: Experiment, images: ImageSet, *, pretrained: bool = True) -> Game:
    """Build the whole game; raises ConfigurationError and DataError. `pretrained` as in `make_networks`."""
    networks = make_networks(experiment, images.shape, images.num_classes, pretrained=pretrained)
    asked: set[str] = set()
    networks |= _memories(experiment)

    def optimizer(name: str) -> Any:
        asked.add(name)
        # A player that the file does not mention is moved as the generator is.
        section = getattr(experiment.optimizer, name, experiment.optimizer.generator)
        return make_optimizer(section, fused=experiment.training.rewrites, rounds=experiment.training.iterations)

    with located(experiment):
        make_players = catalog.models.get(experiment.model.name).facts.get("players", usual_two)
        setup = make_setup(experiment, optimizer, images.num_classes)
        players = make_players(networks, setup, **accepted(make_players, experiment.model.arguments))
        _check_augmented(experiment, players)
        for player in players:
            keep_pace(player.optimizer, player.updates * len(player.turns))
        players = advancing(players, networks)
        _constrain(experiment, networks["discriminator"])
        _check_deviation(experiment, networks["discriminator"])
        check_players(experiment, asked)
    order = ImageOrder(len(images), experiment.dataset.sampling, experiment.seed)
    feed = Feed(
        images.images,
        images.labels,
        order,
        flip=experiment.dataset.flip,
        resident=_fits_on_device(images.images.nbytes),
    )
    if experiment.outputs.sample_grid == "scored" and not judges_images_alone(networks["discriminator"]):
        raise experiment.located(
            ConfigurationError(
                "`scored` needs a discriminator that judges images alone, and this one sees more beside each; "
                "give rows x columns, such as 8x8.",
                key="outputs.sample_grid",
            )
        )
    averages = [Average("generator", AVERAGED, experiment.training.ema)] if AVERAGED in networks else []
    game = Game(networks, players, {"real": feed}, experiment.seed, averages, jit=experiment.training.xla is True)
    most = max(game.draws["real"], default=0)
    if most > len(images):
        raise DataError(
            f"{images.source}: {len(images)} images are fewer than one update takes ({most}). "
            f"Add images, or try --set training.batch_size={len(images) // 2 * 2 or 1}."
        )
    return game


def _fits_on_device(size: int) -> bool:
    """Whether so many bytes of images may lie where the networks need memory, too."""
    limit = os.environ.get("GANCTL_RESIDENT_BYTES", "")
    if limit.isdigit():
        return size <= int(limit)
    if tf.config.list_logical_devices("GPU") or not hasattr(os, "sysconf"):
        return size <= RESIDENT_BYTES_UNTOLD
    return size <= RESIDENT_SHARE * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
