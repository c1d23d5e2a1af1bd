"""Units that learn their own activation: the maximum of several linear functions.

Source: Goodfellow et al. 2013, https://arxiv.org/abs/1302.4389, section 2.
"""

from typing import Any

from ganctl.lazy import channels_last, keras


@channels_last()
def maxout(vectors: Any, units: int, pieces: int, **settings: Any) -> Any:
    """Return vectors [N, units] made from vectors [N, d]: h_i = max_k (x . W_k + b_k)_i over k = 1 .. pieces.

    Args:
        vectors: a Keras tensor.
        units: number of outputs.
        pieces: linear functions of each unit.
        **settings: of the `keras.layers.Dense` that computes them all.
    """
    layers = keras.layers
    every = layers.Dense(pieces * units, **settings)(vectors)
    return layers.GlobalMaxPooling1D()(layers.Reshape((pieces, units))(every))
