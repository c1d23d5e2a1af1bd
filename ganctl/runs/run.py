"""`Run`: a trained run, and what can be done with it; `load` opens one."""

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ganctl.build import resolving
from ganctl.diagnosis.doctor import Examination, examine
from ganctl.errors import UsageError
from ganctl.generation import drawing
from ganctl.generation.codes import SetCodes
from ganctl.generation.drawing import sample_latent
from ganctl.generation.export import Exported
from ganctl.generation.found_directions import (
    STRENGTH,
    FoundDirections,
    check_strips,
    find_directions,
    write_strips,
)
from ganctl.generation.given_pictures import read_in_memory
from ganctl.generation.image_scores import Scores
from ganctl.generation.latents import as_vectors, check_length, checked_latents, for_samples, latent_size, read_latents
from ganctl.generation.loading import TrainedGenerator, parts_of
from ganctl.generation.mixing import Mixing
from ganctl.generation.reconstructing import Reconstruction, Reconstructor
from ganctl.generation.translating import translate_in_memory
from ganctl.generation.translator import Translator
from ganctl.generation.walk_request import WalkRequest, saved_direction
from ganctl.host.device import select_device
from ganctl.images.bands import straight
from ganctl.images.notebook import ImageList, Images
from ganctl.run_folder import checkpoint
from ganctl.run_folder.losses_csv import read_losses
from ganctl.run_folder.metrics_csv import read_metrics
from ganctl.run_folder.paths import RunFolder
from ganctl.runs.arguments import (
    Against,
    AnyPath,
    Category,
    Classes,
    Codes,
    Count,
    Direction,
    Features,
    Flag,
    Latents,
    OptionalCount,
    OptionalPath,
    OptionalPoints,
    OptionalStrength,
    OptionalText,
    Overrides,
    Pairs,
    Pictures,
    Plugins,
    Samples,
    Seed,
    Seeds,
    Strength,
    Text,
    Truncation,
    ValueRange,
    checked,
)
from ganctl.runs.calls import permitted_plugins, user_path, warn_of
from ganctl.runs.exporting import export
from ganctl.runs.overrides import as_settings
from ganctl.runs.scoring import evaluate
from ganctl.training import run as training
from ganctl.training.console import TrainingConsole


@checked
def load(path: AnyPath, *, best: Flag = False, plugins: Plugins = (), allow_plugins: Flag = False) -> "Run":
    """Open a run folder, a checkpoint or a generator file, as `ganctl sample` does.

    Args:
        path: the run folder, checkpoint or generator file.
        best: use a run's checkpoint with the lowest KID instead of the latest.
        plugins: Python files that the run needs.
        allow_plugins: also run the plugins that it names.

    Raises:
        GanctlError: it does not exist, or cannot be read. A damaged checkpoint is only a warning if an older one is
            intact.

    Example:
        >>> ganctl.load("outputs/quickstart").sample(64, truncation=0.7)
    """
    run = Run(user_path(path), best=best, plugins=plugins, allow_plugins=allow_plugins)
    _ = run.generator
    return run


class Run:
    """A run, or a part of one: a checkpoint or a generator file.

    Args:
        path: the run folder, checkpoint or generator file.
        best: draw from a run's checkpoint with the lowest KID instead of the latest.
        plugins: Python files that the run needs.
        allow_plugins: also run the plugins that it names.
    """

    def __init__(self, path: Path, *, best: bool = False, plugins: Plugins = (), allow_plugins: bool = False) -> None:
        self.path = path
        self._best, self._plugins, self._allow_plugins = best, plugins, allow_plugins
        self._translators: dict[str | None, Translator] = {}

    def __repr__(self) -> str:
        return f"<ganctl run {str(self.path)!r}>"

    @property
    def generator(self) -> Any:
        """The Keras model that samples are drawn from (the EMA, if there is one), in float32."""
        return self._trained.network

    @property
    def config(self) -> dict[str, Any]:
        """The resolved experiment, every default written out."""
        return self._trained.parts.experiment.model_dump(mode="json")

    @property
    def step(self) -> int:
        """The number of iterations that the generator was trained for."""
        return self._trained.step

    @property
    def class_names(self) -> list[str]:
        """The class names of the training images; empty without labels."""
        return list(self._trained.class_names)

    @property
    def losses(self) -> dict[str, np.ndarray]:
        """The columns of losses.csv, one value per iteration; NaN where nothing was measured."""
        path = RunFolder.open(self.path).losses
        return read_losses(path).measured() if path.is_file() else {}

    def doctor(self) -> Examination:
        """Say what is wrong with the run, since when, and what to change, as `ganctl doctor` does.

        Returns:
            The findings, the worst first, each with its evidence and advice; printed, the text of the command.

        Raises:
            GanctlError: this is not a run folder, or it has no iterations yet.

        Example:
            >>> [finding.name for finding in run.doctor().findings]
        """
        return examine(self.path)

    @property
    def metrics(self) -> dict[str, np.ndarray]:
        """The columns of metrics.csv, one value per evaluation; NaN, or an empty string, where nothing was measured."""
        return _columns(read_metrics(RunFolder.open(self.path).metrics))

    @checked
    def sample(
        self,
        num: OptionalCount = None,
        *,
        classes: Classes = None,
        seed: Seed = 0,
        truncation: Truncation = None,
        values: Flag = False,
        latents: Latents = None,
        codes: Codes = None,
        category: Category = None,
    ) -> Images:
        """Draw images, the same as `ganctl sample` draws.

        Args:
            num: number of images, at most 10,000,000; by default 64, or one for each of `latents`; with a sweep of
                `codes`, 90, or 9 for each.
            classes: numbers or names of the classes to draw in rotation, from a class-conditional generator; by default
                all.
            seed: of the latent vectors.
            truncation: the truncation trick: resample entries of normal latent vectors outside ±truncation.
            values: return values in the range of the training images instead of uint8, if these were not bytes.
            latents: draw from these latent vectors instead: an array [N, size], or the path of an npz or npy.
            codes: codes of infogan to set, by number: to a value, or to the two ends of a sweep of 9 images with
                everything else fixed, such as {0: (-2, 2), 1: 0.5}. A second sweep gives 9 x 9 images.
            category: number of the category to draw, or a list to draw in rotation, of a model that finds its
                categories itself, such as infogan.

        Returns:
            uint8 [num, H, W, C]; displayed as a grid in a notebook. With `values`, float32. Of a sweep,
            `.reshape(-1, 9, *images.shape[1:])` is displayed with a row for each.

        Raises:
            GanctlError: an argument is invalid, or the generator does not support such classes or truncation.

        Example:
            >>> run.sample(16, classes=[3, 7], truncation=0.7)
            >>> run.sample(codes={0: (-2, 2)}, category=3)
        """
        trained, settings, given = self._trained, SetCodes(codes or {}), None
        if latents is not None:
            trained.check_draws_from_noise()
            given = for_samples(_given_latents(latents), num, truncation, "latents", settings.of_each)
            check_length(given, self.generator, "latents")
        num = num or settings.usual_count(None if given is None else len(given))
        drawing.check_count("num", num)
        if category is not None:
            if classes is not None:
                raise UsageError("classes and category exclude each other. Give one of them.")
            trained.check_finds_categories()
            classes = category
        if settings.given:
            numbers = trained.classes(classes)
            samples = settings.samples(trained, num, numbers, seed=seed, truncation=truncation, given=given)
            given, classes = samples.vectors, samples.classes or None
        drawn = np.concatenate(list(trained.draw(num, seed, classes, truncation, values=values, latents=given)))
        return Images.of(straight(drawn) if trained.alpha and not values else drawn)

    @checked
    def translate(self, pictures: Pictures, direction: OptionalText = None) -> Images | ImageList:
        """Put pictures of any size through a model that makes pictures from pictures, as `ganctl translate` does.

        Args:
            pictures: uint8 images [N, H, W, C]; one image [H, W, C] or [H, W]; the path of a picture, a folder, an
                archive or an npz, or a pattern such as `photos/*.jpg`; or a list of images and paths.
            direction: of a model that has several, such as `a_to_b` or `b_to_a` of CycleGAN; by default the first.

        Returns:
            uint8 [N, H', W', C'], or [H', W', C'] for one image; a list of images, if their sizes differ. Displayed as
            pictures in a notebook.

        Raises:
            GanctlError: an argument is invalid, a picture cannot be read, or the run draws from noise.

        Example:
            >>> run.translate("photos/*.jpg")
        """
        if direction not in self._translators:
            with permitted_plugins(self._plugins, self._allow_plugins):
                trained = self._trained
                if direction is not None:
                    trained = TrainedGenerator.of(trained.source, trained.parts, direction=direction)
                self._translators[direction] = Translator(trained)
        translator = self._translators[direction]
        made = translate_in_memory(translator, pictures, translator.reading)
        return ImageList(map(Images.of, made)) if isinstance(made, list) else Images.of(made)

    @checked
    def reconstruct(
        self,
        pictures: Pictures,
        *,
        steps: OptionalCount = None,
        classes: Classes = None,
        seed: Seed = 0,
        quiet: Flag = False,
    ) -> Reconstruction:
        """Find the latent vectors of pictures and draw the pictures again from them, as `ganctl reconstruct` does.

        Args:
            pictures: as for `translate`; resized as the training images were.
            steps: steps of gradient descent towards the picture; by default 200, or none if the model has an encoder.
            classes: classes to try by number or name, for a class-conditional generator; the nearest is kept. By
                default all.
            seed: of the samples that the descent begins with.
            quiet: do not show progress.

        Returns:
            `latents` [N, size] for `sample` and `interpolate`, the `pictures` and the `images` made of them, uint8
            [N, H, W, C], and their error beside two baselines in `values`; printed, the figures, and displayed, each
            picture above its reconstruction.

        Raises:
            GanctlError: an argument is invalid, a picture cannot be read, or the run makes pictures from pictures.

        Example:
            >>> found = run.reconstruct(["me.png", "you.png"])
            >>> run.interpolate(latents=found.latents)
        """
        with permitted_plugins(self._plugins, self._allow_plugins):
            reconstructor = Reconstructor(self._trained, steps, classes, seed)
            read = list(read_in_memory(pictures, reconstructor.reading)[0])
            prepared = [reconstructor.prepared(pixels, picture.origin) for picture, pixels in read]
            track = TrainingConsole(quiet=quiet).track
            found = reconstructor.of([picture for picture, _ in read], prepared, track)
        return replace(found, images=Images.of(found.images), pictures=Images.of(found.pictures))

    @checked
    def latents(self, num: Count = 64, *, seed: Seed = 0, truncation: Truncation = None) -> np.ndarray:
        """Return the latent vectors of the images that `sample` draws.

        Args:
            num: number of vectors.
            seed: as for `sample`.
            truncation: as for `sample`.

        Returns:
            float32 [num, size]; those of several latent inputs one after the other.

        Raises:
            GanctlError: an argument is invalid, or the generator does not take latent vectors.

        Example:
            >>> first, second = run.latents(2)
            >>> run.sample(latents=[(first + second) / 2**0.5])
        """
        self._trained.check_draws_from_noise()
        latent_size(self.generator)
        drawing.check_count("num", num)
        drawing.check_truncation(self.generator, self._trained.distribution, truncation)
        return as_vectors(sample_latent(self.generator, num, seed, self._trained.distribution, truncation))

    @checked
    def mix(
        self,
        rows: Count = 4,
        columns: Count = 6,
        *,
        at: OptionalCount = None,
        seed: Seed = 0,
        classes: Classes = None,
        truncation: Truncation = None,
    ) -> Images:
        """Mix the coarse noise of samples with the fine noise of others, as `ganctl mix` does.

        Args:
            rows: number of samples that give the coarse noise, and the class: the first that `sample` draws.
            columns: number of samples that give the fine noise: the next ones.
            at: how many latent inputs, from the first, are the coarse noise; by default half of them.
            seed: as for `sample`.
            classes: as for `sample`.
            truncation: as for `sample`.

        Returns:
            uint8 [rows + 1, columns + 1, H, W, C]: the samples of the rows in the first column, those of the columns in
            the first row, the mixtures within; the corner is white. Displayed as a picture in a notebook.

        Raises:
            GanctlError: an argument is invalid, or the generator takes noise at one depth only.

        Example:
            >>> run.mix(4, 6)
        """
        mixing = Mixing.of(self._trained, rows, columns, at=at, seed=seed, classes=classes, truncation=truncation)
        table = mixing.table()
        return Images.of(straight(table) if self._trained.alpha else table)

    @checked
    def interpolate(
        self,
        rows: OptionalCount = None,
        *,
        points: OptionalPoints = None,
        frames: Count = 8,
        classes: Classes = None,
        seed: Seed = 0,
        seeds: Seeds = None,
        latents: Latents = None,
        direction: Direction = None,
        strength: OptionalStrength = None,
        truncation: Truncation = None,
        loop: Flag = True,
    ) -> Images:
        """Walk through latent space, as `ganctl interpolate` does.

        Args:
            rows: number of walks; by default one per class, but at most 20 if `classes` is left out. Without classes: 1
                with `seeds`, as many as `latents` has, otherwise 4.
            points: number of images on each walk; by default 4.
            frames: number of frames from one image to the next.
            classes: the class of each walk by number or name, from a class-conditional generator; by default all.
            seed: of the latent vectors.
            seeds: walk from the first images of one seed to those of the next instead.
            latents: walk through these latent vectors instead, an array [points, size] or [rows, points, size], or the
                path of an npz or npy.
            direction: walk along a direction to both sides of each image and back: a vector [size], such as a row of
                `directions().vectors`; or the number or name of one that `ganctl directions` wrote.
            strength: how far that goes to each side, in standard deviations of the latent vectors; by default 3.
            truncation: as for `sample`; also between the images.
            loop: walk from the last image back to the first.

        Returns:
            uint8 [rows, N, H, W, C], N = points * frames, or (points - 1) * frames + 1 without `loop`; displayed with a
            row per walk in a notebook.

        Raises:
            GanctlError: an argument is invalid, or the generator does not take latent vectors.

        Example:
            >>> run.interpolate(rows=4, points=3, frames=6)
            >>> run.interpolate(direction=run.directions().vectors[0])
        """
        trained = self._trained
        along = direction
        if isinstance(direction, int | str):
            along, note = saved_direction(direction, self.path, trained)
            warn_of([note] if note else [])
        elif direction is not None:
            along = checked_latents([direction], "direction")[0]
        request = WalkRequest(
            rows,
            points,
            seed,
            seeds,
            None if latents is None else _given_latents(latents),
            direction=along,
            strength=strength,
            classes=classes,
            truncation=truncation,
            loop=loop,
        )
        drawing.check_count("rows x points x frames", (rows or 1) * request.frame_count(frames))
        walks = request.of(trained)
        drawing.check_count("rows x points x frames", walks.rows * request.frame_count(frames))
        return Images.of(np.stack(list(walks.frames(frames)), axis=1))

    @checked
    def directions(
        self,
        count: Count = 8,
        *,
        method: Text = "sefa",
        between: Pairs = (),
        strength: Strength = STRENGTH,
        seed: Seed = 0,
        classifier: Flag = True,
        output: OptionalPath = None,
        quiet: Flag = False,
    ) -> FoundDirections:
        """Find directions in latent space along which the images change most, as `ganctl directions` does.

        Args:
            count: the most directions; `between` adds others.
            method: `sefa`, eigenvectors of the first layer's weights; or `ganspace`, principal components of the first
                features of 10,000 samples.
            between: pairs of classes, each of which gives one more direction, for a generator that takes no classes but
                was trained on labelled images.
            strength: how far the measured images are to each side, in standard deviations of the latent vectors.
            seed: of the samples.
            classifier: say what the directions do to classes, by a classifier that is trained once on the labels of the
                training images.
            output: folder to write directions.npz and the strips to; by default nothing is written.
            quiet: do not show progress.

        Returns:
            The directions: `vectors` [count, size], their names, and what each does; printed or displayed, a table.

        Raises:
            GanctlError: an argument is invalid, or the generator does not take latent vectors.

        Example:
            >>> found = run.directions(between=[("sandal", "sneaker")])
            >>> run.interpolate(direction=found.vectors[-1])
        """
        track = TrainingConsole(quiet=quiet).track
        with permitted_plugins(self._plugins, self._allow_plugins):
            if output is not None:
                check_strips(self._trained, user_path(output))
            found = find_directions(
                self._trained,
                track,
                method=method,
                count=count,
                between=between,
                strength=strength,
                seed=seed,
                classifier=classifier,
            )
            if output is not None:
                write_strips(self._trained, found, user_path(output), track, seed=seed)
        warn_of(found.notes)
        return found

    @checked
    def resume(
        self, overrides: Overrides = (), *, allow_changes: Flag = False, device: Text = "auto", quiet: Flag = False
    ) -> "Run":
        """Continue the run from its latest checkpoint, as `ganctl resume` does.

        Args:
            overrides: keys to override, `{"training.iterations": 20_000}`; most others need `allow_changes`.
            allow_changes: continue even though settings changed.
            device: as for `train`.
            quiet: print nothing.

        Returns:
            The run, after training.

        Raises:
            GanctlError: as for `train`.

        Example:
            >>> run = run.resume({"training.iterations": 20_000})
        """
        folder = RunFolder.open(self.path)
        settings = as_settings(overrides)
        with permitted_plugins(self._plugins, self._allow_plugins):
            parts = resolving.load_parts(folder.config, tuple(settings))
            training.refuse_changes(settings, allow_changes=allow_changes)
            command = ["ganctl.resume", str(self.path), *settings]
            training.resume(
                folder, parts, TrainingConsole(quiet=quiet), command, allow_changes=allow_changes, device=device
            )
        return Run(self.path, best=self._best, plugins=self._plugins, allow_plugins=self._allow_plugins)

    @checked
    def evaluate(
        self,
        *,
        against: Against = None,
        num: Samples = 10_000,
        features: Features = "auto",
        inception_graph: OptionalPath = None,
        seed: Seed = 0,
        pairs: OptionalPath = None,
        value_range: ValueRange = "auto",
        device: Text = "auto",
        quiet: Flag = False,
    ) -> Scores:
        """Score samples of the run, as `ganctl.evaluate` does, with the same arguments.

        Example:
            >>> run.evaluate(num=2000).values["kid"]
        """
        return evaluate(
            self.path,
            against=against,
            num=num,
            features=features,
            inception_graph=inception_graph,
            seed=seed,
            best=self._best,
            pairs=pairs,
            value_range=value_range,
            device=device,
            plugins=self._plugins,
            allow_plugins=self._allow_plugins,
            quiet=quiet,
        )

    @checked
    def export(
        self,
        format: Text,
        output: OptionalPath = None,
        *,
        batch: OptionalCount = None,
        quantization: OptionalText = None,
        direction: OptionalText = None,
    ) -> Exported:
        """Export the generator for use in other programs, as `ganctl.export` does, with the same arguments.

        Example:
            >>> run.export("onnx")
        """
        return export(
            self.path,
            format,
            output,
            batch=batch,
            quantization=quantization,
            direction=direction,
            best=self._best,
            plugins=self._plugins,
            allow_plugins=self._allow_plugins,
        )

    @cached_property
    def _trained(self) -> TrainedGenerator:
        with permitted_plugins(self._plugins, self._allow_plugins):
            found, problems = checkpoint.find(self.path, best=self._best)
            select_device("auto")  # before the first tensor, because a process keeps the device of that
            warn_of(f"skipped: {problem}" for problem in problems)
            return TrainedGenerator.of(found, parts_of(found), problems)

    def _classes(self, classes: Sequence[int | str] | None) -> list[int]:
        return self._trained.classes(classes)


def _given_latents(latents: Any) -> np.ndarray:
    """Return latent vectors given as an array or as the path of a file."""
    if isinstance(latents, str | os.PathLike):
        return read_latents(user_path(latents))
    return checked_latents(latents, "latents")


def _columns(rows: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name) for row in rows] for name in names}
    texts = {name for name, values in columns.items() if any(isinstance(value, str) for value in values)}
    return {
        name: np.array([("" if name in texts else np.nan) if value is None else value for value in values])
        for name, values in columns.items()
    }
