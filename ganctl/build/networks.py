"""Resolved experiment -> networks by role, with the experiment's seed and precision."""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ganctl.build import catalog
from ganctl.build.resolving import Shape, check_shape, located
from ganctl.build.rewrites import rewrite
from ganctl.errors import ConfigurationError, GanctlError
from ganctl.experiment.experiment import Experiment
from ganctl.game import state as game_state
from ganctl.game.players import AVERAGED
from ganctl.lazy import keras
from ganctl.registry import Entry, accepted
from ganctl.run_folder import checkpoint


def make_networks(
    experiment: Experiment, shape: Shape, num_classes: int = 0, *, pretrained: bool = True
) -> dict[str, Any]:
    """Build the networks for an image shape, with the experiment's seed and precision.

    Args:
        experiment: says which.
        shape: height, width and channels of the images.
        num_classes: how many classes the images have; 0 without labels.
        pretrained: read the pre-trained weights that the experiment names. Whoever puts other weights in their place
            need not have those files.
    """
    entry = catalog.models.get(experiment.model.name)
    arguments = experiment.model.arguments
    arguments = accepted(entry.make, {"image_shape": shape, "num_classes": num_classes, **arguments})
    with located(experiment):
        check_shape(experiment, shape)
        if arguments.get("num_classes") == 0 and entry.needs_classes:
            raise ConfigurationError(
                f"{entry.name} learns classes, and these images have no labels.", key="dataset.name"
            )
    in_bfloat16 = experiment.training.precision == "bfloat16"
    with _settings_of_keras(experiment.seed, "mixed_bfloat16" if in_bfloat16 else "float32"):
        with located(experiment):
            networks = _checked(entry, entry.make(**arguments), shape)
            if in_bfloat16:
                _check_exact(entry, networks)
            if pretrained and "pretrained" in entry.facts:
                _start_from(entry.facts["pretrained"](networks), experiment.model.arguments)
        if experiment.training.ema:
            copy = entry.make(**arguments)["generator"]
            copy.set_weights(networks["generator"].get_weights())
            networks[AVERAGED] = copy
    if experiment.training.rewrites:
        for network in networks.values():
            rewrite(network)
    return networks


def _start_from(parts: Mapping[str, Any], paths: Mapping[str, Any]) -> None:
    """Put trained generators' weights into parts of networks; raises ConfigurationError where they do not fit.

    Args:
        parts: a layer or model by the key that says where its weights are.
        paths: those keys of the model; null: the part keeps the weights that it begins with.
    """
    for key, part in parts.items():
        path = paths[key]
        try:
            if path is not None:
                game_state.restore_network(part, checkpoint.find(Path(path))[0].generator, path)
        except GanctlError as error:
            raise ConfigurationError(str(error), key=f"model.{key}") from None


@contextmanager
def _settings_of_keras(seed: int, policy: str) -> Iterator[None]:
    """Seed and dtype policy for whatever layers are made in the body.

    A notebook gets its own policy back, and Python's and NumPy's random numbers; TensorFlow's seed cannot be asked for.
    """
    own_policy, of_python, of_numpy = keras.config.dtype_policy(), random.getstate(), np.random.get_state()
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(own_policy)
        random.setstate(of_python)
        np.random.set_state(of_numpy)


def _checked(entry: Entry, made: Any, shape: Shape) -> dict[str, Any]:
    """Return what a builder returned, once it is networks by role, and a generator of images of this shape."""
    must = f"{entry.place}: the model '{entry.name}' must return its networks by role, 'generator' and 'discriminator'"
    if not isinstance(made, Mapping) or not {"generator", "discriminator"} <= set(made):
        received = f"the roles {', '.join(map(repr, made)) or 'none'}" if isinstance(made, Mapping) else repr(made)
        raise ConfigurationError(f"{must}. Received: {received}", key="model.name")
    for role, network in made.items():
        if not isinstance(network, keras.Model):
            raise ConfigurationError(f"{must}, Keras models. Received as '{role}': {network!r}", key="model.name")
        if not isinstance(role, str) or not role.isidentifier():
            raise ConfigurationError(
                f"{entry.place}: roles name files in a checkpoint, and are words such as 'q_head'. Received: {role!r}",
                key="model.name",
            )
        if isinstance(network, keras.Sequential) and not network.built:
            raise ConfigurationError(
                f"{entry.place}: the {role} of '{entry.name}' has no inputs yet; begin it with keras.Input.",
                key="model.name",
            )
    if made["generator"] is made["discriminator"]:
        raise ConfigurationError(f"{must}. Received: one network as both", key="model.name")
    outputs = getattr(made["generator"], "outputs", None) or ()
    drawn = tuple(outputs[0].shape[1:]) if outputs else shape
    if len(drawn) != len(shape) or any(side not in (None, wanted) for side, wanted in zip(drawn, shape, strict=True)):
        raise ConfigurationError(
            f"{entry.place}: the generator of '{entry.name}' draws images of shape {drawn}, and these have {shape}.",
            key="model.name",
        )
    return dict(made)


def _check_exact(entry: Entry, networks: Mapping[str, Any]) -> None:
    """Refuse images and scores in bfloat16: losses and samples need more digits than its eight bits have."""
    for role in ("generator", "discriminator"):
        for output in (getattr(networks[role], "outputs", None) or ())[:1]:
            if output.dtype != "float32":
                raise ConfigurationError(
                    f"{entry.place}: the {role} of '{entry.name}' ends in {output.dtype}. Give its last layer "
                    'dtype="float32", or set training.precision: float32.',
                    key="model.name",
                )
