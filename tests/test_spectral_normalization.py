"""Spectral normalisation against the singular value decomposition, and in a game: who moves the vectors, and when."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import untracked
from small_runs import train

from ganctl import datasets, models
from ganctl.build import games, resolving
from ganctl.experiment.experiment import Experiment
from ganctl.game import Game, Key
from ganctl.layers.spectral_normalization import SpectralConv2D, SpectralDense, SpectralEmbedding, spectral_layers
from ganctl.lazy import keras, tf
from ganctl.run_folder.paths import RunFolder

pytestmark = pytest.mark.usefixtures("uncompiled")

MODEL = "spectral_test_pair"
LAYERS: dict[str, tuple[Callable[[], Any], tuple[int | None, ...]]] = {
    "convolution": (lambda: SpectralConv2D(6, 3, padding="same"), (None, 8, 8, 4)),
    "dense": (lambda: SpectralDense(5), (None, 7)),
    "embedding": (lambda: SpectralEmbedding(9, 4), (None,)),
}


def matrix_of(layer: Any) -> np.ndarray:
    raw = layer.raw.numpy()
    return raw.reshape(-1, raw.shape[-1])


def built(kind: str) -> Any:
    keras.utils.set_random_seed(3)
    make, shape = LAYERS[kind]
    layer = make()
    layer.build(shape)
    return layer


@pytest.mark.parametrize("kind", LAYERS)
def test_sigma_is_the_largest_singular_value(kind: str) -> None:
    layer = built(kind)
    _, values, _ = np.linalg.svd(matrix_of(layer))
    assert float(layer.sigma()) == pytest.approx(values[0], rel=0.1), "close from the start"
    for _ in range(300):
        layer.advance()
    assert float(layer.sigma()) == pytest.approx(values[0], rel=1e-4)
    normalised = layer.normalised().numpy().reshape(matrix_of(layer).shape)
    np.testing.assert_allclose(np.linalg.svd(normalised)[1], values / values[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", LAYERS)
def test_advance_is_one_power_iteration(kind: str) -> None:
    layer = built(kind)
    matrix, left = matrix_of(layer).astype(np.float64), layer.left.numpy().astype(np.float64)
    layer.advance()
    right = matrix.T @ left
    right /= np.linalg.norm(right)
    left = matrix @ right / np.linalg.norm(matrix @ right)
    np.testing.assert_allclose(layer.left.numpy(), left, atol=1e-5)
    np.testing.assert_allclose(layer.right.numpy(), right, atol=1e-5)


def test_the_gradient_flows_through_sigma() -> None:
    """d/dW of <A, W / sigma> is A / sigma - <A, W> / sigma^2 u v^T (equation 12 of the paper)."""
    layer = built("dense")
    matrix, random = matrix_of(layer).astype(np.float64), np.random.default_rng(0)
    along = random.normal(size=matrix.shape)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(layer.raw.value)
        total = tf.reduce_sum(along.astype(np.float32) * layer.normalised())
    found = tf.convert_to_tensor(tape.gradient(total, layer.raw.value)).numpy()
    left, right = layer.left.numpy(), layer.right.numpy()
    sigma = left @ matrix @ right
    expected = along / sigma - (along * matrix).sum() / sigma**2 * np.outer(left, right)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    step, direction = 1e-3, random.normal(size=matrix.shape)

    def at(share: float) -> float:
        moved = matrix + share * direction
        return float((along * moved).sum() / (left @ moved @ right))

    assert (found * direction).sum() == pytest.approx((at(step) - at(-step)) / (2 * step), rel=1e-3)


def test_the_layers_compute_what_keras_does_with_the_normalised_kernel() -> None:
    random = np.random.default_rng(0)
    images, vectors = random.normal(size=(2, 8, 8, 4)).astype(np.float32), random.normal(size=(2, 7)).astype(np.float32)
    convolution, dense, embedding = built("convolution"), built("dense"), built("embedding")
    kernel = convolution.raw.numpy() / float(convolution.sigma())
    np.testing.assert_allclose(convolution(images), tf.nn.conv2d(images, kernel, 1, "SAME"), atol=1e-5)
    np.testing.assert_allclose(dense(vectors), vectors @ (dense.raw.numpy() / float(dense.sigma())), atol=1e-5)
    rows = embedding.raw.numpy() / float(embedding.sigma())
    np.testing.assert_allclose(embedding(np.array([3, 0])), rows[[3, 0]], atol=1e-6)


@pytest.mark.parametrize("kind", LAYERS)
def test_in_bfloat16_sigma_and_the_raw_kernel_stay_float32(kind: str) -> None:
    make, shape = LAYERS[kind]
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        layer = make()
        layer.build(shape)
    finally:
        keras.config.set_dtype_policy(policy)
    inputs = tf.zeros([2, *shape[1:]], "int32" if kind == "embedding" else "bfloat16")
    assert layer(inputs).dtype == layer.normalised().dtype == tf.bfloat16
    assert layer.raw.dtype == "float32"
    assert layer.sigma().dtype == tf.float32


# --- in a game


def spectral_pair(image_shape: tuple[int, int, int], num_classes: int) -> dict[str, Any]:
    """A pair with spectral layers on both sides; the discriminator takes classes (projection)."""
    layers = keras.layers
    generator = keras.Sequential(
        [
            keras.Input([4]),
            SpectralDense(16, activation="relu"),
            layers.Dense(int(np.prod(image_shape)), activation="tanh", dtype="float32"),
            layers.Reshape(image_shape, dtype="float32"),
        ]
    )
    image, classes = keras.Input(image_shape, name="image"), keras.Input([1], dtype="int32", name="classes")
    hidden = layers.Flatten()(SpectralConv2D(4, 3, activation="relu")(image))
    hidden = SpectralDense(6, activation="relu")(hidden)
    told = layers.Flatten()(SpectralEmbedding(num_classes, 6)(classes))
    score = layers.Dense(1, dtype="float32")(hidden) + layers.Dot(1, dtype="float32")([hidden, told])
    return {"generator": generator, "discriminator": keras.Model([image, classes], score)}


@pytest.fixture(scope="module", autouse=True)
def _registered() -> Iterator[None]:
    with models.registry.temporarily():
        models.registry.register(MODEL, source="this test")(spectral_pair)
        yield


def vectors_of(game: Game, role: str) -> list[np.ndarray]:
    return [v.numpy() for layer in spectral_layers(game.networks[role]) for v in (layer.left, layer.right)]


def moves(game: Game, role: str) -> bool:
    """Whether a role's vectors are others after a round."""
    before = vectors_of(game, role)
    game.play(game.chunk(0, 1))
    return all((a != b).any() for a, b in zip(before, vectors_of(game, role), strict=True))


FORMS = ["separate", "mixed", "concatenated", "summed"]


@pytest.mark.parametrize(
    ("form", "xla"),
    [
        *((form, False) for form in FORMS),
        pytest.param(FORMS[0], True, marks=[pytest.mark.slow, pytest.mark.compiled]),
    ],
)
def test_the_vectors_move_in_the_turns_of_their_own_player(
    form: str, xla: bool, small_game: Callable[..., Game]
) -> None:
    def of_one_player(role: str) -> Game:
        game = small_game(MODEL, {"training.discriminator_batches": form, "training.xla": xla})
        alone = [player for player in game.players if player.name == role]
        return Game(game.networks, alone, game.feeds, game.seed, jit=xla)

    assert moves(of_one_player("discriminator"), "discriminator")
    assert moves(of_one_player("generator"), "generator")
    still = of_one_player("generator")
    before = vectors_of(still, "discriminator")
    still.play(still.chunk(0, 2))
    assert all((a == b).all() for a, b in zip(before, vectors_of(still, "discriminator"), strict=True))


@pytest.mark.parametrize(
    ("form", "updates"), [("summed", 1), pytest.param("summed", 3, marks=pytest.mark.compiled), ("separate", 1)]
)
def test_the_vectors_advance_once_an_update(form: str, updates: int, small_game: Callable[..., Game]) -> None:
    """With a rate of zero the kernels stand still, so that what a round did to the vectors can be done by hand."""
    optimizer = {"discriminator": {"name": "sgd", "learning_rate": 1e-30}}
    changes = {"training.discriminator_batches": form, "training.disc_updates": updates, "optimizer": optimizer}
    game, by_hand = small_game(MODEL, changes), small_game(MODEL, changes)
    game.play(game.chunk(0, 1))
    for _ in range(updates * (2 if form == "separate" else 1)):
        for layer in spectral_layers(by_hand.networks["discriminator"]):
            layer.advance()
    for a, b in zip(vectors_of(game, "discriminator"), vectors_of(by_hand, "discriminator"), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_real_and_fake_images_of_an_update_meet_the_same_kernels(small_game: Callable[..., Game]) -> None:
    game = small_game(MODEL, {"training.discriminator_batches": "summed"})
    feed, turn = game.feeds["real"], game.players[0].turns[0]
    pixels, labels = feed.look_up(feed.chunk([2], 0, 1)[0])
    batch = turn.forward(game.networks, {"real": feed.prepare(pixels, labels, Key(0, 0))}, Key(0, 0))
    first = [layer.normalised().numpy() for layer in spectral_layers(game.networks["discriminator"])]
    assert batch.real_score.shape == batch.fake_score.shape == (2, 1)
    second = [layer.normalised().numpy() for layer in spectral_layers(game.networks["discriminator"])]
    assert all((a == b).all() for a, b in zip(first, second, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("rewrites", [False, True])
def test_a_conditional_discriminator_with_a_penalty_plays_in_every_form(
    form: str, rewrites: bool, small_game: Callable[..., Game]
) -> None:
    penalties = [{"name": "gradient_penalty"}] if form != "separate" else []
    game = small_game(
        MODEL,
        {
            "loss": {"penalties": penalties},
            "training.discriminator_batches": form,
            "training.rewrites": rewrites,
            "training.precision": "bfloat16",
        },
    )
    assert np.isfinite(game.play(game.chunk(0, 2)).numpy()).all()


def test_the_classes_reach_the_discriminator(small_experiment: Callable[..., Experiment]) -> None:
    """The same images with other labels are judged otherwise."""
    experiment = small_experiment(MODEL, {"training.discriminator_batches": "summed"})
    images = datasets.registry.get("npz").make(experiment.dataset, untracked)
    assert images.labels is not None
    rows = []
    for labels in (images.labels, (images.labels + 1) % images.num_classes):
        game = games.make_game(resolving.resolve(experiment), replace(images, labels=labels))
        rows.append(game.play(game.chunk(0, 1)).numpy())
    assert (rows[0] != rows[1]).any()


@pytest.mark.compiled
@pytest.mark.slow
def test_a_scored_grid_tells_a_conditional_discriminator_the_classes(
    small_experiment: Callable[..., Experiment], tmp_path: Path
) -> None:
    folder = RunFolder.create(tmp_path, "run", explicit=True)
    outputs = {"sample_grid": "scored", "sample_every": 1, "checkpoint_every": 1}
    train(small_experiment(MODEL, {"training.iterations": 1, "outputs": outputs}), folder)
    assert folder.sample_grid(1).is_file()
