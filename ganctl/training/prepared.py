"""A game ready to be played: from an experiment to a trainer."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np

from ganctl import plugins
from ganctl.build import footprint
from ganctl.build.games import make_game
from ganctl.build.parts import Parts
from ganctl.build.resolving import read_split
from ganctl.evaluation.data_survey import survey
from ganctl.evaluation.features import check_available
from ganctl.evaluation.features.lite0 import lite0_extractor
from ganctl.evaluation.reference import check_enough
from ganctl.experiment.experiment import Experiment
from ganctl.game.fixed_sums import add_in_fixed_order
from ganctl.game.game import Game
from ganctl.game.sampler import drawing_role
from ganctl.host.device import Device
from ganctl.images.image_set import ImageSet, Track, fingerprint_of
from ganctl.lazy import keras, tf
from ganctl.planning.measured_choices import choose_precision, choose_xla
from ganctl.report.run_report import write_report
from ganctl.run_folder.paths import RunFolder
from ganctl.training.hooks import Hook, RunInPlay
from ganctl.training.hooks.checkpoints import Checkpoints
from ganctl.training.hooks.collapse_guard import CollapseGuard
from ganctl.training.hooks.evolution import Evolution
from ganctl.training.hooks.examination import Examination
from ganctl.training.hooks.loss_csv import LossCsv
from ganctl.training.hooks.loss_plot import LossPlot
from ganctl.training.hooks.metrics import Metrics
from ganctl.training.hooks.patience import Patience
from ganctl.training.hooks.report import Report
from ganctl.training.hooks.samples import Samples
from ganctl.training.hooks.tensorboard import TensorBoard
from ganctl.training.hooks.vitals import VitalsCsv
from ganctl.training.trainer import Trainer
from ganctl.training.vital_signs import VitalSigns
from ganctl.version import __version__


def prepare_process(device: Device) -> None:
    """Make everything that TensorFlow computes on the CPU in this process from now on reproducible to the last bit."""
    if device.name == "CPU":
        tf.config.experimental.enable_op_determinism()
        add_in_fixed_order()


@dataclass(frozen=True)
class Prepared:
    """A game ready to be played, and what it was made from.

    Attributes:
        parts: the resolved experiment, with `auto` replaced by what it became.
        device: where it is played.
        feeds: the training images of each feed, by role, without the held-out ones.
        held_out: images of each feed that are not trained on, by role; empty if there are none.
        game: the game.
        precision_reason, xla_reason: why each was chosen.
    """

    parts: Parts
    device: Device
    feeds: Mapping[str, ImageSet]
    held_out: Mapping[str, ImageSet]
    game: Game
    precision_reason: str
    xla_reason: str

    @classmethod
    def make(cls, parts: Parts, device: Device, track: Track, *, pretrained: bool = True) -> Self:
        """Read the images and build the game; raises DataError and ConfigurationError.

        `pretrained` as in `ganctl.build.networks.make_networks`.
        """
        experiment, main, takes = parts.experiment, parts.sampler.gives, parts.sampler.takes
        feeds, held_out = read_split(parts, track)
        if experiment.evaluation.every:
            check_enough(feeds[main])
            if takes:
                check_enough(feeds[takes], "translate and score")
            check_available(experiment.evaluation.features, feeds[main])
        parts, precision_reason = choose_precision(parts, feeds, device)
        parts, xla_reason = choose_xla(parts, feeds, device)
        game = make_game(parts, feeds, pretrained=pretrained)
        return cls(parts, device, feeds, held_out, game, precision_reason, xla_reason)

    @property
    def experiment(self) -> Experiment:
        """The experiment, every default written out."""
        return self.parts.experiment

    @property
    def images(self) -> ImageSet:
        """The images that samples imitate."""
        return self.feeds[self.parts.sampler.gives]

    @cached_property
    def fingerprint(self) -> str:
        """The hash of the training images and labels."""
        return fingerprint_of(self.feeds)

    @property
    def memory_bytes(self) -> int:
        """An estimate of the peak of training memory."""
        resident = sum(s.images.nbytes for role, s in self.feeds.items() if self.game.feeds[role].resident)
        return footprint.estimate_bytes(self.game.networks.values(), self.experiment.training.batch_size, resident)

    @property
    def checkpoint_facts(self) -> dict[str, Any]:
        """What every checkpoint states about itself, so that it can be sampled wherever it is."""
        return {
            "ganctl": __version__,
            "experiment": self.experiment.model_dump(mode="json"),
            "image_shape": list(self.images.shape),
            **self._further_shapes,
            "class_names": list(self.images.class_names),
            **self._value_range,
            **self._alpha,
            "generator": drawing_role(self.parts.sampler, self.game.networks),
            "dataset_fingerprint": self.fingerprint,
            "plugins": plugins.hashes(self.experiment.plugins),
        }

    @property
    def _value_range(self) -> dict[str, Any]:
        """The stored values that became black and white, unless they were bytes."""
        found = self.images.value_range
        return {"value_range": [found.black, found.white]} if found else {}

    @property
    def _alpha(self) -> dict[str, Any]:
        """That the last channel is transparency, if it is."""
        return {"alpha": True} if self.images.alpha else {}

    @property
    def _further_shapes(self) -> dict[str, Any]:
        """The shape of each feed's images, if there are several feeds."""
        shapes = {role: list(images.shape) for role, images in self.feeds.items()}
        return {"image_shapes": shapes} if len(shapes) > 1 else {}

    def describe(self, command: list[str]) -> dict[str, Any]:
        """Return the content of run.json."""
        return {
            "ganctl": __version__,
            "command": command,
            "overrides": self.experiment.overrides,
            "plugins": plugins.described(),
            "versions": {
                "python": platform.python_version(),
                "tensorflow": tf.__version__,
                "keras": keras.__version__,
                "numpy": np.__version__,
            },
            "platform": platform.platform(),
            "device": {"name": self.device.name, "reason": self.device.reason},
            "precision": {"name": self.experiment.training.precision, "reason": self.precision_reason},
            "xla": {"name": "on" if self.experiment.training.xla else "off", "reason": self.xla_reason},
            "parameters": {role: footprint.parameter_count(network) for role, network in self.game.networks.items()},
            "dataset": {
                "source": self.images.source,
                "images": len(self.images),
                "held_out": len(self.held_out.get(self.parts.sampler.gives, ())),
                "shape": list(self.images.shape),
                "classes": list(self.images.class_names),
                "survey": survey(self.images),
                **self._value_range,
                **self._alpha,
                "notes": [note for images in self.feeds.values() for note in images.notes],
                "fingerprint": self.fingerprint,
            },
            **self._grids,
        }

    @property
    def _grids(self) -> dict[str, Any]:
        """What the rows of the sample grids are, if these are not samples alone."""
        inputs = f"{'held-out' if self.held_out else 'training'} images"
        grids = {
            name: {"rows": list(sampler.rows), "inputs": inputs}
            for name, sampler in self.parts.model.samplers.items()
            if sampler.rows
        }
        return {"grids": grids} if grids else {}

    def trainer(self, folder: RunFolder, more_hooks: list[Hook]) -> Trainer:
        """Return the trainer that writes into this run folder."""
        experiment, outputs = self.experiment, self.experiment.outputs
        run = RunInPlay(
            self.game,
            folder,
            experiment.training.iterations,
            experiment.training.iterations_per_epoch,
            self.checkpoint_facts,
        )
        samples = Samples(
            outputs.sample_every,
            outputs.sample_grid,
            tuple(self.parts.model.samplers.values()),
            experiment.model.latent_distribution,
            self.feeds,
            experiment.seed,
            self.parts.loss.realness,
            self.held_out,
        )
        every = experiment.evaluation.every
        vitals = VitalsCsv(outputs.sample_every, every, self._vital_signs)
        hooks: list[Hook] = [LossCsv(outputs.checkpoint_every, every), samples, vitals]
        if every:
            hooks.append(self._metrics())
            if experiment.evaluation.patience:
                hooks.append(Patience(every, experiment.evaluation.patience))
        if experiment.training.on_collapse != "go_on":
            hooks.append(CollapseGuard(outputs.sample_every, experiment.training.on_collapse))
        hooks.append(Checkpoints(outputs.checkpoint_every, outputs.keep, every))
        hooks += [LossPlot(outputs.checkpoint_every), Evolution(), *more_hooks]
        if outputs.tensorboard:
            hooks.append(TensorBoard())
        hooks.append(Examination(outputs.sample_every))
        hooks.append(Report(every, write_report))
        return Trainer(run, hooks)

    def _vital_signs(self, game: Game) -> VitalSigns:
        experiment = self.experiment
        return VitalSigns(
            game,
            self.parts.sampler,
            experiment.model.latent_distribution,
            self.feeds,
            self.held_out,
            experiment.seed,
            # A run that is not scored must not load a network of features for this alone.
            lite0_extractor() if experiment.evaluation.every else None,
        )

    def _metrics(self) -> Metrics:
        experiment = self.experiment
        distribution = experiment.model.latent_distribution
        samplers = tuple(self.parts.model.samplers.values())
        return Metrics(
            experiment.evaluation,
            samplers,
            distribution,
            self.feeds,
            self.held_out,
            experiment.seed,
            learns_labels=self.parts.model.learns_labels,
        )
