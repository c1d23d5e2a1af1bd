"""Networks that take images of any height and width, made from networks built for one size."""

from typing import Any

from ganctl.layers.stand_in import is_transparent
from ganctl.lazy import keras, own_settings

Layer = Any
Network = Any
SymbolicTensor = Any


def of_any_size(network: Network) -> Network:
    """Return a network with the same layers and variables whose images have any height and width.

    Whether it then computes what the original would, built for that size, depends on the layers: a dense layer, or a
    reshape to fixed sides, may raise an error only when it is called, or return images of another size.

    Args:
        network: a functional or Sequential model; it does not change.

    Raises:
        ValueError: it is another kind of model. Keras and the layers may raise further exceptions, of any type.
    """
    if not is_transparent(network):
        raise ValueError(f"only functional and Sequential models have layers to call again. Received: {network!r}")

    def instead(layer: Layer) -> Layer:
        return of_any_size(layer) if is_transparent(layer) else layer

    with own_settings(network.dtype_policy):
        # A Sequential model that nobody has called says nothing of its `input`.
        given = network.inputs[0] if isinstance(network, keras.Sequential) else network.input
        given = keras.tree.map_structure(_freed, given)
        return keras.models.clone_model(network, input_tensors=given, clone_function=instead)


def _freed(tensor: SymbolicTensor) -> SymbolicTensor:
    """Return a new input like a symbolic tensor; images [N, H, W, C] with free height and width."""
    shape = [None, None, tensor.shape[-1]] if len(tensor.shape) == 4 else tensor.shape[1:]
    return keras.Input(shape, dtype=tensor.dtype, name=tensor.name)
