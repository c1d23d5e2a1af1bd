"""A layer that cuts maps to the size of other maps."""

from typing import Any

from ganctl.layers.keras_alone import inputs_like
from ganctl.lazy import DATA_FORMAT, keras, tf

Tensor = Any


@keras.saving.register_keras_serializable("ganctl")
class CropLike(keras.layers.Layer):
    """Cuts the last rows and columns of maps [N, H, W, C] so that they are as large as others [N, h, w, c].

    A network that halves, rounding up, and doubles again ends with a row too many where a size was odd. Cut this way,
    it takes images of every size.

    Call it with the maps to cut and with those of the wanted size, which must not be larger.
    """

    def call(self, maps: Tensor, like: Tensor) -> Tensor:
        """Return [N, h, w, C] for [N, H, W, C] and [N, h, w, c]."""
        if None not in (*maps.shape[1:3], *like.shape[1:3]):
            return maps if maps.shape[1:3] == like.shape[1:3] else maps[:, : like.shape[1], : like.shape[2]]
        size = tf.shape(like)
        return maps[:, : size[1], : size[2]]

    def as_keras(self, maps: Any, like: Any) -> Any:
        """Return a model of Keras' own layer, or of its operations if the sizes are unknown."""
        inputs = inputs_like(maps, like)
        if None in (*maps.shape[1:3], *like.shape[1:3]):
            return keras.Model(inputs, _taken(*inputs), name=self.name)
        surplus = [maps.shape[axis] - like.shape[axis] for axis in (1, 2)]
        cropping = keras.layers.Cropping2D(tuple((0, pixels) for pixels in surplus), data_format=DATA_FORMAT)
        return keras.Model(inputs, cropping(inputs[0]), name=self.name)

    def compute_output_shape(self, maps_shape: Any, like_shape: Any) -> Any:
        """Return the shape of the maps, with the height and width of the others."""
        return (maps_shape[0], *like_shape[1:3], maps_shape[3])


def _taken(maps: Any, like: Any) -> Any:
    """The first rows and columns of symbolic maps, as many as others have.

    Keras' operations tell no sizes that are unknown when a network is put together. Counting ones does.
    """
    ops = keras.ops
    for axis, line in ((1, like[:1, :, :1, :1]), (2, like[:1, :1, :, :1])):
        ones = ops.sum(ops.ones_like(line, dtype="int32"), axis=(0, 3 - axis, 3))
        maps = ops.take(maps, ops.cumsum(ones) - 1, axis=axis)
    return maps
