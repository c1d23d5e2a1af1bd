"""Losses x penalties x augmentations x forms of batches x precisions: they go together, or ganctl says why not.

Every combination is validated, and refused exactly where a rule below says so. Of those that are not, enough are played
that any two values of any two keys meet and any three of any three; in the quick tests, every value of every key. The
pairs are compiled, as `ganctl train` does it; the triples are played operation by operation, which computes the same.
Where images are augmented, penalties are lazy.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, get_args

import numpy as np
import pytest
from conftest import WriteYaml, operation_by_operation, shipped, untracked

from ganctl import augmentations, datasets, losses, models
from ganctl.build import games, resolving
from ganctl.errors import ConfigurationError
from ganctl.experiment.experiment import Experiment
from ganctl.experiment.sections import TrainingSection
from ganctl.game import Penalty
from ganctl.game.augmentation import remembers
from ganctl.images.image_set import ImageSet
from ganctl.lazy import keras

PAIR = "tiny_convolutions"
NONE = "none"


class Combination(NamedTuple):
    loss: str
    penalty: str
    augmentation: str
    form: str
    precision: str

    def __str__(self) -> str:
        return "-".join(self)


def choices(key: str) -> list[str]:
    """What a key of `training` can be, but for what is measured."""
    return [choice for choice in get_args(TrainingSection.model_fields[key].annotation) if choice != "auto"]


PRODUCT = [
    Combination(*values)
    for values in itertools.product(
        [entry.name for entry in shipped(losses.registry)],
        [NONE, *(entry.name for entry in shipped(losses.penalties))],
        [NONE, *(entry.name for entry in shipped(augmentations.registry))],
        choices("discriminator_batches"),
        choices("precision"),
    )
]


def penalty_sees_both(combination: Combination) -> bool:
    return (
        combination.penalty != NONE and getattr(losses.penalties.get(combination.penalty).make(), "needs", "") == "both"
    )


def learns_from_scores(combination: Combination) -> bool:
    return combination.augmentation != NONE and remembers(augmentations.registry.get(combination.augmentation).make())


# What is refused, and what the message says: all that there is.
RULES: dict[str, Callable[[Combination], bool]] = {
    r"training\.discriminator_batches: this loss compares real with generated images, so one update must see both": (
        lambda combination: combination.form == "separate" and losses.registry.get(combination.loss).make().needs_both
    ),
    r"training\.discriminator_batches: '\w+' needs real and generated images in one update": (
        lambda combination: combination.form == "separate" and penalty_sees_both(combination)
    ),
    r"training\.augment\.0: '\w+' follows the signs of real images' scores, but with the loss '\w+' only differences": (
        lambda combination: (
            learns_from_scores(combination) and not losses.registry.get(combination.loss).make().zero_divides
        )
    ),
}


def reasons(combination: Combination) -> list[str]:
    return [reason for reason, applies in RULES.items() if applies(combination)]


PLAYABLE = [combination for combination in PRODUCT if not reasons(combination)]


def covering(strength: int) -> list[Combination]:
    """Few combinations in which all values of any `strength` keys meet that can meet: greedily, always the same."""

    def met(combination: Combination) -> set[Any]:
        return set(itertools.combinations(enumerate(combination), strength))

    missing = set().union(*map(met, PLAYABLE))
    chosen = []
    while missing:
        best = max(PLAYABLE, key=lambda combination: len(met(combination) & missing))
        chosen.append(best)
        missing -= met(best)
    return chosen


EACH, PAIRS = covering(1), covering(2)


def tiny_pair(image_shape: tuple[int, int, int]) -> dict[str, Any]:
    """Convolutions, BatchNorm in the generator, LeakyReLU: what is rewritten, differentiated twice and narrowed."""
    layers = keras.layers
    generator = [
        keras.Input([4]),
        layers.Dense(4 * 4 * 4, use_bias=False),
        layers.BatchNormalization(),
        layers.Reshape([4, 4, 4]),
        layers.Conv2DTranspose(image_shape[2], 4, 2, padding="same"),
        layers.Activation("tanh", dtype="float32"),
    ]
    discriminator = [
        keras.Input(image_shape),
        layers.Conv2D(4, 3, 2, padding="same"),
        layers.LeakyReLU(0.2),
        layers.Flatten(),
        layers.Dense(1, dtype="float32"),
    ]
    return {"generator": keras.Sequential(generator), "discriminator": keras.Sequential(discriminator)}


@pytest.fixture(scope="module")
def base(tiny_yaml: WriteYaml) -> Iterator[Experiment]:
    with models.registry.temporarily():
        models.registry.register(PAIR, source="this test")(tiny_pair)
        yield resolving.load_experiment(tiny_yaml({"model": {"name": PAIR}}))


@pytest.fixture(scope="module")
def images(base: Experiment) -> ImageSet:
    return datasets.registry.get("npz").make(base.dataset, untracked)


def experiment_of(combination: Combination, base: Experiment) -> Experiment:
    content = base.model_dump(mode="json")
    content["loss"] = {"name": combination.loss}
    if combination.penalty != NONE:
        is_term = not losses.penalties.get(combination.penalty).constraint
        lazy = {"every": 2} if combination.augmentation != NONE and is_term else {}
        content["loss"]["penalties"] = [{"name": combination.penalty, **lazy}]
    content["training"] |= {
        "augment": [] if combination.augmentation == NONE else [combination.augmentation],
        "discriminator_batches": combination.form,
        "precision": combination.precision,
    }
    return resolving.resolve(Experiment.model_validate(content))


def test_a_combination_is_refused_exactly_where_a_rule_says_so(base: Experiment) -> None:
    used = set()
    for combination in PRODUCT:
        wanted = reasons(combination)
        if wanted:
            with pytest.raises(ConfigurationError, match="|".join(wanted)):
                experiment_of(combination, base)
        else:
            experiment_of(combination, base)
        used |= set(wanted)
    assert used == set(RULES), "rules that refuse nothing"
    assert len(PLAYABLE) > len(PRODUCT) / 2


def played(combination: Combination, base: Experiment, images: ImageSet) -> None:
    """Two rounds: all measurements are finite, every kernel moves and is finite, and each part has its column."""
    game = games.make_game(experiment_of(combination, base), images)
    kernels = [v for moved in game.moved.values() for v in moved if len(v.shape) > 1]
    before = [kernel.numpy() for kernel in kernels]
    rows = game.play(game.chunk(0, 2)).numpy()
    assert np.isfinite(rows).all()
    for kernel, old in zip(kernels, before, strict=True):
        new = kernel.numpy()
        assert np.isfinite(new).all(), kernel.path
        assert (new != old).any(), f"{kernel.path} never moves"
    if combination.penalty != NONE:
        term = isinstance(losses.penalties.get(combination.penalty).make(), Penalty)
        assert (combination.penalty in game.columns) == term
    assert (f"augment_{combination.augmentation}" in game.columns) == learns_from_scores(combination)
    assert game.networks["discriminator"].layers[0].compute_dtype == combination.precision


@pytest.mark.parametrize("combination", EACH, ids=str)
def test_two_rounds_of_every_choice(combination: Combination, base: Experiment, images: ImageSet) -> None:
    played(combination, base, images)


@pytest.mark.slow
@pytest.mark.parametrize("combination", [c for c in PAIRS if c not in EACH], ids=str)
def test_two_rounds_of_any_two_choices(combination: Combination, base: Experiment, images: ImageSet) -> None:
    played(combination, base, images)


@pytest.mark.slow
def test_a_game_that_is_played_operation_by_operation_is_the_same(base: Experiment, images: ImageSet) -> None:
    experiment = experiment_of(Combination("non_saturating", "r1", "ada", "mixed", "float32"), base)
    games_of_both = [games.make_game(experiment, images) for _ in range(2)]
    compiled = games_of_both[0].play(games_of_both[0].chunk(0, 2)).numpy()
    with operation_by_operation():
        plain = games_of_both[1].play(games_of_both[1].chunk(0, 2)).numpy()
    np.testing.assert_allclose(plain, compiled, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("combination", [c for c in covering(3) if c not in EACH + PAIRS], ids=str)
def test_two_rounds_of_any_three_choices(combination: Combination, base: Experiment, images: ImageSet) -> None:
    with operation_by_operation():
        played(combination, base, images)
