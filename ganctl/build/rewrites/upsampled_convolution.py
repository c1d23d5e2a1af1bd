"""Nearest upsampling by two and the convolution after it, as one transposed convolution.

A k x k convolution of an image in which every pixel stands four times equals a transposed convolution of stride 2
with the (k+1) x (k+1) kernel that is the k x k kernel convolved with a 2x2 box: for k = 3, 16 instead of 36
multiplications for every pixel of the smaller image, and no larger image to keep for the gradient.
"""

from typing import Any

from ganctl.build.rewrites import completed, is_plain_convolution, shown_by
from ganctl.lazy import keras, tf


def rewrite(network: Any) -> int:
    """Join every pair of upsampling and convolution; returns how many there are."""
    layers = network._flatten_layers()
    shown = shown_by(layers)
    pairs = [(layer, _convolution_after(layer)) for layer in layers if _doubles(layer) and not _made_by(layer) & shown]
    found = [(upsampling, convolution) for upsampling, convolution in pairs if convolution is not None]
    for upsampling, convolution in found:
        upsampling.call = _unchanged
        convolution.call = _Joined(convolution)
    return len(found)


def _doubles(layer: Any) -> bool:
    return (
        type(layer) is keras.layers.UpSampling2D
        and "call" not in vars(layer)  # it is rewritten already
        and layer.size == (2, 2)
        and layer.interpolation == "nearest"
        and layer.data_format == "channels_last"
    )


def _made_by(layer: Any) -> set[int]:
    """The identities of the tensors that a layer makes."""
    return {id(tensor) for node in layer._inbound_nodes for tensor in node.output_tensors}


def _convolution_after(layer: Any) -> Any:
    """The convolution that alone sees the output of a layer, or None."""
    followers = {node.operation for node in layer._outbound_nodes}
    if len(followers) != 1:
        return None
    follower: Any = followers.pop()
    # A layer that is used in two places may be used elsewhere without the upsampling.
    seen = {tensor._keras_history.operation for node in follower._inbound_nodes for tensor in node.input_tensors}
    return follower if is_plain_convolution(follower) and seen == {layer} else None


def _unchanged(inputs: Any) -> Any:
    """What stands for `UpSampling2D.call`."""
    return inputs


def joined_kernel(kernel: Any) -> Any:
    """Return the kernel [k+1, k+1, out, in] of the transposed convolution for a kernel [k, k, in, out]."""
    flipped = tf.transpose(tf.reverse(kernel, [0, 1]), [0, 1, 3, 2])
    for axis in (0, 1):
        before, after = [[0, 0]] * 4, [[0, 0]] * 4
        before[axis], after[axis] = [1, 0], [0, 1]
        flipped = tf.pad(flipped, before) + tf.pad(flipped, after)
    return flipped


class _Joined:
    """What stands for `Conv2D.call`; gets the image that is not yet upsampled."""

    def __init__(self, layer: Any) -> None:
        self._layer = layer

    def __call__(self, inputs: Any) -> Any:
        """Return what the convolution makes of [N, H, W, C]: [N, 2H, 2W, filters]."""
        layer = self._layer
        # `_value`: `value` is rounded within a layer that computes in bfloat16. Here sums are rounded once.
        kernel = tf.cast(joined_kernel(layer._kernel._value), inputs.dtype)
        batch, height, width = tf.shape(inputs)[0], inputs.shape[1] * 2, inputs.shape[2] * 2
        shape = [batch, height, width, layer.filters]
        outputs = tf.nn.conv2d_transpose(inputs, kernel, shape, strides=2, padding="SAME")
        return completed(layer, outputs)
