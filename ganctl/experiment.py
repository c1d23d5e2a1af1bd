"""The YAML schema: what an experiment is, every field with its one-line meaning.

The classes are the single place where a key is spelled, typed, bounded, defaulted and explained. Keys that belong to
one builder (a model's, a loss's, a penalty's own arguments) are checked against that function's signature by
`ganctl.build`.
"""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from ganctl.errors import ConfigurationError, UsageError, did_you_mean
from ganctl.yaml_source import KeyPath, YamlSource, dump_yaml, parse_yaml, read_yaml

Count = Annotated[int, Field(ge=1, le=10**12)]
Share = Annotated[float, Field(ge=0.0, lt=1.0)]

# The constants of the tutorials, understood at the top level of the file under the names that the tutorials give them.
TUTORIAL_CONSTANTS: Mapping[str, tuple[str, str]] = {
    "spatial_dim": ("dataset", "image_size"),
    "num_load": ("dataset", "limit"),
    "latent_dim": ("model", "latent_dim"),
    "net_capacity": ("model", "capacity"),
    "filter_size": ("model", "filter_size"),
    "batch_size": ("training", "batch_size"),
    "disc_updates": ("training", "disc_updates"),
    "gen_updates": ("training", "gen_updates"),
    "progress_interval": ("outputs", "sample_every"),
}


class Section(BaseModel):
    """A part of the file: unknown keys, loose types and non-finite numbers are errors."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        protected_namespaces=(),
    )


class OpenSection(Section):
    """A section that also takes the own arguments of the builder it names."""

    model_config = ConfigDict(extra="allow")

    @property
    def arguments(self) -> dict[str, Any]:
        """The builder's own arguments."""
        return dict(self.model_extra or {})


class DatasetSection(Section):
    """Which images are learned, and how they are prepared."""

    name: str
    """A data set of `ganctl list-datasets`."""
    path: str | None = None
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

    name: str
    """A model of `ganctl list-models`."""
    latent_distribution: Literal["normal", "uniform"] = "normal"
    """Distribution of the latent vector: N(0, 1) or U(-1, 1)."""


class PenaltySection(OpenSection):
    """A further loss term of the discriminator."""

    name: str
    """A penalty of `ganctl list-losses`."""
    weight: Annotated[float, Field(gt=0)] = 1.0
    """Factor of the penalty in the discriminator's loss."""
    every: Annotated[int, Field(ge=1, le=1000)] = 1
    """Evaluate it at each so many-th discriminator update only, where it counts so many times."""


class AugmentationSection(OpenSection):
    """One thing that is done to what the discriminator sees."""

    name: str
    """An augmentation of `ganctl list-augmentations`."""


def _named(value: Any) -> Any:
    """A name alone stands for an entry without further keys."""
    return {"name": value} if isinstance(value, str) else value


class LossSection(OpenSection):
    """What the networks minimise; further keys are the loss's own arguments."""

    name: str = "minimax"
    """An adversarial loss of `ganctl list-losses`."""
    penalties: list[PenaltySection] = []
    """Further loss terms of the discriminator."""


class OptimizerSection(Section):
    """How one player's variables are moved."""

    name: Literal["adam", "rmsprop", "sgd"] = "adam"
    """The Keras optimizer."""
    learning_rate: Annotated[float, Field(gt=0)] = 2e-4
    """Step size at the first update."""
    beta_1: Share | None = None
    """Adam's decay of the gradient's mean (default 0.5); only for adam."""
    beta_2: Share | None = None
    """Adam's decay of the gradient's square (default 0.999); only for adam."""
    decay: Annotated[float, Field(ge=0)] = 0.0
    """The rate at update t is learning_rate / (1 + decay * t), as in Keras 2."""
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    """How the rate falls: not at all, on a line or half a cosine to 0 at training.iterations."""
    warmup: Annotated[int, Field(ge=0)] = 0
    """Iterations in which the rate rises on a line to what it is without; 0 is off."""
    clipvalue: Annotated[float, Field(gt=0)] | None = None
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

    iterations: Count = 10_000
    """How long the run is. An iteration is disc_updates of the discriminator, then gen_updates of the generator."""
    iterations_per_epoch: Count = 200
    """Iterations that count as one epoch in losses.csv and losses.png; that is no pass over the data."""
    batch_size: Annotated[int, Field(ge=1, le=65_536)] = 64
    """Images in one update."""
    disc_updates: Annotated[int, Field(ge=1, le=100)] = 1
    """Discriminator updates in an iteration."""
    gen_updates: Annotated[int, Field(ge=1, le=100)] = 1
    """Generator updates in an iteration."""
    discriminator_batches: Literal["separate", "mixed", "concatenated", "summed"] = "separate"
    """An update each on real and fake images, one on a half-and-half batch, on two whole batches, or on both losses."""
    fakes: Literal["inference", "training"] = "inference"
    """The generator's mode (moving or batch statistics, dropout) when it feeds the discriminator."""
    frozen_batchnorm: Literal["moving", "batch"] = "moving"
    """What a frozen discriminator normalises with: its moving statistics or the batch's."""
    ema: Share = 0.0
    """Decay of the generator's running average, from which samples are drawn; 0 is off."""
    augment: list[
        Annotated[AugmentationSection, BeforeValidator(_named, json_schema_input_type=str | AugmentationSection)]
    ] = []
    """What is done to real and generated images before the discriminator sees them: names, or names with their keys."""
    precision: Literal["float32", "bfloat16", "auto"] = "auto"
    """Arithmetic of the networks; auto measures which is faster here. Weights stay float32."""
    xla: bool | Literal["auto"] = "auto"
    """Compile with XLA; auto measures on a GPU and on fully connected networks whether that is faster."""
    rewrites: bool = True
    """Compute the same in faster ways (fused or joined operations), equal up to rounding; false: as Keras does. Without
    them, a residual network in bfloat16 may not repeat itself to the last bit (docs/performance.md)."""


class EvaluationSection(Section):
    """Scores during training."""

    every: Annotated[int, Field(ge=0)] = 0
    """Iterations between two evaluations, each a row of metrics.csv; 0 is off."""
    num: Annotated[int, Field(ge=50, le=50_000)] = 2000
    """Samples in one evaluation."""
    features: Literal["auto", "lite0", "classifier", "inception"] = "auto"
    """The network whose features are compared; auto is lite0, which ships with ganctl."""


class OutputsSection(Section):
    """What is written into the run folder."""

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


class Experiment(Section):
    """A validated YAML file."""

    name: Annotated[str, Field(min_length=1)] = "experiment"
    """What the experiment is called; where it is not given, the file's name without its ending."""
    run_name: Annotated[str, Field(min_length=1)] = "{name}"
    """Name of the run folder; `{section.key}` stands for that key's value."""
    root_dir: Annotated[str, Field(min_length=1)] = "outputs"
    """Folder of all runs; `--output-dir` says otherwise."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Everything random in the run follows from it."""
    plugins: list[str] = []
    """Python files with models, losses and the like; they run only where `--plugin` or `--allow-plugins` permits it."""
    dataset: DatasetSection
    model: ModelSection
    loss: LossSection = LossSection()
    optimizer: OptimizersSection = Field(default_factory=lambda: OptimizersSection.model_validate({}))
    training: TrainingSection = TrainingSection()
    evaluation: EvaluationSection = EvaluationSection()
    outputs: OutputsSection = OutputsSection()

    _source: YamlSource = PrivateAttr(default_factory=lambda: YamlSource("experiment"))
    _overrides: list[str] = PrivateAttr(default_factory=list)

    @property
    def overrides(self) -> list[str]:
        """The `--set` arguments that changed the file."""
        return self._overrides

    @classmethod
    def load(cls, path: Path, overrides: Iterable[str] = ()) -> Self:
        """Read a file and apply `key=value` overrides; raises ConfigurationError with file, line and column."""
        source = read_yaml(path)
        source.data.setdefault("name", path.stem)
        return cls.from_source(source, overrides)

    @classmethod
    def from_source(cls, source: YamlSource, overrides: Iterable[str] = ()) -> Self:
        """Validate what was read; raises ConfigurationError that names every wrong key."""
        overrides = list(overrides)
        _move_tutorial_constants(source)
        for override in overrides:
            _override(source, override)
        experiment = validated(cls, source.data, source)
        experiment._source, experiment._overrides = source, overrides
        return experiment

    def replace(self, **sections: Any) -> Self:
        """Return a copy with other sections and the same memory of where each key stands."""
        changed = self.model_copy(update=sections)
        changed._source, changed._overrides = self._source, self._overrides
        return changed

    def located(self, error: ConfigurationError) -> ConfigurationError:
        """Return the error with file, line and column of the key that it is about."""
        if not error.key:
            return error
        place = self._source.locate(tuple(int(part) if part.isdigit() else part for part in error.key.split(".")))
        return ConfigurationError(f"{place}: {error.key}: {error}")

    def check_arguments(self, path: KeyPath, arguments: type[BaseModel], given: Mapping[str, Any]) -> dict[str, Any]:
        """Return a builder's own arguments with every default written out; `path` is where they stand in the file."""
        return validated(arguments, dict(given), self._source, path).model_dump()

    def to_yaml(self) -> str:
        """Return the file with every default written out; loading it gives the same experiment."""
        return dump_yaml(json.loads(self.model_dump_json()), width=120)

    def resolved_run_name(self) -> str:
        """Return the run folder's name; raises ConfigurationError where the pattern makes none."""
        values = self.model_dump()

        def value(match: re.Match[str]) -> str:
            found: Any = values
            for key in match.group(1).lower().split("."):
                if not isinstance(found, dict) or key not in found:
                    raise ConfigurationError(f"'{match.group(0)}' stands for no key of the experiment.", key="run_name")
                found = found[key]
            return str(found)

        return check_run_name(re.sub(r"\{([^{}]*)\}", value, self.run_name))


def check_run_name(name: str) -> str:
    """Return the name if it can be a folder's name and nothing else; raises ConfigurationError."""
    if (
        not name
        or len(name.encode(errors="replace")) > 200
        or name[0] in "-. "
        or not all(c.isalnum() or c in "-_.=+, @" for c in name)
    ):
        shown = repr(name if len(name) <= 60 else name[:57] + "...")
        raise ConfigurationError(
            f"{shown} cannot name a run folder: use up to 200 letters, digits and - _ . = + , @, "
            "starting with a letter or digit.",
            key="run_name",
        )
    return name


def validated(schema: type[BaseModel], data: dict[str, Any], source: YamlSource, at: KeyPath = ()) -> Any:
    """Validate `data` found at `at` in the source; raises ConfigurationError with a line for every mistake."""
    try:
        return schema.model_validate(data)
    except ValidationError as error:
        lines = []
        for item in error.errors(include_url=False)[:10]:
            path = (*at, *_place_of(item, source, at))
            lines.append(f"{source.locate(path)}: {_sentence(schema, item, path, at)}")
        raise ConfigurationError("\n".join(dict.fromkeys(lines))) from None
    except UnicodeEncodeError:  # from JSON; YAML is refused where it is read
        raise ConfigurationError(f"{source.name}: half a character (a lone surrogate) is no text.") from None


def _place_of(item: Any, source: YamlSource, at: KeyPath) -> KeyPath:
    """The keys that lead to a mistake, without pydantic's words for the kinds of value that it tried."""
    path = tuple(part for part in item["loc"][:-1] if part not in ("nullable", "literal"))
    last = item["loc"][-1:]
    if item["type"] in ("extra_forbidden", "missing"):  # these end with a key, which may look like such a word
        return path + last
    path += tuple(part for part in last if part not in ("nullable", "literal"))
    while path and (*at, *path) not in source.places and isinstance(path[-1], str) and "[" in path[-1]:
        path = path[:-1]
    return path


def _sentence(schema: type[BaseModel], item: Any, path: KeyPath, at: KeyPath) -> str:
    dotted = ".".join(map(str, path)) or "the file"
    section = ".".join(map(str, path[:-1]))
    if item["type"] == "extra_forbidden":
        known = _fields_at(schema, item["loc"][:-1])
        where = f" in {section}" if section else ""
        return f"unknown key '{path[-1]}'{where}.{_home_of(str(path[-1])) or did_you_mean(str(path[-1]), known)}"
    if item["type"] == "missing":
        return f"'{path[-1]}' is missing{f' in {section}' if section else ''}."
    message = item["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    if item["type"] in ("model_type", "model_attributes_type", "dict_type"):
        message = "expected `key: value` lines"
    received = repr(item["input"])
    return f"{dotted}: {message}. Received: {received if len(received) <= 80 else received[:77] + '...'}"


def _fields_at(schema: type[BaseModel], path: tuple[str | int, ...]) -> list[str]:
    """The keys that the section at this path knows."""
    for part in path:
        annotation = schema.model_fields[part].annotation if part in schema.model_fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        schema = annotation
    return [*schema.model_fields, *(TUTORIAL_CONSTANTS if schema is Experiment else ())]


def _home_of(key: str) -> str:
    """A hint for a key that stands in the wrong section."""
    for section, info in Experiment.model_fields.items():
        if (
            isinstance(info.annotation, type)
            and issubclass(info.annotation, BaseModel)
            and key in info.annotation.model_fields
        ):
            return f" It belongs in '{section}'."
    return ""


def _move_tutorial_constants(source: YamlSource) -> None:
    """Put the constants that stand at the top level where they belong."""
    for constant, path in TUTORIAL_CONSTANTS.items():
        if constant in source.data:
            place = source.places.pop((constant,), source.name)
            if _says(source.data, path):
                raise ConfigurationError(
                    f"{place}: '{constant.upper()}' and '{'.'.join(path)}' ({source.locate(path)}) say the same twice."
                )
            _put(source, path, source.data.pop(constant), place)


def _says(data: Any, path: Iterable[str]) -> bool:
    """Whether nested dictionaries have a key; their places are no answer, because what is no file has none."""
    for part in path:
        if not isinstance(data, dict) or part not in data:
            return False
        data = data[part]
    return True


def _override(source: YamlSource, override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise UsageError(f"--set takes KEY=VALUE, such as training.batch_size=64. Received: {override!r}")
    path = tuple(key.strip().lower().split("."))
    path = TUTORIAL_CONSTANTS.get(path[0], path) if len(path) == 1 else path
    _put(source, path, parse_yaml(text, f"--set {key}").data if text.strip() else None, f"--set {override}")


def _put(source: YamlSource, path: KeyPath, value: Any, place: str) -> None:
    section = source.data
    for depth, part in enumerate(path[:-1]):
        inner = section.get(str(part))
        if inner is None:
            inner = section[str(part)] = {}
            source.places.setdefault(path[: depth + 1], place)
        if not isinstance(inner, dict):
            raise ConfigurationError(f"{place}: '{'.'.join(map(str, path[: depth + 1]))}' is no section.")
        section = inner
    section[str(path[-1])] = value
    for replaced in [known for known in source.places if known[: len(path)] == path]:
        del source.places[replaced]
    source.places[path] = place
