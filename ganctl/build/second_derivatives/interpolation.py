"""Interpolated upsampling and resizing as two matrix products.

Interpolation along rows, then along columns, is a matrix for each. Derivatives of every order are products of the same
matrices. TensorFlow has no second derivative of bilinear interpolation (it is `None`, and a penalty has no effect on
the layers before it), and raises LookupError for the other kinds.
"""

from typing import Any

from ganctl.build.rewrites import Graph, Layer, StandIns
from ganctl.layers.stand_in import StandIn
from ganctl.lazy import keras, tf

Tensor = Any


def stand_ins(graph: Graph) -> StandIns:
    """Return a stand-in for every layer that resizes images by interpolation."""
    return {layer: Products(layer) for layer in graph.layers if _fits(layer)}


def _fits(layer: Layer) -> bool:
    if type(layer) is keras.layers.UpSampling2D:  # Keras' nearest-neighbour upsampling repeats pixels, which is right
        return layer.data_format == "channels_last" and layer.interpolation != "nearest"
    return (
        type(layer) is keras.layers.Resizing
        and layer.data_format == "channels_last"
        and not layer.crop_to_aspect_ratio
        and not layer.pad_to_aspect_ratio
    )


class Products(StandIn):
    """Resized images: rows times one matrix, columns times another."""

    def call(self, inputs: Tensor, **_: Any) -> Tensor:
        """Return [N, H', W', C] for [N, H, W, C]."""
        height, width = inputs.shape[1:3]
        with tf.init_scope():  # once, and not with every batch
            of_rows = _of_unit_images(self.layer, tf.eye(height)[:, :, tf.newaxis])[:, :, 0]
            of_columns = _of_unit_images(self.layer, tf.eye(width)[:, tf.newaxis])[:, 0]
        values = tf.cast(inputs, keras.backend.result_type(inputs.dtype.name, "float32"))
        values = tf.einsum("hi,nhwc->niwc", tf.cast(of_rows, values.dtype), values)
        return tf.cast(tf.einsum("wj,nhwc->nhjc", tf.cast(of_columns, values.dtype), values), inputs.dtype)


def _of_unit_images(layer: Layer, images: Tensor) -> Tensor:
    """What a layer makes of images [N, H, W] of a single row or column, float32 [N, H', W']."""
    return tf.cast(layer.call(images[..., tf.newaxis]), tf.float32)[..., 0]
