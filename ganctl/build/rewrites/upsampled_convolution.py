"""Nearest-neighbour upsampling by two and the convolution after it, as one transposed convolution.

Convolving an upsampled image, in which every pixel occurs four times, with a k x k kernel equals a transposed
convolution of stride 2 whose (k+1) x (k+1) kernel is the k x k kernel convolved with a 2x2 box. For k = 3 this takes 16
instead of 36 multiplications per pixel of the smaller image, and the gradient does not need the larger image.
"""

from typing import Any

from ganctl.build.rewrites import Graph, Layer, StandIns, adds_bias, is_plain_convolution
from ganctl.keras_internals import stored
from ganctl.layers.stand_in import ConvolutionStandIn, StandIn
from ganctl.lazy import keras, tf

Tensor = Any


def rewrite(graph: Graph, before: StandIns) -> StandIns:
    """Join every upsampling to the convolution after it; both get a stand-in."""
    found: dict[Layer, Layer] = {}
    for layer in graph.layers:
        convolution = graph.after(layer) if _doubles(layer) and not graph.made(layer) & graph.shown else None
        # A convolution that is called twice may be called elsewhere without the upsampling.
        if convolution and is_plain_convolution(convolution) and graph.before(convolution) is layer:
            found[layer] = Unchanged(layer)
            found[convolution] = Joined(convolution, biased=adds_bias(convolution, before))
    return found


def _doubles(layer: Layer) -> bool:
    return (
        type(layer) is keras.layers.UpSampling2D
        and layer.size == (2, 2)
        and layer.interpolation == "nearest"
        and layer.data_format == "channels_last"
    )


def joined_kernel(kernel: Tensor) -> Tensor:
    """Return the kernel [k+1, k+1, out, in] of the transposed convolution for a kernel [k, k, in, out]."""
    flipped = tf.transpose(tf.reverse(kernel, [0, 1]), [0, 1, 3, 2])
    for axis in (0, 1):
        before, after = [[0, 0]] * 4, [[0, 0]] * 4
        before[axis], after[axis] = [1, 0], [0, 1]
        flipped = tf.pad(flipped, before) + tf.pad(flipped, after)
    return flipped


class Unchanged(StandIn):
    """An upsampling that the convolution after it performs."""

    def call(self, inputs: Tensor) -> Tensor:
        """Return the inputs unchanged."""
        return inputs

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return a symbolic tensor of the same shape."""
        return keras.KerasTensor(inputs.shape, inputs.dtype)


class Joined(ConvolutionStandIn):
    """A convolution that takes the images before they are upsampled."""

    def call(self, inputs: Tensor) -> Tensor:
        """Return the convolution's output [N, 2H, 2W, filters] for [N, H, W, C]."""
        # In the stored precision, so that the sums within the kernel are rounded only once.
        kernel = tf.cast(joined_kernel(stored(self.layer.kernel)), inputs.dtype)
        batch, height, width = tf.shape(inputs)[0], inputs.shape[1] * 2, inputs.shape[2] * 2
        shape = [batch, height, width, self.layer.filters]
        outputs = tf.nn.conv2d_transpose(inputs, kernel, shape, strides=2, padding="SAME")
        return self.completed(outputs)

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return the spec of the convolution's output for images of twice the height and width."""
        batch, height, width, channels = inputs.shape
        larger = batch, height and 2 * height, width and 2 * width, channels
        return self.layer.compute_output_spec(keras.KerasTensor(larger, inputs.dtype))
