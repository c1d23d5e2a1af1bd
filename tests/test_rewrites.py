"""Rewrites compute what the networks compute without them, as exactly, in a better way."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SMALLEST, drawn_from_noise, shapes_of, shipped

from ganctl import models
from ganctl.build.optimizers import make_optimizer
from ganctl.build.rewrites import Graph, rewrites, rewritten
from ganctl.experiment.sections import OptimizerSection, TrainingSection
from ganctl.game import CLASSES, Game, Key, Setup, discriminator, players
from ganctl.game.freezing import frozen
from ganctl.game.noise import layer_seeds
from ganctl.game.state import named_variables
from ganctl.keras_internals import has_parts, layers_of
from ganctl.layers.spectral_normalization import spectral_layers
from ganctl.layers.stand_in import StandIn
from ganctl.lazy import keras, tf
from ganctl.losses.minimax import Minimax
from ganctl.registry import accepted

NUM_CLASSES, BATCH = 10, 3
SIDE = 16
"""Of what is put into networks for images of any size."""
SHAPES = [(16, 16, 3), (28, 28, 1), (32, 32, 3)]


def first_fitting(entry: Any) -> tuple[int, int, int]:
    """The smallest of the shapes that a model takes."""
    return next(shape for shape in SHAPES if not entry.why_unfit(*shape[:2]))


QUICK = ("dcgan",)
CASES = [
    pytest.param(entry.name, first_fitting(entry), marks=[] if entry.name in QUICK else [pytest.mark.slow])
    for entry in shipped(models.registry)
]

FROM_NOISE = [case for case in CASES if case.values[0] in {entry.name for entry in drawn_from_noise()}]


@contextmanager
def policy(name: str) -> Iterator[None]:
    """Build layers in this precision."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def built(model: str, shape: tuple[int, int, int], precision: str) -> dict[str, Any]:
    """The networks of a model, always with the same weights, without anything that is drawn."""
    entry = models.registry.get(model)
    arguments = {"image_shape": shape, "num_classes": NUM_CLASSES, "latent_input": "given"} | {
        **SMALLEST,
        "capacity": 4,
    }
    arguments["image_shapes"] = shapes_of(entry, shape)
    with policy(precision):  # a layer that asks for float32 has it also among those in float64
        made = entry.make(**accepted(entry.make, arguments))
    # A pool of images has nothing to rewrite.
    networks = {role: network for role, network in made.items() if isinstance(network, keras.Model)}
    random = np.random.default_rng(1)
    for network in networks.values():
        for layer in layers_of(network):
            if isinstance(layer, keras.layers.Dropout):
                layer.rate = 0.0
            if isinstance(layer, keras.layers.LeakyReLU):
                layer.negative_slope = 0.9  # rounding must not turn a whole unit on or off
        for variable in network.variables:
            if variable.dtype.startswith("float"):
                values = random.normal(0, 1 / math.sqrt(max(1, math.prod(variable.shape[:-1]))), variable.shape)
                variable.assign(np.abs(values) + 0.5 if variable.name == "moving_variance" else values)
        for layer in spectral_layers(network):  # its vectors belong to the kernel
            layer.advance()
    return networks


def inputs_of(network: Any) -> Any:
    """Something to put in."""
    random = np.random.default_rng(2)

    def one(tensor: Any) -> np.ndarray:
        if tensor.name == CLASSES and tensor.dtype == "int32":
            return (np.arange(BATCH) % NUM_CLASSES)[:, None]
        shape = [SIDE if side is None else side for side in tensor.shape[1:]]
        return random.normal(0, 1, (BATCH, *shape)).astype(np.float32)

    found = [tf.constant(one(tensor)) for tensor in network.inputs]
    return found if len(found) > 1 else found[0]


def computed(
    network: Any, *, training: bool, trainable: bool, call: Callable[..., Any] | None = None
) -> dict[str, np.ndarray]:
    """Outputs, gradients and every variable afterwards, in float64; `call`: what computes them, if not the network."""
    network.trainable = trainable
    call = call or network
    given = tf.nest.map_structure(
        lambda x: x if x.dtype.is_integer else tf.cast(x, network.inputs[0].dtype), inputs_of(network)
    )
    watched = [variable.value for variable in network.trainable_variables]
    watched += [x for x in tf.nest.flatten(given) if not x.dtype.is_integer]
    with tf.GradientTape() as tape:
        tape.watch(watched)
        outputs = [tf.cast(tensor, tf.float64) for tensor in tf.nest.flatten(call(given, training=training))]
        flat = tf.concat([tf.reshape(tensor, [-1]) for tensor in outputs], axis=0)
        loss = tf.reduce_sum(flat * np.cos(np.arange(flat.shape[0])))
    gradients = tape.gradient(loss, watched)
    found = {f"output {i}": tensor for i, tensor in enumerate(outputs)}
    found |= {f"gradient {i}": gradient for i, gradient in enumerate(gradients) if gradient is not None}
    variables = named_variables(network).items()
    found |= {f"variable {name}": variable.value for name, variable in variables if "seed" not in name}
    return {name: np.asarray(tf.cast(tf.convert_to_tensor(value), tf.float64)) for name, value in found.items()}


@contextmanager
def restored(network: Any) -> Iterator[None]:
    """Give all variables of a network their values back."""
    before = [variable.numpy() for variable in network.variables]
    try:
        yield
    finally:
        for variable, value in zip(network.variables, before, strict=True):
            variable.assign(value)


def errors(found: dict[str, np.ndarray], truth: dict[str, np.ndarray]) -> dict[str, float]:
    """The length of each error, relative to that of the value. What is only rounding (below 1e-6) is not looked at."""
    assert found.keys() == truth.keys()
    return {
        name: float(np.linalg.norm(found[name] - value) / np.linalg.norm(value))
        for name, value in truth.items()
        if np.linalg.norm(value) > 1e-6
    }


@pytest.mark.parametrize(("model", "shape"), CASES)
def test_rewritten_networks_are_as_exact_as_keras(model: str, shape: tuple[int, int, int]) -> None:
    """Measured against float64: outputs, gradients and moving statistics, in every mode and precision."""
    networks = {name: built(model, shape, name) for name in ("float64", "float32", "mixed_bfloat16")}
    for role, exact in networks["float64"].items():
        fast = {precision: rewritten(networks[precision][role]) for precision in ("float32", "mixed_bfloat16")}
        for training, trainable in ((True, True), (False, True), (True, False)):
            settings = {"training": training, "trainable": trainable}
            with restored(exact):
                truth = computed(exact, **settings)
            for precision, rounding in (("float32", 2e-6), ("mixed_bfloat16", 2e-2)):
                network = networks[precision][role]
                with restored(network):
                    before = errors(computed(network, **settings), truth)
                with restored(network):
                    after = errors(computed(network, **settings, call=fast[precision]), truth)
                worse = {name: (before[name], e) for name, e in after.items() if e > 10 * before[name] + rounding}
                assert not worse, (role, precision, settings)


@pytest.mark.slow
def test_every_rewrite_has_its_place_among_the_shipped_models() -> None:
    found = dict.fromkeys(rewrites(), 0)
    for model, shape in (case.values for case in CASES):
        for network in built(model, shape, "float32").values():
            for name, apply in rewrites().items():
                found[name] += len(apply(Graph(network), {}))
    assert all(found.values()), found


def everything_said(network: Any) -> list[tuple[Any, ...]]:
    """What a network says of itself: every layer with its configuration, its flags and its own attributes."""
    return [
        (layer, layer.name, layer.trainable, sorted(vars(layer)), str(layer.get_config()))
        for layer in layers_of(network)
    ]


PLAIN = {keras.layers.Dense, keras.layers.Conv2D, keras.layers.Embedding}
"""Of these layers with ReLU alone, Keras' own expressions are the fastest."""


@pytest.mark.parametrize(("model", "shape"), CASES)
def test_the_network_that_is_rewritten_stays_what_it_says_it_is(
    model: str, shape: tuple[int, int, int], tmp_path: Path
) -> None:
    """The second one has the same variables, and the same seeds in the same order."""
    for role, network in built(model, shape, "float32").items():
        before, said = computed(network, training=False, trainable=True), everything_said(network)
        fast = rewritten(network)
        weighted = [layer for layer in layers_of(network) if layer.weights and not has_parts(layer)]
        plain = len(weighted) == 1 or {type(layer) for layer in weighted} <= PLAIN
        assert fast is not network or plain, "every shipped network has something to rewrite"
        assert (fast is network) == (not rewrites_of(network))
        assert everything_said(network) == said
        after = computed(network, training=False, trainable=True)
        assert all((before[name] == after[name]).all() for name in before)
        assert {id(v) for v in fast.variables} == {id(v) for v in network.variables}
        assert layer_seeds(fast) == layer_seeds(network)
        inputs = [[(t.name == CLASSES, t.shape, t.dtype) for t in each.inputs] for each in (fast, network)]
        assert inputs[0] == inputs[1]
        if role == "generator":
            network.save(tmp_path / "a.keras")
            read = keras.saving.load_model(tmp_path / "a.keras")
            assert [type(layer) for layer in layers_of(read)] == [type(layer) for layer in layers_of(network)]


# --- networks of every kind


def nested() -> Any:
    """A network of networks: one functional, one Sequential, one of them called twice."""
    x = keras.Input((8, 8, 3), name="x")
    inner = keras.Input((8, 8, 4))
    layers = keras.layers
    normal = layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(inner))
    block = keras.Model(inner, layers.LeakyReLU(0.2)(normal))
    last = keras.Sequential([keras.Input((8, 8, 4)), layers.UpSampling2D(), layers.Conv2D(3, 3, padding="same")])
    return keras.Model(x, last(block(block(layers.Conv2D(4, 1)(x)))))


def several_inputs_and_outputs() -> Any:
    """By name, in and out, with an operator between layers."""
    given = {"a": keras.Input((8, 8, 3), name="a"), "b": keras.Input((8, 8, 3), name="b")}
    norm = keras.layers.BatchNormalization()
    sums = keras.layers.Add()([norm(given["a"]), norm(given["b"])])
    return keras.Model(given, {"sum": sums, "scaled": 2.0 * keras.ops.sum(keras.layers.LeakyReLU()(sums), axis=-1)})


def masked() -> Any:
    """With a mask that BatchNorm is to mind."""
    x = keras.Input((4, 4, 3))
    network = keras.layers.Conv2D(3, 1)(x)
    return keras.Model(x, keras.layers.BatchNormalization()(network, mask=keras.ops.mean(x, axis=-1) > 0))


def drawn_for(network: Any) -> Any:
    random = np.random.default_rng(0)
    return tf.nest.map_structure(
        lambda tensor: tf.constant(random.normal(size=(3, *tensor.shape[1:])), tf.float32), network.input
    )


@pytest.mark.parametrize("make", [nested, several_inputs_and_outputs, masked])
def test_networks_of_every_form_are_rewritten(make: Callable[[], Any]) -> None:
    network = make()
    fast, given = rewritten(network), drawn_for(network)
    assert fast is not network
    for training in (True, False):  # False last, because it looks at the moments
        expected, found = network(given, training=training), fast(given, training=training)
        tf.nest.map_structure(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), expected, found)
    assert {id(v) for v in fast.variables} == {id(v) for v in network.variables}
    expected = {id(v) for v in network.variables}
    stand_ins = [layer for layer in layers_of(fast) if isinstance(layer, StandIn)]
    assert len(stand_ins) == len(rewrites_of(network)) > 0


def rewrites_of(network: Any) -> set[Any]:
    """The layers that get a stand-in."""
    found: dict[Any, Any] = {}
    for apply in rewrites().values():
        found |= apply(Graph(network), found)
    return set(found)


class OwnModel(keras.Model):  # type: ignore[misc, unused-ignore]
    """A network of somebody's own, who alone knows whom it calls."""

    def __init__(self) -> None:
        super().__init__()
        self.activation = keras.layers.LeakyReLU(0.2)

    def call(self, inputs: Any) -> Any:
        """Return as many maps."""
        return self.activation(self.activation(inputs))


class OwnFunctional(keras.Model):  # type: ignore[misc, unused-ignore]
    """A functional model that is called otherwise than it says."""

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """Return the half."""
        return super().call(inputs) / 2


def test_a_network_of_somebodys_own_is_played_as_it_is() -> None:
    x = keras.Input((4, 4, 3))
    halved = OwnFunctional(x, keras.layers.LeakyReLU(0.2)(x))
    for own in (OwnModel(), halved, keras.layers.LeakyReLU(0.2)):
        assert rewritten(own) is own
    around = keras.Model(x, keras.layers.Add()([OwnModel()(x), halved(x)]))
    fast, given = rewritten(around), drawn_for(around)
    assert [type(layer).__name__ for layer in layers_of(fast) if isinstance(layer, StandIn)] == ["Apart"]
    np.testing.assert_array_equal(fast(given), around(given))


def test_freezing_a_network_freezes_what_is_rewritten_of_it() -> None:
    """Flags are asked of the layers themselves, each time."""
    network = built("celeba_gan", (32, 32, 3), "float32")["discriminator"]
    fast, given = rewritten(network), inputs_of(network)
    moments = [v for v in network.variables if v.name.startswith("moving")]

    def moves() -> bool:
        before = [v.numpy() for v in moments]
        fast(given, training=True)
        return any((a != v.numpy()).any() for a, v in zip(before, moments, strict=True))

    with frozen({network: "moving"}):
        np.testing.assert_array_equal(fast(given, training=True), fast(given, training=False))
        assert not moves()
    with frozen({network: "batch"}):
        assert (fast(given, training=True).numpy() != fast(given, training=False).numpy()).any()
        assert not moves()
    assert moves()


def test_a_game_plays_the_rewritten_networks_and_keeps_the_named_ones(small_game: Callable[..., Game]) -> None:
    game = small_game("dcgan", {"training.ema": 0.9})
    assert game.played.keys() == game.networks.keys()
    for role, network in game.networks.items():
        assert not any(isinstance(layer, StandIn) for layer in layers_of(network))
        assert any(isinstance(layer, StandIn) for layer in layers_of(game.played[role]))
    plain = small_game("dcgan", {"training.rewrites": False})
    assert all(plain.played[role] is network for role, network in plain.networks.items())


# --- each rewrite by itself


def joined(sizes: list[int], kernel: int, filters: int) -> Any:
    """Upsampling and a convolution, in float64."""
    with policy("float64"):
        return keras.Sequential(
            [
                keras.Input((*sizes, 3)),
                keras.layers.UpSampling2D(),
                keras.layers.Conv2D(filters, kernel, padding="same", activation="tanh"),
            ]
        )


@pytest.mark.parametrize("filters", [1, 5])
@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
@pytest.mark.parametrize("sizes", [[4, 4], [3, 5], [1, 2]])
def test_convolutions_are_rewritten_exactly(sizes: list[int], kernel: int, filters: int) -> None:
    """In float64, up to the fifteenth digit, at the borders, too."""
    plain = joined(sizes, kernel, filters)
    for name in ("upsampled_convolution", "thin_convolution"):
        both = keras.models.clone_model(plain)
        both.set_weights(plain.get_weights())
        faster = rewritten(both, frozenset({name}))
        assert (faster is not both) == (name == "upsampled_convolution" or (filters < 5 and kernel > 1))
        x = tf.constant(np.random.default_rng(0).normal(size=(2, *sizes, 3)))
        variables = [[v.value for v in network.trainable_variables] for network in (plain, both)]
        with tf.GradientTape(persistent=True) as tape:
            tape.watch([x, *variables[0], *variables[1]])
            losses = [tf.reduce_sum(network(x) ** 3) for network in (plain, faster)]
        for a, b in zip(tape.gradient(losses[0], [x, *variables[0]]), tape.gradient(losses[1], [x, *variables[1]]),
                        strict=True):  # fmt: skip
            np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


def shown_upsampling() -> Any:
    x = keras.Input((4, 4, 3))
    larger = keras.layers.UpSampling2D()(x)
    return keras.Model(x, [larger, keras.layers.Conv2D(8, 3, padding="same")(larger)])


def upsampling_seen_twice() -> Any:
    x = keras.Input((4, 4, 3))
    larger = keras.layers.UpSampling2D()(x)
    convolutions = [keras.layers.Conv2D(8, 3, padding="same")(larger) for _ in range(2)]
    return keras.Model(x, convolutions)


def convolution_used_twice() -> Any:
    x = keras.Input((4, 4, 3))
    convolution = keras.layers.Conv2D(3, 3, padding="same")
    return keras.Model(x, convolution(keras.layers.UpSampling2D()(convolution(x))))


def upsampling_shown_by_a_part() -> Any:
    x = keras.Input((4, 4, 3))
    part = keras.Model(x, shown_upsampling()(x)[0])
    return keras.Model(x, keras.layers.Conv2D(8, 3, padding="same")(part(x)))


@pytest.mark.parametrize(
    "make", [shown_upsampling, upsampling_seen_twice, convolution_used_twice, upsampling_shown_by_a_part]
)
def test_an_upsampled_image_that_others_see_stays(make: Callable[[], Any]) -> None:
    network = make()
    x = tf.constant(np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype(np.float32))
    before = network(x)
    assert not rewrites()["upsampled_convolution"](Graph(network), {})
    for a, b in zip(tf.nest.flatten(before), tf.nest.flatten(rewritten(network)(x)), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def bias_shown() -> Any:
    x = keras.Input((4, 4, 3))
    biased = keras.layers.Conv2D(8, 3, bias_initializer="ones")(x)
    return keras.Model(x, [biased, keras.layers.BatchNormalization()(biased)])


def bias_seen_twice() -> Any:
    x = keras.Input((4, 4, 3))
    biased = keras.layers.Conv2D(8, 3, bias_initializer="ones")(x)
    return keras.Model(x, keras.layers.Add()([biased, keras.layers.BatchNormalization()(biased)]))


def normalised_twice() -> Any:
    x = keras.Input((4, 4, 3))
    convolution = keras.layers.Conv2D(3, 3, padding="same", bias_initializer="ones")
    norm = keras.layers.BatchNormalization()
    return keras.Model(x, norm(convolution(norm(convolution(x)))))


@pytest.mark.parametrize("make", [bias_shown, bias_seen_twice, normalised_twice])
def test_a_bias_that_others_see_is_added(make: Callable[[], Any]) -> None:
    network = make()
    x = tf.constant(np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype(np.float32))
    before = [network(x), network(x, training=True)]
    fast = rewritten(network)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_mean.assign(tf.zeros_like(layer.moving_mean))
            layer.moving_variance.assign(tf.ones_like(layer.moving_variance))
    after = [fast(x), fast(x, training=True)]
    for a, b in zip(tf.nest.flatten(before), tf.nest.flatten(after), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5)


def test_a_thin_convolution_of_an_odd_size_stays_as_it_is() -> None:
    network = keras.Sequential([keras.Input((None, None, 2)), keras.layers.Conv2D(1, 3, padding="same")])
    fast = rewritten(network)
    assert fast is not network
    for size in (7, 8):
        x = tf.ones([1, size, size, 2])
        np.testing.assert_allclose(fast(x), network(x), atol=1e-6)


def penalised(function: Callable[[Any], Any], x: Any) -> np.ndarray:
    """The gradient of a gradient penalty."""
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            score = tf.reduce_sum(tf.sin(function(x)))
        penalty = tf.reduce_sum(inner.gradient(score, x) ** 2)
    return np.asarray(outer.gradient(penalty, x))


@pytest.mark.parametrize("slope", [0.0, 0.2])
def test_a_leaky_relu_has_the_gradients_of_keras_to_the_last_bit(slope: float) -> None:
    network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(5, 3), keras.layers.LeakyReLU(slope)])
    fast = rewritten(network, frozenset({"leaky_relu"}))
    assert fast is not network
    x = tf.constant(np.random.default_rng(0).normal(size=(4, 8, 8, 3)), tf.float32)
    expected, found = (computed_with(each, x) for each in (network, fast))
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(penalised(network, x), penalised(fast, x))


def operations(function: Callable[..., Any], *inputs: Any) -> list[Any]:
    """The operations of a function as it is traced."""
    return list(tf.function(function).get_concrete_function(*inputs).graph.get_operations())


def test_the_gradient_of_a_penalty_goes_through_a_leaky_relu_once() -> None:
    """Through the wrapped operation, too, it cost every convolution before it once more, with zeros."""

    def penalty(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            score = tf.reduce_sum(tf.sin(network(x)))
        return tf.reduce_sum(tape.gradient(score, x) ** 2)

    def gradient(x: Any) -> Any:
        weights = [variable.value for variable in network.trainable_variables[::2]]
        with tf.GradientTape() as tape:
            tape.watch(weights)
            found = penalty(x)
        return tape.gradient(found, weights)

    layers = keras.layers
    network = rewritten(
        keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(5, 3), layers.LeakyReLU(0.2), layers.Conv2D(5, 3)])
    )
    found = operations(gradient, tf.zeros((4, 8, 8, 3)))
    looked_at = [operation.inputs[1].op.type for operation in found if operation.type == "LeakyReluGrad"]
    assert looked_at
    assert set(looked_at) == {"LeakyRelu"}


def stumbling_blocks(network: Any) -> list[str]:
    """Sums of a convolution and a shortcut that an activation reads and others, too: the remapper trips over them."""
    found = operations(lambda inputs: network(inputs, training=True), inputs_of(network))
    return [
        operation.name
        for operation in found
        if operation.type in ("Add", "AddV2", "AddN")
        and any(tensor.op.type == "BiasAdd" for tensor in operation.inputs)
        and len(consumers := operation.outputs[0].consumers()) > 1
        and any("Relu" in consumer.type for consumer in consumers)
    ]


@pytest.mark.parametrize(("model", "shape"), CASES)
def test_no_sum_of_a_forward_pass_is_joined_in_one_process_and_not_in_the_next(
    model: str, shape: tuple[int, int, int]
) -> None:
    for network in built(model, shape, "mixed_bfloat16").values():
        assert not stumbling_blocks(rewritten(network))


def shared_maps(network: Any) -> list[str]:
    """Activations of a convolution's maps that others read, too: the remapper gives up at them, too."""
    found = []
    for operation in operations(lambda inputs: network(inputs, training=True), inputs_of(network)):
        maps = operation.inputs[0] if operation.type in ("Relu", "LeakyRelu", "Elu", "Tanh", "Sigmoid") else None
        if maps is not None and maps.op.type == "StopGradient":  # TensorFlow removes it
            maps = maps.op.inputs[0]
        # An IdentityN belongs to a gradient of one's own; it is gone before operations are joined.
        readers = [] if maps is None else [each for each in maps.consumers() if each.type != "IdentityN"]
        if len(readers) > 1 and maps.op.type == "BiasAdd":
            found.append(operation.name)
    return found


@pytest.mark.parametrize(("model", "shape"), CASES)
def test_no_activation_is_joined_to_maps_that_something_else_reads(model: str, shape: tuple[int, int, int]) -> None:
    for network in built(model, shape, "mixed_bfloat16").values():
        assert not shared_maps(rewritten(network))


def test_a_prelu_reads_its_maps_twice() -> None:
    networks = built("srgan", (16, 16, 3), "mixed_bfloat16")
    assert shared_maps(networks["generator"])


@pytest.mark.parametrize("activation", [keras.layers.LeakyReLU(0.2), keras.layers.ReLU(), keras.layers.ELU()])
def test_activations_of_shared_maps_are_apart_and_the_same_function(activation: Any) -> None:
    given = keras.Input((6, 6, 3))
    maps = keras.layers.Conv2D(4, 3, padding="same", bias_initializer="ones")(given)
    network = keras.Model(given, keras.layers.Concatenate()([maps, activation(maps)]))
    shown = keras.Model(given, [activation(maps), maps])
    alone = keras.Model(given, activation(keras.layers.Conv2D(4, 3)(given)))
    x = tf.constant(np.random.default_rng(0).normal(size=(3, 6, 6, 3)), tf.float32)
    assert shared_maps(network)
    assert not shared_maps(rewritten(network))
    apart = rewrites()["shared_maps"]
    assert [len(apart(Graph(each), {})) for each in (network, shown, alone)] == [1, 1, 0]
    for found, expected in zip(computed_with(rewritten(network), x), computed_with(network, x), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


class Sums(keras.layers.Layer):  # type: ignore[misc, unused-ignore]
    """A layer of somebody else's with additions within: of three, and of different ranks."""

    def __init__(self) -> None:
        super().__init__()
        self.sum = keras.layers.Add()
        self.spread = keras.layers.Add()

    def call(self, inputs: Any) -> Any:
        """Return maps of the same shape."""
        maps = self.sum(inputs=[inputs, 2 * inputs, 3 * inputs])
        return self.spread([maps[:, 0, 0], maps])


def test_every_form_of_addition_stays_what_it_is() -> None:
    """One by a keyword, of three, of different ranks; those within a layer are that layer's affair."""
    given = keras.Input((3, 3, 3))
    add = keras.layers.Add
    maps = add()(inputs=[given, keras.layers.ReLU()(given)])
    spread = add()([keras.layers.GlobalAveragePooling2D()(maps), add()([maps, given, maps])])
    network = keras.Model(given, Sums()(spread))
    x = tf.constant(np.random.default_rng(0).normal(size=(3, 3, 3, 3)), tf.float32)
    expected, fast = network(x), rewritten(network)
    assert len(rewrites()["residual_sum"](Graph(network), {})) == 3
    np.testing.assert_array_equal(fast(x), expected)
    np.testing.assert_array_equal(computed_with(fast, x)[0], computed_with(network, x)[0])


def test_plain_residual_networks_do_have_such_sums() -> None:
    networks = built("sngan", (32, 32, 3), "mixed_bfloat16")
    assert stumbling_blocks(networks["discriminator"])


def computed_with(network: Any, x: Any) -> list[np.ndarray]:
    """What a network makes of `x`, and the gradients of its sine by its variables and by `x`, compiled."""

    @tf.function  # type: ignore[untyped-decorator, unused-ignore]
    def compute() -> list[Any]:
        watched = [*(v.value for v in network.trainable_variables), x]
        with tf.GradientTape() as tape:
            tape.watch(watched)
            outputs = network(x, training=True)
            loss = tf.reduce_sum(tf.sin(outputs))
        return [outputs, *tape.gradient(loss, watched)]

    return [np.asarray(tensor) for tensor in compute()]


def test_a_gradient_of_a_gradient_goes_through_fused_batch_normalization() -> None:
    """As a gradient penalty takes it. Keras' own is wrong there: `tf.nn.moments` stops a gradient."""
    network = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Conv2D(5, 3, padding="same", use_bias=False)])
    network.add(keras.layers.BatchNormalization())
    kernel = network.layers[0].kernel.value

    def by_hand(x: Any) -> Any:
        y = tf.nn.conv2d(x, tf.cast(kernel, x.dtype), 1, "SAME")
        mean = tf.reduce_mean(y, [0, 1, 2])
        return (y - mean) * tf.math.rsqrt(tf.reduce_mean((y - mean) ** 2, [0, 1, 2]) + 1e-3)

    x = tf.constant(np.random.default_rng(0).normal(size=(2, 4, 4, 3)), tf.float32)
    truth = penalised(by_hand, tf.cast(x, tf.float64))
    plain = penalised(lambda x: network(x, training=True), x)
    fast = rewritten(network)
    fused = penalised(lambda x: fast(x, training=True), x)
    assert np.abs(fused - truth).max() < 1e-5 * np.abs(truth).max()
    assert np.abs(plain - truth).max() > 1e-3 * np.abs(truth).max(), "TensorFlow mended it: say so in the rewrite"


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"beta_1": 0.5, "decay": 1e-2},
        {"clipvalue": 0.1},
        {"name": "rmsprop"},
        {"name": "rmsprop", "decay": 1e-2, "clipvalue": 0.1},
    ],
)
def test_fused_optimizers_move_as_those_of_keras_do(settings: dict[str, Any]) -> None:
    section = OptimizerSection.model_validate({"learning_rate": 1e-2, **settings})
    for a, b in zip(moved(section, fused=False), moved(section, fused=True), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)


def moved(section: OptimizerSection, *, fused: bool) -> list[np.ndarray]:
    """Two variables and the optimizer's own after thirty steps."""
    variables = [keras.Variable(np.linspace(-1, 1, 12).reshape(3, 4)), keras.Variable(0.3)]
    optimizer = make_optimizer(section, fused=fused)
    optimizer.build(variables)
    random = np.random.default_rng(0)
    move = tf.function(lambda a, b: optimizer.apply([a, b], variables))
    for _ in range(30):
        move(*(tf.constant(random.normal(size=shape), tf.float32) for shape in ((3, 4), ())))
    return [v.numpy() for v in (*variables, *optimizer.variables)]


# --- fakes of consecutive updates


def turns_of(**training: Any) -> list[Any]:
    """The discriminator's turns, as an experiment with such a training makes them."""
    section = TrainingSection(**{"batch_size": 4, "disc_updates": 5, "discriminator_batches": "summed", **training})
    setup = Setup(Minimax(), [], section, "normal", lambda name: None, NUM_CLASSES)
    return list(discriminator(setup).turns)


def keys_of(turn: Any, updates: int = 5) -> list[Key]:
    return [Key(0, 3, "discriminator", turn.name, update) for update in range(updates)]


def fakes(turn: Any, networks: dict[str, Any], updates: int = 5) -> list[Any]:
    """The images of each update that are made ahead."""
    keys = keys_of(turn, updates)
    given = zip(turn.ahead(networks, keys), keys, strict=True)
    return [turn.forward(networks, images, key).fake for images, key in given if images]


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize(("model", "shape"), FROM_NOISE)
def test_fakes_that_are_made_ahead_are_those_of_each_update(
    model: str, shape: tuple[int, int, int], precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All together, and where not all fit in one call."""
    networks = built(model, shape, precision)
    for variable in networks["generator"].variables:  # so that no unit is off for all latent vectors
        if variable.name in ("beta", "gamma"):
            variable.assign(np.full(variable.shape, variable.name == "gamma", np.float32))
    (turn,) = turns_of()
    if layer_seeds(networks["generator"]):  # each update's noise is its own
        assert fakes(turn, networks) == []
        return
    alone = [turn.forward(networks, {}, key).fake for key in keys_of(turn)]
    for most in (64, 10):
        monkeypatch.setattr(players, "MOST_FAKES_AHEAD", most)
        together = fakes(turn, networks)
        assert len(together) == 5
        for a, b in zip(alone, together, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5 if precision == "float32" else 3e-2)
    assert np.ptp(np.asarray(alone, np.float64), axis=0).max() > 1e-3, "every update has its own"


@pytest.mark.parametrize("form", ["separate", "mixed", "concatenated", "summed"])
def test_every_form_of_batches_takes_fakes_that_were_made_ahead(form: str) -> None:
    turn = turns_of(discriminator_batches=form)[-1]
    assert len(fakes(turn, built("dense_gan", (28, 28, 1), "float32"))) == 5


def test_fakes_are_made_ahead_only_where_that_is_the_same() -> None:
    networks = built("dense_gan", (28, 28, 1), "float32")
    for training in ({"fakes": "training"}, {"rewrites": False}, {"batch_size": 33}):
        (turn,) = turns_of(**training)
        assert fakes(turn, networks) == [], training
    (turn,) = turns_of()
    assert fakes(turn, networks, updates=1) == []
    noisy = models.registry.get("acgan_mnist").make((28, 28, 1), NUM_CLASSES, latent_input="inside")
    assert fakes(turn, noisy) == [], "a generator that draws noise of its own"


@pytest.mark.slow
def test_a_game_with_fakes_made_ahead_measures_the_same(
    small_game: Callable[..., Game], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, columns = [], []
    for most in (64, 0):
        monkeypatch.setattr(players, "MOST_FAKES_AHEAD", most)
        game = small_game("dcgan", {"training.disc_updates": 4})
        rows.append(game.play(game.chunk(0, 2)).numpy())
        columns.append(game.columns)
    assert columns[0] == columns[1]
    np.testing.assert_allclose(rows[0], rows[1], rtol=1e-4, atol=1e-5)
