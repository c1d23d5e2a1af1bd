"""A layer that gives the same maps to several readers."""

from typing import Any

from ganctl.layers.keras_alone import inputs_like
from ganctl.lazy import keras, tf

Tensor = Any


@keras.saving.register_keras_serializable("ganctl")
class Copies(keras.layers.Layer):
    """Returns its input twice, so that the gradients of the two are added before they are added to any other.

    TensorFlow adds gradients that flow together from three places in an order that depends on timing
    (`ganctl.game.gradients`). Where a skip over a whole network starts at a residual block, there are three: the block,
    its own skip and the long one. With one copy for the block and one for the long skip, there are two and two.
    """

    def call(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the input, twice."""

        @tf.custom_gradient
        def twice(maps: Tensor) -> Any:
            def gradient(first: Tensor, second: Tensor) -> Tensor:
                return tf.reduce_sum(tf.stack([first, second]), axis=0)

            return (tf.identity(maps), tf.identity(maps)), gradient

        copies: tuple[Tensor, Tensor] = twice(inputs)
        return copies

    def as_keras(self, inputs: Any) -> Any:
        """Return a model whose two outputs are its input."""
        (maps,) = inputs_like(inputs)
        identity = keras.layers.Identity
        return keras.Model(maps, [identity()(maps), identity()(maps)], name=self.name)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shapes of both copies."""
        return input_shape, input_shape
