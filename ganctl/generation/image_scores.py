"""Scoring generated images against real ones: the work of `ganctl evaluate` and `ganctl.evaluate`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ganctl.errors import UsageError
from ganctl.evaluation.features import extractor_for
from ganctl.evaluation.features.extractor import seen_in_words
from ganctl.evaluation.paired_figures import BASELINES
from ganctl.evaluation.pairs import nearest_pairs
from ganctl.evaluation.protocol import Side, protocol_line
from ganctl.evaluation.reference import TRAINING_IMAGES, Reference
from ganctl.evaluation.scoring import copies, evaluate
from ganctl.generation.image_sources import read_both
from ganctl.generation.model_scores import ModelScores
from ganctl.generation.translation_scores import Translations
from ganctl.host.device import select_device
from ganctl.images.draw import write_png
from ganctl.images.image_set import JPEG, Track
from ganctl.images.value_range import Asked
from ganctl.run_folder.metrics_csv import BASELINE, FLOOR, METRICS, title

# If the shares of JPEG files on the two sides differ by more than this, only one side counts as compressed.
_SHARE_OF_JPEG = 0.1


@dataclass(frozen=True, repr=False)
class Scores:
    """The scores of images. Printed, or shown by a notebook, this is the table of `ganctl evaluate`.

    Attributes:
        samples: a description of the scored images.
        reference: a description of the real images that they were compared with.
        values: every score by its column in metrics.csv: `kid`, `frechet_distance`, `precision` and so on, the floor
            of each (`kid_floor`), and the protocol (`features`, `num` and so on), without which they cannot be
            compared. Of outputs whose truth is known also `l1`, `psnr` and `ssim`, and of a model that translates in
            both directions `cycle_l1`, each with its baseline (`l1_baseline`). Against its own training images, of a
            generator that learned their classes also `class_accuracy` and `cas`, each with its floor, and of a model
            with an encoder `reconstruction_error` and `code_accuracy`, each with its baseline. None if the score would
            mean nothing; `left_out` says why.
        copies: whether many samples are nearly identical to images of the reference, beyond what chance explains.
        of_training: whether the reference is the generator's training images.
        nearest_pairs: path of the written picture: the samples nearest to real images, each above its real image.
        notes: notes for the user: skipped checkpoints or files, different sizes.
        sample_formats: the number of sample files in each format; empty if the samples are drawn or in an array.
        reference_formats: the same for the real images.
        left_out: which scores are None and why, in words.
        protocol: everything that moves a score, on one line that another program can follow.
    """

    samples: str
    reference: str
    values: dict[str, Any]
    copies: bool
    of_training: bool
    nearest_pairs: Path | None = None
    notes: tuple[str, ...] = field(default=())
    sample_formats: Mapping[str, int] = field(default_factory=dict)
    reference_formats: Mapping[str, int] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    protocol: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return scores, floors and protocol as JSON data; null stands for a score or format that is unknown."""
        formats = {"sample_formats": self.sample_formats, "reference_formats": self.reference_formats}
        known = {name: dict(counts) or None for name, counts in formats.items()}
        stated = {"protocol": self.protocol, "left_out": list(self.left_out)}
        return {**self.values, **stated, **known, "copies": self.copies}

    def __str__(self) -> str:
        return "\n".join(self._lines())

    __repr__ = __str__

    def _lines(self) -> Iterator[str]:
        values = self.values
        yield f"{self.samples}, against {self.reference}"
        drawn = "outputs" if "inputs" in values else "samples"
        for beside in (FLOOR, BASELINE):
            measured = [metric for metric in METRICS if metric.beside == beside and metric.name in values]
            if measured:
                what = "model" if "reconstruction_error" in values and beside == BASELINE else drawn
                yield f"{'':16}{what:>12}{measured[0].beside_word:>12}  better"
            for metric in measured:
                deviation = f"   ± {values['kid_std']:.2g} over subsets" if metric.name == "kid" else ""
                numbers = _number(values[metric.name]) + _number(values[metric.name + beside])
                yield f"{title(metric, values['features']):16}{numbers}  {metric.better}{deviation}"
        for reason in self.left_out:
            yield f"n/a             {reason}"
        yield f"features        {values['features']}, weights {values['weights']}, {values['resize']}"
        yield (
            f"sets            {values['num']:,} samples against {values['reference_num']:,} {values['reference']}; "
            f"floor: {values['floor_num']:,} of them against the others"
        )
        if values["floor_num"] < values["num"]:
            yield (
                "                the floor has fewer real images than samples: FD depends on their number, so do not "
                "compare it"
            )
        yield from self._of_pictures()
        yield from self._of_model()
        if self.sample_formats or self.reference_formats:
            yield f"files           {_listed(self.sample_formats)}, against {_listed(self.reference_formats)}"
        yield f"protocol        {self.protocol}"
        if self.nearest_pairs is not None:
            yield f"nearest pairs   {self.nearest_pairs}"
        if self.copies:
            what = "training images: this generator copies" if self.of_training else "images of the reference"
            yield f"Many samples are nearly identical to {what}. Look at the nearest pairs."

    def _of_pictures(self) -> Iterator[str]:
        """What was translated, and what it was compared with."""
        values = self.values
        if "inputs" in values:
            back = "; cycle L1: from there and back, against two random inputs" if "cycle_l1" in values else ""
            yield f"inputs          {values['num']:,} {values['inputs']}{back}"
        if "pairs" in values:
            named = BASELINES.get(values["baseline"], "none")
            yield f"pairs           {values['pairs_num']:,} {values['pairs']}; baseline: {named}"

    def _of_model(self) -> Iterator[str]:
        """Which images tested what the model knows of classes and codes, and what the figures stand beside."""
        values = self.values
        if "tested" in values:
            by = f", classifier {values['classifier']}" if "classifier" in values else ""
            yield f"classes         tested on {values['tested_num']:,} {values['tested']}{by}"
        if "cas" in values:
            yield "                floor of CAS: a classifier that learned from as many real images"
        if "code_accuracy" in values:
            yield "                baseline of code accuracy: the nearest neighbour by pixels"
        if "reconstructed" in values:
            yield (
                f"reconstructed   {values['reconstructed_num']:,} {values['reconstructed']}; baseline: each against "
                "another image"
            )


def _listed(formats: Mapping[str, int]) -> str:
    return " and ".join(f"{count:,} {name}" for name, count in formats.items()) or "none (drawn, or in an array)"


def compression_notes(samples: Mapping[str, int], real: Mapping[str, int]) -> list[str]:
    """Return a warning if only one side was compressed as JPEG.

    Args:
        samples: the number of files in each format, as `ImageSet.formats`.
        real: the same for the real images.
    """
    if not samples or not real:
        return []
    shares = [formats.get(JPEG, 0) / sum(formats.values()) for formats in (samples, real)]
    if abs(shares[0] - shares[1]) <= _SHARE_OF_JPEG:
        return []
    return [
        f"Warning: {shares[0]:.0%} of the samples and {shares[1]:.0%} of the real images are JPEG. Part of the "
        "distance may be due to compression: quality 75 adds 0.04 to 0.08 to KID-Lite0. Compare images of one format."
    ]


def _number(score: float | None) -> str:
    return f"{'n/a':>12}" if score is None else f"{score:12.4g}"


def score_images(
    what: Path,
    track: Track,
    *,
    against: str | None,
    num: int,
    features: str,
    inception_graph: Path | None,
    seed: int,
    best: bool,
    pairs: Path | None,
    device: str,
    value_range: Asked = "auto",
) -> Scores:
    """Score samples of a generator, or existing images, and write the nearest pairs as a picture.

    Args:
        what: a run folder, checkpoint or generator file to draw from; or images, as an npz, a folder or an archive.
        track: shows progress.
        against: as for `image_sources.read_real_images`.
        num: number of samples.
        features: as for `extractor_for`.
        inception_graph: as for `extractor_for`.
        seed: of the latent vectors.
        best: draw from a run's checkpoint with the lowest KID instead of the latest.
        pairs: path of the picture; by default in the run's folder, if a run was compared with its own images.
        device: as for `select_device`.
        value_range: as for `read_both`.

    Raises:
        UsageError: the request cannot be scored.
        DataError: images cannot be read, or are too few.
    """
    if pairs is not None and (pairs.suffix.lower() != ".png" or not pairs.absolute().parent.is_dir()):
        raise UsageError(f"--pairs takes FILE.png in an existing folder. Received: {pairs}")
    select_device(device)
    samples, real = read_both(what, against, num, seed, track, best=best, value_range=value_range)
    extractor = extractor_for(features, real.images, inception_graph)
    reference = Reference.of(real.images, extractor, real.kind, real.held_out)
    made = samples.translations() if samples.translations else Translations(samples.images, {})
    of_training = real.kind == TRAINING_IMAGES
    found = evaluate(made.images, reference, made.meaningless if of_training else ())
    measure = samples.model_scores if of_training else None
    model = measure(made.images, real) if measure else ModelScores()
    values = {**found.values, **made.values, **model.values}
    formats = samples.formats, real.images.formats
    notes = [*samples.notes, *real.notes, *made.notes, *model.notes, *compression_notes(*formats)]
    if seen := seen_in_words(real.images.shape[2], alpha=real.images.alpha):
        notes.append(seen)
    seed_drawn, resize = (seed, samples.parts.experiment.dataset.resize) if samples.parts else (None, real.resize)
    protocol = protocol_line(
        found.values,
        extractor,
        Side(samples.shape, seed_drawn, samples.formats, samples.value_range),
        Side(real.images.shape, None, real.images.formats, real.images.value_range),
        resize,
        model.protocol,
    )
    own = samples.run if against is None else None
    where = pairs or (own.nearest_pairs if own else None)
    if where is not None:
        near = found.neighbours
        try:
            alpha = real.images.alpha
            picture = nearest_pairs(samples.images, reference.images, near.nearest, near.distances, alpha=alpha)
            write_png(where, picture)
        except (OSError, UsageError) as error:  # the scores took long; a failing picture must not lose them
            reason = f"{where} cannot be written: {error.strerror or error}." if isinstance(error, OSError) else error
            notes.insert(0, f"Warning: {reason}")
            where = None
    return Scores(
        samples.description,
        f"{len(reference):,} {real.description}",
        values,
        copies(values),
        against is None,
        where,
        tuple(notes),
        *formats,
        (*found.left_out, *made.reasons(of_training=of_training)),
        protocol,
    )
