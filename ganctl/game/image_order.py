"""The images that each turn of each round sees, chosen on the host in NumPy.

The order is a pure function of (seed, step) and depends on no iterator's state: resuming at any step and playing any
number of rounds per call gives the same images.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np


class ImageOrder:
    """The indices of the images that consecutive rounds see.

    Args:
        size: number of images.
        sampling: `shuffle` (every image once per epoch), `replacement` (independent draws) or `window` (for every turn
            a contiguous run from a random start).
        seed: the experiment's seed.
        name: distinguishes the orders of several feeds.
    """

    def __init__(self, size: int, sampling: str, seed: int, name: str = "real") -> None:
        self._size = size
        self._sampling = sampling
        self._entropy = (seed, *name.encode())
        self._permutation = lru_cache(maxsize=4)(self._shuffled)

    def rounds(self, draws: Sequence[int], step: int, count: int, drawn: int | None = None) -> np.ndarray:
        """Return int32 indices [count, sum(draws)] for the rounds step .. step + count - 1.

        Args:
            draws: number of images that each turn of a round takes, in the order of the turns.
            step: completed rounds before the first one.
            count: number of rounds.
            drawn: number of images that all rounds before the first one have taken; None: as many each as these.
        """
        if self._sampling == "shuffle":
            return self._consecutive(sum(draws), step * sum(draws) if drawn is None else drawn, count)
        rows = [self._independent(draws, at) for at in range(step, step + count)]
        return np.asarray(rows, np.int32).reshape(count, sum(draws))

    def _generator(self, *where: int) -> np.random.Generator:
        return np.random.Generator(np.random.Philox(np.random.SeedSequence([*self._entropy, *where])))

    def _shuffled(self, epoch: int) -> np.ndarray:
        return self._generator(0, epoch).permutation(self._size)

    def _consecutive(self, width: int, drawn: int, count: int) -> np.ndarray:
        positions = np.arange(drawn, drawn + count * width, dtype=np.int64)
        epochs, within = np.divmod(positions, self._size)
        indices = np.empty(len(positions), np.int32)
        for epoch in np.unique(epochs):
            indices[epochs == epoch] = self._permutation(int(epoch))[within[epochs == epoch]]
        return indices.reshape(count, width)

    def _independent(self, draws: Sequence[int], step: int) -> np.ndarray:
        generator = self._generator(1, step)
        if self._sampling == "replacement" or not draws:
            return generator.integers(0, self._size, sum(draws))
        starts = [int(generator.integers(0, max(1, self._size - draw + 1))) for draw in draws]
        return (
            np.concatenate([np.arange(start, start + draw) for start, draw in zip(starts, draws, strict=True)])
            % self._size
        )
