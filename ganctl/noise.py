"""Random numbers as a pure function of where in the run they are drawn.

Every draw is keyed by (seed, step, player, turn, update, purpose) and made by the counter-based philox generator, so
that two players never share noise by accident and nothing that is logged, sampled or evaluated in between can change a
run.

Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3" (philox).
"""

import hashlib
from collections.abc import Sequence
from typing import Any

from ganctl.lazy import tf

TensorLike = Any
Network = Any


class Key:
    """One place in the run, from which random tensors are drawn by purpose.

    Args:
        seed: the experiment's seed.
        step: completed rounds, an integer or a scalar tensor.
        where: further words and numbers that tell this place from others, known before tracing.
    """

    def __init__(self, seed: int, step: TensorLike, *where: str | int) -> None:
        self._seed = seed
        self._step = step
        self._where = where

    def narrow(self, *where: str | int) -> "Key":
        """Return a key for a place within this one."""
        return Key(self._seed, self._step, *self._where, *where)

    def _stream(self, purpose: str) -> TensorLike:
        text = repr((self._seed, *self._where, purpose)).encode()
        word = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little") >> 1
        return tf.stack([tf.constant(word, tf.int64), tf.cast(self._step, tf.int64)])

    def normal(self, purpose: str, shape: Sequence[int] | TensorLike) -> TensorLike:
        """Return a float32 tensor of this shape from N(0, 1)."""
        return tf.random.stateless_normal(shape, self._stream(purpose), alg="philox")

    def uniform(
        self, purpose: str, shape: Sequence[int] | TensorLike, low: float = 0.0, high: float = 1.0
    ) -> TensorLike:
        """Return a float32 tensor of this shape from U[low, high)."""
        return tf.random.stateless_uniform(shape, self._stream(purpose), low, high, alg="philox")

    def integers(self, purpose: str, shape: Sequence[int] | TensorLike, below: int) -> TensorLike:
        """Return an int32 tensor of this shape, uniform on 0 .. below - 1."""
        return tf.random.stateless_uniform(shape, self._stream(purpose), 0, below, tf.int32, alg="philox")

    def bits(self, purpose: str, shape: Sequence[int]) -> TensorLike:
        """Return a uint32 tensor of this shape, uniform over all values."""
        return tf.random.stateless_uniform(shape, self._stream(purpose), None, None, tf.uint32, alg="philox")

    def latent(self, shape: Sequence[int], distribution: str) -> TensorLike:
        """Return latent vectors from N(0, 1) (`normal`) or U(-1, 1) (`uniform`)."""
        return self.normal("latent", shape) if distribution == "normal" else self.uniform("latent", shape, -1.0, 1.0)


def seed_layers(network: Network, key: Key) -> None:
    """Key every seed that a layer keeps (dropout, noise layers), so that what it draws carries no history."""
    for index, seed in enumerate(layer_seeds(network)):
        seed.assign(key.narrow(index).bits("layer seed", [2]))


def layer_seeds(network: Network) -> list[Any]:
    """Return the variables in which a network's layers keep their seeds."""
    return [variable for variable in network.variables if variable.name == "seed_generator_state"]
