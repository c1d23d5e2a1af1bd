"""The sections of the YAML file: one field per key, the single source of everything about that key.

A field gives the key's name, type, bounds, default and meaning, and what a resumed run may do with it. The keys of a
builder (a model, loss, penalty or augmentation) are checked against its signature, where names are looked up.
"""

import math
import re
from enum import Enum, auto
from functools import cache
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)

MOST_CHANNELS = 16
PACES = ("disc_updates", "gen_updates")
"""The keys that say how many updates an iteration has: of `training`, and of each of its stages."""

Count = Annotated[int, Field(ge=1, le=10**12)]
UpdateCount = Annotated[int, Field(ge=1, le=100)]
Share = Annotated[float, Field(ge=0.0, lt=1.0)]
Positive = Annotated[float, Field(gt=0)]


def _image_size(size: Any) -> int | str:
    numbers = re.fullmatch(r"(\d{1,4})x(\d{1,4})", size) if isinstance(size, str) else None
    sides = [int(side) for side in numbers.groups()] if numbers else [size]
    if not all(type(side) is int and 4 <= side <= 1024 for side in sides):
        raise ValueError("give a whole number of pixels, or HEIGHTxWIDTH such as 64x96, from 4 to 1024")
    return size


def _value_range(ends: Any) -> Any:
    if ends in ("auto", "percentiles"):
        return ends
    numbers = isinstance(ends, list) and len(ends) == 2 and all(type(end) in (int, float) for end in ends)
    if not numbers or not all(map(math.isfinite, ends)) or not ends[0] < ends[1]:
        raise ValueError("give auto, percentiles, or [LOW, HIGH]: the value of black and a larger value of white")
    return [float(end) for end in ends]


def _class(given: Any) -> int | str:
    if (type(given) is str and given) or (type(given) is int and given >= 0):
        return given
    raise ValueError("give the number of a class, from 0, or its name (in quotes if YAML reads it as something else)")


def _colour_name(name: str) -> str:
    _rgb(name)
    return name


@cache
def _rgb(name: str) -> tuple[int, int, int]:
    from PIL import ImageColor

    try:
        red, green, blue, *alpha = ImageColor.getrgb(name)
    except ValueError:
        raise ValueError('give the name of a colour, such as black, or "#rrggbb"') from None
    if alpha:
        raise ValueError('a background has no transparency: give the name of a colour, such as black, or "#rrggbb"')
    return red, green, blue


# One validator each: pydantic would report an error for every branch of a union of types.
ImageSize = Annotated[
    int | str,
    PlainValidator(_image_size),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 4, "maximum": 1024},
                {"type": "string", "pattern": "^\\d{1,4}x\\d{1,4}$"},
            ]
        }
    ),
]
ValueRange = Annotated[
    Literal["auto", "percentiles"] | list[float],
    PlainValidator(_value_range),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": ["auto", "percentiles"]},
                {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
            ]
        }
    ),
]
ClassGiven = Annotated[
    int | str,
    PlainValidator(_class),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "minLength": 1}]}),
]


class Resume(Enum):
    """What a resumed run may do with a key: a mark in the annotation of its field, or on its whole section."""

    FREE = auto()
    """Change it: nothing that is learned depends on it. (Moved images are recognised by their fingerprint.)"""
    LABEL = auto()
    """Change it in the file, but not with `--set`: the run already has its name and its folder."""
    ASK = auto()
    """Change it with `--allow-changes`: the run can continue, but as a different training."""
    NO = auto()
    """Keep it: with another value the checkpoint's weights or optimizer slots would mean something else, or not fit."""

    # The answer depends on the rest of the file.
    LENGTH = auto()
    """FREE; ASK with a learning-rate schedule: it reaches zero at the last iteration, so every rate depends on it."""
    DISCRIMINATOR_PACE = auto()
    """ASK; NO with a learning rate that follows iterations: it counts updates, a fixed number per iteration."""
    GENERATOR_PACE = auto()
    """As DISCRIMINATOR_PACE, for the generator's updates."""
    STAGES = auto()
    """ASK; NO if a stage has its own number of updates and a learning rate follows iterations: it counts updates."""
    AUGMENTATIONS = auto()
    """ASK; NO to add or remove an augmentation with a memory, which is one of the checkpoint's networks."""


class Section(BaseModel):
    """A part of the file; unknown keys, wrong types and non-finite numbers are errors.

    Attributes:
        on_resume: the mark of every key in the section without a mark of its own, including a builder's keys; None if
            every key has one.
    """

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        protected_namespaces=(),
    )

    on_resume: ClassVar[Resume | None] = None

    @classmethod
    def mark_of(cls, key: str) -> Resume | None:
        """Return what a resumed run may do with a key of this section, or None if nothing says so."""
        field = cls.model_fields.get(key)
        marks = (mark for mark in field.metadata if isinstance(mark, Resume)) if field else iter(())
        return next(marks, cls.on_resume)


class OpenSection(Section):
    """A section that also takes arguments of the builder it names."""

    model_config = ConfigDict(extra="allow")

    @property
    def arguments(self) -> dict[str, Any]:
        """The builder's arguments."""
        return dict(self.model_extra or {})


class DatasetSection(Section):
    """Which images to learn, and how to prepare them."""

    on_resume = Resume.NO

    name: str
    """Data set, one of `ganctl list-datasets`."""
    path: Annotated[str | None, Resume.FREE] = None
    """Folder, npz file, idx files, archive, or pattern of archives such as shards/{000..009}.tar, depending on the data
    set; null: its usual location."""
    path_b: Annotated[str | None, Resume.FREE] = None
    """Second folder or zip archive of `image_pairs` and `unpaired`, if `path` holds only one kind of images; null:
    `path` holds both."""
    image_size: ImageSize | None = None
    """Height and width in pixels: one number for squares, or HEIGHTxWIDTH, such as 64x96; null: those of the data
    set."""
    channels: Annotated[int, Field(ge=1, le=MOST_CHANNELS)] | None = None
    """1 for grey, 3 for RGB, 2 or 4 for the same with transparency, or the number of bands in an npz, in .npy files or
    in TIFFs, or of pages in a TIFF; null: those of the data set."""
    alpha: bool | None = None
    """Whether the last of 2 or 4 channels is transparency; null: true for image files, but not for .npy files, and for
    an npz only if it has an array `alpha` that is true."""
    resize: Literal["crop", "squash", "pad"] = "crop"
    """How to fit an image to that shape: crop the side that is too long, squash (distort) it, or pad it with black."""
    value_range: ValueRange = "auto"
    """Which stored values become black and white, if pixels have more than 8 bits or are floats: `[LOW, HIGH]`, the
    0.5th and 99.5th percentiles of all images (percentiles), or the usual range that holds all values (auto)."""
    background: Annotated[str, AfterValidator(_colour_name)] = "white"
    """Colour behind transparent pixels: a name such as black, or "#rrggbb"."""
    pages: Literal["first", "each", "channels"] = "first"
    """Pages of a TIFF: use the first, each as an image of its own, or all of them as the channels of one image."""
    source_size: ImageSize | None = None
    """Height and width of the `source` images of `image_pairs`, as in `image_size`, for models that enlarge; null: as
    `image_size`."""
    direction: Literal["a_to_b", "b_to_a"] = "a_to_b"
    """Which side of a pair is the input: `a_to_b` makes b from a. Of `derived`, b is the image, and a what the
    transform makes of it."""
    base: str | None = None
    """Data set from whose images `derived` makes pairs; the other keys of this section apply to it. null: the one that
    reads `path`, or `fashion_mnist_mini` without a path."""
    transform: Literal["downscale", "grey", "edges", "noise", "mask", "posterise"] | None = None
    """What `derived` makes of each image: a smaller one, a grey one, its edges, a noisy one, one with a hole, or one
    with few levels."""
    amount: float | None = None
    """Strength of the transform: the factor of `downscale` (default 4), the threshold of `edges` (100), the standard
    deviation of `noise` in levels of 255 (25), the side of the hole of `mask` as a share of the image's (0.5), or the
    number of levels of `posterise` (4)."""
    flip: bool = False
    """Mirror each training image from left to right at random; the two images of a pair together."""
    shift: Share = 0.0
    """Translate each training image at random, up and down by at most this share of its height, and sideways of its
    width; the border is filled with its mirror image, and the two images of a pair move together. 0: off."""
    labels: str | None = None
    """File of labels (CSV, JSON or JSONL) of an `image_folder`, relative to the images; null: `dataset.json`,
    `metadata.csv`, `metadata.jsonl` or `labels.csv` beside the images if there is one, otherwise the sub-folders."""
    label_column: str | None = None
    """Column (or key) of that file that holds the class; null: the one with a usual name, or the only one. Also of the
    .json files of a `webdataset`, and of the table of a `parquet`."""
    attributes: Annotated[list[str], Field(min_length=1)] | None = None
    """Attributes of `celeba` that make classes, one of each combination that occurs, such as [Smiling, Male]; null: no
    labels."""
    classes: Annotated[list[ClassGiven], Field(min_length=1)] | None = None
    """Use only the images of these classes, given by name or number, such as [cat, 7]; null: all."""
    limit: Count | None = None
    """Use only the first N images; null: all."""
    holdout: Share = 0.0
    """Fraction of the images held out from training; with `pages: each`, whole files."""
    sampling: Literal["shuffle", "replacement", "window"] = "shuffle"
    """How to draw batches: every image once per pass over the data (shuffle), independent draws (replacement), or
    consecutive images from a random start (window)."""

    @property
    def sides(self) -> tuple[int, int] | None:
        """Height and width of `image_size`, if it is given."""
        if self.image_size is None:
            return None
        height, _, width = str(self.image_size).partition("x")
        return int(height), int(width or height)

    @property
    def background_colour(self) -> tuple[int, int, int]:
        """Red, green and blue of the background, 0 to 255."""
        return _rgb(self.background)


class ModelSection(OpenSection):
    """Which networks to train; further keys are arguments of the model."""

    on_resume = Resume.NO

    name: str
    """Model, one of `ganctl list-models`."""
    latent_distribution: Literal["normal", "uniform"] = "normal"
    """Distribution of the latent vector: N(0, 1) or U(-1, 1)."""


class PenaltySection(OpenSection):
    """An additional loss term of the discriminator."""

    on_resume = Resume.NO

    name: str
    """Penalty, one of `ganctl list-losses`."""
    weight: Positive = 1.0
    """Weight of the penalty in the discriminator's loss."""
    every: Annotated[int, Field(ge=1, le=1000)] = 1
    """Lazy regularization: apply the penalty only on every N-th discriminator update, scaled by N."""


class GeneratorTermSection(OpenSection):
    """An additional loss term of the generator."""

    on_resume = Resume.NO

    name: str
    """Term, one of `ganctl list-losses`."""
    weight: Positive = 1.0
    """Weight of the term in the generator's loss."""
    every: Annotated[int, Field(ge=1, le=1000)] = 1
    """Lazy regularization: apply the term only on every N-th generator update, scaled by N."""


class AugmentationSection(OpenSection):
    """An augmentation of the images that the discriminator sees."""

    on_resume = Resume.AUGMENTATIONS

    name: str
    """Augmentation, one of `ganctl list-augmentations`."""


def _named(value: Any) -> Any:
    """Expand a bare name into an entry without further keys."""
    return {"name": value} if isinstance(value, str) else value


class LossSection(OpenSection):
    """What the networks minimise; further keys are arguments of the loss."""

    on_resume = Resume.NO

    name: str = "minimax"
    """Adversarial loss, one of `ganctl list-losses`."""
    penalties: list[PenaltySection] = []
    """Additional loss terms of the discriminator."""
    generator_terms: list[GeneratorTermSection] = []
    """Additional loss terms of the generator."""


class OptimizerSection(Section):
    """How one player's variables are updated."""

    name: Annotated[Literal["adam", "rmsprop", "sgd"], Resume.NO] = "adam"
    """Keras optimizer."""
    learning_rate: Annotated[Positive, Resume.ASK] = 2e-4
    """Base learning rate, which warmup, schedule and decay scale."""
    beta_1: Annotated[Share | None, Resume.ASK] = None
    """Adam's decay rate for the first moment, the mean of the gradient (default 0.5); adam only."""
    beta_2: Annotated[Share | None, Resume.ASK] = None
    """Adam's decay rate for the second moment, the mean of the squared gradient (default 0.999); adam only."""
    momentum: Annotated[Share | None, Resume.NO] = None
    """SGD's momentum: the share of the last step that is added to each step (default 0); sgd only."""
    decay: Annotated[float, Field(ge=0), Resume.NO] = 0.0
    """Inverse time decay: the learning rate at update t is divided by 1 + decay * t, as in Keras 2."""
    schedule: Annotated[Literal["constant", "linear", "cosine"], Resume.NO] = "constant"
    """Learning-rate decay: none (constant), linear, or cosine, reaching 0 at the last iteration in which the player
    plays: training.iterations, unless it rests in the last of training.stages."""
    hold: Annotated[float, Field(ge=0, lt=1), Resume.NO] = 0.0
    """Share of those iterations during which the schedule keeps the full learning rate; 0.5: the second half lowers
    it. Needs a schedule."""
    warmup: Annotated[int, Field(ge=0), Resume.NO] = 0
    """Linear warm-up: iterations over which the learning rate rises to its scheduled value; 0: off. Iterations in
    which the player rests (training.stages) do not count."""
    clipvalue: Annotated[Positive | None, Resume.ASK] = None
    """Gradient clipping: limit every entry of a gradient to plus or minus this value; null: off."""

    @model_validator(mode="before")
    @classmethod
    def _some_keys_belong_to_one_optimizer(cls, values: Any) -> Any:
        if isinstance(values, dict):
            name = values.get("name", "adam")
            for key, owner, default in (("beta_1", "adam", 0.5), ("beta_2", "adam", 0.999), ("momentum", "sgd", 0.0)):
                if name == owner and values.get(key) is None:
                    values = {**values, key: default}
                elif name != owner and values.get(key) is not None:
                    raise ValueError(f"{key} applies only to {owner}, not to {name}; remove it")
        return values

    @model_validator(mode="after")
    def _only_a_schedule_is_held(self) -> "OptimizerSection":
        if self.hold and self.schedule == "constant":
            raise ValueError("hold applies only with a schedule, linear or cosine; set one, or remove hold")
        return self


class OptimizersSection(Section):
    """One optimizer per player; for a model with other players, their names are further keys.

    Without such a key, a player named `discriminator_...` has the discriminator's settings, and any other player the
    generator's.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, OptimizerSection] = Field(init=False)

    generator: OptimizerSection = Field(default_factory=lambda: OptimizerSection.model_validate({}))
    """The generator's optimizer."""
    discriminator: OptimizerSection = Field(default_factory=lambda: OptimizerSection.model_validate({}))
    """The discriminator's optimizer."""


class StageSection(Section):
    """A part of a run in which only some players play, or at another pace."""

    on_resume = Resume.STAGES

    until: Count | None = None
    """Last iteration of the stage; null: the stage lasts to the end of the run, which only the last one can."""
    players: Annotated[list[str], Field(min_length=1)]
    """Who plays in it, such as [generator]. The others rest: nothing of theirs changes, and their cells in losses.csv
    are empty."""
    disc_updates: UpdateCount | None = None
    """Discriminator updates per iteration in this stage; null: training.disc_updates."""
    gen_updates: UpdateCount | None = None
    """Generator updates per iteration in this stage; null: training.gen_updates."""

    @property
    def paces(self) -> dict[str, int]:
        """The numbers of updates that it sets itself, by key."""
        return {key: value for key in PACES if (value := getattr(self, key)) is not None}


class TrainingSection(Section):
    """How to train."""

    iterations: Annotated[Count, Resume.LENGTH] = 10_000
    """Length of the run. An iteration is disc_updates discriminator updates, then gen_updates generator updates."""
    stages: Annotated[list[StageSection], Resume.STAGES] = []
    """Stages, such as [{until: 500, players: [generator]}]: who plays until which iteration, and how often. In the
    iterations after the last `until`, all players play; so they do throughout if the list is empty."""
    iterations_per_epoch: Annotated[Count, Resume.ASK] = 200
    """Iterations that count as one epoch in losses.csv and losses.png; not a pass over the data."""
    batch_size: Annotated[int, Field(ge=1, le=65_536), Resume.ASK] = 64
    """Images per batch."""
    disc_updates: Annotated[UpdateCount, Resume.DISCRIMINATOR_PACE] = 1
    """Discriminator updates per iteration."""
    gen_updates: Annotated[UpdateCount, Resume.GENERATOR_PACE] = 1
    """Generator updates per iteration."""
    discriminator_batches: Annotated[Literal["separate", "mixed", "concatenated", "summed"], Resume.NO] = "separate"
    """How real and fake images are batched: an update on each (separate), one half-real, half-fake batch (mixed), both
    full batches in one (concatenated), or one update on the sum of both losses (summed)."""
    fakes: Annotated[Literal["inference", "training"], Resume.ASK] = "inference"
    """Mode of the generator when it makes fakes for the discriminator: inference (moving statistics, no dropout) or
    training (batch statistics, dropout)."""
    frozen_batchnorm: Annotated[Literal["moving", "batch"], Resume.ASK] = "moving"
    """Statistics that BatchNorm of the frozen discriminator uses in a generator update: moving, or the batch's."""
    ema: Annotated[Share, Resume.NO] = 0.0
    """EMA: decay of the exponential moving average of the generator's weights, which draws the samples; 0: off."""
    augment: Annotated[
        list[Annotated[AugmentationSection, BeforeValidator(_named, json_schema_input_type=str | AugmentationSection)]],
        Resume.AUGMENTATIONS,
    ] = []
    """Augmentations of the real and generated images that the discriminator sees: names, or names with their keys."""
    precision: Annotated[Literal["float32", "bfloat16", "auto"], Resume.ASK] = "auto"
    """Floating-point type in which networks compute; auto measures which is faster here. Weights stay float32."""
    xla: Annotated[bool | Literal["auto"], Resume.ASK] = "auto"
    """Compile with XLA; auto measures whether that is faster, on a GPU and for fully connected networks."""
    rewrites: Annotated[bool, Resume.ASK] = True
    """Use faster equivalents of layers and optimizers (fused or merged operations), equal up to rounding; false: use
    Keras' own. Without them, a residual network in bfloat16 may not repeat to the last bit (docs/performance.md)."""
    on_collapse: Annotated[Literal["go_on", "stop", "restart"], Resume.FREE] = "go_on"
    """What to do when the doctor finds a serious collapse or divergence: log it (go_on), end the run (stop), or
    restart it from the best checkpoint with the doctor's advice, up to three times (restart)."""

    def who_plays(self) -> list[tuple[int, int | None, list[str] | None]]:
        """Return for each stage its first iteration from 0, that after its last, if it ends, and who plays.

        None instead of a list of players means all of them; so it is in the iterations after the last `until`.
        """
        starts = [0, *(stage.until for stage in self.stages if stage.until is not None)]
        follows = [] if self.stages and self.stages[-1].until is None else [(starts[-1], None, None)]
        stages = zip(starts, self.stages, strict=False)
        return [*((start, stage.until, stage.players) for start, stage in stages), *follows]

    def iterations_of(self, player: str) -> int:
        """Return in how many iterations of the run a player plays."""
        total = self.iterations
        return sum(
            max(0, min(total if until is None else until, total) - start)
            for start, until, players in self.who_plays()
            if players is None or player in players
        )


class EvaluationSection(Section):
    """Scores during training."""

    on_resume = Resume.FREE

    every: Annotated[int, Field(ge=0)] = 0
    """Evaluate every N iterations and add a row to metrics.csv; 0: off."""
    num: Annotated[int, Field(ge=50, le=50_000)] = 2000
    """Samples per evaluation."""
    features: Literal["auto", "lite0", "classifier", "inception"] = "auto"
    """Feature extractor for the scores; auto: lite0, which ships with ganctl."""
    patience: Annotated[int, Field(ge=0)] = 0
    """End the run after N evaluations in a row without a KID that is better by more than its standard deviation; 0:
    off. Needs `every`."""

    @model_validator(mode="after")
    def _patience_counts_evaluations(self) -> "EvaluationSection":
        if self.patience and not self.every:
            raise ValueError("patience counts evaluations, and there are none; set every, or remove patience")
        return self


class OutputsSection(Section):
    """What to write to the run folder."""

    on_resume = Resume.FREE

    sample_every: Count = 500
    """Draw a sample grid every N iterations."""
    sample_grid: Annotated[str, Field(pattern=r"^([1-9]\d?x[1-9]\d?|scored)$")] = "8x8"
    """Rows x columns; or `scored`: fake above real images, each titled with its discriminator score. Each column shows
    one class; with more than 20 classes, and more than columns, each cell shows the next class."""
    checkpoint_every: Count = 1000
    """Save a checkpoint every N iterations."""
    keep: Count = 2
    """Number of full checkpoints to keep."""
    tensorboard: bool = False
    """Also write TensorBoard event files: losses, metrics and sample grids."""
