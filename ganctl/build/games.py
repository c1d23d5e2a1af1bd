"""The whole game of an experiment: networks, players, feeds."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ganctl import layers
from ganctl.build.network_checks import normalised_to_zero
from ganctl.build.networks import as_played, discriminators, make_networks
from ganctl.build.optimizers import make_optimizer, set_steps_per_iteration
from ganctl.build.parts import Parts
from ganctl.build.penalty_check import check_penalties, differentiates_twice
from ganctl.build.resolving import check_players, check_stage_players, located, make_setup
from ganctl.errors import ConfigurationError, DataError
from ganctl.experiment.experiment import Experiment
from ganctl.experiment.sections import PACES
from ganctl.game.augmentation import memory_of
from ganctl.game.feed import PAIR, Feed, Shift
from ganctl.game.game import Average, Game, Player
from ganctl.game.image_order import ImageOrder
from ganctl.game.inputs import judges_images_alone
from ganctl.game.passes import augments
from ganctl.game.players import advancing, averaged, term_name
from ganctl.game.stages import Stage
from ganctl.images.image_set import ImageSet
from ganctl.lazy import tf, unnamed_variables
from ganctl.registry import accepted

# The rest is for weights and activations. TensorFlow does not report a GPU's memory, nor Python that of Windows.
RESIDENT_SHARE = 0.25
RESIDENT_BYTES_UNTOLD = 2**31


@unnamed_variables()
def make_game(parts: Parts, images: ImageSet | Mapping[str, ImageSet], *, pretrained: bool = True) -> Game:
    """Build the whole game; raises ConfigurationError and DataError.

    Args:
        parts: the resolved experiment.
        images: the images of the model's feed, or of each of its feeds by role.
        pretrained: as in `make_networks`.
    """
    by_role = images if isinstance(images, Mapping) else dict.fromkeys(parts.model.feeds, images)
    experiment, main = parts.experiment, by_role[parts.sampler.gives]
    shapes = {role: found.shape for role, found in by_role.items()}
    networks = make_networks(parts, shapes, main.num_classes, pretrained=pretrained) | _memories(parts)
    with located(experiment):
        players, stages = _make_players(parts, networks, main.num_classes)
        _constrain(parts, networks)
        _check(experiment, networks)
    averages = [
        Average(role, averaged(role), experiment.training.ema) for role in networks if averaged(role) in networks
    ]
    with located(experiment):
        feeds = _make_feeds(parts, by_role)
    judges = discriminators(networks) if differentiates_twice(parts) else []
    played = {role: as_played(network, experiment, twice=role in judges) for role, network in networks.items()}
    jit = experiment.training.xla is True
    game = Game(networks, players, feeds, experiment.seed, averages, stages=stages, played=played, jit=jit)
    for stage in game.stages:
        _check_enough(stage.draws, by_role)
        if parts.model.paired and len({tuple(draws) for draws in stage.draws.values()}) > 1:
            raise ConfigurationError(
                f"{parts.model.place}: '{parts.model.name}' learns from pairs, so every turn must draw as many images "
                f"of one feed as of the others. Received: {stage.draws}",
                key="model.name",
            )
    with located(experiment):
        check_penalties(game, parts)
    return game


def _memories(parts: Parts) -> dict[str, Any]:
    """The memories of augmentations, by role: layers of the game, so that every checkpoint has them."""
    memories = {memory_of(name): augmentation.memory() for name, augmentation in parts.augmentations.items()}
    return {role: memory for role, memory in memories.items() if memory is not None}


def _make_players(parts: Parts, networks: Mapping[str, Any], num_classes: int) -> tuple[list[Player], list[Stage]]:
    """The players of the model, with their optimizers, and who plays when; raises ConfigurationError."""
    experiment, asked = parts.experiment, set[str]()

    def optimizer(name: str) -> Any:
        asked.add(name)
        # A player that the file does not mention gets the settings of its kind: discriminator_b those of discriminator.
        kind = "discriminator" if name.split("_")[0] == "discriminator" else "generator"
        section = getattr(experiment.optimizer, name, getattr(experiment.optimizer, kind))
        rounds = max(1, experiment.training.iterations_of(name))
        return make_optimizer(section, fused=experiment.training.rewrites, rounds=rounds)

    own_keys = accepted(parts.model.players, experiment.model.arguments)

    def made(parts: Parts, optimizer: Any) -> list[Player]:
        players = parts.model.players(networks, make_setup(parts, optimizer, num_classes), **own_keys)
        return advancing(players, networks)

    players = made(parts, optimizer)
    _check_made(parts, networks, players)
    check_players(experiment, asked)
    check_stage_players(experiment, [player.name for player in players])
    own = {player.name: player.optimizer for player in players}

    def at(paces: Mapping[str, int]) -> dict[str, Player]:
        """The players by name, with the turns and updates that the model gives them at another pace."""
        again = made(parts.with_training(**paces), lambda name: None) if paces else players
        return {each.name: replace(each, optimizer=own[each.name]) for each in again}

    _check_paces(experiment, at)
    stages = []
    for section in experiment.training.stages:
        playing = [player for name, player in at(section.paces).items() if name in section.players]
        stages.append(Stage(playing, section.until))
    for player in players:
        *earlier, (_, steps) = _steps_per_iteration(player, stages)
        set_steps_per_iteration(player.optimizer, steps, earlier)
    return players, stages


def _check_made(parts: Parts, networks: Mapping[str, Any], players: Sequence[Player]) -> None:
    """Refuse keys that a model's own players would ignore."""
    _check_augmented(parts.experiment, players)
    _check_generator_terms(parts.experiment, players)
    moved = {role for player in players for role in player.networks}
    if parts.constraints and not moved & {*discriminators(networks)}:
        raise ConfigurationError("no player of this model moves a discriminator. Set it to [].", key="loss.penalties")


def _check_paces(experiment: Experiment, at: Callable[[Mapping[str, int]], Mapping[str, Player]]) -> None:
    """Refuse numbers of updates that no player follows.

    Args:
        experiment: the file.
        at: returns the players by name, given numbers of updates by key.
    """

    def follows(key: str, names: Iterable[str]) -> bool:
        one, two = at({key: 1}), at({key: 2})
        return any(one[name].updates != two[name].updates for name in names)

    for key in PACES:
        if getattr(experiment.training, key) > 1 and not follows(key, at({})):
            raise ConfigurationError("no player of this model follows it. Set it to 1.", key=f"training.{key}")
    for index, section in enumerate(experiment.training.stages):
        for key in section.paces:
            if not follows(key, section.players):
                raise ConfigurationError(
                    f"no player of this stage follows it: {', '.join(section.players)}. Remove it.",
                    key=f"training.stages.{index}.{key}",
                )


def _steps_per_iteration(player: Player, stages: Sequence[Stage]) -> list[tuple[int, int]]:
    """Return a player's steps in an iteration as they change: (iterations that it plays at this pace, steps) of each.

    The iterations of the last entry are all that follow.
    """
    found, start = list[tuple[int, int]](), 0
    for stage in (*stages, Stage([player])):
        end = start if stage.until is None else stage.until
        for each in stage.players:
            steps = each.updates * len(each.turns)
            if each.name == player.name and found and found[-1][1] == steps:
                found[-1] = found[-1][0] + end - start, steps
            elif each.name == player.name:
                found.append((end - start, steps))
        if stage.until is None and found:
            break
        start = end
    return found


def _make_feeds(parts: Parts, images: Mapping[str, ImageSet]) -> dict[str, Feed]:
    """The game's feeds, by role: in the device's memory if all images fit there, otherwise in the host's."""
    experiment, paired = parts.experiment, parts.model.paired
    if paired and len({len(found) for found in images.values()}) > 1:
        counts = " and ".join(f"{len(found)} images called `{role}`" for role, found in images.items())
        raise DataError(
            f"{experiment.dataset.name}: the model '{parts.model.name}' learns from pairs. Received: {counts}"
        )
    resident = _fits_on_device(sum(found.images.nbytes for found in images.values()))
    sampling, seed, flip = experiment.dataset.sampling, experiment.seed, experiment.dataset.flip
    shifts = _shifts(parts, {role: found.shape for role, found in images.items()})
    return {
        role: Feed(
            found.images,
            found.labels,
            ImageOrder(len(found), sampling, seed, PAIR if paired else role),
            flip=flip,
            resident=resident,
            paired=paired,
            shift=shifts.get(role),
        )
        for role, found in images.items()
    }


def _shifts(parts: Parts, shapes: Mapping[str, tuple[int, int, int]]) -> dict[str, Shift]:
    """Return how the images of each feed are translated; raises ConfigurationError.

    A step is a pixel or, of pairs of two sizes, a pixel of the smaller image.
    """
    share = parts.experiment.dataset.shift
    if not share:
        return {}
    steps = {role: shape[:2] for role, shape in shapes.items()}
    if parts.model.paired:
        least = min(height for height, _ in steps.values()), min(width for _, width in steps.values())
        if any(height % least[0] or width % least[1] for height, width in steps.values()):
            received = " and ".join(f"`{role}` of {height}x{width}" for role, (height, width) in steps.items())
            raise ConfigurationError(
                "the two images of a pair can be translated together only if the sides of one are whole multiples of "
                f"the other's. Received: {received}. Set it to 0.",
                key="dataset.shift",
            )
        steps = dict.fromkeys(steps, least)
    shifts = {}
    for role, (rows, columns) in steps.items():
        most = int(share * rows), int(share * columns)
        if not any(most):
            raise ConfigurationError(
                f"{share:g} of the sides of images of {rows}x{columns} is less than a pixel. Choose a larger share, or "
                "0 for no translation.",
                key="dataset.shift",
            )
        shifts[role] = Shift(most, (shapes[role][0] // rows, shapes[role][1] // columns))
    return shifts


def _constrain(parts: Parts, networks: Mapping[str, Any]) -> None:
    """Give the discriminators' variables the constraints, which Keras applies after each update."""
    for constraint in parts.constraints:
        for role in discriminators(networks):
            for variable in networks[role].trainable_variables:
                variable.constraint = constraint.function


def _check(experiment: Experiment, networks: Mapping[str, Any]) -> None:
    """Raise ConfigurationError for what can be checked only once the networks exist."""
    form = experiment.training.discriminator_batches
    if form in ("mixed", "concatenated") and any(
        layers.varies_with_batch(networks[role]) for role in discriminators(networks)
    ):
        raise ConfigurationError(
            f"'{form}' puts real and generated images into one batch, so the discriminator's minibatch standard "
            "deviation is the same for both. Use `separate` or `summed`.",
            key="training.discriminator_batches",
        )
    for role, network in networks.items():
        both = form == "concatenated" and role in discriminators(networks)
        constant = normalised_to_zero(network, experiment.training.batch_size * (2 if both else 1))
        if constant:
            raise ConfigurationError(
                f"one image is not enough for the {role}'s layer '{constant[0]}', a BatchNorm over the batch alone: "
                "its output would be constant, and no layer before it would learn. Use 2 or more.",
                key="training.batch_size",
            )
    judge = networks.get("discriminator")
    if experiment.outputs.sample_grid == "scored" and (judge is None or not judges_images_alone(judge)):
        raise ConfigurationError(
            "`scored` needs a discriminator that judges images alone; this one takes further inputs. "
            "Give rows x columns instead, such as 8x8.",
            key="outputs.sample_grid",
        )


def _check_augmented(experiment: Experiment, players: Sequence[Player]) -> None:
    """Refuse augmentations that a model's own players do not apply."""
    names = [section.name for section in experiment.training.augment]
    if names and not all(augments(turn.forward, names) for player in players for turn in player.turns):
        raise ConfigurationError(
            f"the model '{experiment.model.name}' does not apply augmentations. Set it to [].", key="training.augment"
        )


def _check_generator_terms(experiment: Experiment, players: Sequence[Player]) -> None:
    """Refuse generator terms that a model's own players do not have in any turn."""
    there = [term.name for player in players for turn in player.turns for term in turn.terms]
    for index, section in enumerate(experiment.loss.generator_terms):
        name = term_name(section.name)
        if not any(found == name or found.startswith(f"{name}_") for found in there):
            raise ConfigurationError(
                f"the players of the model '{experiment.model.name}' have terms of their own. Remove it.",
                key=f"loss.generator_terms.{index}.name",
            )


def _check_enough(draws: Mapping[str, Sequence[int]], images: Mapping[str, ImageSet]) -> None:
    """Raise DataError if one update takes more images than there are."""
    for role, found in images.items():
        most = max(draws[role], default=0)
        if most > len(found):
            raise DataError(
                f"{found.source}: {len(found)} images are fewer than the {most} that one update takes. "
                f"Add images, or try --set training.batch_size={len(found) // 2 * 2 or 1}."
            )


def _fits_on_device(size: int) -> bool:
    """Whether this many bytes of images may share the memory with the networks."""
    limit = os.environ.get("GANCTL_RESIDENT_BYTES", "")
    if limit.isdigit():
        return size <= int(limit)
    if tf.config.list_logical_devices("GPU") or not hasattr(os, "sysconf"):
        return size <= RESIDENT_BYTES_UNTOLD
    return size <= RESIDENT_SHARE * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
