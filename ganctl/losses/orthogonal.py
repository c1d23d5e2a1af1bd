"""Orthogonal regularization of the generator: its filters should differ, and truncation then leaves fewer artifacts."""

from typing import Any

from ganctl.game import GanPass, GeneratorTerm
from ganctl.keras_internals import layers_of
from ganctl.lazy import keras, tf
from ganctl.losses import generator_terms


@generator_terms.register("orthogonal", source="Brock et al. 2018, https://arxiv.org/abs/1809.11096, equation 3")
def orthogonal() -> GeneratorTerm:
    """Sum of the squared products of every two filters of one layer, over all layers of the generator.

    The lengths of the filters are free. Embeddings are left out. The paper's weight is 1e-4.
    """

    def term(batch: GanPass) -> Any:
        found = [_overlap(kernel, transposed) for kernel, transposed in _kernels(batch.networks["generator"])]
        return tf.reduce_sum(tf.stack(found)) if found else tf.constant(0.0)

    return GeneratorTerm(term, partial=True)


def _kernels(network: Any) -> list[tuple[Any, bool]]:
    """The kernels of a network's layers, once each, and whether their filters come last but one."""
    found: dict[int, tuple[Any, bool]] = {}
    for layer in layers_of(network):
        # A spectral layer computes its kernel from a raw one, the variable.
        kernel: Any = getattr(layer, "raw" if hasattr(layer, "raw") else "kernel", None)
        named = isinstance(kernel, keras.Variable) and kernel.name == "kernel"
        if named and kernel.trainable and len(kernel.shape) > 1:
            found.setdefault(id(kernel), (kernel, isinstance(layer, keras.layers.Conv2DTranspose)))
    return list(found.values())


def _overlap(kernel: Any, transposed: bool) -> Any:
    """Sum of the squared products of every two filters of a kernel; `transposed` as `_kernels` tells."""
    weights = tf.cast(tf.convert_to_tensor(kernel), tf.float32)
    if transposed:
        weights = tf.linalg.matrix_transpose(weights)
    filters = tf.reshape(weights, [-1, weights.shape[-1]])
    length, count = filters.shape
    if length < count:  # The same sum of squares, from the smaller of the two matrices of products.
        every = tf.reduce_sum(tf.square(tf.matmul(filters, filters, transpose_b=True)))
        return every - tf.reduce_sum(tf.square(tf.reduce_sum(tf.square(filters), axis=0)))
    products = tf.matmul(filters, filters, transpose_a=True)
    return tf.reduce_sum(tf.square(tf.linalg.set_diag(products, tf.zeros([count]))))
