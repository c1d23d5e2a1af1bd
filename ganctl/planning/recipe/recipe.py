"""From pictures to the YAML of a GAN that learns them in a given time."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ganctl.build import games, resolving
from ganctl.build.given_data import IMAGE_FOLDER
from ganctl.build.parts import Parts
from ganctl.experiment.packaged_configs import packaged_configs
from ganctl.experiment.sections import DatasetSection
from ganctl.experiment.yaml_editing import comment, with_values, without_head, without_keys_of
from ganctl.host.device import Device
from ganctl.images.image_set import ImageSet
from ganctl.images.resize import resized
from ganctl.planning import pace
from ganctl.planning.measured_choices import choose_precision, choose_xla
from ganctl.planning.recipe.material import Choice, Material
from ganctl.planning.recipe.rectangles import rectangles
from ganctl.planning.recipe.rules import (
    Cost,
    Measured,
    batch_size,
    best_cost,
    channels_of,
    choices,
    evaluations_in,
    model_sizes,
    playing_seconds,
    possible_sizes,
    usual_cost,
)
from ganctl.planning.survey.pictures import Pictures
from ganctl.version import __version__

SECONDS_MEASURED = 2.0
_PICTURES_MEASURED = 256


@dataclass(frozen=True)
class Start:
    """The measurements and choices for some pictures."""

    material: Material
    measured: tuple[Measured, ...]
    choices: tuple[Choice, ...]

    @property
    def dataset(self) -> DatasetSection:
        """How the pictures will be read."""
        values = {choice.key[1]: choice.value for choice in self.choices if choice.key[0] == "dataset"}
        return DatasetSection.model_validate({"name": IMAGE_FOLDER, **values})

    def as_json(self) -> dict[str, Any]:
        """Return the measurements and choices for `ganctl init --json`."""
        return {
            "recipe": self.material.recipe,
            "measured": [
                {"image_size": m.cost.image_size, "capacity": m.cost.capacity, "iterations_per_second": m.rate}
                for m in self.measured
            ],
            "choices": {".".join(map(str, c.key)): {"value": c.value, "reason": c.reason} for c in self.choices},
        }


def start(material: Material, minutes: float, device: Device) -> Start:
    """Measure this machine and choose what depends on it, the pictures and the time; raises DataError.

    Args:
        material: the pictures, and the recipe for them.
        minutes: the time for training.
        device: the device to train on.
    """
    parts = resolving.load_parts(packaged_configs()[material.recipe])
    recipe, pictures = parts.experiment, material.pictures
    why_unfit = parts.model.why_unfit
    shapes = rectangles(pictures, model_sizes(why_unfit), why_unfit)
    sizes = possible_sizes(pictures, why_unfit, shapes)
    seconds = playing_seconds(minutes, evaluations_in(minutes, material.fewest))
    batch = batch_size(recipe.training.batch_size, material.fewest)

    def shaped(cost: Cost) -> Cost:
        return Cost.of(cost.size, cost.capacity, shapes)

    def measured(cost: Cost) -> Measured:
        return Measured(cost, _rate(parts, material, cost, batch, device), device.name)

    found = [measured(shaped(usual_cost(sizes, recipe.model.arguments.get("capacity"))))]
    best = shaped(best_cost(sizes, found[0], seconds, material.needed))
    if best != found[0].cost:
        found.append(measured(best))
    return Start(material, tuple(found), tuple(choices(material, recipe, sizes, found[-1], minutes)))


def written_out(name: str, seen: Sequence[str], started: Start, command: Sequence[str]) -> str:
    """Return the text of the YAML: the recipe with its explanations, and every choice with its reason.

    Args:
        name: of the experiment.
        seen: lines about the pictures, for the head.
        started: the recipe and the choices.
        command: the command that trains it.
    """
    material = started.material
    recipe = without_head(packaged_configs()[material.recipe].read_text("utf-8"))
    if material.instead:
        recipe = without_keys_of(recipe, "dataset")
    head = comment(
        "\n".join(
            [
                f"Written by ganctl {__version__} init, from the recipe configs/{material.recipe}.yaml. Train it:",
                f"  {shlex.join(command)}",
                *seen,
            ]
        )
    )
    values = {choice.key: (choice.value, choice.reason) for choice in started.choices}
    return "\n".join(head) + "\n" + with_values(recipe, {("name",): (name, ""), **values})


def _rate(parts: Parts, material: Material, cost: Cost, batch: int, device: Device) -> float:
    """The recipe's iterations per second at a cost, on small copies of the pictures: content does not affect speed."""
    recipe, channels = parts.experiment, channels_of(material.pictures)
    arguments = {"capacity": cost.capacity} if cost.capacity is not None else {}
    experiment = recipe.with_keys("dataset", image_size=cost.image_size, channels=channels, path=None)
    experiment = experiment.with_keys("model", **arguments).with_keys("training", batch_size=batch)
    parts = replace(parts, experiment=experiment)
    feeds = {
        role: _small_copies(pictures, material.sides_of(role, cost.sides), channels, batch, material.place)
        for role, pictures in material.feeds.items()
    }
    # As in training, which uses the cached measurements.
    parts, _ = choose_precision(parts, feeds, device)
    parts, _ = choose_xla(parts, feeds, device)
    return pace.measure(games.make_game(parts, feeds, pretrained=False), SECONDS_MEASURED).iterations_per_second


def _small_copies(pictures: Pictures, sides: tuple[int, int], channels: int, batch: int, place: str) -> ImageSet:
    """Images of a height, a width and a number of channels, from the small copies of decoded pictures."""
    copies = [picture.sketch.copy for picture in pictures.pictures if picture.sketch is not None]
    copies = copies or [np.full((16, 16, 3), 128, np.uint8)]  # the disk is so slow that none was decoded
    chosen = [copies[place % len(copies)] for place in range(max(_PICTURES_MEASURED, batch))]
    images = np.stack([resized(copy, *sides)[..., np.arange(channels) % 3] for copy in chosen])
    return ImageSet(images, None, (), place)
