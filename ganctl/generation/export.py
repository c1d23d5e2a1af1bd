"""A generator as a file that other programs run, checked to draw the same images there.

Every format is written, read back and run on the same latent vectors; a file with different images is not kept. The
inputs are called `latent` (`latent_2` and so on, if there are several) and `classes`, or `image` for a generator that
makes images from images; the batch may have any size, unless one is fixed. Where the network and the format can, so may
such an image. The written generator computes in float32 and as Keras does, without ganctl's rewrites.
"""

import importlib.util
import shutil
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ganctl.build.networks import as_played
from ganctl.build.parts import Parts
from ganctl.build.resolving import with_noise_given
from ganctl.errors import GanctlError, UsageError, did_you_mean
from ganctl.game import state as game_state
from ganctl.game.inputs import CLASSES
from ganctl.generation.drawing import sample_latent
from ganctl.generation.formats import OUTPUT, Arrays, Format, Network, Quantization, Subject, formats, quantizations
from ganctl.generation.loading import TrainedGenerator, parts_of
from ganctl.generation.translator import Translator
from ganctl.host.files import is_folder, is_text, replacement_for, shown, writing
from ganctl.images.value_range import ValueRange
from ganctl.lazy import in_own_session, keras, silent_stderr
from ganctl.run_folder import checkpoint

LIMIT = 1e-4
"""Largest accepted difference from the original, for images in [-1, 1]."""
IMAGE = "image"
"""The name of the input of a generator that makes images from images."""
COMPARED = 16
"""The number of compared images in files for batches of any size."""
FEWER = (7, 1)
"""Other sizes of batches that are compared there. What is right for several images may be wrong for one."""
MOST_IN_A_BATCH = 4096
_IN_A_SAVED_MODEL = frozenset(
    ("saved_model.pb", "fingerprint.pb", "keras_metadata.pb", "variables", "assets", "assets.extra")
)
_PIXELS = "pixels = np.round((np.asarray(images) + 1) * 127.5).clip(0, 255).astype(np.uint8)"


@dataclass(frozen=True)
class Generator:
    """A generator to export.

    Attributes:
        original: the generator as `ganctl sample` runs it.
        plain: the same function with the same weights, as Keras computes it, with named inputs.
        inputs: a batch of COMPARED examples for every input, by its name and in the order of the original.
        distribution: of the latent vectors, `normal` or `uniform`.
        num_classes: how many classes it draws; 0 if it takes none.
        description: what was read.
        problems: why later checkpoints were skipped.
        alpha: the last channel is transparency, and the colours are multiplied by it.
        value_range: the values of black and white in the training images, if these were not bytes.
        any_size: the same for images of any height and width, if the network takes them.
        multiple_of: what height and width of its images must be multiples of, if they are free.
        other: a batch of images of another size, if they are free.
        batch: the number of images in each batch; None: any number.
        about: what else a file can say of it.
        further: the other directions of its model, for a file that holds them all.
    """

    original: Network
    plain: Network
    inputs: Arrays
    distribution: str
    num_classes: int
    description: str
    problems: list[str]
    alpha: bool = False
    value_range: ValueRange | None = None
    any_size: "Generator | None" = None
    multiple_of: tuple[int, int] | None = None
    other: Arrays = field(default_factory=dict)
    batch: int | None = None
    about: Subject | None = None
    further: tuple["Generator", ...] = ()

    @classmethod
    def load(
        cls,
        path: Path,
        *,
        best: bool = False,
        direction: str | None = None,
        batch: int | None = None,
        every_direction: bool = False,
    ) -> "Generator":
        """Read a run folder, checkpoint or generator file.

        Args:
            path: what to read.
            best: as in `checkpoint.find`.
            direction: the name of one of the model's samplers; None: the first.
            batch: the number of images in each batch; None: any number.
            every_direction: without `direction`, read the other ways from images to images as well.

        Raises:
            UsageError: the model has no such direction.
            GanctlError: there is none, or its layers draw noise that no input can give.
        """
        own, problems = checkpoint.find(path, best=best)
        own_parts = parts_of(own)
        found, parts = _with_noise_given(own, own_parts)
        first = cls._of(TrainedGenerator.of(found, parts, problems, direction), batch, same_seeds=parts is own_parts)
        if not every_direction or direction is not None or not first.has_directions:
            return first
        others = list(parts.model.samplers)[1:]
        ways = (TrainedGenerator.of(found, parts, problems, name) for name in others)
        further = [cls._of(way, batch, same_seeds=True) for way in ways]
        return replace(first, further=tuple(further))

    @classmethod
    def _of(cls, trained: TrainedGenerator, batch: int | None, *, same_seeds: bool) -> "Generator":
        """Make one of a trained generator; `batch` as in `load`, `same_seeds` as in `Subject`."""
        original, distribution, num_classes = trained.played, trained.distribution, trained.num_classes
        inputs = _examples(trained, batch or COMPARED)
        description = trained.description
        way = _direction_of(trained)
        named = _with_named_inputs(trained.network, inputs, batch, name=way or "exported")
        about = Subject(
            named,
            trained.parts.experiment.name,
            way,
            distribution,
            _own_names(trained.network, inputs),
            trained.drawn_names,
            num_classes,
            trained.alpha,
            same_seeds,
        )
        generator = cls(
            original,
            named,
            inputs,
            distribution,
            num_classes,
            description,
            list(trained.problems),
            trained.alpha,
            trained.value_range,
            batch=batch,
            about=about,
        )
        if trained.sampler.takes:
            generator = replace(generator, any_size=_of_any_size(generator, trained))
        if np.abs(generator.draw(inputs) - generator.draw(inputs)).max() > LIMIT:
            raise GanctlError(
                f"The generator of {trained.parts.experiment.name} draws its own noise and cannot be exported: the "
                "file could not be checked against it. A model can register `noise_given=`, the arguments with which "
                "it takes that noise as an input."
            )
        return generator

    @property
    def has_directions(self) -> bool:
        """Whether its model makes images from images in several ways."""
        return self.about is not None and bool(self.about.direction)

    @property
    def subject(self) -> Subject:
        """What a file can say of it."""
        about = self.about or Subject(self.plain, self.description, num_classes=self.num_classes)
        return replace(about, network=self.plain)

    def batches(self) -> list[Arrays]:
        """The inputs that are compared: several numbers of images, and another size, where these are free."""
        fewer = [] if self.batch else [{key: each[:n] for key, each in self.inputs.items()} for n in FEWER]
        return [self.inputs, *fewer, *([self.other] if self.other else [])]

    def draw(self, inputs: Arrays) -> np.ndarray:
        """Return the original's images, float32 [N, H, W, C], -1 is black and 1 white; some go beyond (r3gan's)."""
        values = list(inputs.values())
        images: np.ndarray = self.original(values if len(values) > 1 else values[0], training=False).numpy()
        return images


@dataclass(frozen=True, repr=False)
class Exported:
    """An exported file that was checked. Printed, or shown by a notebook, this explains how to use it.

    Attributes:
        path: its path.
        format: name of its format.
        difference: the largest difference from the original.
        inputs: shape and type of every input; the batch is None unless it is fixed.
        image_shape: height, width and channels of the images; height and width are None if they are free.
        usage: lines of Python that run it.
        description: what was exported.
        size: of the file, or of all files of the folder, in bytes.
        quantized: the weights have fewer bits, and this is what it costs; None: they are float32.
        beyond: what else than the format's own program is needed to load the file: lines of text.
        multiple_of: what height and width of input images must be multiples of, if they are free.
        opening: how a person opens it, if that is not told by lines of Python.
    """

    path: Path
    format: str
    difference: float
    inputs: dict[str, tuple[list[int | None], str]]
    image_shape: list[int | None]
    usage: list[str]
    description: str
    size: int
    quantized: "Quantized | None" = None
    beyond: list[str] = field(default_factory=list)
    multiple_of: tuple[int, int] | None = None
    opening: str = ""

    def __str__(self) -> str:
        accuracy = f"largest difference from the original: {self.difference:.2g} (at most {LIMIT:g}), images in [-1, 1]"
        lines = [
            f"{self.description}: {self.path}",
            str(self.quantized) if self.quantized else accuracy,
            f"size: {self.size:,} bytes",
            *self.beyond,
            *([self.opening] if self.opening else []),
            "To use it in Python:\n",
            *(f"    {line}" for line in self.usage),
        ]
        return "\n".join(lines)

    __repr__ = __str__

    def facts(self) -> dict[str, Any]:
        """Return what `--json` prints. Images range from black at -1 to white at 1; clip values outside."""
        shape = [next(iter(self.inputs.values()))[0][0], *self.image_shape]
        output = {"name": OUTPUT, "shape": shape, "dtype": "float32", "range": [-1, 1], "clip": True}
        return {
            "path": str(self.path),
            "format": self.format,
            "largest_difference": self.difference,
            "bytes": self.size,
            **({"quantization": self.quantized.facts()} if self.quantized else {}),
            **({"beyond": self.beyond} if self.beyond else {}),
            "inputs": {name: self._input_facts(name) for name in self.inputs},
            "output": output,
            "usage": self.usage,
            **({"opening": self.opening} if self.opening else {}),
        }

    def _input_facts(self, name: str) -> dict[str, Any]:
        shape, dtype = self.inputs[name]
        facts: dict[str, Any] = {"shape": shape, "dtype": dtype}
        if name == IMAGE:
            facts["range"] = [-1, 1]
            if self.multiple_of:
                facts["multiple_of"] = list(self.multiple_of)
        return facts


@dataclass(frozen=True)
class Quantized:
    """What weights of fewer bits cost. Differences are in grey levels of 256, from the generator in float32.

    Attributes:
        name: of the quantization.
        largest: the largest difference of a pixel.
        mean: the mean difference.
        limits: the largest accepted ones.
    """

    name: str
    largest: float
    mean: float
    limits: Quantization

    def __str__(self) -> str:
        return (
            f"{self.name}: differs from float32 by {self.mean:.2g} grey levels of 256 on average (at most "
            f"{self.limits.mean:g}), by {self.largest:.2g} in one pixel (at most {self.limits.largest:g})"
        )

    def acceptable(self) -> bool:
        """Whether the images are near enough; they are not where one is NaN."""
        return self.largest <= self.limits.largest and self.mean <= self.limits.mean

    def facts(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        limits = {"largest_levels": self.limits.largest, "mean_levels": self.limits.mean}
        return {"name": self.name, "largest_levels": self.largest, "mean_levels": self.mean, "limits": limits}


def export(generator: Generator, name: str, path: Path | None = None, quantization: str | None = None) -> Exported:
    """Write a generator, run the written file, and keep it only if it draws the same images.

    Args:
        generator: what to write.
        name: of the format.
        path: where; by default `generator` with the format's ending, in the current folder.
        quantization: the name of one of the format's quantizations; None: float32.

    Raises:
        UsageError: the path does not suit the format, or packages are missing, or the format has no batches of a fixed
            size or no such quantization.
        GanctlError: it cannot be written in this format, or draws other images there; nothing is left behind.
    """
    kind, path = formats()[name], check_output(name, path)
    check_choices(name, generator.batch, quantization)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacement_for(path, kind.suffix) as temporary:
            generator, comparison = _written(generator, kind, quantization, temporary)
            files = temporary.rglob("*") if temporary.is_dir() else [temporary]
            size = sum(file.stat().st_size for file in files if file.is_file())
            if path.is_dir():
                shutil.rmtree(path)
    # The inputs of the plain network have these names, and the examples their order.
    shapes = {tensor.name: list(tensor.shape) for tensor in generator.plain.inputs}
    inputs = {key: (shapes[key], str(array.dtype)) for key, array in generator.inputs.items()}
    reading, drawing = kind.usage(generator.plain, path)
    usage = ["import numpy as np", *reading, *_lines_for_inputs(generator), *drawing, *_lines_for_pixels(generator)]
    image_shape = list(generator.plain.output.shape[1:])
    return Exported(
        path,
        name,
        comparison.difference,
        inputs,
        image_shape,
        usage,
        generator.description,
        size,
        comparison.quantized,
        kind.beyond(generator.plain),
        generator.multiple_of,
        kind.opening,
    )


def check_choices(name: str, batch: int | None, quantization: str | None) -> None:
    """Raise UsageError, before anything is loaded, if a format does not have what is asked of it."""
    kind = formats()[name]
    if batch is not None and kind.any_batch:
        able = ", ".join(key for key, each in formats().items() if not each.any_batch)
        raise UsageError(
            f"batch: a file of the format {name} takes any number of inputs, and none can be fixed. Leave it out, or "
            f"choose another format: {able}."
        )
    if batch is not None and not 1 <= batch <= MOST_IN_A_BATCH:
        raise UsageError(f"batch must be a number from 1 to {MOST_IN_A_BATCH:,}. Received: {batch:,}")
    if quantization is None or quantization in kind.quantizations:
        return
    able = ", ".join(key for key, each in formats().items() if quantization in each.quantizations)
    if not able:
        known = quantizations()
        raise UsageError(
            f"quantization must be one of {', '.join(map(repr, known))}. Received: {quantization!r}."
            f"{did_you_mean(quantization, known)}"
        )
    raise UsageError(f"quantization: the format {name} has no {quantization}. Leave it out, or choose {able}.")


def check_output(name: str, path: Path | None = None) -> Path:
    """Return the path to write a format to; raises UsageError, before anything is loaded, if that cannot work."""
    kind = formats()[name]
    path = path or Path(f"generator{kind.suffix}" if kind.suffix else f"generator_{name}")
    missing = [package for package in kind.needs if importlib.util.find_spec(package) is None]
    if missing:
        raise UsageError(f"--format {name} needs {', '.join(missing)}. Install it: pip install 'ganctl[{kind.extra}]'")
    if not is_text(path):
        raise UsageError(f"{shown(path.absolute())} is not valid UTF-8, which some formats require. Rename it.")
    at_a_folder = is_folder(path)  # first, because nothing else can be asked about a name that is too long
    if path.is_symlink() and not kind.suffix:
        raise UsageError(f"{path} is a link, which a folder cannot replace. Choose another --output.")
    if path.suffix.lower() != kind.suffix and kind.suffix:
        raise UsageError(f"--format {name} writes FILE{kind.suffix}. Received: {path}")
    if at_a_folder and kind.suffix:
        raise UsageError(f"{path} is a folder. Choose another --output.")
    if not kind.suffix and path.exists():
        if not (path / "saved_model.pb").is_file():
            raise UsageError(f"{path} already exists and is not a {name}. Choose another --output.")
        foreign = sorted({entry.name for entry in path.iterdir()} - _IN_A_SAVED_MODEL)
        if foreign:  # all of it would be removed
            intruder = f"{foreign[0]}, which does not belong to a {name}"
            raise UsageError(f"{path} contains {intruder}. Choose another --output.")
    return path


@dataclass(frozen=True)
class _Comparison:
    """How far from the original a file draws: at most, for images in [-1, 1]; and what a quantization costs."""

    difference: float
    quantized: Quantized | None = None


def _written(generator: Generator, kind: Format, quantization: str | None, path: Path) -> tuple[Generator, _Comparison]:
    """Write a generator, for images of any size if it and the format can, and return what was written, checked.

    Returns:
        The generator whose network is in the file, and how far from it the file draws.
    """
    if generator.any_size and kind.any_size:
        with suppress(GanctlError):  # a converter may need to know the size of some layer's images
            return generator.any_size, _written_and_compared(generator.any_size, kind, quantization, path)
        if path.is_dir():
            shutil.rmtree(path)
    return generator, _written_and_compared(generator, kind, quantization, path)


def _of_any_size(generator: Generator, trained: TrainedGenerator) -> Generator | None:
    """The generator for images of any size; None if it only takes those of its own."""
    translator = Translator(trained)
    network, sides = translator.free_network, translator.sides
    if network is None or sides is None:
        return None
    height, width, channels = trained.taken_shape
    count = generator.batch or COMPARED // 4
    larger = (count, height + sides.step[0], width + 2 * sides.step[1], channels)
    return replace(
        generator,
        original=in_own_session(lambda: as_played(network, trained.parts.experiment)),
        plain=_with_named_inputs(network, generator.inputs, generator.batch, sizes_free=True),
        multiple_of=sides.step,
        other={IMAGE: np.random.default_rng(1).uniform(-1.0, 1.0, larger).astype(np.float32)},
    )


def _written_and_compared(generator: Generator, kind: Format, quantization: str | None, path: Path) -> _Comparison:
    """Write, run the written file, and return how far off it draws; raises GanctlError where that is too far."""
    limits = kind.quantizations[quantization] if quantization else None
    parts = (generator, *generator.further)
    batches = [(part, inputs) for part in parts for inputs in part.batches()]
    failure: Exception | None = None
    drawn: list[np.ndarray] = []
    with silent_stderr():  # converters are noisy
        try:
            if kind.write_all:
                kind.write_all([part.subject for part in parts], path)
            else:
                (limits or kind).write(generator.plain, path)
            drawn = [images for part in parts for images in kind.run(part.plain, path, part.batches())]
        except Exception as error:
            failure = error
    if isinstance(failure, OSError) and failure.errno:
        raise failure
    if failure:
        first = (str(failure).strip() or type(failure).__name__).splitlines()[0]
        raise GanctlError(f"This generator cannot be exported as {kind.name}: {first}") from failure
    differences: list[np.ndarray] = []
    for (part, inputs), images in zip(batches, drawn, strict=True):
        expected = part.draw(inputs)
        if images.shape != expected.shape:
            raise GanctlError(f"The {kind.name} file draws {images.shape} where the generator draws {expected.shape}.")
        # What a quantized file is judged by is what can be seen.
        both = [
            each.astype(np.float64).clip(-1, 1) if limits else each.astype(np.float64) for each in (images, expected)
        ]
        differences.append(np.abs(both[0] - both[1]).ravel())
    largest = float(np.max([each.max() for each in differences]))  # NaN where one is
    if limits and quantization:
        quantized = Quantized(quantization, 127.5 * largest, 127.5 * float(differences[0].mean()), limits)
        if not quantized.acceptable():
            raise GanctlError(f"{quantized}. The file was removed. Export this generator with its weights in float32.")
        return _Comparison(largest, quantized)
    if not largest <= LIMIT:  # also if it is NaN
        raise GanctlError(
            f"The {kind.name} file draws different images from the generator: the largest difference is "
            f"{largest:.3g}, more than {LIMIT:g}. The file was removed."
        )
    return _Comparison(largest)


def _with_noise_given(found: checkpoint.Checkpoint, parts: Parts) -> tuple[checkpoint.Checkpoint, Parts]:
    """The same weights in a network that takes as an input what it would otherwise draw itself."""
    changed = with_noise_given(parts)
    if changed is parts:
        return found, parts
    role = str(found.facts.get("generator", "generator"))
    groups = {**found.groups, role: game_state.without_seeds(found.generator)}
    return checkpoint.Checkpoint(found.path, found.facts, groups), changed


def _examples(trained: TrainedGenerator, count: int) -> Arrays:
    """A batch for every input by name, in the generator's order."""
    if trained.sampler.takes:
        shape = trained.taken_shape
        return {IMAGE: np.random.default_rng(0).uniform(-1.0, 1.0, (count, *shape)).astype(np.float32)}
    return _drawn_inputs(trained.network, trained.distribution, trained.num_classes, count)


def _drawn_inputs(generator: Network, distribution: str, num_classes: int, count: int = COMPARED) -> Arrays:
    """Latent vectors and classes for a generator that makes images from noise."""
    vectors = iter(sample_latent(generator, count, 0, distribution))
    inputs: Arrays = {}
    for tensor in generator.inputs:
        if tensor.name == CLASSES:
            classes = np.arange(count) % num_classes
            whole = "int" in tensor.dtype
            inputs[CLASSES] = (
                classes[:, None].astype(tensor.dtype) if whole else np.eye(num_classes, dtype="f")[classes]
            )
        else:
            number = len(inputs) + 1 - (CLASSES in inputs)
            inputs["latent" if number == 1 else f"latent_{number}"] = next(vectors)
    return inputs


def _direction_of(trained: TrainedGenerator) -> str:
    """The name of the way from images to images that a trained generator goes; empty if there is only one."""
    ways = trained.parts.model.samplers
    if not trained.sampler.takes or len(ways) == 1:
        return ""
    return next(name for name, sampler in ways.items() if sampler is trained.sampler)


def _own_names(network: Network, inputs: Arrays) -> dict[str, str]:
    """The names that a network itself gives the inputs of these names; none if it does not list its inputs."""
    tensors = getattr(network, "inputs", None) or []
    return {name: tensor.name for name, tensor in zip(inputs, tensors, strict=bool(tensors))}


def _with_named_inputs(
    generator: Network, inputs: Arrays, batch: int | None, *, name: str = "exported", sizes_free: bool = False
) -> Network:
    """The generator behind inputs of these names: one tensor, or a dictionary.

    Args:
        generator: any Keras model; one of a user's own class does not list its inputs.
        inputs: examples, in the generator's order.
        batch: the number of images in each batch; None: any number.
        name: of the returned model.
        sizes_free: the inputs are images of any height and width.
    """
    tensors = {}
    for key, array in inputs.items():
        sides = (None, None, array.shape[-1]) if sizes_free else array.shape[1:]
        tensors[key] = keras.Input(batch_shape=(batch, *sides), dtype=str(array.dtype), name=key)
    values = list(tensors.values())
    if len(values) == 1:
        return keras.Model(values[0], generator(values[0]), name=name)
    return keras.Model(tensors, generator(values), name=name)


def _lines_for_pixels(generator: Generator) -> list[str]:
    """Lines of Python that make what `ganctl sample` writes of the images: values, pixels, or pixels with alpha."""
    if generator.alpha:
        return [
            _PIXELS,
            "colour, alpha = pixels[..., :-1].astype(int), pixels[..., -1:].astype(int)  # colour times alpha",
            "colour = np.minimum((colour * 255 + alpha // 2) // np.maximum(alpha, 1), 255)",
            "pixels = np.concatenate([colour, alpha], axis=-1).astype(np.uint8)",
        ]
    if generator.value_range:
        black, white = generator.value_range.black, generator.value_range.white
        return [_PIXELS, f"values = {black!r} + (np.asarray(images) + 1) * {(white - black) / 2!r}"]
    return [_PIXELS]


def _lines_for_inputs(generator: Generator) -> list[str]:
    """Lines of Python that make inputs for a batch, by default of sixteen images, called as the inputs are."""
    count = generator.batch or COMPARED
    lines = ["random = np.random.default_rng(0)"]
    if IMAGE in generator.inputs:
        size = "of this size"
        if generator.multiple_of:
            size = "of any height and width"
            if generator.multiple_of != (1, 1):
                size += f" that are multiples of {' and '.join(map(str, dict.fromkeys(generator.multiple_of)))}"
        lines.append(f"# Instead of noise, images {size}: pixels / 127.5 - 1, so black is -1 and white is 1.")
    for name, array in generator.inputs.items():
        shape = [count, *array.shape[1:]]
        if name == CLASSES and array.shape[1:] == (1,):
            lines.append(f"{name} = random.integers(0, {generator.num_classes}, {shape}).astype(np.{array.dtype})")
        elif name == IMAGE:
            lines.append(f"{name} = random.uniform(-1, 1, {shape}).astype(np.float32)")
        elif name == CLASSES:
            chosen = f"random.integers(0, {generator.num_classes}, {count})"
            lines.append(f"{name} = np.eye({generator.num_classes}, dtype=np.{array.dtype})[{chosen}]")
        elif generator.distribution == "normal":
            lines.append(f"{name} = random.standard_normal({shape}, dtype=np.float32)")
        else:
            lines.append(f"{name} = random.uniform(-1, 1, {shape}).astype(np.float32)")
    return lines
