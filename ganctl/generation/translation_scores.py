"""What a model makes of images, and how good it is picture by picture: against the truth, and there and back.

Which images are translated matters as much as how well: held-out ones, wherever there are any.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ganctl.errors import DataError
from ganctl.evaluation.paired_figures import figures_with_baseline, l1, partners
from ganctl.evaluation.reference import FEWEST_IMAGES, choose
from ganctl.game.sampler import ImageSampler, Sampler
from ganctl.generation.drawing import BATCH, translate
from ganctl.images.image_set import ImageSet, Track, gathered
from ganctl.run_folder.metrics_csv import BASELINE

HELD_OUT, TRAINING = "held-out", "training"
"""The kinds of images that are translated."""

ImageSets = Mapping[str, ImageSet]


@dataclass(frozen=True, eq=False)
class Translations:
    """Images that a model made from images.

    Attributes:
        images: what it made, uint8 [N, H, W, C], to be scored as a set.
        values: further figures and their protocol, by their column in metrics.csv.
        left_out: which of these figures are None and why, in words.
        notes: warnings for the user.
        meaningless: scores of the set that mean nothing against the training images, by their column; and why.
    """

    images: np.ndarray
    values: dict[str, Any]
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    meaningless: Mapping[str, str] = field(default_factory=dict)

    def reasons(self, *, of_training: bool = True) -> tuple[str, ...]:
        """Return which figures are None and why, in words, if the set is compared with the training images or not."""
        of_set = [f"{name}: {why}" for name, why in self.meaningless.items()] if of_training else []
        return (*of_set, *self.left_out)


def score_translations(
    sampler: Sampler,
    samplers: Collection[Sampler],
    network_of: Callable[[Sampler], Any],
    feeds: ImageSets,
    held_out: ImageSets,
    num: int,
    seed: int,
    track: Track,
) -> Translations:
    """Translate images, each once, and measure what can be measured picture by picture.

    The set that is to be scored is made from held-out images if there are FEWEST_IMAGES or more, otherwise from
    training images. If the true outputs are known, the outputs of held-out pairs are compared with them, however few
    there are, and those of training pairs only if nothing is held out. If another sampler leads back, what returns
    is compared with the inputs.

    Args:
        sampler: how the images are made.
        samplers: all samplers of the model.
        network_of: returns the network that a sampler draws with.
        feeds: the training images by role.
        held_out: images by role that were not trained on; empty if there are none.
        num: the most images to translate.
        seed: of layers that draw their own noise.
        track: shows progress.

    Raises:
        DataError: the model learns from pairs, but the held-out images differ in number.
    """
    source, target = sampler.takes, sampler.gives

    def made(by: Sampler, given: np.ndarray, description: str) -> np.ndarray:
        batches = translate(network_of(by), given, len(given), seed)
        return gathered(track(batches, description, -(-len(given) // BATCH)), len(given), feeds[by.gives].shape)

    unseen = held_out.get(source)
    enough = unseen is not None and len(unseen) >= FEWEST_IMAGES
    kind = HELD_OUT if enough else TRAINING
    inputs = _some(unseen if unseen is not None and enough else feeds[source], num)
    outputs = made(sampler, inputs, "translating images")
    values: dict[str, Any] = {"inputs": f"{kind} images"}
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    meaningless: dict[str, str] = {}

    if isinstance(sampler, ImageSampler) and sampler.truth:
        tested, pairs_kind = (held_out, HELD_OUT) if len(held_out.get(source, ())) else (feeds, TRAINING)
        _check_pairs(tested, pairs_kind, source, target)
        given, answers = inputs, outputs
        if pairs_kind != kind:
            given = _some(tested[source], num)
            answers = made(sampler, given, "translating held-out images")
        found, left_out = figures_with_baseline(answers, given, _some(tested[target], num))
        values |= {**found, "pairs": f"{pairs_kind} pairs"}
        if pairs_kind == TRAINING:
            notes = (
                "Warning: no pairs are held out, so L1, PSNR and SSIM are of pairs that the model was trained on. Hold "
                "some out: dataset.holdout=0.1",
            )
        if kind == TRAINING:
            meaningless["memorization"] = "outputs for training inputs should be near training images"
    if back := _back(sampler, samplers):
        returned = made(back, outputs, "translating them back")
        values |= {"cycle_l1": l1(returned, inputs), "cycle_l1" + BASELINE: l1(inputs, inputs[partners(len(inputs))])}
    return Translations(outputs, values, left_out, notes, meaningless)


def _check_pairs(images: ImageSets, kind: str, source: str, target: str) -> None:
    """Raise DataError if images that should be pairs differ in number."""
    if len(images[source]) != len(images.get(target, ())):
        counts = " and ".join(f"{len(images.get(role, ()))} of `{role}`" for role in (source, target))
        raise DataError(f"{images[source].source}: the {kind} images must be pairs. Received: {counts}")


def _some(images: ImageSet, num: int) -> np.ndarray:
    """At most `num` of the images, always the same ones of as many; all of them are not copied."""
    return images.images if len(images) <= num else images.rows(choose(len(images), num)).images


def _back(sampler: Sampler, samplers: Collection[Sampler]) -> Sampler | None:
    """Return the sampler that takes what this one gives and gives what it takes, if there is one."""
    ways = (other for other in samplers if other is not sampler)
    return next((other for other in ways if (other.takes, other.gives) == (sampler.gives, sampler.takes)), None)
