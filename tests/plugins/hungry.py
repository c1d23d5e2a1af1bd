"""A loss that asks for more memory than any machine has."""

from dataclasses import dataclass
from typing import Any

from ganctl import losses
from ganctl.game import GanPass
from ganctl.lazy import tf
from ganctl.losses.minimax import Minimax

TERABYTES = 64


@losses.registry.register("plugin_hungry", source="made for a test")
@dataclass(frozen=True)
class Hungry(Minimax):
    """Minimax beside a tensor that fits nowhere."""

    def fake(self, batch: GanPass) -> Any:
        rows = TERABYTES * 2**20 + tf.cast(batch.key._step, tf.int32)
        return super().fake(batch) + 0 * tf.reduce_mean(tf.random.stateless_uniform([rows, 2**18], [1, 2]))
