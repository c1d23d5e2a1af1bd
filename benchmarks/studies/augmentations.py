"""Whether augmentations help where pictures are few, and whether they show in the samples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.papers.clothes import Clothes, judge_of
from benchmarks.studies.bench import Bench, Trained
from benchmarks.studies.figures import Spread
from benchmarks.studies.recipe import Recipe
from benchmarks.studies.study import Report, Study, Table, first_samples, floors, spread_of
from ganctl.augmentations.ada import Ada
from ganctl.augmentations.diffaugment import DiffAugment
from ganctl.build.resolving import read_dataset
from ganctl.evaluation.features.extractor import Extractor
from ganctl.evaluation.features.lite0 import lite0_extractor
from ganctl.evaluation.reference import TRAINING_IMAGES, Reference
from ganctl.evaluation.scoring import evaluate
from ganctl.experiment.sections import DatasetSection
from ganctl.game import Augmentation, Key
from ganctl.game.inputs import as_networks_see, to_pixels
from ganctl.lazy import tf

PROBABILITY = 0.5
"""Of ADA's changes in the pictures that its judge learns from."""
_JUDGED = 3000
_BATCH = 100

# By default, ADA's probability needs 500,000 images to rise to 1, ten times as many as a run here sees.
ARMS: Mapping[str, Sequence[Mapping[str, object]]] = {
    "none": [],
    "DiffAugment": [{"name": "diffaugment"}],
    "ADA": [{"name": "ada", "speed": 50_000}],
}
AUGMENTATIONS: Mapping[str, Augmentation] = {"DiffAugment": DiffAugment(), "ADA": Ada()}


@dataclass(frozen=True)
class _Setting:
    """What is compared within: the pictures that are learned from, and whether it takes longer than the reference."""

    pictures: int
    longer: bool = False

    def recipe(self, arm: str) -> Recipe:
        recipe = Recipe(f"{arm} {self.pictures}", {"dataset.limit": self.pictures, "training.augment": ARMS[arm]})
        return recipe.lengthened() if self.longer else recipe


SETTINGS = [_Setting(pictures, longer) for longer in (False, True) for pictures in (100, 500, 2000)]
RECIPES = {(setting, arm): setting.recipe(arm) for setting in SETTINGS for arm in ARMS}


def augmented(augmentation: Augmentation, images: np.ndarray) -> np.ndarray:
    """Return uint8 images [N, H, W, C] as a discriminator sees them, rounded to bytes."""
    memory = augmentation.memory()
    if memory is not None:
        memory.probability.assign(PROBABILITY)
    made = []
    for start in range(0, len(images), _BATCH):
        batch = as_networks_see(tf.cast(images[start : start + _BATCH], tf.float32))
        made.append(to_pixels(augmentation.apply(batch, Key(0, start, "judge"), memory)).numpy())
    return np.concatenate(made)


def judge(augmentation: Augmentation, clothes: Clothes, count: int = _JUDGED) -> Extractor:
    """Return a classifier that tells augmented pictures (1) from real ones (0), of `count` pictures each."""
    real = clothes.images[:count]
    images = np.concatenate([real, augmented(augmentation, clothes.images[count : 2 * count])])
    labels = np.repeat(np.array([0, 1], np.int32), [count, len(images) - count])
    order = np.random.default_rng(0).permutation(len(images))
    return judge_of(Clothes(images[order], labels[order], ("real", "augmented")))


def share_called_augmented(judge: Extractor, images: np.ndarray) -> float:
    """Return the share of images that a judge calls augmented."""
    assert judge.probabilities is not None
    return float(judge.probabilities(judge.features(images)).argmax(1).mean())


def share_of_middle_grey(images: np.ndarray) -> float:
    """Return the share of pixels within 4 of the middle grey, which DiffAugment fills with, of all above 30."""
    return float((np.abs(images - 127.5) < 4).sum() / max(1, (images > 30).sum()))


def pictures_known(count: int) -> Reference:
    """Return the first pictures of the set, as a run with this `dataset.limit` learns from them."""
    section = DatasetSection.model_validate({"name": "fashion_mnist_mini", "limit": count})
    return Reference.of(read_dataset(section, lambda sequence, *_, **__: sequence), lite0_extractor(), TRAINING_IMAGES)


def _report(bench: Bench, runs: Mapping[str, Sequence[Trained]]) -> Report:
    training, tests = Clothes.read()
    judges = {name: judge(augmentation, training) for name, augmentation in AUGMENTATIONS.items()}
    known = {setting.pictures: pictures_known(setting.pictures) for setting in SETTINGS}
    rows = []
    for (setting, arm), recipe in RECIPES.items():
        if recipe.name not in runs:
            continue
        found, control = runs[recipe.name], runs[RECIPES[setting, "none"].name]
        kid = spread_of(found, "kid")
        copied = [evaluate(run.samples, known[setting.pictures]).values["memorization"] for run in found]
        shares = [
            Spread.of([share_called_augmented(each, run.samples) for run in found]).written(2)
            if arm in ("none", name)
            else ""
            for name, each in judges.items()
        ]
        rows.append(
            [
                f"{setting.pictures:,}",
                f"{found[0].iterations:,}",
                arm,
                str(len(found)),
                kid.written(),
                spread_of(found, "precision").written(2),
                spread_of(found, "recall").written(2),
                "" if arm == "none" else kid.minus(spread_of(control, "kid")).written(),
                Spread.of(copied).written(2),
                *shares,
                Spread.of([share_of_middle_grey(run.samples) for run in found]).written(3),
                spread_of(found, "augment_ada").written(2) if arm == "ADA" else "",
            ]
        )
    called = [f"called augmented by {name}'s judge" for name in judges]
    header = [
        "pictures",
        "iterations",
        "augmentation",
        "seeds",
        "KID",
        "precision",
        "recall",
        "KID minus none, clear?",
        "memorized",
        *called,
        "middle grey",
        "ADA's p",
    ]
    rates = [
        [
            name,
            f"{share_called_augmented(each, tests.images):.3f}",
            f"{share_called_augmented(each, augmented(AUGMENTATIONS[name], tests.images)):.3f}",
        ]
        for name, each in judges.items()
    ]
    return Report(
        [
            Table(
                "Trained on the first pictures of the set, scored against all 10,000. "
                + floors(next(iter(runs.values()))),
                header,
                rows,
            ),
            Table(
                f"The judges, on {len(tests.images):,} pictures that they did not learn from. Of the pixels "
                f"above 30, {share_of_middle_grey(tests.images):.3f} are middle grey.",
                ["judge", "real pictures called augmented", "augmented pictures called augmented"],
                rates,
            ),
        ],
        {
            **{f"real after {name}": augmented(each, tests.images)[:16] for name, each in AUGMENTATIONS.items()},
            **first_samples(runs),
        },
    )


STUDY = Study(
    "augmentations", "Do augmentations help and leak with few pictures?", list(RECIPES.values()), _report, seeds=2
)
