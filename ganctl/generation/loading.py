"""Trained generators: the weights that a run saved, loaded into the network that its experiment builds."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from ganctl.build.networks import as_played, make_networks
from ganctl.build.parts import Parts
from ganctl.build.resolving import Shape, resolve
from ganctl.errors import UsageError, did_you_mean
from ganctl.experiment.experiment import Experiment
from ganctl.experiment.yaml_source import YamlSource
from ganctl.game import state as game_state
from ganctl.game.inputs import class_count, takes_classes
from ganctl.game.players import averaged
from ganctl.game.sampler import Sampler
from ganctl.generation import drawing
from ganctl.generation.latents import arranged
from ganctl.images.class_names import class_number
from ganctl.images.value_range import ValueRange
from ganctl.lazy import in_own_session, keras, tf
from ganctl.run_folder import checkpoint


@dataclass(frozen=True, eq=False)
class TrainedGenerator:
    """A trained network that draws images, and its metadata.

    Attributes:
        network: the Keras model, in float32, as it can be saved; the running average (EMA), if there is one.
        parts: the experiment that trained it.
        source: the checkpoint or generator file that was read.
        problems: why later checkpoints were skipped.
        sampler: how it draws: one of the model's samplers.
    """

    network: Any
    parts: Parts
    source: checkpoint.Checkpoint
    problems: tuple[str, ...]
    sampler: Sampler

    @classmethod
    def load(cls, path: Path, *, best: bool = False, direction: str | None = None) -> Self:
        """Load a run folder, a checkpoint or a generator file.

        Args:
            path: what to load.
            best: as in `checkpoint.find`.
            direction: the name of one of the model's samplers; None: the first.

        Raises:
            GanctlError: there is none, or it does not fit its experiment.
            UsageError: the model has no such direction.
        """
        found, problems = checkpoint.find(path, best=best)
        return cls.of(found, parts_of(found), problems, direction)

    @classmethod
    def of(
        cls, found: checkpoint.Checkpoint, parts: Parts, problems: Sequence[str] = (), direction: str | None = None
    ) -> Self:
        """Build the network of a checkpoint as an experiment describes it; `direction` as in `load`."""
        sampler = sampler_of(parts, direction)
        return cls(build_generator(found, parts, sampler), parts, found, tuple(problems), sampler)

    @cached_property
    def played(self) -> Any:
        """What draws images: the network computed as in training, so that every command draws the same images."""
        return in_own_session(lambda: as_played(self.network, self.parts.experiment))

    def drawing_with(self, sampler: Sampler) -> Any:
        """Return the network that one of the model's samplers draws with, computed as in training."""
        if sampler is self.sampler:
            return self.played
        return replace(self, network=build_generator(self.source, self.parts, sampler), sampler=sampler).played

    @property
    def distribution(self) -> str:
        """The distribution of its latent vectors, `normal` or `uniform`."""
        return self.parts.experiment.model.latent_distribution

    @property
    def step(self) -> int:
        """The number of iterations that it was trained for."""
        return self.source.step

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes of the training images; empty without labels."""
        return tuple(self.source.facts.get("class_names", ()))

    @property
    def drawn_names(self) -> tuple[str, ...]:
        """The names of the classes that it can draw; empty without classes, or if it found its categories itself."""
        named = takes_classes(self.network) and self.parts.model.learns_labels
        return self.class_names if named else ()

    @property
    def num_classes(self) -> int:
        """The number of classes that it can draw; 0 if it is unconditional."""
        return class_count(self.network, len(self.class_names)) if takes_classes(self.network) else 0

    @property
    def image_shape(self) -> Shape:
        """Height, width and channels of its images."""
        return shapes_in(self.source, self.parts)[self.sampler.gives]

    @property
    def taken_shape(self) -> Shape:
        """Height, width and channels of the images that it takes, if it makes images from images."""
        return shapes_in(self.source, self.parts)[self.sampler.takes]

    @property
    def description(self) -> str:
        """The name of its experiment, its number of iterations and, if there are several, the way that it draws."""
        ways = self.parts.model.samplers
        way = "".join(f", {name}" for name, sampler in ways.items() if sampler is self.sampler and len(ways) > 1)
        return f"{self.parts.experiment.name} after {self.step:,} iterations{way}"

    def classes(self, wanted: Sequence[int | str] | None) -> list[int]:
        """Return the classes to draw by number: the wanted ones, given by number or name, and all by default.

        Returns [] if the network takes no classes. Raises UsageError if it does not have a wanted one.
        """
        if wanted is not None:
            drawing.check_conditional(self.network)
        numbers = None if wanted is None else [self._number_of(each) for each in wanted]
        return drawing.choose_classes(self.network, numbers, len(self.class_names))

    def check_finds_categories(self) -> None:
        """Raise UsageError if its classes are not categories that it found itself."""
        if not takes_classes(self.network):
            raise UsageError("category: this generator has no categories. Leave it out.")
        if self.parts.model.learns_labels:
            raise UsageError(
                f"category: the classes of the model '{self.parts.model.name}' are those of its labels. Name them as "
                "classes: ganctl sample --classes, or classes= in Python."
            )

    def _number_of(self, wanted: int | str) -> int:
        """Return the number of a class, given by name or number; raises UsageError."""
        try:
            return class_number(wanted, self.drawn_names)
        except LookupError as error:
            if self.drawn_names:
                raise UsageError(f"classes: {error}") from None
            raise UsageError(
                f"classes: '{self.parts.model.name}' finds its categories itself, so they have no names but numbers "
                f"from 0 to {self.num_classes - 1}. Received: {wanted!r}"
            ) from None

    @property
    def value_range(self) -> ValueRange | None:
        """The stored values that were black and white in its training images; None: they were bytes."""
        ends = self.source.facts.get("value_range")
        return ValueRange(*ends) if ends else None

    @property
    def alpha(self) -> bool:
        """Whether the last channel is transparency, and the colours are multiplied by it."""
        return self.source.facts.get("alpha") is True

    def draw(
        self,
        count: int,
        seed: int = 0,
        classes: Sequence[int | str] | None = None,
        truncation: float | None = None,
        *,
        values: bool = False,
        latents: np.ndarray | None = None,
    ) -> Iterator[np.ndarray]:
        """Return batches of uint8 images [n, H, W, C], `count` in all, from noise.

        Args:
            count: number of images; the first images of a seed do not depend on it.
            seed: of the latent vectors.
            classes: the classes to draw by number or name, cyclically; by default all.
            truncation: as in `Key.latent`.
            values: instead of uint8, values like those of the training images, float32.
            latents: draw from these vectors instead, [count, latent_size]; the seed is then that of layers that draw
                their own noise.

        Raises:
            UsageError: the network does not support one of the arguments, or its training images were bytes.
        """
        self.check_draws_from_noise()
        drawing.check_truncation(self.network, self.distribution, truncation)
        finish = self._stored_values() if values else drawing.to_pixels
        wanted = self.classes(classes)
        if latents is not None:
            return drawing.generate_from(self.played, arranged(self.played, latents[:count]), seed, wanted, finish)
        return drawing.generate(self.played, count, seed, self.distribution, wanted, truncation, finish)

    def _stored_values(self) -> Callable[[Any], Any]:
        """Return a function from the network's values, in [-1, 1], to values like those of the training images."""
        found = self.value_range
        if found is None:
            raise UsageError(
                "--values: the training images were bytes, and so are the images without this option. Leave it out."
            )
        return lambda made: found.stored((tf.cast(made, tf.float32) + 1.0) * 127.5)

    def check_draws_from_noise(self) -> None:
        """Raise UsageError if the inputs are images instead of noise."""
        if self.sampler.takes:
            raise UsageError(
                f"The model '{self.parts.model.name}' makes images from the images called `{self.sampler.takes}`, not "
                "from noise, so a seed draws nothing. Give it pictures: ganctl translate, or run.translate in Python."
            )

    def check_takes_images(self) -> None:
        """Raise UsageError if the inputs are noise instead of images."""
        if not self.sampler.takes:
            raise UsageError(
                f"The model '{self.parts.model.name}' draws images from noise and takes no pictures. Draw from it: "
                "ganctl sample, or run.sample in Python."
            )


def sampler_of(parts: Parts, direction: str | None) -> Sampler:
    """Return the sampler of a name, by default the first; raises UsageError if the model has no such choice.

    Only a model of several ways from images to images has names to choose by.
    """
    samplers = parts.model.samplers
    if direction is None:
        return parts.sampler
    if not parts.sampler.takes:
        raise UsageError(
            f"direction: the model '{parts.model.name}' draws from noise and takes no images. Leave it out, and draw "
            "from it: ganctl sample."
        )
    if len(samplers) == 1:
        raise UsageError(f"direction: the model '{parts.model.name}' has only one. Leave it out.")
    if direction not in samplers:
        raise UsageError(
            f"direction: the model '{parts.model.name}' has {' and '.join(samplers)}. Received: {direction}"
            f"{did_you_mean(direction, samplers)}"
        )
    return samplers[direction]


def parts_of(found: checkpoint.Checkpoint) -> Parts:
    """Return the resolved experiment of a checkpoint, in float32."""
    experiment = Experiment.from_source(YamlSource(str(found.path), found.facts["experiment"]))
    return resolve(experiment).with_training(precision="float32")


def shapes_in(found: checkpoint.Checkpoint, parts: Parts) -> dict[str, Shape]:
    """Return height, width and channels of the images of every feed, by role."""
    known = found.facts.get("image_shapes", {})
    return {role: _shape(known.get(role, found.facts["image_shape"])) for role in parts.model.feeds}


def _shape(sides: Sequence[int]) -> Shape:
    height, width, channels = sides
    return height, width, channels


def build_generator(found: checkpoint.Checkpoint, parts: Parts, sampler: Sampler) -> Any:
    """Build a sampler's network as an experiment describes it; raises GanctlError where the weights do not fit.

    In a notebook, the names, the dtype policy and the networks of the user's own session stay as they are.
    """
    role, without_average = sampler.network, parts.with_training(ema=0.0)
    tensors = found.groups.get(averaged(role))  # it takes the place of the network that it follows
    if tensors is None:
        tensors = found.generator if sampler is parts.sampler else found.network(role)

    def made() -> Any:
        num_classes = len(found.facts.get("class_names", ()))
        return make_networks(without_average, shapes_in(found, parts), num_classes, pretrained=False)[role]

    def fits() -> None:
        # Shapes alone: a file of a few bytes may describe a network of many gigabytes. The variables, which are never
        # created, are forgotten with their session.
        with keras.StatelessScope(initialize_variables=False):
            network = made()
        game_state.check_fit(game_state.named_variables(network), tensors, str(found.path))

    in_own_session(fits)
    network = in_own_session(made)
    game_state.restore_network(network, tensors, str(found.path))
    return network
