"""The networks of an experiment by role, with its seed and its precision."""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ganctl.build import second_derivatives
from ganctl.build.catalog import ModelEntry
from ganctl.build.parts import Parts
from ganctl.build.resolving import Shape, check_shape, located
from ganctl.build.rewrites import rewritten
from ganctl.errors import ConfigurationError, GanctlError
from ganctl.experiment.experiment import Experiment
from ganctl.game import state as game_state
from ganctl.game.players import averaged, generator_and_discriminator
from ganctl.keras_internals import features_before_score
from ganctl.lazy import keras, own_settings
from ganctl.registry import accepted
from ganctl.run_folder import checkpoint


def make_networks(
    parts: Parts, shapes: Shape | Mapping[str, Shape], num_classes: int = 0, *, pretrained: bool = True
) -> dict[str, Any]:
    """Build the networks for image shapes, with the experiment's seed and precision.

    Args:
        parts: the resolved experiment.
        shapes: height, width and channels of the images; by role, if the model has several feeds.
        num_classes: number of classes of the images; 0 without labels.
        pretrained: read the pre-trained weights that the experiment names. Set it to false if other weights replace
            them anyway: the files need not exist then.
    """
    experiment, entry = parts.experiment, parts.model
    by_role = shapes if isinstance(shapes, Mapping) else dict.fromkeys(entry.feeds, shapes)
    shape = by_role[parts.sampler.gives]
    given = {"image_shape": shape, "image_shapes": by_role, "num_classes": num_classes, **experiment.model.arguments}
    arguments = accepted(entry.make, given)
    with located(experiment):
        check_shape(parts, shape)
        if arguments.get("num_classes") == 0 and entry.needs_classes:
            raise ConfigurationError(
                f"the model '{entry.name}' needs labelled images, and these have no labels.", key="dataset.name"
            )
    in_bfloat16 = experiment.training.precision == "bfloat16"
    with _settings_of_keras(experiment.seed, "mixed_bfloat16" if in_bfloat16 else "float32"):
        with located(experiment):
            networks = _checked(entry, entry.make(**arguments), by_role)
            if not entry.features:
                networks |= _with_features(parts, networks)
            if in_bfloat16:
                _check_exact(entry, networks)
            if pretrained and entry.pretrained:
                _start_from(entry.pretrained(networks), experiment.model.arguments)
        if experiment.training.ema:
            copies = entry.make(**arguments)
            for role in drawing_roles(entry):
                copies[role].set_weights(networks[role].get_weights())
                networks[averaged(role)] = copies[role]
    return networks


def as_played(network: Any, experiment: Experiment, *, twice: bool = False) -> Any:
    """Return what is called for a network: another with its layers and variables, rewritten where the experiment is.

    Args:
        network: is not changed.
        experiment: says whether to rewrite.
        twice: the network will be differentiated twice, which some layers' own expressions do not allow.
    """
    names = None if experiment.training.rewrites else frozenset[str]()
    return rewritten(network, names, *([second_derivatives.stand_ins] if twice else []))


def drawing_roles(entry: ModelEntry) -> list[str]:
    """Return the roles of a model's networks that draw images, each once."""
    return list(dict.fromkeys(sampler.network for sampler in entry.samplers.values()))


def _with_features(parts: Parts, networks: Mapping[str, Any]) -> dict[str, Any]:
    """The discriminators with one more output, by role: what enters the last layer with weights before the score.

    Only if a generator term needs them; raises ConfigurationError if they cannot be found in a discriminator.
    """
    asking = [index for index, (_, _, term) in enumerate(parts.generator_terms) if term.needs == "features"]
    found: dict[str, Any] = {}
    for role in discriminators(networks) if asking else ():
        network = networks[role]
        features = features_before_score(network)
        if features is None:
            name, _, _ = parts.generator_terms[asking[0]]
            raise ConfigurationError(
                f"'{name}' compares features of the {role}, and this one does not say what enters its last layer. "
                "Build it of layers alone, not of networks or of a class of your own, or give it features as its last "
                f"output and register '{parts.model.name}' with features=True.",
                key=f"loss.generator_terms.{asking[0]}.name",
            )
        given = network.inputs if len(network.inputs) > 1 else network.inputs[0]
        found[role] = keras.Model(given, [*network.outputs, features], name=network.name)
    return found


def _start_from(parts: Mapping[str, Any], paths: Mapping[str, Any]) -> None:
    """Put trained generators' weights into parts of networks; raises ConfigurationError if they do not fit.

    Args:
        parts: a layer or model, by the key that gives the path of its weights.
        paths: the values of these keys; None: the part keeps its initial weights.
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
    """Set seed and dtype policy for the layers made in the body.

    Afterwards a notebook has its own settings again, and the state of Python's and NumPy's random numbers; TensorFlow
    has no way to read its seed.
    """
    of_python, of_numpy = random.getstate(), np.random.get_state()
    keras.utils.set_random_seed(seed)
    try:
        with own_settings(policy):
            yield
    finally:
        random.setstate(of_python)
        np.random.set_state(of_numpy)


def _checked(entry: ModelEntry, made: Any, shapes: Mapping[str, Shape]) -> dict[str, Any]:
    """Return what a builder returned, after checking that it is networks by role and that the image shapes fit."""
    needed = [*drawing_roles(entry), *(["discriminator"] if entry.players is generator_and_discriminator else [])]
    listed = " and ".join(map(repr, needed))
    must = f"{entry.place}: the model '{entry.name}' must return its networks by role, {listed}"
    if not isinstance(made, Mapping) or not set(needed) <= set(made):
        received = f"the roles {', '.join(map(repr, made)) or 'none'}" if isinstance(made, Mapping) else repr(made)
        raise ConfigurationError(f"{must}. Received: {received}", key="model.name")
    for role, network in made.items():
        # A model may also have layers that only store something, such as a pool of images.
        if not isinstance(network, keras.Model if role in needed else keras.layers.Layer):
            raise ConfigurationError(f"{must}, Keras models. Received for '{role}': {network!r}", key="model.name")
        if not isinstance(role, str) or not role.isidentifier():
            raise ConfigurationError(
                f"{entry.place}: roles name files in a checkpoint and must be identifiers such as 'q_head'. "
                f"Received: {role!r}",
                key="model.name",
            )
        if isinstance(network, keras.Sequential) and not network.built:
            raise ConfigurationError(
                f"{entry.place}: the {role} of '{entry.name}' has no inputs yet. Start it with keras.Input.",
                key="model.name",
            )
    if len({id(made[role]) for role in needed}) < len(needed):
        raise ConfigurationError(f"{must}. Received: the same network for several roles", key="model.name")
    for sampler in entry.samplers.values():
        if not sampler.takes and not getattr(made[sampler.network], "inputs", None):
            raise ConfigurationError(
                f"{entry.place}: the {sampler.network} of '{entry.name}' does not say what its inputs are, as a class "
                "of one's own does not. Return keras.Model(inputs, outputs), with outputs = network(inputs).",
                key="model.name",
            )
        _check_drawn(entry, sampler.network, made[sampler.network], shapes[sampler.gives])
    return dict(made)


def _check_drawn(entry: ModelEntry, role: str, network: Any, shape: Shape) -> None:
    """Refuse a network whose images have a different shape from those that it learns from."""
    outputs = getattr(network, "outputs", None) or ()
    drawn = tuple(outputs[0].shape[1:]) if outputs else shape
    if len(drawn) != len(shape) or any(side not in (None, wanted) for side, wanted in zip(drawn, shape, strict=True)):
        raise ConfigurationError(
            f"{entry.place}: the {role} of '{entry.name}' draws images of shape {drawn}, but these have {shape}.",
            key="model.name",
        )


def _check_exact(entry: ModelEntry, networks: Mapping[str, Any]) -> None:
    """Refuse images and scores in bfloat16: losses and samples need more than its eight bits of precision."""
    for role in (*drawing_roles(entry), *discriminators(networks)):
        for output in (getattr(networks[role], "outputs", None) or ())[:1]:
            if output.dtype != "float32":
                raise ConfigurationError(
                    f"{entry.place}: the {role} of '{entry.name}' outputs {output.dtype}. Give its last layer "
                    'dtype="float32", or set training.precision: float32.',
                    key="model.name",
                )


def discriminators(networks: Mapping[str, Any]) -> list[str]:
    """Return the roles of discriminators: `discriminator`, or with a suffix, such as `discriminator_a`."""
    return [role for role in networks if role.split("_")[0] == "discriminator"]
