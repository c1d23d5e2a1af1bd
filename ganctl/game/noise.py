"""Random numbers as a pure function of the place in the run where they are drawn.

Every draw is keyed by (seed, step, player, turn, update, purpose) and made by the counter-based Philox generator. Two
players therefore never share noise by accident, and nothing that is logged, sampled or evaluated in between can change
a run.

Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3" (philox).
"""

import hashlib
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ganctl.lazy import tf

TensorLike = Any
Network = Any


class Key:
    """A place in the run, from which random tensors are drawn by purpose.

    Args:
        seed: the experiment's seed.
        step: completed rounds, an integer or a scalar tensor.
        where: strings and integers that distinguish this place from others, known before tracing.
    """

    def __init__(self, seed: int, step: TensorLike, *where: str | int) -> None:
        self._seed = int(seed)  # the repr of a NumPy integer differs
        self._step = step
        self._where = where

    def narrow(self, *where: str | int) -> "Key":
        """Return a key for a place within this one."""
        return Key(self._seed, self._step, *self._where, *where)

    def beside(self, *where: str | int) -> "Key":
        """Return a key for another place than this one within the same larger place."""
        return Key(self._seed, self._step, *self._where[:-1], *where)

    def part(self, name: str) -> "Key":
        """Return a key for one of the parts of this place, such as one of two networks, with the same `number`."""
        return Key(self._seed, self._step, *self._where[:-1], name, *self._where[-1:])

    def number(self, each_step: int) -> TensorLike:
        """Return the running index of this place in the whole run, int64: step * each_step + the last of `where`.

        For the key of an update, this is the number of earlier updates of its turn.
        """
        return tf.cast(self._step, tf.int64) * each_step + int(self._where[-1])

    def _stream(self, purpose: str) -> TensorLike:
        text = repr((self._seed, *self._where, purpose)).encode()
        word = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little") >> 1
        return tf.stack([tf.constant(word, tf.int64), tf.cast(self._step, tf.int64)])

    def bits(self, purpose: str, shape: Sequence[int] | TensorLike) -> TensorLike:
        """Return a uint32 tensor of this shape, uniform over all values."""
        return tf.random.stateless_uniform(shape, self._stream(purpose), None, None, tf.uint32, alg="philox")

    def normal(self, purpose: str, shape: Sequence[int]) -> TensorLike:
        """Return a float32 tensor of this shape from N(0, 1) (Box and Muller 1958)."""
        count = math.prod(shape)
        pairs = _unit(self.bits(purpose, [(count + 1) // 2, 2]))
        length, angle = tf.sqrt(-2.0 * tf.math.log(tf.maximum(pairs[:, 0], 1e-7))), 2.0 * math.pi * pairs[:, 1]
        numbers = tf.stack([length * tf.sin(angle), length * tf.cos(angle)], axis=1)
        return tf.reshape(tf.reshape(numbers, [-1])[:count], shape)

    def uniform(
        self, purpose: str, shape: Sequence[int] | TensorLike, low: float = 0.0, high: float = 1.0
    ) -> TensorLike:
        """Return a float32 tensor of this shape from U[low, high)."""
        return low + (high - low) * _unit(self.bits(purpose, shape))

    def integers(self, purpose: str, shape: Sequence[int] | TensorLike, below: int) -> TensorLike:
        """Return an int32 tensor of this shape, uniform on 0 .. below - 1."""
        return tf.cast(tf.cast(self.bits(purpose, shape), tf.int64) % below, tf.int32)

    def latent(self, shape: Sequence[int], distribution: str, truncation: float | None = None) -> TensorLike:
        """Return latent vectors from N(0, 1) (`normal`) or U(-1, 1) (`uniform`).

        Args:
            shape: shape of the tensor.
            distribution: `normal` or `uniform`.
            truncation: truncation trick, for `normal`: redraw every entry outside plus or minus this until it is
                inside (Brock et al. 2018, "Large Scale GAN Training", arXiv:1809.11096, section 3.1). The other
                entries stay as they are.
        """
        if distribution != "normal":
            return self.uniform("latent", shape, -1.0, 1.0)
        drawn = self.normal("latent", shape)
        if truncation is None:
            return drawn
        # Redrawing until an entry is inside amounts to drawing from the truncated distribution: one draw by its
        # inverse.
        within = math.erf(truncation / math.sqrt(2.0)) * self.uniform("truncated latent", shape, -1.0, 1.0)
        again = math.sqrt(2.0) * tf.math.erfinv(within)
        return tf.where(tf.abs(drawn) <= truncation, drawn, tf.clip_by_value(again, -truncation, truncation))


def _unit(bits: TensorLike) -> TensorLike:
    """Return bits as numbers from [0, 1), in steps of 2^-23.

    TensorFlow converts bits the same way, but XLA does not: computed from bits here, the noise is the same with and
    without XLA.
    """
    return tf.bitcast((bits & 0x7FFFFF) | 0x3F800000, tf.float32) - 1.0


def seed_layers(network: Network, key: Key) -> None:
    """Set every seed that a layer keeps (dropout, noise layers) by the key, so that its draws have no history."""
    for index, seed in enumerate(layer_seeds(network)):
        seed.assign(key.narrow(index).bits("layer seed", [2]))


def layer_seeds(network: Network) -> list[Any]:
    """Return the variables in which a network's layers keep their seeds."""
    return [variable for variable in network.variables if variable.name == "seed_generator_state"]


@contextmanager
def seeded(network: Any, key: Key) -> Iterator[None]:
    """Seed layers that draw their own noise from this key in the body; their own seeds are restored afterwards."""
    seeds = layer_seeds(network)
    before = [seed.numpy() for seed in seeds]
    seed_layers(network, key)
    try:
        yield
    finally:
        for seed, value in zip(seeds, before, strict=True):
            seed.assign(value)
