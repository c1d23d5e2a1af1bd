"""Networks that are held still during another player's turn."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ganctl.keras_internals import layers_of
from ganctl.lazy import keras


@contextmanager
def frozen(opponents: Mapping[Any, str]) -> Iterator[None]:
    """Freeze networks while the body is traced; every layer's own flags are restored, even after Ctrl-C.

    No gradient reaches them anyway: this matters only to BatchNorm. `moving`: it normalises with the moving statistics,
    as Keras 3 does with `trainable = False`. `batch`: with the batch's, as Keras did in 2018 and PyTorch does, and the
    moving statistics stay unchanged because a momentum of 1 writes them back.
    """
    held = [(layer, layer.trainable, how) for network, how in opponents.items() for layer in layers_of(network)]
    norms = [
        (layer, layer.momentum)
        for layer, _, how in held
        if how == "batch" and isinstance(layer, keras.layers.BatchNormalization)
    ]
    try:
        for layer, _ in norms:
            layer.momentum = 1.0
        for layer, _, how in held:
            if how == "moving":
                layer.trainable = False
        yield
    finally:
        for layer, momentum in norms:
            layer.momentum = momentum
        for layer, trainable, _ in held:  # outer layers first: their setter reaches inwards
            layer.trainable = trainable
