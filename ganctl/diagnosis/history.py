"""The history of a run, from its folder; read when a rule needs it, without TensorFlow."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ganctl.diagnosis.series import Series, binned
from ganctl.errors import ConfigurationError, UsageError
from ganctl.experiment.yaml_source import read_yaml
from ganctl.run_folder.losses_csv import FIXED, Losses, read_losses
from ganctl.run_folder.metrics_csv import comparable, read_metrics
from ganctl.run_folder.paths import RunFolder
from ganctl.run_folder.vitals_csv import Vitals, read_vitals

BINS = 200
"""The most points of a column of losses.csv: each is the mean of the same number of rows."""
FEWEST_ITERATIONS = 2
"""With fewer, there is nothing to examine."""
FEWEST_TO_JUDGE = 200
"""With fewer, no curve says anything yet: every run begins with grey samples that are easily told from real images."""


class Unseen(Exception):
    """The run lacks what a rule judges by; the message says what is missing, as the end of a sentence."""


class RunHistory:
    """The files of a run folder, as the rules need them.

    Args:
        folder: the run.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder

    @classmethod
    def open(cls, path: Path) -> "RunHistory":
        """Open a run folder; raises UsageError if there is nothing to examine."""
        if not path.exists():
            raise UsageError(f"{path} does not exist.")
        history = cls(RunFolder.open(path))
        history.check()
        return history

    def check(self) -> None:
        """Raise UsageError if there is nothing to examine."""
        path = self.folder.losses
        if not self.config:
            raise UsageError(f"{self.folder.config} is empty, so this is not a run of ganctl.")
        if not path.is_file():
            raise UsageError(f"{path} does not exist, so there is nothing to examine yet.")
        found = self.losses
        if "iteration" not in found.columns or not {column.name for column in FIXED} & {*found.columns}:
            raise UsageError(f"{path} is not a losses.csv of ganctl: its columns are {_shown(found.columns)}.")
        if len(found.rows) < FEWEST_ITERATIONS:
            number = "1 iteration" if len(found.rows) == 1 else "no iteration"
            raise UsageError(f"{path} has {number}: train for {FEWEST_ITERATIONS} or more, then ask again.")

    @cached_property
    def config(self) -> dict[str, Any]:
        """The experiment, every default written out; raises UsageError if it cannot be read."""
        try:
            return read_yaml(self.folder.config).data
        except ConfigurationError as error:
            raise UsageError(str(error)) from None

    def setting(self, key: str, default: Any = None) -> Any:
        """Return the value of a dotted key of the experiment, `default` if it is missing or null."""
        value: Any = self.config
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return default if value is None else value

    def number(self, key: str, default: float) -> float:
        """Return the value of a dotted key as a number; `default` if it is not a number."""
        try:
            return float(self.setting(key, default))
        except (TypeError, ValueError):
            return default

    @cached_property
    def info(self) -> dict[str, Any]:
        """The content of run.json; empty if it cannot be read."""
        return self.folder.read_info()

    @cached_property
    def log(self) -> list[str]:
        """The lines of log.txt."""
        try:
            return self.folder.log.read_text("utf-8", errors="replace").splitlines()
        except OSError:
            return []

    @cached_property
    def losses(self) -> Losses:
        """Losses.csv; raises UsageError if it cannot be read."""
        try:
            return read_losses(self.folder.losses)
        except OSError as error:
            raise UsageError(f"{self.folder.losses} cannot be read: {error.strerror or error}.") from None

    @cached_property
    def iterations(self) -> int:
        """The last iteration in losses.csv."""
        at = self.losses.column("iteration")
        return int(at.max()) if len(at) else 0

    @cached_property
    def planned(self) -> int:
        """`training.iterations`."""
        return int(self.number("training.iterations", self.iterations))

    @cached_property
    def vitals(self) -> Vitals:
        """Vitals.csv; without rows if the run is older than this file, or it cannot be read."""
        try:
            return read_vitals(self.folder.vitals)
        except OSError:
            return Vitals()

    @cached_property
    def metrics(self) -> list[dict[str, Any]]:
        """The rows of metrics.csv that are comparable with the last, by iteration."""
        try:
            same = comparable(read_metrics(self.folder.metrics))
        except OSError:
            return []
        return [row for _, row in sorted({int(row["iteration"]): row for row in same}.items())]

    def curve(self, name: str, bins: int = BINS) -> Series:
        """Return a column of losses.csv as the means of at most `bins` equal groups of rows.

        Raises:
            Unseen: the file does not have it, or the run is too short.
        """
        self._refuse_short()
        found = Series.of(name, *binned(self.losses.column("iteration"), self.losses.column(name), bins))
        if not len(found):
            raise Unseen(f"{self.folder.losses.name} has no {name}")
        return found

    def sign(self, name: str) -> Series:
        """Return a column of vitals.csv after the first iteration.

        Raises:
            Unseen: the run did not measure it, or is too short.
        """
        self._refuse_short()
        found = Series.of(name, self.vitals.column("iteration"), self.vitals.column(name)).after(0)
        if not len(found):
            file = self.folder.vitals.name
            has = f"has no {name}" if len(self.vitals.rows) else "has no rows, as in runs of older versions"
            raise Unseen(f"{file} {has}")
        return found

    def _refuse_short(self) -> None:
        if self.iterations < FEWEST_TO_JUDGE:
            raise Unseen(f"{self.iterations} iterations are too few to judge by")

    def score(self, name: str) -> Series:
        """Return a column of metrics.csv.

        Raises:
            Unseen: the run does not have this score.
        """
        rows = [(row["iteration"], row[name]) for row in self.metrics if isinstance(row.get(name), float)]
        found = Series.of(name, *np.array(rows, float).reshape(-1, 2).T)
        if not len(found):
            raise Unseen(f"{self.folder.metrics.name} has no {name}; evaluation.every sets how often a run is scored")
        return found

    @property
    def takes_classes(self) -> bool:
        """Whether the generator takes classes: vitals.csv then has their effect.

        Raises:
            Unseen: vitals.csv has no rows.
        """
        self.sign("pixel_diversity")
        return bool(np.isfinite(self.vitals.column("class_effect")).any())

    @property
    def takes_images(self) -> bool:
        """Whether the model makes images from images: run.json then describes the rows of its grids."""
        return bool(self.info.get("grids"))

    @property
    def has_probabilities(self) -> bool:
        """Whether the columns d_real and d_fake are probabilities rather than raw scores."""
        return self.setting("loss.name") in ("minimax", "non_saturating")

    @property
    def scores_have_zero(self) -> bool:
        """Whether a score of zero separates real from generated, so that accuracies mean something."""
        return self.setting("loss.name") not in ("wasserstein", "relativistic")

    @property
    def penalties(self) -> dict[str, Mapping[str, Any]]:
        """The penalties of the discriminator by name, as the experiment has them."""
        return _named(self.setting("loss.penalties"))

    @property
    def augmentations(self) -> dict[str, Mapping[str, Any]]:
        """The augmentations by name."""
        return _named(self.setting("training.augment"))

    @property
    def survey(self) -> dict[str, Any]:
        """The survey of the real images in run.json.

        Raises:
            Unseen: there is none.
        """
        dataset = self.info.get("dataset")
        found = dataset.get("survey") if isinstance(dataset, dict) else None
        if not isinstance(found, dict):
            raise Unseen(f"{self.folder.info.name} says nothing of the real images, as in runs of older versions")
        return found


def _named(entries: Any) -> dict[str, Mapping[str, Any]]:
    entries = [{"name": each} if isinstance(each, str) else each for each in entries or ()]
    return {str(each["name"]): each for each in entries if isinstance(each, dict) and "name" in each}


def _shown(names: tuple[str, ...]) -> str:
    # A binary file would otherwise send its bytes to the terminal, as orders.
    few = ", ".join(name[:30] if name.isprintable() else ascii(name[:30]) for name in names[:6]) or "none"
    return f"{few} ..." if len(names) > 6 else few
