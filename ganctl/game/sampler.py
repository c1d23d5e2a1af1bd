"""Inputs and outputs of a trained model, and how a grid of samples shows them.

The code that draws, scores, exports or shows samples uses the sampler and depends on no model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ganctl.game.inputs import arrange_inputs, as_networks_see, class_count, draw_latent, takes_classes
from ganctl.game.noise import Key
from ganctl.game.players import averaged
from ganctl.lazy import tf

REAL = "real"
"""The feed of a model that learns from a single feed."""
PAIRED = ("source", "target")
"""The feeds of a model that learns from pairs: input images, and what is to become of them."""
UNPAIRED = ("a", "b")
"""The feeds of a model that learns from two kinds of images that do not belong together."""


MANY_CLASSES = 20
"""With more classes than this, a grid that has fewer columns than classes shows the classes in reading order."""


@dataclass(frozen=True)
class GridInputs:
    """The fixed inputs of all sample grids of a run.

    Attributes:
        given: the network's arguments.
        classes: the class of each cell, int32 [N]; zeros without classes.
    """

    given: Any
    classes: Any


@dataclass(frozen=True)
class Sampler:
    """One network of a model that draws images.

    Attributes:
        network: its role.
        gives: the feed whose images it imitates: its images have their shape and are compared with them.
    """

    network: str = "generator"
    gives: str = REAL

    @property
    def takes(self) -> str:
        """The feed of the input images; empty if the input is noise."""
        return ""

    @property
    def rows(self) -> tuple[str, ...]:
        """What the rows of a grid show, repeating from the top; empty if every cell is a sample."""
        return ()

    def grid_inputs(
        self,
        network: Any,
        rows: int,
        columns: int,
        key: Key,
        *,
        distribution: str,
        num_classes: int,
        images: Mapping[str, np.ndarray],
    ) -> GridInputs:
        """Return the fixed inputs of every grid of rows x columns cells.

        Args:
            network: the network.
            rows: of the grid.
            columns: of the grid.
            key: of the noise.
            distribution: of the latent vectors.
            num_classes: number of classes of the images.
            images: uint8 [M, H, W, C] of every feed, M at least 1, spread over all of it.
        """
        raise NotImplementedError

    def cells(self, drawn: np.ndarray, columns: int, images: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the images [N, H, W, C] of a grid, row by row, given what was drawn from its inputs."""
        raise NotImplementedError

    def true_cells(self, columns: int, images: Mapping[str, np.ndarray]) -> np.ndarray | None:
        """Return the images [N, H, W, C] of a grid of known inputs and outputs, row by row; None: they are unknown.

        Args:
            columns: of the grid.
            images: uint8 [M, H, W, C] of every feed.
        """
        return None


@dataclass(frozen=True)
class NoiseSampler(Sampler):
    """The inputs are latent vectors, and classes if the network takes them."""

    def grid_inputs(
        self,
        network: Any,
        rows: int,
        columns: int,
        key: Key,
        *,
        distribution: str,
        num_classes: int,
        images: Mapping[str, np.ndarray],
    ) -> GridInputs:
        """Return fixed latent vectors; with classes, each row shares a latent vector and each column a class.

        If there are more than MANY_CLASSES classes, and more than columns, each cell shows the next class.
        """
        count = rows * columns
        classes = class_count(network, num_classes) if takes_classes(network) else num_classes
        across = count if classes > max(MANY_CLASSES, columns) else columns
        shown = tf.constant([cell % across % max(classes, 1) for cell in range(count)])
        if not takes_classes(network):
            return GridInputs(arrange_inputs(network, draw_latent(network, key, count, distribution)), shown)
        latent = draw_latent(network, key, rows, distribution)
        latent = [tf.repeat(vectors, columns, axis=0) for vectors in latent]
        return GridInputs(arrange_inputs(network, latent, shown), shown)

    def cells(self, drawn: np.ndarray, columns: int, images: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the drawn images as they are."""
        return drawn


@dataclass(frozen=True)
class ImageSampler(Sampler):
    """The inputs are images of a feed.

    Attributes:
        source: that feed.
        truth: image k of the feed that is imitated is the true output for image k of `source`; grids show it.
    """

    source: str = "source"
    truth: bool = False

    @property
    def takes(self) -> str:
        """The feed of the input images."""
        return self.source

    @property
    def rows(self) -> tuple[str, ...]:
        """Input, output and, if it is known, truth."""
        return ("input", "output", "truth") if self.truth else ("input", "output")

    def grid_inputs(
        self,
        network: Any,
        rows: int,
        columns: int,
        key: Key,
        *,
        distribution: str,
        num_classes: int,
        images: Mapping[str, np.ndarray],
    ) -> GridInputs:
        """Return images of the feed, for every other row of the grid, or every third one if the truth is shown."""
        count = max(1, rows // len(self.rows)) * columns
        given = as_networks_see(tf.cast(self._repeated(images, count), tf.float32))
        return GridInputs(given, tf.zeros([count], tf.int32))

    def cells(self, drawn: np.ndarray, columns: int, images: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return rows of input images, each above the row of images made from them and, if known, the true ones.

        Inputs of another size or number of channels are shown in those of the outputs.
        """
        count = len(drawn)
        parts = [_as_shown(self._repeated(images, count), drawn.shape[1:]), drawn]
        if self.truth:
            parts.append(_repeated(images[self.gives], count))
        return _in_rows(parts, columns)

    def true_cells(self, columns: int, images: Mapping[str, np.ndarray]) -> np.ndarray | None:
        """Return rows of input images, each above the row of true outputs, in whole rows; None without `truth`."""
        if not self.truth:
            return None
        true = images[self.gives]
        count = -(-len(true) // columns) * columns
        return _in_rows([_as_shown(self._repeated(images, count), true.shape[1:]), _repeated(true, count)], columns)

    def _repeated(self, images: Mapping[str, np.ndarray], count: int) -> np.ndarray:
        return _repeated(images[self.source], count)


def _repeated(found: np.ndarray, count: int) -> np.ndarray:
    return found[np.arange(count) % len(found)]


def _in_rows(parts: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Return the images of several sets [N, H, W, C]: a row of the first, below it that of the second, and so on."""
    starts = range(0, len(parts[0]), columns)
    return np.concatenate([part[start : start + columns] for start in starts for part in parts])


def _as_shown(images: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return images [N, H, W, C] in another size, each pixel repeated or left out, and with another number of channels.

    Grey is repeated for colour, and colour averaged for grey; of other numbers of channels, the first ones are shown.
    """
    height, width, channels = shape
    down = np.arange(height) * images.shape[1] // height
    across = np.arange(width) * images.shape[2] // width
    found = images[:, down][:, :, across]
    if found.shape[-1] == channels:
        return found
    if channels == 1:
        return found[..., :3].mean(axis=-1, keepdims=True).round().astype(np.uint8)
    chosen = np.minimum(np.arange(channels), found.shape[-1] - 1)
    return found[..., chosen]


def drawing_role(sampler: Sampler, networks: Mapping[str, Any]) -> str:
    """Return the role of the network that draws: the running average of the sampler's, if there is one."""
    return averaged(sampler.network) if averaged(sampler.network) in networks else sampler.network
