"""What a trained model takes in and gives out, and how a grid of samples shows it.

Whatever draws, judges, exports or shows samples asks the sampler, and knows no model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ganctl.game.inputs import arrange_inputs, as_networks_see, class_count, draw_latent, takes_classes
from ganctl.game.noise import Key
from ganctl.game.players import averaged
from ganctl.lazy import tf

REAL = "real"
"""The feed of a model that learns from one kind of images."""


@dataclass(frozen=True)
class GridInputs:
    """What every sample grid of a run is drawn from.

    Attributes:
        given: what the network is called with.
        classes: the class of each cell, int32 [N]; zeros where there are none.
    """

    given: Any
    classes: Any


@dataclass(frozen=True)
class Sampler:
    """One network of a model that draws images.

    Attributes:
        network: its role.
        gives: the feed whose images it imitates: it draws images of their shape, and is compared with them.
    """

    network: str = "generator"
    gives: str = REAL

    @property
    def takes(self) -> str:
        """The feed whose images go in; empty where noise does."""
        return ""

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
        """Return what every grid of rows x columns cells is drawn from.

        Args:
            network: the network.
            rows: of the grid.
            columns: of the grid.
            key: of the noise.
            distribution: of the latent vectors.
            num_classes: how many classes the images have.
            images: uint8 [M, H, W, C] of every feed, M at least 1, from all over it.
        """
        raise NotImplementedError

    def cells(self, drawn: np.ndarray, columns: int, images: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the images [N, H, W, C] of a grid, row by row, of what was drawn from its inputs."""
        raise NotImplementedError


@dataclass(frozen=True)
class NoiseSampler(Sampler):
    """Latent vectors go in, and classes where the network has such an input."""

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
        """Return fixed latent vectors; with classes, a row has one latent vector and a column one class."""
        count = rows * columns
        classes = class_count(network, num_classes) if takes_classes(network) else num_classes
        shown = tf.constant([cell % columns % max(classes, 1) for cell in range(count)])
        if not takes_classes(network):
            return GridInputs(arrange_inputs(network, draw_latent(network, key, count, distribution)), shown)
        latent = draw_latent(network, key, rows, distribution)
        latent = [tf.repeat(vectors, columns, axis=0) for vectors in latent]
        return GridInputs(arrange_inputs(network, latent, shown), shown)

    def cells(self, drawn: np.ndarray, columns: int, images: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return what was drawn."""
        return drawn


@dataclass(frozen=True)
class ImageSampler(Sampler):
    """Images of a feed go in.

    Attributes:
        source: that feed.
    """

    source: str = "source"

    @property
    def takes(self) -> str:
        """The feed whose images go in."""
        return self.source

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
        """Return images of the feed, for every second row of the grid."""
        count = max(1, rows // 2) * columns
        given = as_networks_see(tf.cast(self._repeated(images, count), tf.float32))
        return GridInputs(given, tf.zeros([count], tf.int32))

    def cells(self, drawn: np.ndarray, columns: int, images: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return rows of images that went in, each above the row of what was made of them."""
        given = self._repeated(images, len(drawn))
        rows = [part[start : start + columns] for start in range(0, len(drawn), columns) for part in (given, drawn)]
        return np.concatenate(rows)

    def _repeated(self, images: Mapping[str, np.ndarray], count: int) -> np.ndarray:
        found = images[self.source]
        return found[np.arange(count) % len(found)]


def drawing_role(sampler: Sampler, networks: Mapping[str, Any]) -> str:
    """Return the role of the network that draws: the running average of the sampler's, where there is one."""
    return averaged(sampler.network) if averaged(sampler.network) in networks else sampler.network
