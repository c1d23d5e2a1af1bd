"""The rules by which `ganctl init` chooses what depends on the pictures, the machine and the time, with their reasons.

Model, loss, augmentation and optimizers are the recipe's. The numbers here are rules of thumb, not laws: users who know
their pictures change the YAML.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ganctl.evaluation.reference import FEWEST_IMAGES
from ganctl.experiment.experiment import Experiment
from ganctl.planning.pace import format_duration
from ganctl.planning.recipe.material import Choice, Material
from ganctl.planning.survey.pictures import Pictures

ITERATIONS_NEEDED = {16: 2_000, 32: 3_000, 64: 4_000, 128: 40_000, 256: 150_000}
"""Sizes to choose from, and the iterations below which a smaller size is used.

That of 64 was measured: after 4,000, heads, people and hands are recognisable (docs/your-own-pictures.md). The others
are guesses.
"""
USUAL_SIZE, LEAST_SIZE = 64, 32
"""The size that is measured first, and the smallest size chosen for lack of time."""
ENLARGED_SHARE = 0.1
"""The share of pictures that may be smaller than the chosen size; they are enlarged (blurred) or framed in black."""
LEAST_CAPACITY = 8
CAPACITY_EXPONENT = 1.5
"""A network with twice the filters has four times the multiplications, each somewhat faster."""
AMPLE = 10
"""A larger network is chosen if it still gets this many times the iterations needed."""

HELD_OUT_SHARE, MOST_HELD_OUT = 0.05, 1000

OVERHEAD_SHARE = 0.08
"""The share of the time for sample grids, checkpoints, plots and other work of the machine."""
SECONDS_TO_START, SECONDS_OF_AN_EVALUATION = 20.0, 30.0
MINUTES_BETWEEN_EVALUATIONS = 12
SAMPLE_GRIDS = 40
MOST_MINUTES_TO_LOSE = 10
_EVALUATIONS = (1, 2, 4, 5, 8, 10)  # they divide the number of sample grids

UNSEEN_SHARE = 0.05
"""The share of pictures that may show nothing on white before black is laid behind transparency."""


@dataclass(frozen=True)
class Cost:
    """What determines the duration of an iteration: the shape of the images, and the model's capacity, if any.

    Attributes:
        size: the side of square images in pixels; of a rectangle, that of a square with about as many pixels.
        capacity: of the model; None if it has none.
        rectangle: height and width in pixels; None for squares.
    """

    size: int
    capacity: int | None
    rectangle: tuple[int, int] | None = None

    @classmethod
    def of(cls, size: int, capacity: int | None, shapes: Mapping[int, tuple[int, int]]) -> "Cost":
        """Return the cost at a size in the shape that is chosen in its place; shapes as for `possible_sizes`."""
        shape = shapes.get(size, (size, size))
        return cls(size, capacity, shape if shape[0] != shape[1] else None)

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.rectangle or (self.size, self.size)

    @property
    def image_size(self) -> int | str:
        """The value of `dataset.image_size`."""
        return in_pixels(self.rectangle) if self.rectangle else self.size

    def __str__(self) -> str:
        return in_pixels(self.sides) + (f" and capacity {self.capacity}" if self.capacity else "")

    def times(self, other: "Cost") -> float:
        """Return the estimated duration of an iteration, relative to that of another cost."""
        area = (self.size / other.size) ** 2
        return area * ((self.capacity or 1) / (other.capacity or 1)) ** CAPACITY_EXPONENT


@dataclass(frozen=True)
class Measured:
    """The measured iterations per second at a cost, and the device."""

    cost: Cost
    rate: float
    device: str


def in_pixels(sides: tuple[int, int]) -> str:
    """Return a height and width as `dataset.image_size` takes them."""
    return "x".join(map(str, sides))


def model_sizes(why_unfit: Callable[[int, int], str]) -> list[int]:
    """Return the sides of the squares to choose from that a model takes; `why_unfit` as for `possible_sizes`."""
    return [size for size in ITERATIONS_NEEDED if not why_unfit(size, size)]


def possible_sizes(
    pictures: Pictures, why_unfit: Callable[[int, int], str], shapes: Mapping[int, tuple[int, int]] | None = None
) -> list[int]:
    """Return the sizes that the model takes and (almost) all pictures have; at least the model's smallest.

    Args:
        pictures: of all feeds.
        why_unfit: given a height and width, returns what the model needs instead, or an empty string.
        shapes: heights and widths to choose from, by the size in whose place they are; None or empty: squares.
    """
    shapes = shapes or {size: (size, size) for size in model_sizes(why_unfit)}
    enough = [size for size, sides in shapes.items() if _smaller_share(pictures, sides) <= ENLARGED_SHARE]
    return enough or [min(shapes)]


def usual_cost(sizes: list[int], capacity: int | None) -> Cost:
    """Return the cost that is measured first."""
    return Cost(max([size for size in sizes if size <= USUAL_SIZE], default=sizes[0]), capacity)


def best_cost(
    sizes: list[int], measured: Measured, seconds: float, needed: Mapping[int, int] = ITERATIONS_NEEDED
) -> Cost:
    """Return the largest images, and then the largest network, that the time allows.

    Args:
        sizes: to choose from, ascending.
        measured: the measurement with the recipe's own capacity.
        seconds: the time for iterations.
        needed: the iterations below which a smaller size is used, by size.
    """

    def share(cost: Cost) -> float:
        return measured.rate / cost.times(measured.cost) * seconds / needed[cost.size]

    # Smaller sizes are only for pictures that are not larger.
    own = [Cost(size, measured.cost.capacity) for size in sizes if size >= LEAST_SIZE or size == sizes[-1]]
    best = next((cost for cost in reversed(own) if share(cost) >= 1), own[0])
    if best.capacity is None:
        return best
    larger = Cost(best.size, 2 * best.capacity)
    if share(larger) >= AMPLE:
        return larger
    while share(best) < 1 and best.capacity is not None and best.capacity >= 2 * LEAST_CAPACITY:
        best = Cost(best.size, best.capacity // 2)
    return best


def playing_seconds(minutes: float, evaluations: int) -> float:
    """Return how many seconds of the time are left for iterations."""
    whole = 60 * minutes
    rest = whole * OVERHEAD_SHARE + SECONDS_TO_START + evaluations * SECONDS_OF_AN_EVALUATION
    return max(whole / 4, whole - rest)


def evaluations_in(minutes: float, learned: int) -> int:
    """Return the number of evaluations for a duration and a number of training pictures; 0: none."""
    if learned < FEWEST_IMAGES or minutes < 2:
        return 0
    wanted = minutes / MINUTES_BETWEEN_EVALUATIONS
    return max(number for number in _EVALUATIONS if number <= max(1, wanted))


def held_out(pictures: int) -> float:
    """Return the share of the pictures to hold out: 0 unless these are enough to compare with."""
    if pictures * HELD_OUT_SHARE < FEWEST_IMAGES:
        return 0.0
    return round(min(HELD_OUT_SHARE, MOST_HELD_OUT / pictures), 4)


def batch_size(recipe: int, learned: int) -> int:
    """Return the recipe's batch, or the power of two that is at most a quarter of the pictures."""
    return min(recipe, max(2, 2 ** int(math.log2(max(2, learned // 4)))))


def resize_of(pictures: Pictures, sides: tuple[int, int] = (1, 1)) -> str:
    """Return how pictures get a shape: `crop`, unless most of them would lose more than half of their area.

    Args:
        pictures: of all feeds.
        sides: height and width, of which only the ratio counts.
    """
    return "pad" if float(np.mean(pictures.kept_by(*sides) < 0.5)) > 0.5 else "crop"


def background_of(pictures: Pictures) -> str:
    """Return the colour to lay behind transparency: white, or black if many pictures would show nothing on white."""
    seen = pictures.seen
    unseen = {colour: sum(colour in picture.unseen_on for picture in seen) for colour in ("white", "black")}
    return "black" if unseen["white"] > max(UNSEEN_SHARE * len(seen), unseen["black"]) else "white"


def channels_of(pictures: Pictures) -> int:
    """Return the number of channels that most decoded pictures have if they are bands, and otherwise 1 or 3.

    It is 1 if none of them is in colour.
    """
    bands = [picture.channels for picture in pictures.seen if picture.channels not in (0, 1, 3)]
    if len(bands) > len(pictures.seen) / 2:
        return max(set(bands), key=bands.count)
    return 3 if any(picture.coloured for picture in pictures.seen) else 1


def choices(
    material: Material, recipe: Experiment, sizes: list[int], measured: Measured, minutes: float
) -> list[Choice]:
    """Return every choice with its reason.

    Args:
        material: the pictures.
        recipe: provides all other settings.
        sizes: those that the pictures and the model allow.
        measured: the chosen cost, and its measured speed.
        minutes: the time for training.
    """
    cost, rate, capacity = measured.cost, measured.rate, recipe.model.arguments.get("capacity")
    pictures, learned, unit = material.pictures, material.learned, material.unit
    batch = batch_size(recipe.training.batch_size, material.fewest)
    evaluations = evaluations_in(minutes, material.fewest)
    seconds = playing_seconds(minutes, evaluations)
    between = _rounded_down(rate * seconds / SAMPLE_GRIDS)
    iterations = SAMPLE_GRIDS * between
    saved = min(2 * between, _rounded_down(60 * MOST_MINUTES_TO_LOSE * rate))
    found = [
        *material.reading,
        Choice(("dataset", "image_size"), cost.image_size, _why_size(material, cost, sizes, rate, seconds)),
        *_source_size(material, cost),
        Choice(("dataset", "channels"), channels_of(pictures), _why_channels(pictures)),
        _resize(material, cost),
        material.flip,
        *_shift(material, recipe, cost),
        Choice(("dataset", "holdout"), material.holdout, material.why_holdout),
    ]
    if cost.capacity is not None and cost.capacity != capacity:
        many = "more" if cost.capacity > (capacity or 0) else "fewer"
        why = "there is time for them" if many == "more" else "there is little time"
        found.append(
            Choice(("model", "capacity"), cost.capacity, f"{many} filters than the recipe's {capacity}: {why}.")
        )
    found += [
        Choice(
            ("training", "iterations"),
            iterations,
            f"{rate:.3g} iterations/s were measured here ({measured.device}): {format_duration(iterations / rate)} of "
            f"the {format_duration(60 * minutes)}; the rest is for start-up, sample grids, checkpoints and "
            f"{evaluations or 'no'} evaluation{'s' * (evaluations != 1)}. Every {unit[:-1]} is seen about "
            f"{iterations * batch / learned:,.0f} times.",
        ),
        Choice(
            ("training", "iterations_per_epoch"),
            max(1, learned // batch),
            f"{learned:,} {unit} in batches of {batch}: one pass over all of them.",
        ),
    ]
    found += _stages(recipe, iterations)
    if batch != recipe.training.batch_size:
        found.append(Choice(("training", "batch_size"), batch, f"at most a quarter of the {material.fewest:,} {unit}."))
    found += [
        Choice(
            ("evaluation", "every"),
            iterations // evaluations if evaluations else 0,
            "Scores during training; the checkpoint with the best one is kept (ganctl sample --best)."
            if evaluations
            else f"Off: with fewer than {FEWEST_IMAGES} {unit}, or in under two minutes, scores mean nothing.",
        ),
        Choice(("outputs", "sample_every"), between, f"{SAMPLE_GRIDS} sample grids in the whole run."),
        Choice(("outputs", "checkpoint_every"), saved, f"About every {format_duration(saved / rate)}."),
    ]
    return found


def _stages(recipe: Experiment, iterations: int) -> list[Choice]:
    """The choice of the recipe's stages in a run of another length; none if it has none."""
    if not recipe.training.stages:
        return []
    share = iterations / recipe.training.iterations
    stages = [stage.model_dump(exclude_none=True) for stage in recipe.training.stages]
    stages = [
        {**stage, "until": max(1, round(stage["until"] * share))} if "until" in stage else stage for stage in stages
    ]
    return [Choice(("training", "stages"), stages, "Each stage has the share of the run that it has in the recipe.")]


def _rounded_down(number: float) -> int:
    """The number rounded down to two digits, at least 1: measurements are not more exact."""
    unit = 10 ** max(0, int(math.log10(max(1, number))) - 1)
    return max(1, int(number // unit) * unit)


def _sides(pictures: Pictures) -> np.ndarray:
    """The sides that determine the scale: the shorter ones, or the longer ones if pictures are shrunk to fit."""
    return pictures.long_sides if resize_of(pictures) == "pad" else pictures.short_sides


def _smaller(pictures: Pictures, sides: tuple[int, int]) -> np.ndarray:
    """Which pictures are enlarged to a height and width, or framed in black on all sides if they are padded."""
    low, narrow = pictures.heights < sides[0], pictures.widths < sides[1]
    return low & narrow if resize_of(pictures, sides) == "pad" else low | narrow


def _smaller_share(pictures: Pictures, sides: tuple[int, int]) -> float:
    return float(np.mean(_smaller(pictures, sides)))


def _resize(material: Material, cost: Cost) -> Choice:
    if material.squash:
        return Choice(("dataset", "resize"), "squash", material.squash)
    pictures = material.pictures
    return Choice(("dataset", "resize"), resize_of(pictures, cost.sides), _why_resize(pictures, cost))


def _shift(material: Material, recipe: Experiment, cost: Cost) -> list[Choice]:
    """The choice of the translation, if the recipe has one that is at least a pixel of the smallest images."""
    share = recipe.dataset.shift
    least = min(side for role in material.feeds for side in material.sides_of(role, cost.sides))
    if not material.instead or int(share * least) < 1:
        return []
    return [Choice(("dataset", "shift"), share, "As in the recipe; the two pictures of a pair move together.")]


def _source_size(material: Material, cost: Cost) -> list[Choice]:
    """The choice of the size of the images that larger ones are made from, if it is another."""
    if material.times == 1:
        return []
    height, width = material.sides_of("source", cost.sides)
    size = height if height == width else in_pixels((height, width))
    reason = f"The second pictures are {material.times} times as high and wide as the first."
    return [Choice(("dataset", "source_size"), size, reason)]


def _why_size(material: Material, cost: Cost, sizes: list[int], rate: float, seconds: float) -> str:
    pictures, iterations_needed = material.pictures, material.needed
    padded = resize_of(pictures, cost.sides) == "pad"
    which, result = ("longer", "framed in black") if padded else ("shorter", "enlarged")
    smaller = int(_smaller(pictures, cost.sides).sum())
    doubled = (2 * cost.sides[0], 2 * cost.sides[1])
    if cost.rectangle:
        square, kept = (float(np.median(pictures.kept_by(*sides))) for sides in ((1, 1), cost.rectangle))
        what = (
            f"Most pictures have nearly one shape. A centred square would lose {1 - square:.0%} of the median picture, "
            f"a crop to this height x width loses {1 - kept:.0%}; it takes the place of {cost.size}x"
            f"{cost.size}. {smaller:,} pictures are smaller and get {result}."
        )
    else:
        what = f"The {which} sides have {_quantiles(pictures)}; "
        what += f"{smaller:,} pictures have fewer than {cost.size} and get {result}."
    larger = [size for size in sizes if size > cost.size]
    needed = iterations_needed[cost.size]
    if larger and cost.rectangle:
        what += f" As many pixels as {larger[0]}x{larger[0]} need about {iterations_needed[larger[0]]:,} iterations, "
        what += "more than there is time for."
    elif larger:
        what += f" {larger[0]} needs about {iterations_needed[larger[0]]:,} iterations, more than there is time for."
    elif _smaller_share(pictures, doubled) > ENLARGED_SHARE and cost.rectangle:
        what += f" Over {ENLARGED_SHARE:.0%} of them are smaller than {in_pixels(doubled)}."
    elif _smaller_share(pictures, doubled) > ENLARGED_SHARE:
        what += f" {2 * cost.size} would be more than the {which} side of over {ENLARGED_SHARE:.0%} of them."
    if rate * seconds < needed:
        what += f" Even this size should get {needed:,} iterations: give it more time (--minutes)."
    return what


def _why_channels(pictures: Pictures) -> str:
    seen = pictures.seen
    if channels_of(pictures) not in (1, 3):
        return "Most pictures have this number of bands, which are not colours."
    coloured = sum(picture.coloured for picture in seen)
    transparent = sum(picture.transparent for picture in seen)
    if transparent:
        rest = f"{transparent:,} have transparent parts, laid over {background_of(pictures)}; 4 learns transparency."
        return f"{coloured:,} of {len(seen):,} pictures are in colour; {rest}"
    if not coloured:
        return f"None of the {len(seen):,} pictures examined is in colour."
    grey = len(seen) - coloured
    return f"{coloured:,} of {len(seen):,} pictures are in colour" + ("; grey ones stay grey." if grey else ".")


def _why_resize(pictures: Pictures, cost: Cost) -> str:
    shares = pictures.kept_by(*cost.sides)
    half = int((shares < 0.5).sum())
    kept = "centre in this shape" if cost.rectangle else "centred square"
    crop = (
        f"crop keeps the {kept}: {np.median(shares):.0%} of the median picture, {shares.min():.0%} of the "
        f"{'one that loses most' if cost.rectangle else 'longest'}; {half:,} lose more than half."
    )
    if resize_of(pictures, cost.sides) == "pad":
        return f"{crop} So they are shrunk to fit and padded with black, which is learned as well."
    return f"{crop} squash would distort; pad would add black bars."


def _quantiles(pictures: Pictures) -> str:
    sides = _sides(pictures)
    least, middle, most = (int(value) for value in (sides.min(), np.median(sides), sides.max()))
    return f"{least:,} pixels" if least == most else f"{least:,} to {most:,} pixels, half of them {middle:,} or more"
