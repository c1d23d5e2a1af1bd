"""The columns of metrics.csv: what an evaluation measures, its title for people, and which direction is better."""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

FLOOR = "_floor"
"""`kid_floor` is the `kid` of real images against other real images: apart from chance, no honest score is better."""
BASELINE = "_baseline"
"""`l1_baseline` is the `l1` of a model that does nothing: one that has learned something is better."""


@dataclass(frozen=True)
class Metric:
    """A score of an evaluation.

    Attributes:
        name: its column in metrics.csv and its key in JSON.
        title: its title for people, without the features.
        better: which direction is better.
        meaning: one line.
        own_features: whether it depends on the features, which are then part of its title.
        beside: the ending of the column of the figure that it is read beside: FLOOR or BASELINE.
        in_training: whether it is cheap enough to be measured during training, and has a column in metrics.csv.
    """

    name: str
    title: str
    better: Literal["lower", "higher"]
    meaning: str
    own_features: bool = True
    beside: str = FLOOR
    in_training: bool = True

    @property
    def beside_word(self) -> str:
        """What people call the figure that it is read beside: `floor` or `baseline`."""
        return self.beside.removeprefix("_")


_METRICS_OF_IMAGES: tuple[Metric, ...] = (
    Metric("kid", "KID", "lower", "squared distance of the two sets of features, unbiased (Binkowski 2018)"),
    Metric("frechet_distance", "FD", "lower", "distance of two Gaussians fitted to the features (Heusel 2017)"),
    Metric("precision", "precision", "higher", "share of samples near some real image (Kynkaanniemi 2019)"),
    Metric("recall", "recall", "higher", "share of real images near some sample (Kynkaanniemi 2019)"),
    Metric(
        "diversity",
        "diversity",
        "higher",
        "effective number of different samples; 1: as many as real ones (Friedman 2023)",
    ),
    Metric("memorization", "memorization", "lower", "share of samples nearer to a training image than real images are"),
    Metric("class_score", "class score", "higher", "confident on each sample, even over the classes (Salimans 2016)"),
    Metric("class_coverage", "class coverage", "higher", "share of the classes that the samples show"),
    Metric("l1", "L1", "lower", "mean absolute distance of outputs to the true ones, on [0, 1]", False, BASELINE),
    Metric("psnr", "PSNR", "higher", "signal-to-noise ratio of outputs, in dB", False, BASELINE),
    Metric("ssim", "SSIM", "higher", "structural similarity of outputs to the true ones (Wang 2004)", False, BASELINE),
    Metric(
        "cycle_l1",
        "cycle L1",
        "lower",
        "mean absolute distance of inputs to what returns from there and back; baseline: two random inputs",
        False,
        BASELINE,
    ),
)
_METRICS_OF_MODELS: tuple[Metric, ...] = (
    Metric(
        "class_accuracy",
        "class accuracy",
        "higher",
        "share of samples that a classifier of real images names as they were asked for; floor: of unseen real images",
        False,
    ),
    Metric(
        "cas",
        "CAS",
        "higher",
        "accuracy on unseen real images of a classifier that learned from samples (Ravuri 2019); floor: that learned "
        "from as many real images",
        False,
        in_training=False,
    ),
    Metric(
        "reconstruction_error",
        "reconstruction",
        "lower",
        "mean absolute distance of images x to G(E(x)), on [0, 1]; baseline: of other images to G(E(x)) (Donahue 2016)",
        False,
        BASELINE,
    ),
    Metric(
        "code_accuracy",
        "code accuracy",
        "higher",
        "share of images that have the class of their nearest neighbour by codes E(x) (Donahue 2016); baseline: by "
        "pixels",
        False,
        BASELINE,
    ),
)
METRICS: tuple[Metric, ...] = (*_METRICS_OF_IMAGES, *_METRICS_OF_MODELS)
_OF_SETS: tuple[str, ...] = ("features", "weights", "resize", "reference", "reference_num", "num", "floor_num")
_OF_PICTURES: tuple[str, ...] = ("inputs", "pairs", "pairs_num", "baseline")
PROTOCOL: tuple[str, ...] = (*_OF_SETS, *_OF_PICTURES)
"""What a score means nothing without: the network, the hash of its weights, how images were resized for it, which
images were the reference and how many, and the numbers of samples and of real images for the floors. If the samples are
made from images: from which. If the true outputs are known: of which pairs and how many, and what the baseline is."""
STATED: tuple[str, ...] = ("classifier", "tested", "tested_num", "reconstructed", "reconstructed_num")
"""What belongs to scores of classes and codes, and follows from the protocol: the hash of the classifier's weights, and
which real images tested it and were reconstructed. Rows of earlier versions lack it, and stay comparable."""


def _columns(beside: str) -> list[str]:
    return [metric.name + end for metric in _METRICS_OF_IMAGES if metric.beside == beside for end in ("", beside)]


COLUMNS: tuple[str, ...] = (
    "iteration",
    *_columns(FLOOR),
    "kid_std",
    *_OF_SETS,
    *_columns(BASELINE),
    *_OF_PICTURES,
    *(metric.name + end for metric in _METRICS_OF_MODELS if metric.in_training for end in ("", metric.beside)),
    *STATED,
)
"""In the order of the file. A later version may add columns at the end."""

_FEATURES = {"lite0": "Lite0", "classifier": "Classifier", "inception": "Inception"}


def title(metric: Metric, features: str) -> str:
    """Return the title of a score: FID only with the original Inception graph, otherwise FD-Lite0 or similar."""
    if not metric.own_features:
        return metric.title
    if metric.name == "frechet_distance" and features == "inception":
        return "FID"
    return f"{metric.title}-{_FEATURES[features]}"


def format_score(values: Mapping[str, Any]) -> str:
    """Return the scores of a row as text, each with its floor or baseline in parentheses."""
    return "  ".join(
        f"{title(metric, values['features'])} {values[metric.name]:.3g} ({values[metric.name + metric.beside]:.3g})"
        for metric in METRICS
        if metric.name in values and metric.name + metric.beside in values
    )


def line(cells: Iterable[Any]) -> str:
    """Return cells as a line of CSV; None is an empty cell."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(
        f"{cell:.6g}" if isinstance(cell, float) else " ".join(str("" if cell is None else cell).split())
        for cell in cells
    )
    return text.getvalue()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Return the complete rows of a metrics.csv by column: numbers as numbers, without what was not measured.

    A missing file has no rows; a torn last line and a damaged line are not rows.
    """
    return [row for row in _lines(path) if row]


def converted(content: bytes) -> bytes | None:
    """Return a metrics.csv with the columns of this version; None if it has a column that this version does not know.

    Those that it lacks are empty, and an empty file gets all of them. Lines that cannot be read stay as they are.
    """
    first, *lines = content.splitlines(keepends=True) or [line(COLUMNS).encode()]
    if first == line(COLUMNS).encode():
        return content or first
    names = next(csv.reader([first.decode("utf-8", errors="replace")]), [])
    if not first.endswith(b"\n") or "iteration" not in names or not set(names) <= set(COLUMNS):
        return None
    return b"".join([line(COLUMNS).encode(), *(_moved(names, each) for each in lines)])


def _moved(names: list[str], content: bytes) -> bytes:
    try:
        cells = next(csv.reader([content.decode("utf-8")]), [])
    except (UnicodeDecodeError, csv.Error):
        return content
    if len(cells) != len(names) or not content.endswith(b"\n"):
        return content
    by_name = dict(zip(names, cells, strict=True))
    return line(by_name.get(name) for name in COLUMNS).encode()


def damaged_rows(path: Path) -> int:
    """Return how many lines of a metrics.csv are damaged."""
    return sum(not row for row in _lines(path))


def _lines(path: Path) -> list[dict[str, Any]]:
    """Return the lines after the first as rows; a damaged one is empty."""
    if not path.is_file():
        return []
    text = path.read_text("utf-8", errors="replace")
    names, *lines = [*text[: text.rfind("\n") + 1].split("\n")]
    return [_row(names, content) for content in lines if content]


def _row(names: str, content: str) -> dict[str, Any]:
    try:
        cells = next(csv.DictReader([names, content]), {})
        row = {name: _parsed(name, cell) for name, cell in cells.items() if name and cell}
    except (ValueError, csv.Error):
        return {}
    return row if "iteration" in row else {}


def comparable(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows that have the protocol of the last one."""
    return [row for row in rows if all(row.get(name) == rows[-1].get(name) for name in PROTOCOL)]


def comparable_kids(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows with a finite KID that were measured as the newest of them was."""
    return comparable([row for row in rows if math.isfinite(row.get("kid", math.nan))])


def best_iteration(path: Path) -> int | None:
    """Return the iteration with the lowest KID in a metrics.csv; None if there are no scores.

    Only rows with the protocol of the latest row count, because others are not comparable.
    """
    same = comparable_kids(read_metrics(path))
    return int(min(same, key=lambda row: float(row["kid"]))["iteration"]) if same else None


def _parsed(name: str, cell: str) -> Any:
    if name in ("iteration", "num", "reference_num", "floor_num", "pairs_num", "tested_num", "reconstructed_num"):
        return int(cell)
    return cell if name in (*PROTOCOL, *STATED) else float(cell)
