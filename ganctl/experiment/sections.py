"""The sections of the YAML file, and all that is said of a key in one place.

A field gives the key's name, type, bounds, default and meaning, and what a resumed run may do with it. Keys that belong
to one builder (of a model, loss, penalty or augmentation) are checked against that function's signature where names
are looked up.
"""

from enum import Enum, auto
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Count = Annotated[int, Field(ge=1, le=10**12)]
Share = Annotated[float, Field(ge=0.0, lt=1.0)]
Positive = Annotated[float, Field(gt=0)]


class Resume(Enum):
    """What a resumed run may do with a key: a mark in the annotation of its field, or of its whole section."""

    FREE = auto()
    """Change it: nothing that is learned depends on it. (Moved images are recognized by their fingerprint.)"""
    LABEL = auto()
    """Change it in the file, but not with `--set`: the run has its name and its folder already."""
    ASK = auto()
    """Change it with `--allow-changes`: the run can continue, but as a different training."""
    NO = auto()
    """Keep it: with another value the checkpoint's weights or optimizer slots would mean something else, or not fit."""

    # The answer depends on the rest of the file.
    LENGTH = auto()
    """FREE; ASK with a learning-rate schedule, which ends with the run, so that every rate before depends on it."""
    DISCRIMINATOR_PACE = auto()
    """ASK; NO where a learning rate follows iterations: it counts its player's updates, a fixed number in each."""
    GENERATOR_PACE = auto()
    """As DISCRIMINATOR_PACE, for the generator's updates."""
    AUGMENTATIONS = auto()
    """ASK; NO to add or remove an augmentation with a memory, which is one of the checkpoint's networks."""


class Section(BaseModel):
    """A part of the file: unknown keys, loose types and non-finite numbers are errors.

    Attributes:
        on_resume: the mark of every key of the section that has none of its own, a builder's own keys included; None:
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
        """Return what a resumed run may do with a key of this section, or None where nothing says so."""
        field = cls.model_fields.get(key)
        marks = (mark for mark in field.metadata if isinstance(mark, Resume)) if field else iter(())
        return next(marks, cls.on_resume)


class OpenSection(Section):
    """A section that also takes the own arguments of the builder it names."""

    model_config = ConfigDict(extra="allow")

    @property
    def arguments(self) -> dict[str, Any]:
        """The builder's own arguments."""
        return dict(self.model_extra or {})


class DatasetSection(Section):
    """Which images are learned, and how they are prepared."""

    on_resume = Resume.NO

    name: str
    """A data set of `ganctl list-datasets`."""
    path: Annotated[str | None, Resume.FREE] = None
    """Folder, npz, idx or archive, as the data set wants it; null: where it is usually found."""
    image_size: Annotated[int, Field(ge=4, le=1024)] | None = None
    """Height and width in pixels; null: as the data set has them."""
    channels: Literal[1, 3] | None = None
    """1 for grey, 3 for RGB; null: as the data set has them."""
    resize: Literal["crop", "squash", "pad"] = "crop"
    """How an image becomes square: cut the longer side, distort, or shrink to fit and fill with black."""
    flip: bool = False
    """Mirror each training image at random."""
    classes: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] | None = None
    """Keep only images of these labels; null: all."""
    limit: Count | None = None
    """Keep only the first so many images; null: all."""
    holdout: Share = 0.0
    """Share of the images kept from training."""
    sampling: Literal["shuffle", "replacement", "window"] = "shuffle"
    """Every image once before any comes again, independent draws, or a contiguous run of images."""


class ModelSection(OpenSection):
    """Which networks play; further keys are the builder's own arguments."""

    on_resume = Resume.NO

    name: str
    """A model of `ganctl list-models`."""
    latent_distribution: Literal["normal", "uniform"] = "normal"
    """Distribution of the latent vector: N(0, 1) or U(-1, 1)."""


class PenaltySection(OpenSection):
    """A further loss term of the discriminator."""

    on_resume = Resume.NO

    name: str
    """A penalty of `ganctl list-losses`."""
    weight: Positive = 1.0
    """Factor of the penalty in the discriminator's loss."""
    every: Annotated[int, Field(ge=1, le=1000)] = 1
    """Evaluate it at each so many-th discriminator update only, where it counts so many times."""


class AugmentationSection(OpenSection):
    """One thing that is done to what the discriminator sees."""

    on_resume = Resume.AUGMENTATIONS

    name: str
    """An augmentation of `ganctl list-augmentations`."""


def _named(value: Any) -> Any:
    """A name alone stands for an entry without further keys."""
    return {"name": value} if isinstance(value, str) else value


class LossSection(OpenSection):
    """What the networks minimise; further keys are the loss's own arguments."""

    on_resume = Resume.NO

    name: str = "minimax"
    """An adversarial loss of `ganctl list-losses`."""
    penalties: list[PenaltySection] = []
    """Further loss terms of the discriminator."""


class OptimizerSection(Section):
    """How one player's variables are moved."""

    name: Annotated[Literal["adam", "rmsprop", "sgd"], Resume.NO] = "adam"
    """The Keras optimizer."""
    learning_rate: Annotated[Positive, Resume.ASK] = 2e-4
    """Step size at the first update."""
    beta_1: Annotated[Share | None, Resume.ASK] = None
    """Adam's decay of the gradient's mean (default 0.5); only for adam."""
    beta_2: Annotated[Share | None, Resume.ASK] = None
    """Adam's decay of the gradient's square (default 0.999); only for adam."""
    decay: Annotated[float, Field(ge=0), Resume.NO] = 0.0
    """The rate at update t is learning_rate / (1 + decay * t), as in Keras 2."""
    schedule: Annotated[Literal["constant", "linear", "cosine"], Resume.NO] = "constant"
    """How the rate falls: not at all, on a line or half a cosine to 0 at training.iterations."""
    warmup: Annotated[int, Field(ge=0), Resume.NO] = 0
    """Iterations in which the rate rises on a line to what it is without; 0 is off."""
    clipvalue: Annotated[Positive | None, Resume.ASK] = None
    """Every gradient entry is clipped to plus or minus this; null: not at all."""

    @model_validator(mode="before")
    @classmethod
    def _betas_belong_to_adam(cls, values: Any) -> Any:
        if isinstance(values, dict):
            adam = values.get("name", "adam") == "adam"
            for key, default in (("beta_1", 0.5), ("beta_2", 0.999)):
                if adam and values.get(key) is None:
                    values = {**values, key: default}
                elif not adam and values.get(key) is not None:
                    raise ValueError(f"{key} is Adam's and means nothing for {values['name']}; remove it")
        return values


class OptimizersSection(Section):
    """One optimizer a player; a model with other players takes their names as further keys."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, OptimizerSection] = Field(init=False)

    generator: OptimizerSection = Field(default_factory=lambda: OptimizerSection.model_validate({}))
    """The generator's optimizer."""
    discriminator: OptimizerSection = Field(default_factory=lambda: OptimizerSection.model_validate({}))
    """The discriminator's optimizer."""


class TrainingSection(Section):
    """How the game is played."""

    iterations: Annotated[Count, Resume.LENGTH] = 10_000
    """How long the run is. An iteration is disc_updates of the discriminator, then gen_updates of the generator."""
    iterations_per_epoch: Annotated[Count, Resume.ASK] = 200
    """Iterations that count as one epoch in losses.csv and losses.png; that is no pass over the data."""
    batch_size: Annotated[int, Field(ge=1, le=65_536), Resume.ASK] = 64
    """Images in one update."""
    disc_updates: Annotated[int, Field(ge=1, le=100), Resume.DISCRIMINATOR_PACE] = 1
    """Discriminator updates in an iteration."""
    gen_updates: Annotated[int, Field(ge=1, le=100), Resume.GENERATOR_PACE] = 1
    """Generator updates in an iteration."""
    discriminator_batches: Annotated[Literal["separate", "mixed", "concatenated", "summed"], Resume.NO] = "separate"
    """An update each on real and fake images, one on a half-and-half batch, on two whole batches, or on both losses."""
    fakes: Annotated[Literal["inference", "training"], Resume.ASK] = "inference"
    """The generator's mode (moving or batch statistics, dropout) when it feeds the discriminator."""
    frozen_batchnorm: Annotated[Literal["moving", "batch"], Resume.ASK] = "moving"
    """What a frozen discriminator normalises with: its moving statistics or the batch's."""
    ema: Annotated[Share, Resume.NO] = 0.0
    """Decay of the generator's running average, from which samples are drawn; 0 is off."""
    augment: Annotated[
        list[Annotated[AugmentationSection, BeforeValidator(_named, json_schema_input_type=str | AugmentationSection)]],
        Resume.AUGMENTATIONS,
    ] = []
    """What is done to real and generated images before the discriminator sees them: names, or names with their keys."""
    precision: Annotated[Literal["float32", "bfloat16", "auto"], Resume.ASK] = "auto"
    """Arithmetic of the networks; auto measures which is faster here. Weights stay float32."""
    xla: Annotated[bool | Literal["auto"], Resume.ASK] = "auto"
    """Compile with XLA; auto measures on a GPU and on fully connected networks whether that is faster."""
    rewrites: Annotated[bool, Resume.ASK] = True
    """Compute the same in faster ways (fused or joined operations), equal up to rounding; false: as Keras does. Without
    them, a residual network in bfloat16 may not repeat itself to the last bit (docs/performance.md)."""


class EvaluationSection(Section):
    """Scores during training."""

    on_resume = Resume.FREE

    every: Annotated[int, Field(ge=0)] = 0
    """Iterations between two evaluations, each a row of metrics.csv; 0 is off."""
    num: Annotated[int, Field(ge=50, le=50_000)] = 2000
    """Samples in one evaluation."""
    features: Literal["auto", "lite0", "classifier", "inception"] = "auto"
    """The network whose features are compared; auto is lite0, which ships with ganctl."""


class OutputsSection(Section):
    """What is written into the run folder."""

    on_resume = Resume.FREE

    sample_every: Count = 500
    """Iterations between two sample grids."""
    sample_grid: Annotated[str, Field(pattern=r"^([1-9]\d?x[1-9]\d?|scored)$")] = "8x8"
    """Rows x columns; or `scored`: fake above real, each titled with its discriminator score."""
    checkpoint_every: Count = 1000
    """Iterations between two checkpoints."""
    keep: Count = 2
    """Full checkpoints to keep."""
    tensorboard: bool = False
    """Also write event files for TensorBoard: losses, metrics and sample grids."""
