"""LeakyReLU whose gradient looks at what it put out, and not at what it was given.

Both have the same sign, because Keras takes no negative slopes. With nobody else to look at it, what a convolution
gives is not kept: TensorFlow computes the convolution, its bias and the LeakyReLU in one operation, where it otherwise
writes all images once more.
"""

from typing import Any

from ganctl.build.rewrites import Graph, StandIns
from ganctl.layers.stand_in import StandIn
from ganctl.lazy import keras, tf

Tensor = Any


def rewrite(graph: Graph, before: StandIns) -> StandIns:
    """Give every LeakyReLU this gradient."""
    return {layer: ByItsOutput(layer) for layer in graph.layers if type(layer) is keras.layers.LeakyReLU}


class ByItsOutput(StandIn):
    """LeakyReLU."""

    def call(self, inputs: Tensor) -> Tensor:
        """Return x where x > 0 and slope * x elsewhere, of any shape."""
        slope = float(self.layer.negative_slope)

        @tf.custom_gradient  # type: ignore[untyped-decorator, unused-ignore]
        def activated(x: Tensor) -> Any:
            # A gradient of a gradient would go through this operation, too, with zeros, and through all before it;
            # and TensorFlow would join it to its convolution in one process and not in the next (`residual_sum`).
            outputs = tf.raw_ops.LeakyRelu(features=tf.stop_gradient(x), alpha=slope)
            return outputs, lambda above: tf.raw_ops.LeakyReluGrad(gradients=above, features=outputs, alpha=slope)

        return activated(inputs)
