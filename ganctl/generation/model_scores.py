"""How well a model knows classes and codes: the figures that need its labels or its encoder, not its samples alone.

Each is computed only where it means something: for a generator that draws the classes of the labels, and for an
encoder that inverts the generator.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ganctl.evaluation.class_accuracy import class_accuracy, classification_accuracy_score
from ganctl.evaluation.features.classifier import MOST_IMAGES, SETTINGS, classifier_extractor
from ganctl.evaluation.features.extractor import Extractor
from ganctl.evaluation.kept_figure import kept_figure
from ganctl.evaluation.labelled_split import SPLIT_OFF, LabelledSplit, some
from ganctl.evaluation.nearest_labels import nearest_label_accuracy
from ganctl.evaluation.reconstruction import reconstruction_error
from ganctl.evaluation.reference import FEWEST_IMAGES, choose
from ganctl.game.inputs import class_count, takes_classes
from ganctl.generation.encoding import encode, inverts, reconstruct
from ganctl.images.image_set import ImageSet
from ganctl.run_folder.metrics_csv import BASELINE, FLOOR

MOST_SEARCHED, MOST_NAMED = 10_000, 2000
"""The most images that are searched for nearest neighbours, and the most that are named by theirs."""


@dataclass(frozen=True)
class ModelScores:
    """What was measured of a model's classes and codes.

    Attributes:
        values: every figure and what it stands beside, by its column or key.
        notes: what a reader of the figures must know.
        protocol: what moves the figures, for the line that states it all.
    """

    values: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    protocol: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ModelScorer:
    """Measures models of one data set; what depends on real images alone is measured once.

    Attributes:
        training: the training images that samples imitate.
        held_out: images of their kind that were not trained on, if any.
        learns_labels: the classes that the generator takes are those of the labels, not categories of its own.
        seed: of the latent vectors, and of layers that draw their own noise.
    """

    training: ImageSet
    held_out: ImageSet | None
    learns_labels: bool
    seed: int

    def scores(
        self,
        generator: Any,
        encoder: Any | None,
        samples: np.ndarray,
        num: int,
        draw: Callable[[Sequence[int]], np.ndarray] | None = None,
    ) -> ModelScores:
        """Return every figure that means something of a model.

        Args:
            generator: the network that draws.
            encoder: the network called so, if there is one.
            samples: images of all classes in turn, as `drawing.generate` draws them, uint8 [N, H, W, C].
            num: the most images to reconstruct or to learn from.
            draw: returns a sample of each of the given classes, uint8 [N, H, W, C]. With it, CAS is measured, which
                trains a classifier on samples.
        """
        values: dict[str, Any] = {}
        protocol: dict[str, str] = {}
        notes: tuple[str, ...] = ()
        conditional = self._draws_labels(generator)
        if conditional:
            values |= self._class_accuracy(samples)
            protocol["class_accuracy"] = self._classifier_in_words
            if draw is not None:
                found, count = self._cas(draw, num)
                values |= found
                protocol["cas"] = f"{count} samples, or training images, of the same classes teach such a classifier"
        if encoder is not None and inverts(encoder, generator, self.training.shape):
            # A class that the generator finds itself is unknown for an image.
            if conditional or not takes_classes(generator):
                found, notes = self._reconstruction_error(encoder, generator, num)
                values |= found
                protocol["reconstruction_error"] = "of uint8, baseline: in the order of default_rng(3).permutation"
            if self._has_classes:
                values |= self._code_accuracy(encoder, generator)
                protocol["code_accuracy"] = (
                    f"1 nearest neighbour, Euclidean, of at most {MOST_SEARCHED} training images, mean over the classes"
                )
        if "tested" in values and self._split.kind == SPLIT_OFF:
            notes += (
                f"Fewer than {FEWEST_IMAGES} labelled images are held out, so what is learned of labels was tested on "
                f"{values['tested_num']:,} of the training images, which classifiers did not see, but the model did. "
                "Hold some out: dataset.holdout=0.1",
            )
        return ModelScores(values, notes, protocol)

    def _draws_labels(self, generator: Any) -> bool:
        count = self.training.num_classes
        return (
            self.learns_labels
            and self._has_classes
            and takes_classes(generator)
            and class_count(generator, count) == count
        )

    @property
    def _has_classes(self) -> bool:
        labels = self.training.labels
        return labels is not None and len(np.unique(labels)) > 1

    @cached_property
    def _split(self) -> LabelledSplit:
        return LabelledSplit.of(self.training, self.held_out)

    @cached_property
    def _classifier(self) -> Extractor:
        return classifier_extractor(self._split.learned)

    @property
    def _stated(self) -> dict[str, Any]:
        return {"tested": self._split.kind, "tested_num": len(self._split.tested)}

    @property
    def _classifier_in_words(self) -> str:
        split, classifier = self._split, self._classifier
        return (
            f"mean over the classes, by ganctl's classifier sha256:{classifier.weights} of "
            f"{min(len(split.learned), MOST_IMAGES)} training images, floor of {len(split.tested)} {split.kind}"
        )

    def _class_accuracy(self, samples: np.ndarray) -> dict[str, Any]:
        """Return class accuracy of samples of all classes in turn, uint8 [N, H, W, C], and its floor."""
        assert self.training.labels is not None
        asked = np.arange(len(samples)) % self.training.num_classes
        known = np.isin(asked, self.training.labels)  # nobody can name a class without images
        return {
            "class_accuracy": class_accuracy(self._classifier, samples[known], asked[known]),
            "class_accuracy" + FLOOR: self._floor_of_accuracy,
            "classifier": self._classifier.weights[:12],
            **self._stated,
        }

    @cached_property
    def _floor_of_accuracy(self) -> float:
        classifier, tested = self._classifier, self._split.tested
        assert tested.labels is not None
        labels = tested.labels
        return kept_figure(
            ("class accuracy", classifier.weights, tested.fingerprint()),
            lambda: class_accuracy(classifier, tested.images, labels),
        )

    def _cas(self, draw: Callable[[Sequence[int]], np.ndarray], num: int) -> tuple[dict[str, Any], int]:
        """Return CAS of samples and of as many training images with the same labels, and how many there are."""
        tested = self._split.tested
        real = some(self._split.learned, min(num, MOST_IMAGES))
        assert real.labels is not None
        labels = real.labels
        samples = draw(labels.tolist())
        floor = kept_figure(
            ("CAS", *SETTINGS, real.fingerprint(), tested.fingerprint()),
            lambda: classification_accuracy_score(real.images, labels, tested, keep=True),
        )
        return {"cas": classification_accuracy_score(samples, labels, tested), "cas" + FLOOR: floor}, len(real)

    def _reconstruction_error(self, encoder: Any, generator: Any, num: int) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Return the error of at most `num` reconstructions, its baseline, and a warning if none are held out."""
        unseen = self.held_out is not None and len(self.held_out) > 1
        found = self.held_out if unseen and self.held_out is not None else self.training
        images = some(found, num)
        classes = images.labels.tolist() if images.labels is not None and takes_classes(generator) else []
        made = reconstruct(encoder, generator, images.images, self.seed, classes)
        error, baseline = reconstruction_error(images.images, made)
        values = {
            "reconstruction_error": error,
            "reconstruction_error" + BASELINE: baseline,
            "reconstructed": "held-out images" if unseen else "training images",
            "reconstructed_num": len(images),
        }
        if unseen:
            return values, ()
        return values, (
            "Warning: no images are held out, so the reconstruction error is of images that the model was trained on. "
            "Hold some out: dataset.holdout=0.1",
        )

    def _code_accuracy(self, encoder: Any, generator: Any) -> dict[str, Any]:
        """Return the accuracy of naming images by the nearest code, and its baseline."""
        (named, labels), (searched, other_labels) = self._searched
        codes = [encode(encoder, generator, images, self.seed) for images in (named, searched)]
        accuracy = nearest_label_accuracy(codes[0], labels, codes[1], other_labels)
        return {"code_accuracy": accuracy, "code_accuracy" + BASELINE: self._code_baseline, **self._stated}

    @cached_property
    def _code_baseline(self) -> float:
        (named, labels), (searched, other_labels) = self._searched
        return kept_figure(
            ("nearest by pixels", MOST_NAMED, MOST_SEARCHED, *(x.fingerprint() for x in self._tested_and_learned)),
            lambda: nearest_label_accuracy(named, labels, searched, other_labels),
        )

    @property
    def _tested_and_learned(self) -> tuple[ImageSet, ImageSet]:
        return self._split.tested, self._split.learned

    @cached_property
    def _searched(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Images and labels, of those to name and of those among which their neighbours are looked for."""
        found = []
        for images, most in zip(self._tested_and_learned, (MOST_NAMED, MOST_SEARCHED), strict=True):
            assert images.labels is not None
            rows = choose(len(images), most)
            found.append((images.images[rows], images.labels[rows]))
        return found
