"""One folder of pictures, from which a GAN learns to draw such pictures."""

from collections.abc import Sequence

from ganctl.build.given_data import IMAGE_FOLDER
from ganctl.errors import DataError
from ganctl.experiment.sections import MOST_CHANNELS
from ganctl.game.sampler import REAL
from ganctl.host.files import shown
from ganctl.planning.recipe.material import Choice, Material
from ganctl.planning.recipe.rules import ITERATIONS_NEEDED, background_of, held_out
from ganctl.planning.survey.folder_survey import Survey
from ganctl.planning.survey.pictures import Pictures
from ganctl.planning.survey.two_sides import NEARLY_ALL

RECIPE = "photos"
FEW, SOME = 100, 500
"""Below these numbers of pictures, `ganctl init` warns."""


def one_folder(pictures: Survey) -> Material:
    """Return what the pictures of a folder are for a recipe; raises DataError if they are too few."""
    if pictures.distinct < 2:
        raise DataError(f"{shown(pictures.folder)}: one picture is too few to train on.")
    count = len(pictures.pictures)
    flip = Choice(
        ("dataset", "flip"),
        False,
        "Files do not show whether a mirrored picture is as good as the original: faces, animals and landscapes "
        "are; letters, digits and emblems are not. true gives twice the pictures at no cost.",
    )
    holdout = held_out(count)
    return Material(
        recipe=RECIPE,
        feeds={REAL: pictures},
        place=shown(pictures.folder),
        reading=tuple(_how_to_read(pictures)),
        flip=flip,
        counts=(count,),
        holdout=holdout,
        why_holdout=_why_holdout(count, holdout),
        needed=ITERATIONS_NEEDED,
    )


def expectations(pictures: Survey) -> list[str]:
    """Return warnings about what to expect from this number of pictures."""
    count = pictures.distinct
    if count < FEW:
        return [
            f"{count:,} different pictures are very few: expect near copies of them, and blends of two, whatever the "
            f"settings. Results become interesting from {SOME} pictures."
        ]
    if count < SOME:
        return [
            f"{count:,} different pictures are few: expect variations on what is there and hardly anything new, and "
            "check the memorization score of `ganctl evaluate`."
        ]
    return []


def offers(pictures: Survey) -> list[str]:
    """Return notes on what else the pictures could be."""
    twice = int((pictures.widths == 2 * pictures.heights).sum())
    if len(pictures.pictures) < 2 or twice < NEARLY_ALL * len(pictures.pictures):
        return []
    return [
        f"{twice:,} of {len(pictures.pictures):,} pictures are exactly twice as wide as high. If each shows a pair "
        "side by side, as in the data sets of pix2pix, use --kind pairs."
    ]


def _how_to_read(pictures: Survey) -> list[Choice]:
    """The choices of where the pictures are, and of keys that only unusual ones need."""
    found = [Choice(("dataset", "path"), str(pictures.path.absolute()), "")]
    if pictures.dataset != IMAGE_FOLDER:
        found.insert(0, Choice(("dataset", "name"), pictures.dataset, ""))
    if pictures.label_column is not None:
        found.append(Choice(("dataset", "label_column"), pictures.label_column, ""))
    if pictures.pages != "first":
        found.append(
            Choice(
                ("dataset", "pages"),
                pictures.pages,
                f"Most files are TIFFs with more than {MOST_CHANNELS} pages, or with different numbers of them.",
            )
        )
    return found + how_to_decode([pictures])


def how_to_decode(surveys: Sequence[Survey]) -> list[Choice]:
    """Return the choices of keys that only unusual pixels need: of values that are not bytes, and of transparency."""
    found = []
    stored = [survey.stored for survey in surveys if survey.stored and survey.stored.asked != "auto"]
    if stored:
        found.append(Choice(("dataset", "value_range"), stored[0].asked, stored[0].reason))
    pictures = Pictures.of(surveys)
    background = background_of(pictures)
    if background != "white":
        unseen = sum("white" in picture.unseen_on for picture in pictures.seen)
        found.append(
            Choice(
                ("dataset", "background"),
                background,
                f"On white, {unseen:,} of {len(pictures.seen):,} transparent pictures would show nothing.",
            )
        )
    return found


def _why_holdout(count: int, holdout: float) -> str:
    if holdout:
        return f"{round(count * holdout):,} pictures are held out: they show whether the generator copies the others."
    return f"All {count:,} pictures are learned."
