"""Scores the generator every N iterations and writes metrics.csv."""

from collections.abc import Mapping

from ganctl.errors import GanctlError
from ganctl.evaluation.features import extractor_for
from ganctl.evaluation.pairs import nearest_pairs
from ganctl.evaluation.reference import TRAINING_IMAGES, Reference
from ganctl.evaluation.scoring import copies, evaluate
from ganctl.experiment.sections import EvaluationSection
from ganctl.game.sampler import Sampler, drawing_role
from ganctl.generation.drawing import choose_classes, generate, translate
from ganctl.host.files import write_atomically
from ganctl.images import draw
from ganctl.images.image_set import ImageSet, gathered
from ganctl.run_folder.metrics_csv import COLUMNS, line
from ganctl.training.hooks import Hook, RunInPlay


class Metrics(Hook):
    """A row of scores every N iterations.

    Args:
        section: how often, with how many samples and which features.
        sampler: how samples are drawn.
        distribution: of the latent vectors.
        feeds: the training images by role; those that the sampler imitates are the reference.
        held_out: real images outside the training images, by role, if any.
        seed: of the latent vectors.
    """

    def __init__(
        self,
        section: EvaluationSection,
        sampler: Sampler,
        distribution: str,
        feeds: Mapping[str, ImageSet],
        held_out: Mapping[str, ImageSet],
        seed: int,
    ) -> None:
        self.every = section.every
        self._section, self._sampler, self._distribution, self._seed = section, sampler, distribution, seed
        self._feeds, self._training, self._held_out = feeds, feeds[sampler.gives], held_out.get(sampler.gives)
        self._reference: Reference | None = None

    def start(self, run: RunInPlay, step: int) -> None:
        """Drop the rows that were written after the checkpoint from which the run is resumed."""
        header, path = line(COLUMNS).encode(), run.folder.metrics
        first, *others = path.read_bytes().splitlines(keepends=True) if path.exists() else [header]
        if first != header:
            raise GanctlError(f"{path} has different columns from those this version writes. Move it away to continue.")
        self._before = header + b"".join(row for row in others if _is_row(row, step))
        if len(self._before) > len(header) or others:
            write_atomically(path, self._before)

    def act(self, run: RunInPlay, step: int) -> None:
        """Score the generator and write the row and the picture of nearest pairs."""
        if self._reference is None:  # not before, because features of thousands of images take a while
            extractor = extractor_for(self._section.features, self._training)
            self._reference = Reference.of(self._training, extractor, TRAINING_IMAGES, self._held_out)
        network = run.game.played[drawing_role(self._sampler, run.game.networks)]
        if self._sampler.takes:
            drawn = translate(network, self._feeds[self._sampler.takes].images, self._section.num, self._seed)
        else:
            classes = choose_classes(network, None, self._training.num_classes)
            drawn = generate(network, self._section.num, self._seed, self._distribution, classes)
        samples = gathered(drawn, self._section.num, self._training.shape)
        found = evaluate(samples, self._reference)
        values = {"iteration": step, **found.values}
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
        near = found.neighbours
        draw.write_png(
            run.folder.nearest_pairs,
            nearest_pairs(samples, self._reference.images, near.nearest, near.distances, alpha=self._training.alpha),
        )


def _is_row(content: bytes, last: int) -> bool:
    """Whether a line is complete and its iteration not beyond `last`."""
    number = content.split(b",", 1)[0]
    return content.endswith(b"\n") and number.isdigit() and int(number) <= last
