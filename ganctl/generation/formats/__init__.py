"""Kinds of files that a generator is exported to: one file each, which writes it and runs what was written.

Every module holds a `Format` called `FORMAT`. No list needs editing.

Networks that come here have named inputs: one tensor, or a dictionary of them.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import ganctl.layers
from ganctl.keras_internals import layers_of
from ganctl.lazy import keras, tf

OUTPUT = "images"
"""The name of the output in formats that name it."""

Arrays = dict[str, np.ndarray]
Network = Any


@dataclass(frozen=True)
class Quantization:
    """A way to store weights with fewer bits, and how far from the original the file may then draw.

    Differences are in grey levels of 256, not rounded, of images clipped to black and white.

    Attributes:
        write: writes a network to a path.
        largest: the largest accepted difference of a pixel.
        mean: the largest accepted mean difference.
    """

    write: Callable[[Network, Path], None]
    largest: float
    mean: float


@dataclass(frozen=True)
class Subject:
    """A network that a file holds, and what else there is to say of it.

    Attributes:
        network: with named inputs, as every format takes it.
        title: the name of its experiment.
        direction: the name of its direction, if the model has several.
        distribution: of the latent vectors, `normal` or `uniform`.
        own_names: the names that the generator itself gives the inputs, such as `code`, by the names that they have
            here, in the order in which it draws them.
        class_names: of its classes, if it takes some that have names.
        num_classes: how many classes it draws; 0 if it takes none.
        alpha: the last channel of its images is transparency, and the colours are multiplied by it.
        same_seeds: whether a seed gives the latent vectors of `ganctl sample`; not if its layers draw them there.
    """

    network: Network
    title: str
    direction: str = ""
    distribution: str = "normal"
    own_names: Mapping[str, str] = field(default_factory=dict)
    class_names: tuple[str, ...] = ()
    num_classes: int = 0
    alpha: bool = False
    same_seeds: bool = True


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Attributes:
        name: what `--format` takes.
        suffix: of its name; empty for a folder.
        write: writes a network to a path.
        run: reads the file and yields the images [N, H, W, C] of every batch; the network says only of which classes
            its layers are.
        usage: lines of Python that read the file at a path, and lines that make `images` from variables named like the
            inputs.
        needs: packages in addition to ganctl's own.
        extra: the extra of ganctl that installs them.
        any_size: whether height and width of images may be free in the file.
        any_batch: the file says nothing of the number of images in a batch, so that none can be fixed.
        quantizations: the ways to store weights with fewer bits, by name.
        beyond: what a network needs to be loaded that the format's own program does not have: lines of text.
        write_all: instead of `write`, for a file with all that is known, and with every direction of a model. `run` and
            `usage` find each network in the file by its name.
        opening: how a person opens the file, and how it was checked, if that is not told by lines of Python.
    """

    name: str
    suffix: str
    write: Callable[[Network, Path], None]
    run: Callable[[Network, Path, Sequence[Arrays]], Iterator[np.ndarray]]
    usage: Callable[[Network, Path], tuple[list[str], list[str]]]
    needs: tuple[str, ...] = ()
    extra: str = ""
    any_size: bool = True
    any_batch: bool = False
    quantizations: Mapping[str, Quantization] = field(default_factory=dict)
    beyond: Callable[[Network], list[str]] = lambda network: []
    write_all: Callable[[Sequence[Subject], Path], None] | None = None
    opening: str = ""

    @property
    def every_direction(self) -> bool:
        """Whether a file holds every direction of a model."""
        return self.write_all is not None


@cache
def formats() -> Mapping[str, Format]:
    """Return every format by name."""
    modules = [importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    return {module.FORMAT.name: module.FORMAT for module in sorted(modules, key=lambda module: module.FORMAT.name)}


def quantizations() -> list[str]:
    """Return the names of all quantizations of all formats."""
    return sorted({name for kind in formats().values() for name in kind.quantizations})


def traced(network: Network) -> tuple[Any, list[Any]]:
    """Return the network in inference mode as a `tf.function` of its inputs, in their order, and its signature.

    It returns a dictionary: the images are called OUTPUT.
    """
    specs = [tf.TensorSpec(tensor.shape, tensor.dtype, name=tensor.name) for tensor in network.inputs]

    def draw(*tensors: Any) -> dict[str, Any]:
        inputs = {spec.name: tensor for spec, tensor in zip(specs, tensors, strict=True)}
        images = network(inputs if len(inputs) > 1 else tensors[0], training=False)
        images.set_shape(network.output.shape)  # a layer may forget a batch of a fixed size
        return {OUTPUT: images}

    return tf.function(draw, input_signature=specs, autograph=False), specs


def write_savedmodel(network: Network, path: Path) -> None:
    """Write the folder of a TensorFlow graph; its signature is `serving_default`."""
    function, _ = traced(_with_shapes(network))
    module = tf.Module()
    module.weights = [variable.value for variable in network.variables]
    tf.saved_model.save(module, str(path), signatures={"serving_default": function})


def _with_shapes(network: Network) -> Network:
    """Return the network with layers that record in the graph what they know about their output's shape.

    Keras' upsampling computes the shape of its output, and LiteRT's converter loses it there: it then cannot convert a
    convolution that follows. The same may happen after a layer that is not Keras' own.
    """
    forgetful = [
        layer
        for layer in layers_of(network)
        if isinstance(layer, keras.layers.UpSampling2D) or not type(layer).__module__.startswith("keras.")
    ]
    return ganctl.layers.with_stand_ins(network, {layer: ganctl.layers.WithShape(layer) for layer in forgetful})


def by_name(network: Network) -> str:
    """Return the inputs as Python's named arguments: `latent=latent, classes=classes`."""
    return ", ".join(f"{tensor.name}={tensor.name}" for tensor in network.inputs)


def as_dictionary(network: Network) -> str:
    """Return the inputs as a Python dictionary: `{"latent": latent}`."""
    return "{" + ", ".join(f'"{tensor.name}": {tensor.name}' for tensor in network.inputs) + "}"
