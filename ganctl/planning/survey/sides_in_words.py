"""A survey of two sides in words: lines for the terminal and the head of a YAML, warnings, lists of files."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from ganctl.host.files import shown
from ganctl.planning.survey import in_words
from ganctl.planning.survey.folder_survey import Survey
from ganctl.planning.survey.two_sides import TwoSides

_NAMED = 3
_WARNING = "Warning: "
_OF_CLASSES = "classes"
_OF_HALVES = ("b skipped", "b damaged", "b copies", "b near copies")


def described(sides: TwoSides) -> list[tuple[str, str]]:
    """Return the contents of both sides, as lines with a title each."""
    lines = [
        (side if title == "folder" else f"{side} {title}", _half(survey, line) if title == "folder" else line)
        for side, survey in _both(sides)
        for title, line in in_words.described(survey)
        if title != _OF_CLASSES
    ]
    if sides.halves:  # the same files
        lines = [line for line in lines if line[0] not in _OF_HALVES]
    lines += [("pairs", _pairs(sides)), *[("tests", _tests(sides))] * any(sides.apart)]
    return [*lines, *(("note", note) for note in sides.notes if not note.startswith(_WARNING))]


def warnings(sides: TwoSides, listed: str) -> list[str]:
    """Return warnings, with what to do before training.

    Args:
        sides: the surveys.
        listed: the file that lists the files meant.
    """
    found = [note.removeprefix(_WARNING) for note in sides.notes if note.startswith(_WARNING)]
    for side, survey in zip("ab" if not sides.halves else "a", sides.without_single_copies, strict=False):
        found += [f"{side}: {warning}" for warning in in_words.warnings(survey, listed)]
    if sides.kind == "unpaired":
        return found
    alone, unlike = sum(map(len, sides.orphans)), len(sides.unlike_shapes)
    if alone:
        found.append(
            f"{alone:,} pictures have no partner, and training refuses such pairs. Rename or remove those that "
            f"{listed} lists."
        )
    if unlike:
        found.append(
            f"The two pictures of {unlike:,} pairs have different shapes, and would not lie over each other after "
            f"cropping. Give both one shape, or remove those that {listed} lists."
        )
    same = sum(one.digest == other.digest for one, other in sides.pairs)
    if same and not sides.halves:
        found.append(f"Both pictures of {same:,} pairs are the same file: there is nothing to learn from them.")
    return found


def listed_files(sides: TwoSides) -> list[str]:
    """Return the lines of a list of the files that are damaged, duplicate, tiny, without a partner or unlike it."""
    lines: list[str] = []
    for survey in sides.without_single_copies[: 1 if sides.halves else 2]:
        of_side = in_words.listed_files(survey)
        if of_side:
            lines += [f"# In {shown(survey.folder)}:", *of_side]
    if sides.kind == "unpaired":
        return lines
    for alone, (_, survey) in zip(sides.orphans, _both(sides), strict=True):
        if alone:
            lines += [f"# These pictures in {shown(survey.folder)} have no partner:", *alone]
    if sides.unlike_shapes:
        lines += ["# The two pictures of these pairs have different shapes:"]
        lines += [
            f"{one.name}  # {one.width}x{one.height} and {other.width}x{other.height}"
            for one, other in sides.unlike_shapes
        ]
    return lines


def as_json(sides: TwoSides) -> dict[str, object]:
    """Return the properties of both sides for `ganctl init --json`."""
    return {
        "folder": sides.a.as_json(),
        "folder_b": sides.b.as_json(),
        "pairs": len(sides.pairs),
        "halves": sides.halves,
        "without_partner": {side: list(alone) for side, alone in zip("ab", sides.orphans, strict=True)},
        "unlike_shapes": [[one.name, other.name] for one, other in sides.unlike_shapes],
        "apart": dict(zip("ab", sides.apart, strict=True)),
    }


def _both(sides: TwoSides) -> Sequence[tuple[str, Survey]]:
    return (("a", sides.a), ("b", sides.b))


def _half(survey: Survey, line: str) -> str:
    return f"the {survey.half} halves in {line}" if survey.half else line


def _pairs(sides: TwoSides) -> str:
    if sides.kind == "unpaired":
        return "none: two kinds of pictures that do not belong together"
    count = f"{len(sides.pairs):,}"
    alone = [shown(Path(name)) for name in _alone(sides)]
    if not alone:
        return f"{count}, every picture has a partner"
    more = f" and {len(alone) - _NAMED:,} more" if len(alone) > _NAMED else ""
    return f"{count}; without a partner: {', '.join(alone[:_NAMED])}{more}"


def _alone(sides: TwoSides) -> Iterator[str]:
    for side, names in zip("ab", sides.orphans, strict=True):
        yield from (f"{name} ({side})" for name in names)


def _tests(sides: TwoSides) -> str:
    a, b = sides.apart
    return f"{a:,} and {b:,} pictures that are never trained on" if a != b else f"{a:,} of each side, never trained on"
