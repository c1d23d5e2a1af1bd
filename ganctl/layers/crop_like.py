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
        """Return a model that crops by a fixed number of pixels: none if the sizes are unknown.

        It then takes only images for which there is nothing to cut.
        """
        inputs = inputs_like(maps, like)
        known = None not in (*maps.shape[1:3], *like.shape[1:3])
        surplus = [maps.shape[axis] - like.shape[axis] if known else 0 for axis in (1, 2)]
        cropping = keras.layers.Cropping2D(tuple((0, pixels) for pixels in surplus), data_format=DATA_FORMAT)
        return keras.Model(inputs, cropping(inputs[0]), name=self.name)

    def compute_output_shape(self, maps_shape: Any, like_shape: Any) -> Any:
        """Return the shape of the maps, with the height and width of the others."""
        return (maps_shape[0], *like_shape[1:3], maps_shape[3])
