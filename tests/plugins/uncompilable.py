"""A loss that XLA cannot compile, because it asks Python."""

from dataclasses import dataclass
from typing import Any

from ganctl import losses
from ganctl.game import GanPass
from ganctl.lazy import tf
from ganctl.losses.minimax import Minimax


@losses.registry.register("plugin_uncompilable", source="made for a test")
@dataclass(frozen=True)
class Uncompilable(Minimax):
    """Minimax, to which Python adds nothing."""

    def fake(self, batch: GanPass) -> Any:
        nothing = tf.py_function(lambda: 0.0, [], tf.float32)
        return super().fake(batch) + tf.ensure_shape(nothing, [])
