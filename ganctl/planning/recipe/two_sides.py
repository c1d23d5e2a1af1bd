"""Pairs, or two kinds of pictures, from which a GAN learns to make one from the other."""

from ganctl.errors import DataError
from ganctl.game.sampler import PAIRED, UNPAIRED
from ganctl.host.files import shown
from ganctl.planning.recipe.material import Choice, Material
from ganctl.planning.recipe.one_folder import how_to_decode
from ganctl.planning.recipe.rules import channels_of, held_out
from ganctl.planning.survey.pictures import Pictures
from ganctl.planning.survey.two_sides import Kind, TwoSides

RECIPES: dict[Kind, str] = {"pairs": "pix2pix", "unpaired": "cyclegan", "super-resolution": "srgan"}

ITERATIONS_NEEDED = {16: 1_000, 32: 2_000, 64: 4_000, 128: 20_000, 256: 80_000}
"""Sizes to choose from, and the iterations below which a smaller size is used: guesses. Isola et al. 2017 (section 6.2)
train on 400 pairs of 256x256 for 200 passes, one pair at a time: 80,000."""

FEW = 100
"""Below this number of pairs, or of pictures of a kind, `ganctl init` warns."""
FEWEST_TO_HOLD_OUT = 50
HELD_OUT_SHARE, LEAST_HELD_OUT, MOST_HELD_OUT = 0.05, 10, 200
"""Of pairs, fewer are enough than of pictures to compare distributions with: each has its own truth."""
SQUASHED_SHARE = 0.05
"""The share of pairs of unlike shapes above which pictures are squashed; below, these pairs are to be removed."""


def two_sides(sides: TwoSides) -> Material:
    """Return what two sides are for a recipe; raises DataError if they are too few."""
    return _unpaired(sides) if sides.kind == "unpaired" else _pairs(sides)


def expectations(sides: TwoSides) -> list[str]:
    """Return warnings about what to expect from these numbers of pictures."""
    if sides.kind == "unpaired":
        fewest, what = min(sides.a.distinct, sides.b.distinct), "different pictures of one kind"
    else:
        fewest, what = len(sides.pairs), "pairs"
    if fewest >= FEW:
        return []
    return [
        f"{fewest:,} {what} are few: expect good results on them, and worse ones on pictures that were not trained on. "
        "Judge by those that are held out."
    ]


def _pairs(sides: TwoSides) -> Material:
    count = len(sides.pairs)
    if count < 2:
        raise DataError(
            f"{count} {'pair is' if count == 1 else 'pairs are'} too few to train on. The two pictures of a pair must "
            "have the same name, except for its suffix."
        )
    enlarging = sides.kind == "super-resolution"
    if enlarging and sides.factor == 1:
        raise DataError(
            "Super-resolution needs pairs whose second picture is 2 or 4 times as high and wide as the first. Name the "
            "folder of the small pictures first, or use --kind pairs."
        )
    direction = Choice(
        ("dataset", "direction"),
        "a_to_b",
        f"b is made from a. a: {_named(sides, 0)}; b: {_named(sides, 1)}. b_to_a learns the other direction.",
    )
    mirrored = (
        "Both pictures of a pair are mirrored together, and what is made is mirrored with what it is made from. false, "
        "if left and right mean different things."
    )
    holdout = 0.0 if sides.apart[0] else _held_out_pairs(count)
    return Material(
        recipe=RECIPES[sides.kind],
        feeds=dict(zip(PAIRED, (_side(sides, 0), _side(sides, 1)), strict=True)),
        place=shown(sides.a.folder),
        reading=(
            *_where(sides, "image_pairs"),
            *([] if enlarging else [direction]),
            *how_to_decode([sides.a, sides.b]),
        ),
        flip=Choice(("dataset", "flip"), True, mirrored),
        counts=(count,),
        holdout=holdout,
        why_holdout=_why_holdout(sides, count, holdout),
        needed=ITERATIONS_NEEDED,
        unit="pairs",
        times=sides.factor if enlarging else 1,
        squash=_why_squash(sides),
        instead=True,
    )


def _unpaired(sides: TwoSides) -> Material:
    for side in (sides.a, sides.b):
        if side.distinct < 2:
            raise DataError(f"{shown(side.folder)}: one picture is too few to train on.")
    counts = (len(sides.a.pictures), len(sides.b.pictures))
    grey = channels_of(Pictures.of([sides.a, sides.b])) == 1
    mirrored = (
        "None of the pictures is in colour: they may be letters or digits, which must not be mirrored. true gives "
        "twice the pictures."
        if grey
        else "Twice the pictures of both kinds. false, if a mirrored picture is none of its kind, as with letters."
    )
    holdout = 0.0 if all(sides.apart) else held_out(min(counts))
    return Material(
        recipe=RECIPES[sides.kind],
        feeds=dict(zip(UNPAIRED, (sides.a, sides.b), strict=True)),
        place=shown(sides.a.folder),
        reading=(*_where(sides, "unpaired"), *how_to_decode([sides.a, sides.b])),
        flip=Choice(("dataset", "flip"), not grey, mirrored),
        counts=counts,
        holdout=holdout,
        why_holdout=_why_holdout(sides, min(counts), holdout),
        needed=ITERATIONS_NEEDED,
        instead=True,
    )


def _side(sides: TwoSides, side: int) -> Pictures:
    """The pictures of one side that have partners."""
    return Pictures(tuple(pair[side] for pair in sides.pairs))


def _named(sides: TwoSides, side: int) -> str:
    survey = (sides.a, sides.b)[side]
    return f"{shown(survey.folder)}{f', {survey.half} half' if survey.half else ''}"


def _where(sides: TwoSides, dataset: str) -> list[Choice]:
    """The choices of the data set and its paths."""
    found = [Choice(("dataset", "name"), dataset, "")]
    for key, path in zip(("path", "path_b"), sides.paths, strict=False):
        found.append(Choice(("dataset", key), str(path.absolute()), ""))
    return found


def _held_out_pairs(count: int) -> float:
    """The share of the pairs to hold out: 0 if they are few."""
    if count < FEWEST_TO_HOLD_OUT:
        return 0.0
    return round(min(MOST_HELD_OUT, max(LEAST_HELD_OUT, HELD_OUT_SHARE * count)) / count, 4)


def _why_holdout(sides: TwoSides, count: int, holdout: float) -> str:
    paired = sides.kind != "unpaired"
    if sides.apart[0]:
        tests = f"{sides.apart[0]:,} pairs" if paired else f"{sides.apart[0]:,} and {sides.apart[1]:,} pictures"
        return f"The data set keeps {tests} for tests; they are the held-out ones."
    if holdout and paired:
        return f"{round(count * holdout):,} pairs are held out: evaluation compares what is made with their truth."
    if holdout:
        of_a, of_b = (round(len(side.pictures) * holdout) for side in (sides.a, sides.b))
        return f"{of_a:,} and {of_b:,} pictures are held out: they show whether the generators copy the others."
    return f"All {'pairs' if paired else 'pictures'} are learned: there are too few to hold some out."


def _why_squash(sides: TwoSides) -> str:
    """Why the pictures of pairs must be squashed; empty if they need not be."""
    unlike = len(sides.unlike_shapes)
    if unlike <= SQUASHED_SHARE * len(sides.pairs):
        return ""
    return (
        f"The two pictures of {unlike:,} of {len(sides.pairs):,} pairs have different shapes. After cropping they "
        "would not lie over each other; squash distorts both to one shape."
    )
