"""First and second derivatives of every layer that can stand in a discriminator, against central differences.

`docs/make_gradients.py` holds the table of layers, and writes docs/gradients.md from it.
"""

import importlib
import inspect
import math
import pkgutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any

import make_gradients
import numpy as np
import pytest
from make_gradients import Case, cases

import ganctl.layers
from ganctl import models
from ganctl.build import games, penalty_faults, resolving, second_derivatives
from ganctl.build.rewrites import rewritten
from ganctl.errors import ConfigurationError
from ganctl.experiment.experiment import Experiment
from ganctl.game import Networks, Player, Setup, Term, generator_and_discriminator
from ganctl.images.image_set import ImageSet
from ganctl.layers.spectral_normalization import ITERATIONS_AT_BIRTH, spectral_layers
from ganctl.lazy import keras, tf

BATCH = 3
CASES = [
    pytest.param(case, id=case.name, marks=[] if case.ganctl or case.layer in ("Dense", "Conv2D") else pytest.mark.slow)
    for case in cases()
]
COMPUTED = [pytest.param(case, id=case.name) for case in cases() if case.ganctl == "computed"]
REFUSED = [pytest.param(case, id=case.name) for case in cases() if case.ganctl == "refused"]


# --- the table is complete


def test_the_table_has_every_layer_of_keras_and_of_ganctl() -> None:
    named = {case.layer for case in cases()} | set(make_gradients.NOT_IN_A_DISCRIMINATOR)
    modules = [importlib.import_module(f"ganctl.layers.{m.name}") for m in pkgutil.iter_modules(ganctl.layers.__path__)]
    own = {
        found.__name__
        for module in modules
        for found in vars(module).values()
        if inspect.isclass(found) and issubclass(found, keras.Layer) and found.__module__ == module.__name__
    }
    of_keras = {
        found.__name__
        for found in vars(keras.layers).values()
        if inspect.isclass(found) and issubclass(found, keras.Layer)
    }
    assert sorted((own | of_keras) - named) == [], "add a case to docs/make_gradients.py"
    assert sorted(named - (own | of_keras)) == [], "no longer there"


def test_all_gradients_that_tensorflow_leaves_out_of_a_second_derivative_are_known() -> None:
    """What ends in Grad and is registered without a gradient gives None, silently."""
    from tensorflow.python.framework import ops

    without = {name for name, entry in ops._gradient_registry._registry.items() if entry["type"] is None}
    assert {name for name in without if name.endswith(("Grad", "Gradient"))} - penalty_faults.SILENT == {
        "SparseAddGrad",  # no layer adds sparse tensors
        "StopGradient",  # which is meant
        "TensorArrayGrad",  # of TensorFlow 1
    }
    assert without > penalty_faults.SILENT


# --- measuring


@contextmanager
def policy(name: str) -> Iterator[None]:
    """Build layers in this precision."""
    before = keras.config.dtype_policy(), keras.config.floatx()
    keras.config.set_dtype_policy(name)
    keras.config.set_floatx(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before[0])
        keras.config.set_floatx(before[1])


def network_of(case: Case, precision: str) -> Any:
    """A network of the layer alone, always with the same weights."""
    with policy(precision):
        layer = case.make()
        if not isinstance(layer, keras.Model):
            inputs = [keras.Input(shape) for shape in case.shapes]
            layer = keras.Model(inputs, layer(inputs[0] if len(inputs) == 1 else inputs))
    random = np.random.default_rng(1)
    for variable in layer.trainable_variables:
        variable.assign(variable.numpy() + random.normal(0, 0.3, variable.shape))
    for spectral in spectral_layers(layer):  # of a kernel that changed at once, the vectors may give a sigma below 0
        for _ in range(ITERATIONS_AT_BIRTH):
            spectral.advance()
    return layer


class Measured:
    """A network as a function of its inputs and weights, differentiated once and twice."""

    def __init__(self, network: Any, call: Any, precision: str) -> None:
        random = np.random.default_rng(2)
        self.network, self.call, self.precision = network, call, precision
        shapes = [(BATCH, *tensor.shape[1:]) for tensor in network.inputs]
        # No two numbers are close to each other, or a maximum would change its place; none is 0 or 1, where activations
        # have kinks; and no two inputs have the same numbers.
        spans = [
            np.linspace(-1.0037, 0.9961, math.prod(shape)) + 0.0031 * number for number, shape in enumerate(shapes)
        ]
        values = [random.permutation(span).reshape(shape) for span, shape in zip(spans, shapes, strict=True)]
        self.x = [tf.constant(value, precision) for value in values]
        self.weights = [(v, v.numpy()) for v in network.trainable_variables]
        self.directions = [random.normal(size=np.shape(v)) for v in (*self.x, *(w for _, w in self.weights))]
        trained = {id(variable) for variable in network.trainable_variables}
        self.state = [(v, v.numpy()) for v in network.variables if id(v) not in trained]  # with seeds

    def restore(self, shift: float = 0.0) -> list[Any]:
        """Give every variable its value, the weights and inputs moved along the direction; returns the inputs."""
        for variable, value in self.state:
            variable.assign(value)
        count = len(self.x)
        for (variable, value), direction in zip(self.weights, self.directions[count:], strict=True):
            variable.assign(value + shift * direction)
        return [x + tf.cast(shift * d, x.dtype) for x, d in zip(self.x, self.directions, strict=False)]

    def total(self, x: list[Any]) -> Any:
        """A scalar that is not linear in the outputs."""
        outputs = tf.nest.flatten(self.call(x[0] if len(x) == 1 else x, training=True))
        flat = tf.concat([tf.reshape(tf.cast(y, self.precision), [-1]) for y in outputs], axis=0)
        return tf.reduce_sum(tf.cos(tf.cast(tf.range(tf.size(flat)), flat.dtype)) * flat + flat * flat / 2)

    def once(self, *x: Any) -> Any:
        """The scalar, and its gradient by inputs and weights."""
        return self._with_gradient(self.total, list(x))

    def twice(self, *x: Any) -> Any:
        """The squared length of the inputs' gradient, and its own gradient."""
        return self._with_gradient(self.squared, list(x))

    def squared(self, x: list[Any]) -> Any:
        """The squared length of the inputs' gradient, each part of it weighted."""
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = self.total(x)
        slopes = [tf.reshape(slope, [-1]) for slope in tape.gradient(total, x)]
        # Alone, the gradient of a normalisation is orthogonal to what is missing in its second derivative.
        weights = [1.5 + tf.sin(tf.cast(tf.range(tf.size(slope)), slope.dtype)) for slope in slopes]
        return sum(tf.reduce_sum(tf.square(w * slope)) for w, slope in zip(weights, slopes, strict=True))

    def _with_gradient(self, function: Callable[[list[Any]], Any], x: list[Any]) -> Any:
        weights = [variable.value for variable, _ in self.weights]
        with tf.GradientTape() as tape:
            tape.watch([x, weights])
            value = function(x)
        return value, tape.gradient(value, [*x, *weights])

    def along(self, gradients: list[Any]) -> tuple[float, bool]:
        """The derivative along the direction; and whether a gradient is missing."""
        each = [
            0.0 if g is None else float(tf.reduce_sum(tf.cast(tf.convert_to_tensor(g), tf.float64) * d))
            for g, d in zip(gradients, self.directions, strict=True)
        ]
        return sum(each), any(gradient is None for gradient in gradients)

    @cache  # noqa: B019 (as long as the test)
    def compiled(self, order: str) -> Any:
        """The function `once` or `twice` as a graph."""
        return tf.function(getattr(self, order), autograph=False)

    @cache  # noqa: B019
    def differences(self, order: str) -> float:
        """The derivative along the direction, from values alone."""
        step = 1e-6 if self.precision == "float64" else 5e-4
        value = tf.function({"once": self.total, "twice": self.squared}[order], autograph=False)
        ahead, behind = (float(value(self.restore(sign * step))) for sign in (1, -1))
        return (ahead - behind) / (2 * step)

    def verdict(self, order: str, truth: "Measured", *, compiled: bool = True) -> str:
        """What is computed of a derivative, compared with the differences of another network's values."""
        try:
            value, gradients = (self.compiled(order) if compiled else getattr(self, order))(*self.restore())
        except LookupError:
            return "LookupError"
        expected, (derivative, missing) = truth.differences(order), self.along(gradients)
        tolerance = 1e-5 if self.precision == truth.precision == "float64" else 2e-2
        close = abs(derivative - expected) <= tolerance * (abs(expected) + 1e-2 * abs(float(value)))
        return "right" if close else "None" if missing else "wrong"


def precision_of(case: Case) -> str:
    return "float32" if case.single else "float64"


@pytest.mark.parametrize("case", CASES)
def test_tensorflow_computes_what_the_table_says(case: Case) -> None:
    network = network_of(case, precision_of(case))
    measured = Measured(network, network, precision_of(case))
    for order, said in (("once", case.first), ("twice", case.second)):
        found = {measured.verdict(order, measured, compiled=compiled) for compiled in (False, True)}
        assert found - {"right"} == {said} - {"right"}, order


# --- what ganctl makes of it


def played(network: Any, *, rewrites: bool) -> Any:
    """A network as a penalised discriminator is played."""
    return rewritten(network, None if rewrites else frozenset(), second_derivatives.stand_ins)


@pytest.mark.parametrize("case", COMPUTED)
def test_what_is_computed_by_ganctl_is_right(case: Case) -> None:
    network = network_of(case, precision_of(case))
    # TensorFlow differentiates the area of pixels not even once, so the differences are of ganctl's own values.
    known = network if case.first == "right" else played(network, rewrites=False)
    truth = Measured(network, known, precision_of(case))
    for rewrites in (False, True):
        found = Measured(network, played(network, rewrites=rewrites), precision_of(case))
        assert found.call is not network
        (x,) = found.x
        np.testing.assert_allclose(found.call(x, training=True), network(x, training=True), atol=1e-5)
        for order in ("once", "twice"):
            verdicts = [found.verdict(order, truth, compiled=compiled) for compiled in (False, True)]
            assert verdicts == ["right", "right"], (rewrites, order)


BATCHED = [
    pytest.param(case, id=case.name) for case in cases() if "BatchNorm" in case.layer and case.ganctl == "computed"
]


@pytest.mark.parametrize("case", BATCHED)
def test_the_fused_kernels_in_float32_are_right_and_follow_the_same_averages(case: Case) -> None:
    truth = network_of(case, "float64")
    exact = Measured(truth, truth, "float64")
    network = network_of(case, "float32")
    found = Measured(network, played(network, rewrites=True), "float32")
    assert [found.verdict(order, exact) for order in ("once", "twice")] == ["right", "right"]
    for measured in (exact, found):
        measured.once(*measured.restore())
    for (a, _), (b, before) in zip(exact.state, found.state, strict=True):
        np.testing.assert_allclose(b.numpy(), a.numpy(), atol=1e-5)
        assert not np.allclose(b.numpy(), before)


def test_the_fused_kernel_of_instance_norm_is_right() -> None:
    case = next(case for case in cases() if case.layer == "InstanceNormalization")
    truth, network = network_of(case, "float64"), network_of(case, "float32")
    call = played(network, rewrites=True)
    assert [type(layer).__name__ for layer in call.layers[1:]] == ["FusedInstance"]
    exact, found = Measured(truth, truth, "float64"), Measured(network, call, "float32")
    assert [found.verdict(order, exact) for order in ("once", "twice")] == ["right", "right"]


@pytest.mark.parametrize("case", BATCHED[:2])
def test_a_frozen_normalisation_uses_its_averages(case: Case) -> None:
    network = network_of(case, "float32")
    call, x = played(network, rewrites=False), Measured(network, network, "float32").x
    network.trainable = False
    np.testing.assert_allclose(call(x[0], training=True), network(x[0], training=False), atol=1e-6)


# --- what is refused

PARTS: dict[str, Callable[[], list[Any]]] = {}


@models.registry.register("penalised", source="made for a test")
def penalised(image_shape: tuple[int, int, int], *, kind: str) -> dict[str, Any]:
    """A discriminator with layers of a kind."""
    layers = keras.layers
    draw = [layers.Dense(math.prod(image_shape), activation="tanh"), layers.Reshape(image_shape)]
    judge = [layers.Conv2D(4, 3, padding="same"), *PARTS[kind](), layers.Flatten(), layers.Dense(1, dtype="float32")]
    return {
        "generator": keras.Sequential([keras.Input((4,)), *draw]),
        "discriminator": keras.Sequential([keras.Input(image_shape), *judge]),
    }


def with_a_penalty_of_its_own(networks: Networks, setup: Setup) -> list[Player]:
    """The usual two, and R1 as a term that `loss.penalties` does not name."""
    players = {player.name: player for player in generator_and_discriminator(networks, setup)}
    own = Term("slope", lambda batch: tf.reduce_mean(tf.square(batch.slope(batch.real, "real"))))
    judge = players["discriminator"]
    turns = [replace(turn, terms=[*turn.terms, own]) for turn in judge.turns]
    return [*({**players, "discriminator": replace(judge, turns=turns)}).values()]


def without_one(networks: Networks, setup: Setup) -> list[Player]:
    """The usual two."""
    return [*generator_and_discriminator(networks, setup)]


for name, players in (("penalises_itself", with_a_penalty_of_its_own), ("penalises_nothing", without_one)):
    models.registry.register(name, source="made for a test", players=players)(penalised)


def game_with(
    make: Callable[[], list[Any]],
    penalty: str | None = "r1",
    *,
    model: str = "penalised",
    rewrites: bool = True,
    **settings: Any,
) -> Any:
    """A game whose discriminator has these layers, on images of 8x8 pixels."""
    PARTS["some"] = make
    content = {
        "dataset": {"name": "npz", "path": "not read"},
        "model": {"name": model, "kind": "some"},
        "loss": {"name": "minimax", "penalties": [{"name": penalty, "weight": 1.0, **settings}] if penalty else []},
        "training": {"batch_size": 4, "rewrites": rewrites, "precision": "float32", "discriminator_batches": "summed"},
    }
    pixels = np.random.default_rng(0).integers(0, 255, (16, 8, 8, 3), np.uint8)
    return games.make_game(resolving.resolve(Experiment.model_validate(content)), ImageSet(pixels, None, 0, "here"))


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_refused_by_its_name(case: Case) -> None:
    def layers() -> list[Any]:
        layer = case.make()
        layer.name = "at_fault"
        shape = case.shapes[0]
        return [keras.layers.Flatten(), keras.layers.Dense(math.prod(shape)), keras.layers.Reshape(shape), layer]

    with pytest.raises(ConfigurationError, match=r"'at_fault'.* (Use|use) ") as refused:
        game_with(layers)
    assert refused.value.exit_code == 2
    assert "loss.penalties" in str(refused.value)


def test_a_kernel_that_is_written_over_is_refused_in_a_penalty_of_a_models_own_players() -> None:
    def layers() -> list[Any]:
        return [keras.layers.SpectralNormalization(keras.layers.Conv2D(4, 3), name="at_fault")]

    game_with(layers, None, model="penalises_nothing")
    with pytest.raises(ConfigurationError, match=r"model.name: the layer 'at_fault' cannot be penalised"):
        game_with(layers, None, model="penalises_itself")


class Own(keras.layers.Layer):
    """A plugin's layer."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__(name="own")
        self.function = function

    def call(self, inputs: Any) -> Any:
        """Return what the function returns."""
        return self.function(inputs)


def normalised(x: Any) -> Any:
    mean, variance = tf.nn.moments(x, [1, 2], keepdims=True)
    return (x - mean) / tf.sqrt(variance + 1e-3)


def rightly_normalised(x: Any) -> Any:
    mean, variance = ganctl.layers.moments(x, [1, 2])
    return (x - mean) / tf.sqrt(variance + 1e-3)


@pytest.mark.parametrize("penalty", ["r1", "r2", "gradient_penalty", "dragan"])
def test_every_penalty_is_looked_through(penalty: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"loss.penalties.0: '{penalty}' .*'own' .*ganctl.layers.moments"):
        game_with(lambda: [Own(normalised)], penalty, every=1 if penalty == "gradient_penalty" else 3)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda x: tf.image.resize(x, [5, 5]), "interpolated"),
        (lambda x: tf.image.resize(x, [5, 5], "bicubic"), "interpolated"),
        (lambda x: tf.image.resize(x, [5, 5], "area"), "interpolated"),
        (lambda x: tf.nn.max_pool2d(x, 3, 1, "SAME"), "max pooling"),
        (tf.nn.softsign, "softsign"),
        (tf.round, "no gradient with respect to the images"),
        (lambda x: tf.nn.erosion2d(x, tf.zeros([2, 2, 4]), [1] * 4, "SAME", "NHWC", [1] * 4), "Dilation2D"),
        (lambda x: tf.nn.max_pool2d(x, 3, 1, [[0, 0], [1, 1], [1, 1], [0, 0]]), "explicit padding"),
        (lambda x: sheared(x, tf.raw_ops.ImageProjectiveTransformV2), "sheared"),
        (tf.quantization.fake_quant_with_min_max_args, "simulated quantization"),
        (lambda x: entropies(x, tf.nn.softmax(x)), "cross entropy is wrong if its labels"),
        (tf.recompute_grad(tf.tanh), "cannot differentiate it twice: NotImplementedError: recompute_grad"),
    ],
)
def test_operations_of_a_plugins_layer_are_refused(function: Callable[[Any], Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        game_with(lambda: [Own(function)])


def sheared(x: Any, operation: Any, **settings: Any) -> Any:
    matrices = tf.repeat([[1.1, 0.1, -0.3, -0.1, 0.9, 0.2, 0.0, 0.0]], tf.shape(x)[0], axis=0)
    size = tf.shape(x)[1:3]
    moved = operation(images=x, transforms=matrices, output_shape=size, interpolation="BILINEAR", **settings)
    return tf.ensure_shape(moved, x.shape)


def entropies(logits: Any, labels: Any) -> Any:
    """By the operation that `tf.nn.softmax_cross_entropy_with_logits` avoids where operations are deterministic."""
    rows = [tf.reshape(tensor, [-1, logits.shape[-1]]) for tensor in (logits, labels)]
    loss = tf.raw_ops.SoftmaxCrossEntropyWithLogits(features=rows[0], labels=rows[1]).loss
    return tf.reshape(loss, [-1, *logits.shape[1:-1], 1]) * logits


def classes_of(x: Any) -> Any:
    return tf.one_hot(tf.argmax(x[..., ::-1], axis=-1), x.shape[-1])


def fused(x: Any) -> Any:
    return tf.compat.v1.nn.fused_batch_norm(x, tf.ones([4]), tf.zeros([4]))[0]


def in_a_loop(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: tf.while_loop(lambda step, _: step < 1, lambda step, y: (step + 1, function(y)), [0, x])[1]


WAYS: dict[str, Callable[[Callable[[Any], Any]], Callable[[Any], Any]]] = {
    "tf.function": lambda function: tf.function(function, autograph=False),
    "XLA": lambda function: tf.function(function, autograph=False, jit_compile=True),
    "a branch": lambda function: lambda x: tf.cond(tf.reduce_sum(x) < 1e9, lambda: function(x), lambda: x),
    "a loop": in_a_loop,
    "each image": lambda function: lambda x: tf.map_fn(lambda image: function(image[tf.newaxis])[0], x),
}
"""Ways to compute something in a function of the graph."""

WRONG: dict[str, tuple[Callable[[Any], Any], str]] = {
    "moments": (normalised, r"tf\.nn\.moments"),
    "shearing": (
        lambda x: sheared(x, tf.raw_ops.ImageProjectiveTransformV3, fill_mode="CONSTANT", fill_value=0.0),
        "sheared",
    ),
    "pooling": (lambda x: tf.nn.max_pool2d(x, 3, 1, "SAME"), "max pooling that keeps"),
    "entropy": (lambda x: entropies(x, tf.nn.softmax(x)), "cross entropy"),
    "softsign": (tf.nn.softsign, "softsign. Use another activation"),
}


# XLA has no operation that shears.
WRONG_IN_WAYS = [(what, way) for way in WAYS for what in WRONG if (what, way) != ("shearing", "XLA")]


@pytest.mark.parametrize(("what", "way"), WRONG_IN_WAYS)
def test_what_is_wrong_is_found_in_functions_loops_and_branches(what: str, way: str) -> None:
    function, said = WRONG[what]
    with pytest.raises(ConfigurationError, match=said) as refused:
        game_with(lambda: [Own(WAYS[way](function))])
    if what != "softsign":  # where the trace of a function stops, nothing says what calls it
        assert "the layer 'own' (Own)" in str(refused.value)


def test_a_fused_normalisation_is_refused_only_in_a_loop() -> None:
    game_with(lambda: [Own(fused)])
    with pytest.raises(ConfigurationError, match=r"'own'.* fused batch normalisation in a loop"):
        game_with(lambda: [Own(in_a_loop(fused))])


class NormalisedCell(keras.layers.Layer):
    """A recurrent cell with LayerNorm."""

    def __init__(self) -> None:
        super().__init__()
        self.state_size, self.built = 5, True  # the rest is built when it is called
        self.dense, self.normalisation = keras.layers.Dense(5), keras.layers.LayerNormalization(name="of_the_cell")

    def call(self, inputs: Any, states: Any) -> Any:
        """Return output and states."""
        values = self.normalisation(self.dense(keras.ops.concatenate([inputs, states[0]], -1)))
        return values, [values]


def test_a_normalisation_within_a_recurrent_layer_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"'of_the_cell' \(LayerNormalization\).*tf\.nn\.moments"):
        game_with(lambda: [keras.layers.Reshape((8, 32)), keras.layers.RNN(NormalisedCell())])


def test_a_normalisation_within_a_layer_is_refused() -> None:
    def layers() -> list[Any]:
        return [keras.layers.Reshape((4, 4, 16)), keras.layers.TimeDistributed(keras.layers.LayerNormalization())]

    with pytest.raises(ConfigurationError, match=r"TimeDistributed\): .*tf\.nn\.moments"):
        game_with(layers)


@pytest.mark.parametrize(
    "function",
    [
        rightly_normalised,
        lambda x: x - tf.stop_gradient(tf.reduce_mean(x)),
        lambda x: tf.nn.max_pool2d(x, 2, 2, "SAME"),
        tf.function(lambda x: tf.nn.max_pool2d(x, 2, 2, "SAME"), autograph=False),
        tf.function(rightly_normalised, autograph=False),
        lambda x: entropies(x, classes_of(x)),
        tf.function(lambda x: entropies(x, classes_of(x)), autograph=False),
        lambda x: entropies(x, tf.stop_gradient(tf.nn.softmax(x))),
    ],
)
def test_what_is_right_or_meant_is_not_refused(function: Callable[[Any], Any]) -> None:
    game_with(lambda: [Own(function)])


@pytest.mark.parametrize(
    ("function", "verdict"),
    [
        (lambda x: entropies(x, tf.nn.softmax(x)), "wrong"),
        (lambda x: -tf.reduce_sum(tf.nn.softmax(x) * tf.nn.log_softmax(x), -1, keepdims=True) * x, "right"),
        (lambda x: entropies(x, classes_of(x)), "right"),
        (WAYS["tf.function"](normalised), "wrong"),
        (WAYS["tf.function"](lambda x: tf.nn.max_pool2d(x, 2, 2, "SAME")), "right"),
        (in_a_loop(lambda x: tf.nn.max_pool2d(x, 3, 1, "SAME")), "wrong"),
        (in_a_loop(rightly_normalised), "right"),
    ],
)
def test_tensorflow_computes_what_the_faults_say(function: Callable[[Any], Any], verdict: str) -> None:
    """What is refused is wrong, and what to use instead is right."""
    network = network_of(Case("Own", "", lambda: Own(function), [(6, 6, 4)]), "float32")
    measured = Measured(network, network, "float32")
    assert measured.verdict("twice", measured) == verdict


def test_the_second_derivative_of_a_fused_normalisation_in_a_loop_is_wrong() -> None:
    exact = network_of(Case("Own", "", lambda: Own(rightly_normalised_batch), [(6, 6, 4)]), "float64")
    network = network_of(Case("Own", "", lambda: Own(in_a_loop(fused)), [(6, 6, 4)]), "float32")
    truth, measured = Measured(exact, exact, "float64"), Measured(network, network, "float32")
    assert [measured.verdict(order, truth) for order in ("once", "twice")] == ["right", "wrong"]


def rightly_normalised_batch(x: Any) -> Any:
    mean, variance = ganctl.layers.moments(x, [0, 1, 2])
    return (x - mean) / tf.sqrt(variance + 1e-3)


@pytest.mark.parametrize("rewrites", [True, False])
def test_a_penalised_discriminator_is_played_with_right_derivatives(rewrites: bool) -> None:
    def layers() -> list[Any]:
        kinds = keras.layers
        return [
            *(kinds.BatchNormalization(), kinds.Activation("tanh"), kinds.GroupNormalization(-1)),
            *(kinds.MaxPooling2D(3, 1, "same"), kinds.UpSampling2D(interpolation="bilinear"), kinds.Flatten()),
            *(kinds.Dense(5), kinds.LayerNormalization(), kinds.BatchNormalization()),
        ]

    game = game_with(layers, rewrites=rewrites)
    network = game.networks["discriminator"]
    truth = Measured(network, network, "float32")
    found = Measured(network, game.played["discriminator"], "float32")
    assert found.verdict("twice", truth) == "right"
    assert truth.verdict("twice", truth) != "right", "Keras alone"
