"""What the user who watches a run reads before, during and after it."""

import shlex
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from ganctl.build import network_checks
from ganctl.build.footprint import parameter_count
from ganctl.errors import GanctlError
from ganctl.host.terminal import Terminal
from ganctl.lazy import keras, tf
from ganctl.report.run_report import write_report
from ganctl.run_folder.paths import RunFolder
from ganctl.run_folder.progress import ENDED, ENDED_EARLY, FINISHED
from ganctl.training.hooks import Hook
from ganctl.training.hooks.progress import ProgressBar
from ganctl.training.prepared import Prepared


class TrainingConsole(Terminal):
    """The terminal of a training run. Arguments as of `Terminal`."""

    def introduce(self, prepared: Prepared) -> None:
        """Print what is about to be trained, and on what."""
        game, training = prepared.game, prepared.experiment.training
        counts = "  ".join(f"{role} {parameter_count(network):,}" for role, network in game.networks.items())
        name, model = prepared.experiment.name, prepared.experiment.model.name
        self.say(f"experiment  {name}: {model}, {training.iterations:,} iterations")
        self.say(f"device      {prepared.device}")
        self.say(f"precision   {training.precision} ({prepared.precision_reason})")
        self.say(f"xla         {'on' if training.xla else 'off'} ({prepared.xla_reason})")
        self.say(f"parameters  {counts}")
        for stage in game.stages if len(game.stages) > 1 else ():
            when = f"until {stage.until:,}" if stage.until else f"from {stage.start + 1:,} on"
            self.say(f"stage       {when}: {', '.join(player.name for player in stage.players)}")
        for role, images in prepared.feeds.items():
            held_out = prepared.held_out.get(role)
            which = f" ({role})" if len(prepared.feeds) > 1 else ""
            self.say(f"images      {images.describe()}{which}{f', {len(held_out):,} held out' if held_out else ''}")
            if images.num_classes:
                self.say(f"classes     {images.describe_classes()}")
            for note in images.notes:
                self.say(f"            {note}")
        for warning in network_checks.warnings(game.networks):
            self.say(f"warning     {warning}")

    def show_layers(self, prepared: Prepared) -> None:
        """Print the layers of the generator, the discriminator and the stacked model, and an estimate of the memory."""
        networks = prepared.game.networks
        for role, network in networks.items():
            if isinstance(network, keras.Model):  # not a layer that only stores state
                self._show_table(role, network.layers)
        if {"generator", "discriminator"} <= networks.keys():
            self._show_table("stack", [networks["generator"], networks["discriminator"]])
        self.say(
            f"memory      about {prepared.memory_bytes / 2**20:,.0f} MiB for the game, plus 600 MiB for TensorFlow"
        )

    def _show_table(self, title: str, layers: Iterable[Any]) -> None:
        self.say(title)
        total = 0
        for layer in layers:
            outputs = layer.outputs if isinstance(layer, keras.Model) else keras.tree.flatten(layer.output)
            shapes = " ".join(str(tuple(tensor.shape)) for tensor in outputs)
            total += layer.count_params()
            self.say(f"  {layer.name:<28} {type(layer).__name__:<24} {shapes:<24} {layer.count_params():>12,}")
        self.say(f"  {'total':<78} {total:>12,}")

    def play(self, prepared: Prepared, folder: RunFolder) -> None:
        """Train to the end, then print where the run is and what to type next."""
        hooks: list[Hook] = [] if self.quiet else [ProgressBar(self.progress, prepared.experiment.evaluation.every)]
        self.say(f"run folder  {folder.path}")
        trainer = prepared.trainer(folder, hooks)
        try:
            trainer.train()
        except GanctlError as error:
            self.close_run(folder, f"{ENDED}{error}")
            raise
        except tf.errors.ResourceExhaustedError:
            batch_size = prepared.experiment.training.batch_size
            self.close_run(folder, f"{ENDED}out of memory")
            raise GanctlError(
                f"Out of memory: a batch of {batch_size} images is too large here. "
                f"Try --set training.batch_size={max(1, batch_size // 2)}, or a smaller model or image_size."
            ) from None
        ending = trainer.run.ending
        if ending is None:
            self.close_run(folder, f"{FINISHED}{prepared.experiment.training.iterations} iterations")
        else:
            played = int(prepared.game.step.numpy())
            self.close_run(folder, f"{ENDED_EARLY}{played}: {ending.why}")
            self.say(f"{ENDED_EARLY}{played:,} of {trainer.run.iterations:,}: {ending.why}")
            self.say(ending.remedy)
        done = f"Done. The run is in {folder.path}; open its {folder.report.name}."
        where = shlex.quote(str(folder.path))
        if prepared.parts.sampler.takes:
            self.say(f"{done} Your own pictures:")
            self.say(f"  ganctl translate --checkpoint {where} PICTURES")
        else:
            self.say(f"{done} More samples:")
            self.say(f"  ganctl sample --checkpoint {where}")

    def close_run(self, folder: RunFolder, line: str) -> None:
        """Log how a run ended, and rewrite its report: hooks are called neither after that nor after a failure."""
        folder.append_log(line)
        with suppress(Exception):  # how the run ended matters more
            write_report(folder)
