"""What ganctl reads of Keras beside its public interface is there, and is read in one place."""

import re
from pathlib import Path

import pytest

import ganctl
from ganctl import keras_internals
from ganctl.keras_internals import calls_of, has_parts, layers_of, stored
from ganctl.lazy import keras, tf

PACKAGE = Path(ganctl.__file__).parent
PRIVATE = re.compile(
    r"\b(?!self\b|cls\b)\w+\.(_flatten_layers|_layers|_inbound_nodes|_outbound_nodes|_keras_history|_kernel|_embeddings|"
    r"_value|_momentums|_velocities|_get_variable_index|_learning_rate|_get_current_learning_rate|_functional|"
    r"_run_through_graph|_nodes|_tracker|_dtype_policy)\b"
)


def test_the_release_that_was_read_is_the_one_that_is_installed() -> None:
    installed = ".".join(keras.__version__.split(".")[:2])
    assert installed == keras_internals.READ_FROM, (
        f"Keras {installed}: read ganctl/keras_internals.py beside its source, then set READ_FROM."
    )


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.stem)
def test_private_names_of_keras_stand_in_one_module(path: Path) -> None:
    if path.stem == "keras_internals":
        return
    assert not [match.group() for match in PRIVATE.finditer(path.read_text("utf-8"))]


def nested() -> keras.Model:
    """A network of a network, a sum of operators, and a layer of layers."""
    inner_input = keras.Input([4], name="inner")
    inner = keras.Model(inner_input, keras.layers.Dense(4, name="within")(inner_input), name="inner_network")
    outer = keras.Input([4], name="outer")
    sequence = keras.Sequential([keras.Input([4]), keras.layers.ReLU(name="last")], name="sequence")
    return keras.Model(outer, sequence(inner(outer) + outer))


def test_layers_are_found_at_any_depth_outer_ones_first() -> None:
    names = [layer.name for layer in layers_of(nested())]
    assert {"outer", "inner_network", "within", "sequence", "last"} <= set(names)
    assert names.index("inner_network") < names.index("within")
    assert len(names) == len(set(names))
    leaf = keras.layers.ReLU()
    assert layers_of(leaf) == [leaf]
    assert not has_parts(leaf)
    assert has_parts(nested())


def test_calls_are_found_within_networks_of_networks() -> None:
    calls = list(calls_of(nested()))
    names = [call.operation.name for call in calls]
    assert sorted(name for name in names if name in ("within", "last", "inner_network", "sequence")) == sorted(
        ["within", "last", "inner_network", "sequence"]
    )
    (addition,) = [call for call in calls if len(call.inputs) == 2]
    assert [tensor.shape for tensor in addition.outputs] == [(None, 4)]
    makers = {id(tensor): call.operation.name for call in calls for tensor in call.outputs}
    assert {makers[id(tensor)] for tensor in addition.inputs} == {"inner_network", "outer"}


def test_a_layer_that_is_called_twice_has_two_calls_and_other_networks_do_not_count() -> None:
    given, dense = keras.Input([4]), keras.layers.Dense(4)
    once = dense(given)
    keras.Model(given, dense(dense(once)))
    assert [call.operation for call in calls_of(keras.Model(given, once))].count(dense) == 1
    assert [call.operation for call in calls_of(keras.Model(given, dense(once)))].count(dense) == 2


def test_a_variable_is_stored_as_it_is_within_a_layer_that_rounds() -> None:
    class Seen(keras.layers.Layer):
        def build(self, _: object) -> None:
            self.weight = self.add_weight(shape=(), initializer="ones")

        def call(self, inputs: object) -> object:
            self.kinds = self.weight.value.dtype, stored(self.weight).dtype
            return inputs

    layer = Seen(dtype="mixed_bfloat16")
    layer(tf.zeros([1]))
    assert layer.kinds == (tf.bfloat16, tf.float32)
