"""Scores the generator every N iterations and writes metrics.csv."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np

from ganctl.errors import GanctlError
from ganctl.evaluation.features import extractor_for
from ganctl.evaluation.pairs import nearest_pairs
from ganctl.evaluation.reference import TRAINING_IMAGES, Reference
from ganctl.evaluation.scoring import copies, evaluate
from ganctl.experiment.sections import EvaluationSection
from ganctl.game.sampler import Sampler, drawing_role
from ganctl.generation.drawing import choose_classes, generate
from ganctl.generation.encoding import ENCODER
from ganctl.generation.model_scores import ModelScorer
from ganctl.generation.translation_scores import Translations, score_translations
from ganctl.host.files import write_atomically
from ganctl.images import draw
from ganctl.images.image_set import ImageSet, gathered
from ganctl.run_folder.metrics_csv import COLUMNS, converted, line
from ganctl.training.hooks import Hook, RunInPlay


class Metrics(Hook):
    """A row of scores every N iterations.

    Args:
        section: how often, with how many samples and which features.
        samplers: the model's samplers; the first one draws the samples.
        distribution: of the latent vectors.
        feeds: the training images by role; those that the sampler imitates are the reference.
        held_out: real images outside the training images, by role, if any.
        seed: of the latent vectors.
        learns_labels: the classes that the generator takes, if any, are those of the labels.
    """

    def __init__(
        self,
        section: EvaluationSection,
        samplers: Collection[Sampler],
        distribution: str,
        feeds: Mapping[str, ImageSet],
        held_out: Mapping[str, ImageSet],
        seed: int,
        *,
        learns_labels: bool,
    ) -> None:
        self.every = section.every
        self._section, self._distribution, self._seed = section, distribution, seed
        self._samplers, self._sampler = samplers, next(iter(samplers))
        self._feeds, self._held_out, self._training = feeds, held_out, feeds[self._sampler.gives]
        self._reference: Reference | None = None
        unseen = held_out.get(self._sampler.gives)
        self._model = ModelScorer(self._training, unseen, learns_labels, seed)
        self._said: set[str] = set()

    def start(self, run: RunInPlay, step: int) -> None:
        """Drop the rows that were written after the checkpoint from which the run is resumed.

        A file of an earlier version gets the columns that it lacks.
        """
        path = run.folder.metrics
        found = path.read_bytes() if path.exists() else b""
        content = converted(found)
        if content is None:
            raise GanctlError(f"{path} has different columns from those this version writes. Move it away to continue.")
        header, *others = content.splitlines(keepends=True)
        self._before = header + b"".join(row for row in others if _is_row(row, step))
        if found and found != self._before:
            write_atomically(path, self._before)

    def act(self, run: RunInPlay, step: int) -> None:
        """Score the generator and write the row and the picture of nearest pairs."""
        if self._reference is None:  # not before, because features of thousands of images take a while
            extractor = extractor_for(self._section.features, self._training)
            unseen = self._held_out.get(self._sampler.gives)
            self._reference = Reference.of(self._training, extractor, TRAINING_IMAGES, unseen)
        drawn = self._translations(run) if self._sampler.takes else Translations(self._samples(run), {})
        found = evaluate(drawn.images, self._reference, drawn.meaningless)
        values = {"iteration": step, **found.values, **drawn.values, **self._of_model(run, drawn.images)}
        content = self._before + line(values.get(name) for name in COLUMNS).encode()
        write_atomically(run.folder.metrics, content)
        self._before = content
        for reason in found.left_out:
            run.folder.append_log(f"Warning: after iteration {step} these scores mean nothing: {reason}")
        if copies(found.values):
            where = run.folder.nearest_pairs
            run.folder.append_log(
                f"Warning: after iteration {step} many samples nearly copy training images: see {where}"
            )
        near, alpha = found.neighbours, self._training.alpha
        draw.write_png(
            run.folder.nearest_pairs,
            nearest_pairs(drawn.images, self._reference.images, near.nearest, near.distances, alpha=alpha),
        )

    def _samples(self, run: RunInPlay) -> np.ndarray:
        """Draw samples from noise."""
        network, num = self._network(run, self._sampler), self._section.num
        classes = choose_classes(network, None, self._training.num_classes)
        return gathered(generate(network, num, self._seed, self._distribution, classes), num, self._training.shape)

    def _of_model(self, run: RunInPlay, samples: np.ndarray) -> dict[str, Any]:
        """Measure what the generator knows of classes, and the encoder, if there is one."""
        if self._sampler.takes:
            return {}
        encoder = run.game.played.get(drawing_role(ENCODER, run.game.networks))
        generator = self._network(run, self._sampler)
        found = self._model.scores(generator, encoder, samples, self._section.num)
        self._say_once(run, found.notes)
        return found.values

    def _translations(self, run: RunInPlay) -> Translations:
        """Translate images, and say once what a reader of the figures must know."""
        made = score_translations(
            self._sampler,
            self._samplers,
            lambda sampler: self._network(run, sampler),
            self._feeds,
            self._held_out,
            self._section.num,
            self._seed,
            lambda batches, *_: batches,
        )
        self._say_once(run, (*made.notes, *(f"Left out of the scores: {reason}." for reason in made.reasons())))
        return made

    def _say_once(self, run: RunInPlay, notes: Iterable[str]) -> None:
        for note in notes:
            if note not in self._said:
                run.folder.append_log(note)
                self._said.add(note)

    def _network(self, run: RunInPlay, sampler: Sampler) -> Any:
        return run.game.played[drawing_role(sampler, run.game.networks)]


def _is_row(content: bytes, last: int) -> bool:
    """Whether a line is complete and its iteration not beyond `last`."""
    number = content.split(b",", 1)[0]
    return content.endswith(b"\n") and number.isdigit() and int(number) <= last
