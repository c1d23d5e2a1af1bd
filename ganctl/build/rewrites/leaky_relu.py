"""LeakyReLU whose gradient reads its output instead of its input.

Both have the same sign, because Keras does not accept a negative slope. The input, a convolution's output, then has no
other reader and need not be stored: TensorFlow computes the convolution, its bias and the LeakyReLU in one
operation and saves writing every image once more.
"""

from typing import Any

from ganctl.build.rewrites import Graph, StandIns
from ganctl.layers.stand_in import StandIn
from ganctl.lazy import keras, tf

Tensor = Any


def rewrite(graph: Graph, before: StandIns) -> StandIns:
    """Replace the gradient of every LeakyReLU."""
    return {layer: ByItsOutput(layer) for layer in graph.layers if type(layer) is keras.layers.LeakyReLU}


class ByItsOutput(StandIn):
    """LeakyReLU, differentiated by the sign of its output."""

    def call(self, inputs: Tensor) -> Tensor:
        """Return x where x > 0 and slope * x elsewhere, of any shape."""
        slope = float(self.layer.negative_slope)

        @tf.custom_gradient  # type: ignore[untyped-decorator, unused-ignore]
        def activated(x: Tensor) -> Any:
            # Otherwise a second derivative would also go through this operation, with zeros, and through all before it;
            # and TensorFlow would fuse it with its convolution in one process and not in the next (`residual_sum`).
            outputs = tf.raw_ops.LeakyRelu(features=tf.stop_gradient(x), alpha=slope)
            return outputs, lambda above: tf.raw_ops.LeakyReluGrad(gradients=above, features=outputs, alpha=slope)

        return activated(inputs)
