"""Spectral normalisation: kernels divided by their largest singular value.

Source: Miyato et al. 2018, https://arxiv.org/abs/1802.05957, equations 6 to 8 and algorithm 1.

The trained variable is the raw kernel W; a layer computes with W / sigma, where sigma = u^T W v for two vectors that
one power iteration per update brings closer to the singular vectors. The vectors are constants to the gradient and
sigma is not, as in equation 12: the raw kernel gets no gradient along the direction that sigma removes. They are
constant within an update, so that its real and generated images see the same kernel, and change only in the turns of
the player that moves the kernel (`ganctl.game.players.advancing`).

`keras.layers.SpectralNormalization` overwrites the kernel at every call and lets no gradient through sigma.
"""

from typing import Any

import numpy as np

from ganctl.keras_internals import layers_of
from ganctl.lazy import DATA_FORMAT, keras, tf

# Before the first update: a new kernel's singular values are close together, and this many iterations get within a few
# percent of the largest.
ITERATIONS_AT_BIRTH = 15
SMALLEST = 1e-12
"""Lower bound of the lengths that vectors are divided by, and of sigma."""

Tensor = Any


def spectral_layers(network: Any) -> list[Any]:
    """Return the layers of a network, at any depth, whose kernels are divided by their largest singular value."""
    return [layer for layer in layers_of(network) if isinstance(layer, Spectral)]


class Spectral:
    """Base of the spectral layers: the vectors of a kernel, and the kernel divided by sigma.

    Attributes:
        raw: the trained variable, of the kernel's shape.
        left: the vector u, float32 [rows] of the kernel as a matrix.
        right: the vector v, float32 [columns].
    """

    raw_name = "kernel"

    def add_weight(self, *arguments: Any, **settings: Any) -> Any:
        """Create a variable; the raw kernel is always float32, whatever precision the layer computes in."""
        if settings.get("name") != self.raw_name:
            return super().add_weight(*arguments, **settings)  # type: ignore[misc]
        self.raw = super().add_weight(*arguments, **{**settings, "autocast": False, "dtype": "float32"})  # type: ignore[misc]
        return self.raw

    def build(self, input_shape: Any = None) -> None:
        """Create the kernel, and vectors close to its singular vectors."""
        super().build(input_shape)  # type: ignore[misc]
        settings = {"trainable": False, "dtype": "float32", "autocast": False}

        # An initializer instead of a value: if only shapes are needed, nothing is computed. The pair is found once.
        pair: list[Any] = []

        def vector(side: int) -> Any:
            def value(shape: Any, dtype: Any = None) -> Any:
                if not pair:
                    pair.extend(_singular_vectors(self._matrix()))
                return pair[side]

            return value

        height, width = self._matrix_shape()
        self.left = self.add_weight(name="left", shape=(height,), initializer=vector(0), **settings)
        self.right = self.add_weight(name="right", shape=(width,), initializer=vector(1), **settings)

    def _matrix_shape(self) -> tuple[int, int]:
        *height, width = self.raw.shape
        return int(np.prod(height)), int(width)

    def _matrix(self) -> Tensor:
        """The raw kernel as a matrix, float32."""
        return tf.reshape(tf.convert_to_tensor(self.raw.value), self._matrix_shape())

    def sigma(self) -> Tensor:
        """Return u^T W v, a float32 scalar: the current estimate of the largest singular value."""
        left, right = tf.convert_to_tensor(self.left.value), tf.convert_to_tensor(self.right.value)
        along = tf.linalg.matvec(self._matrix(), tf.stop_gradient(right))
        return tf.maximum(tf.reduce_sum(tf.stop_gradient(left) * along), SMALLEST)

    def normalised(self) -> Tensor:
        """Return the kernel divided by sigma, in the layer's compute dtype."""
        return tf.cast(tf.convert_to_tensor(self.raw.value) / self.sigma(), self.compute_dtype)  # type: ignore[attr-defined]

    def advance(self) -> None:
        """Bring the vectors closer to the singular vectors by one power iteration (algorithm 1)."""
        left, right = _iterated(tf.stop_gradient(self._matrix()), tf.convert_to_tensor(self.left.value))
        self.left.assign(left)
        self.right.assign(right)

    def as_keras(self, inputs: Any) -> Any:
        """Return Keras' layer with the kernel divided by sigma once and for all."""
        kind = next(base for base in type(self).__mro__ if base.__module__.startswith("keras."))
        layer = kind.from_config(self.get_config())  # type: ignore[attr-defined]
        layer.build(inputs.shape)
        further = [variable for variable in self.trainable_variables if variable is not self.raw]  # type: ignore[attr-defined]
        layer.set_weights([self.normalised(), *further])
        return layer

    # Keras' convolution would save the kernel that it computes with, and neither it nor Dense would save the vectors.
    def save_own_variables(self, store: Any) -> None:
        """Save the raw kernel, the bias and the vectors."""
        keras.layers.Layer.save_own_variables(self, store)

    def load_own_variables(self, store: Any) -> None:
        """Load what `save_own_variables` saved."""
        keras.layers.Layer.load_own_variables(self, store)


@keras.saving.register_keras_serializable("ganctl")
class SpectralConv2D(Spectral, keras.layers.Conv2D):
    """A `keras.layers.Conv2D` whose kernel, as a matrix [height * width * in, out], has spectral norm 1.

    Takes the arguments of `Conv2D`; images are channels-last. The matrix is the reshaped kernel, as in section 3 of the
    paper.
    """

    kernel = property(Spectral.normalised)

    def __init__(self, filters: int, kernel_size: Any, *arguments: Any, **settings: Any) -> None:
        if len(arguments) < 3:  # strides, padding, data format
            settings.setdefault("data_format", DATA_FORMAT)
        super().__init__(filters, kernel_size, *arguments, **settings)


@keras.saving.register_keras_serializable("ganctl")
class SpectralDense(Spectral, keras.layers.Dense):
    """A `keras.layers.Dense` whose kernel [in, out] has spectral norm 1; takes the arguments of `Dense`."""

    kernel = property(Spectral.normalised)


@keras.saving.register_keras_serializable("ganctl")
class SpectralEmbedding(Spectral, keras.layers.Embedding):
    """A `keras.layers.Embedding` whose matrix [classes, dim] has spectral norm 1; takes its arguments.

    For projection discriminators (Miyato and Koyama 2018, https://arxiv.org/abs/1802.05637).
    """

    raw_name = "embeddings"
    embeddings = property(Spectral.normalised)


def _singular_vectors(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Vectors [rows], [columns] close to the first singular vectors of a matrix."""
    start = np.random.default_rng(0).normal(size=matrix.shape[0])
    left = tf.constant(start / np.linalg.norm(start), tf.float32)
    for _ in range(ITERATIONS_AT_BIRTH):
        left, right = _iterated(matrix, left)
    return left, right


def _iterated(matrix: Tensor, left: Tensor) -> tuple[Tensor, Tensor]:
    right = _unit(tf.linalg.matvec(matrix, left, transpose_a=True))
    return _unit(tf.linalg.matvec(matrix, right)), right


def _unit(vector: Tensor) -> Tensor:
    return vector / tf.maximum(tf.norm(vector), SMALLEST)
