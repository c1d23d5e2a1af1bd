"""What `ganctl init` is given, looked at: its description, its warnings, and the material of a recipe."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganctl.errors import UsageError
from ganctl.experiment.sections import DatasetSection
from ganctl.images.image_set import Track
from ganctl.planning.recipe import one_folder, two_sides
from ganctl.planning.recipe.material import Material
from ganctl.planning.survey import in_words, sides_in_words
from ganctl.planning.survey.contact_sheet import contact_sheet, contact_sheet_of_sides
from ganctl.planning.survey.folder_survey import survey
from ganctl.planning.survey.two_sides import Kind, recognise, survey_sides


@dataclass(frozen=True)
class Subject:
    """Pictures of one kind, or two sides.

    Attributes:
        lines: what is there, as lines with a title each.
        listed: the lines of a list of files that need attention.
        warnings: returns warnings, given the name of that list.
        facts: the same for `--json`.
        material: returns what they are for a recipe; raises DataError if they are too few.
        sheet: returns a picture of what the networks get, uint8 [H,W,3].
    """

    lines: list[tuple[str, str]]
    listed: list[str]
    warnings: Callable[[str], list[str]]
    facts: dict[str, object]
    material: Callable[[], Material]
    sheet: Callable[[DatasetSection], np.ndarray]


def look_at(
    paths: Sequence[Path], kind: Kind | None, label_column: str | None, seconds: float, track: Track
) -> Subject:
    """Look at the pictures at one or two paths.

    Args:
        paths: one or two.
        kind: what they are for; None: found out.
        label_column: as for `survey`.
        seconds: as for `survey`.
        track: as for `survey`.

    Raises:
        DataError: there are no readable pictures, or not two sides of them.
        UsageError: the paths or options do not fit.
    """
    recognised = recognise(paths[0], paths[1] if len(paths) > 1 else None, kind)
    if recognised.found is None:
        return _of_one(paths[0], recognised.notes, label_column, seconds, track)
    if label_column is not None:
        raise UsageError(f"--label-column is for pictures of one kind, and these are: {recognised.kind}.")
    sides = survey_sides(paths, recognised, kind, seconds, track)
    return Subject(
        lines=sides_in_words.described(sides),
        listed=sides_in_words.listed_files(sides),
        warnings=lambda listed: [*sides_in_words.warnings(sides, listed), *two_sides.expectations(sides)],
        facts={"kind": sides.kind, **sides_in_words.as_json(sides)},
        material=lambda: two_sides.two_sides(sides),
        sheet=lambda dataset: contact_sheet_of_sides(sides, dataset),
    )


def _of_one(path: Path, notes: Sequence[str], label_column: str | None, seconds: float, track: Track) -> Subject:
    pictures = survey(path, seconds, track, label_column)
    return Subject(
        lines=[*in_words.described(pictures), *(("note", note) for note in [*notes, *one_folder.offers(pictures)])],
        listed=in_words.listed_files(pictures),
        warnings=lambda listed: [*in_words.warnings(pictures, listed), *one_folder.expectations(pictures)],
        facts={"kind": "pictures", "folder": pictures.as_json()},
        material=lambda: one_folder.one_folder(pictures),
        sheet=lambda dataset: contact_sheet(pictures, dataset),
    )
