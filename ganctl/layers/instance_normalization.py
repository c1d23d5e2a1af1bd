"""A layer that normalises every map of every image by itself."""

from typing import Any

from ganctl.lazy import keras

Tensor = Any


@keras.saving.register_keras_serializable("ganctl")
class InstanceNormalization(keras.layers.Layer):
    """Normalises each channel of each image over height and width, in training and inference alike.

        y = gamma (x - mean) / sqrt(variance + epsilon) + beta

    Maps are [N, H, W, C], of any height and width. gamma starts at 1 and beta at 0. Moments are computed in float32 if
    the layer computes in bfloat16, and gradients of any order are right, which they are not through Keras'
    `GroupNormalization` or `tf.nn.moments`: both take the mean for a constant in the variance.

    Source: Ulyanov et al. 2016, https://arxiv.org/abs/1607.08022, equation 4.

    Args:
        affine: whether there are gamma and beta.
        epsilon: added to the variance.
        settings: arguments of any layer, such as its name.
    """

    def __init__(self, *, affine: bool = True, epsilon: float = 1e-5, **settings: Any) -> None:
        super().__init__(**settings)
        self.affine, self.epsilon = affine, epsilon

    def build(self, input_shape: Any) -> None:
        """Create gamma and beta [C] for [N, H, W, C]."""
        if self.affine:
            shape = (input_shape[-1],)
            self.gamma = self.add_weight(shape=shape, initializer="ones", name="gamma", autocast=False)
            self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta", autocast=False)

    def call(self, inputs: Tensor) -> Tensor:
        """Return [N, H, W, C] for [N, H, W, C]."""
        ops = keras.ops
        exact = keras.backend.result_type(inputs.dtype, "float32")
        values = ops.cast(inputs, exact)
        centred = values - ops.mean(values, axis=(1, 2), keepdims=True)
        factor = ops.rsqrt(ops.mean(ops.square(centred), axis=(1, 2), keepdims=True) + self.epsilon)
        if not self.affine:
            return ops.cast(centred * factor, inputs.dtype)
        return ops.cast(centred * (factor * self.gamma) + self.beta, inputs.dtype)

    def as_keras(self, inputs: Any) -> Any:
        """Return Keras' group normalization with a group for each channel."""
        layer = keras.layers.GroupNormalization(
            -1, epsilon=self.epsilon, center=self.affine, scale=self.affine, name=self.name
        )
        layer.build(inputs.shape)
        layer.set_weights([self.gamma, self.beta] if self.affine else [])
        return layer

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the maps."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, for serialization."""
        return {**super().get_config(), "affine": self.affine, "epsilon": self.epsilon}
