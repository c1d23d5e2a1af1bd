"""A generator that draws again: what a run left, put back into what its experiment builds."""

from pathlib import Path
from typing import Any

from ganctl.build.networks import make_networks
from ganctl.build.resolving import resolve, with_training
from ganctl.experiment.experiment import Experiment
from ganctl.experiment.yaml_source import YamlSource
from ganctl.game import state as game_state
from ganctl.lazy import keras
from ganctl.run_folder import checkpoint


def load_generator(path: Path, *, best: bool = False) -> tuple[Any, Experiment, checkpoint.Checkpoint, list[str]]:
    """Build the generator that a run folder, checkpoint or generator file holds, in float32.

    Also returns its experiment, what was read, and what was wrong with newer checkpoints. `best` as in
    `checkpoint.find`.
    """
    found, problems = checkpoint.find(path, best=best)
    experiment = experiment_of(found)
    return build_generator(found, experiment), experiment, found, problems


def experiment_of(found: checkpoint.Checkpoint) -> Experiment:
    """Return the experiment that a checkpoint was trained by, in float32."""
    experiment = resolve(Experiment.from_source(YamlSource(str(found.path), found.facts["experiment"])))
    return with_training(experiment, precision="float32")


def build_generator(found: checkpoint.Checkpoint, experiment: Experiment) -> Any:
    """Build a checkpoint's generator as an experiment describes it; raises GanctlError where the weights do not fit."""
    shape = tuple(found.facts["image_shape"])
    num_classes = len(found.facts.get("class_names", ()))
    _refuse_another_size(found, experiment, shape, num_classes)
    networks = make_networks(experiment, shape, num_classes, pretrained=False)
    game_state.restore_network(networks["generator"], found.generator, str(found.path))
    return networks["generator"]


def _refuse_another_size(
    found: checkpoint.Checkpoint, experiment: Experiment, shape: tuple[int, int, int], num_classes: int
) -> None:
    """Compare shapes before any memory is taken: a file of a few bytes may describe a network of many gigabytes."""
    policy = keras.config.dtype_policy()
    without_average = experiment.replace(training=experiment.training.model_copy(update={"ema": 0.0}))
    try:
        with keras.StatelessScope(initialize_variables=False):
            networks = make_networks(without_average, shape, num_classes, pretrained=False)
        game_state.check_fit(game_state.named_variables(networks["generator"]), found.generator, str(found.path))
    finally:
        keras.utils.clear_session(free_memory=False)  # forgets the variables that were never made, and the policy
        keras.config.set_dtype_policy(policy)
