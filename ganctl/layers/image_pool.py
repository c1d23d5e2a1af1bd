"""A memory of generated images, for discriminators."""

from typing import Any

from ganctl.lazy import keras, tf

Tensor = Any


@keras.saving.register_keras_serializable("ganctl")
class ImagePool(keras.layers.Layer):
    """Stores generated images, and returns a mix of stored and new ones for the discriminator to learn from.

    A discriminator that sees only the newest images forgets what the generator made before, and the two can go round
    in circles. One image after the other passes through the pool. Until it is full, each is stored and returned. From
    then on, with probability 1/2, a random stored image is returned in place of the new one, which takes its slot;
    otherwise the new image is returned and not stored.

    Everything that it remembers is a variable, and all chance comes from the key, so that a resumed run continues
    exactly.

    Source: Shrivastava et al. 2017, https://arxiv.org/abs/1612.07828, section 2.3, in the form of Zhu et al. 2017,
    https://arxiv.org/abs/1703.10593, section 4.

    Args:
        size: how many images are remembered, at least 1.
        settings: arguments of any layer, such as its name.

    Example:
        >>> pool = ImagePool(50)
        >>> pool.build((None, 64, 64, 3))
        >>> shown = pool(images, key=batch.key)
    """

    def __init__(self, size: int, **settings: Any) -> None:
        # Images are float32 whatever the precision, as last layers make them.
        super().__init__(**{**settings, "dtype": "float32", "trainable": False})
        self.size = size

    def build(self, input_shape: Any) -> None:
        """Create the memory for images [N, H, W, C]."""
        shape = (self.size, *input_shape[1:])
        self.images = self.add_weight(shape=shape, initializer="zeros", trainable=False, name="images")
        self.filled = self.add_weight(shape=(), initializer="zeros", dtype="int32", trainable=False, name="filled")

    def call(self, images: Tensor, key: Any) -> Tensor:
        """Return N images for N new ones, float32 [N, H, W, C], without a gradient.

        Args:
            images: the new images.
            key: the `ganctl.game.Key` of this update; its draws are called `pool slots` and `pool stored`.
        """
        images = tf.stop_gradient(images)
        count, memory = images.shape[0], self.images.value
        places = tf.range(count)
        filling = self.filled.value + places < self.size
        slots = tf.where(filling, self.filled.value + places, key.integers("pool slots", [count], self.size))
        swapped = tf.logical_and(~filling, key.uniform("pool stored", [count]) < 0.5)
        # What image i finds in its slot: the last image before it in the batch that was stored there, if there is one.
        stores = tf.logical_and(slots[:, tf.newaxis] == slots, tf.logical_or(filling, swapped))
        before = places[:, tf.newaxis] > places
        stored = tf.gather(memory, slots)
        found = _last(tf.logical_and(stores, before), places, images, stored)
        # Images of the same slot write the same there, so that their order does not matter.
        memory.scatter_update(tf.IndexedSlices(_last(stores, places, images, stored), slots))
        self.filled.assign(tf.minimum(self.size, self.filled.value + count))
        return tf.where(swapped[:, tf.newaxis, tf.newaxis, tf.newaxis], found, images)

    def compute_output_shape(self, input_shape: Any, *_: Any, **__: Any) -> Any:
        """Return the shape of the images."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, for serialization."""
        return {**super().get_config(), "size": self.size}


def _last(where: Tensor, places: Tensor, images: Tensor, otherwise: Tensor) -> Tensor:
    """The last image j with where[i, j] for every i, or otherwise[i] if there is none."""
    last = tf.reduce_max(tf.where(where, places, -1), axis=1)
    chosen = tf.gather(images, tf.maximum(last, 0))
    return tf.where((last >= 0)[:, tf.newaxis, tf.newaxis, tf.newaxis], chosen, otherwise)
