"""Terms of the generator's loss that a file names, against NumPy, and which models have what they need."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from conftest import WriteYaml, shipped

from ganctl import losses, models
from ganctl.build import networks, resolving
from ganctl.errors import ConfigurationError
from ganctl.game import Game, GanPass, GeneratorTerm
from ganctl.game.state import named_variables
from ganctl.lazy import keras, tf

pytestmark = pytest.mark.usefixtures("uncompiled")

TERMS = [entry.name for entry in shipped(losses.generator_terms)]


def term(name: str, **arguments: Any) -> GeneratorTerm:
    made: GeneratorTerm = losses.generator_terms.get(name).make(**arguments)
    return made


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_pull_away_is_the_mean_squared_cosine_of_every_two_features() -> None:
    features = normal(5, 2, 3, 4)
    rows = features.reshape(5, -1) / np.linalg.norm(features.reshape(5, -1), axis=1, keepdims=True)
    expected = np.mean([(rows[i] @ rows[j]) ** 2 for i in range(5) for j in range(5) if i != j])
    found = term("pull_away").function(SimpleNamespace(fake_features=tf.constant(features)))
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_pull_away_of_one_image_is_zero() -> None:
    assert float(term("pull_away").function(SimpleNamespace(fake_features=tf.ones([1, 3])))) == 0.0


def test_feature_matching_compares_means_over_the_batch() -> None:
    real, fake = normal(6, 2, 2, 3), normal(6, 2, 2, 3, seed=1)
    batch = SimpleNamespace(real_features=tf.constant(real), fake_features=tf.constant(fake))
    expected = ((real.mean(0) - fake.mean(0)) ** 2).mean()
    assert float(term("feature_matching").function(batch)) == pytest.approx(expected, rel=1e-5)


def test_orthogonal_sums_the_squared_products_of_every_two_filters() -> None:
    image = keras.Input([4, 4, 2])
    maps = keras.layers.Conv2D(3, 3, padding="same")(image)
    maps = keras.layers.BatchNormalization()(maps)
    maps = keras.layers.Conv2DTranspose(5, 3, padding="same")(maps)
    outputs = keras.layers.Dense(100, name="more_filters_than_numbers")(keras.layers.Flatten()(maps))
    embedded = keras.layers.Embedding(7, 100)(classes := keras.Input([], dtype="int32"))
    network = keras.Model([image, classes], keras.layers.Add()([outputs, embedded]))
    kernels = [np.array(layer.kernel) for layer in network.layers if hasattr(layer, "kernel")]
    matrices = [kernels[0].reshape(-1, 3), np.moveaxis(kernels[1], 2, 3).reshape(-1, 5), kernels[2]]
    assert [matrix.shape for matrix in matrices] == [(18, 3), (27, 5), (80, 100)]
    products = [matrix.T @ matrix for matrix in matrices]
    expected = sum((product**2).sum() - (np.diag(product) ** 2).sum() for product in products)
    found = term("orthogonal").function(SimpleNamespace(networks={"generator": network}))
    assert float(found) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_colour_consistency_compares_means_and_covariances_of_neighbouring_sizes(channels: int) -> None:
    sizes = [normal(4, size, size + 1, channels, seed=size) for size in (2, 4, 8)]

    def moments(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        pixels = image.reshape(-1, channels)
        return pixels.mean(0), np.atleast_2d(np.cov(pixels.T, bias=True))

    expected = 0.0
    for small, large in ((sizes[0], sizes[1]), (sizes[1], sizes[2])):
        pairs = [(moments(a), moments(b)) for a, b in zip(small, large, strict=True)]
        of_means = np.mean([((a[0] - b[0]) ** 2).sum() for a, b in pairs])
        expected += of_means + 5 * np.mean([((a[1] - b[1]) ** 2).sum() for a, b in pairs])
    found = term("colour_consistency").function(SimpleNamespace(fakes=[tf.constant(images) for images in sizes]))
    assert float(found) == pytest.approx(expected, rel=1e-4)


def test_equal_pictures_of_several_sizes_have_equal_colours() -> None:
    flat = [tf.fill([3, size, size, 3], 0.25) for size in (2, 4)]
    assert float(term("colour_consistency").function(SimpleNamespace(fakes=flat))) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("model", [entry.name for entry in shipped(models.registry)])
def test_every_model_plays_with_every_term_or_says_why_not(model: str, small_game: Callable[..., Game]) -> None:
    """A term is a column of the stages in which the generator plays."""
    terms = [
        {"name": name, "weight": 0.5}
        for name in TERMS
        if models.registry.get(model).sizes or term(name).needs != "sizes"
    ]
    game = small_game(model, {"loss": {"generator_terms": terms}})
    row = dict(zip(game.columns, game.play(game.chunk(0, 1)).numpy()[0], strict=True))
    for section in terms:
        column = f"g_{section['name']}"
        assert any(name.startswith(column) for name in game.stages[-1].columns)
        assert all(np.isfinite(row[name]) for name in game.stages[0].columns if name.startswith(column))


def test_the_terms_add_to_the_generators_loss(small_game: Callable[..., Game]) -> None:
    sections = [{"name": name, "weight": 0.5} for name in ("pull_away", "feature_matching", "orthogonal")]
    game = small_game("dense_gan", {"loss": {"generator_terms": sections}})
    row = dict(zip(game.columns, game.play(game.chunk(0, 1)).numpy()[0], strict=True))
    parts = sum(row[f"g_{section['name']}"] for section in sections)
    assert parts > 0
    assert row["g_loss"] == pytest.approx(row["g_adversarial"] + 0.5 * parts, rel=1e-5)


def test_features_are_what_enters_the_scores_layer_and_change_nothing_else(
    small_experiment: Callable[..., Any],
) -> None:
    """The discriminator keeps its layers, names and weights, so that checkpoints fit."""
    plain, asked = (
        networks.make_networks(
            resolving.resolve(small_experiment("dcgan", {"loss": {"generator_terms": terms}})), (28, 28, 1)
        )["discriminator"]
        for terms in ([], [{"name": "pull_away"}])
    )
    images = normal(3, 28, 28, 1)
    score, features = asked(images)
    np.testing.assert_array_equal(score, plain(images))
    last = asked.layers[-1]
    np.testing.assert_allclose(tf.matmul(features, last.kernel) + last.bias, score, rtol=1e-5, atol=1e-5)
    assert list(named_variables(asked)) == list(named_variables(plain))


@pytest.mark.compiled
def test_a_lazy_term_is_evaluated_every_so_often_and_counts_as_often(small_game: Callable[..., Game]) -> None:
    still = {"generator": {"name": "sgd", "learning_rate": 1e-30}}
    columns = []
    for every in (1, 3):
        changes = {"loss": {"generator_terms": [{"name": "orthogonal", "every": every}]}, "optimizer": still}
        game = small_game("dense_gan", changes)
        columns.append(game.play(game.chunk(0, 6)).numpy()[:, game.columns.index("g_orthogonal")])
    always, lazy = columns
    assert (always > 0).all()
    np.testing.assert_allclose(lazy, 3 * always * [1, 0, 0, 1, 0, 0], rtol=1e-5)


@pytest.mark.compiled
@pytest.mark.parametrize("name", ["pull_away", "feature_matching"])
def test_a_lazy_term_may_use_features(name: str, small_game: Callable[..., Game]) -> None:
    game = small_game("dense_gan", {"loss": {"generator_terms": [{"name": name, "every": 2}]}})
    found = game.play(game.chunk(0, 4)).numpy()[:, game.columns.index(f"g_{name}")]
    assert [bool(value) for value in found] == [True, False, True, False]


def test_one_size_has_no_colour_consistency(tiny_yaml: WriteYaml) -> None:
    path = tiny_yaml({"loss": {"generator_terms": [{"name": "colour_consistency"}]}})
    with pytest.raises(ConfigurationError, match=r"generator_terms.0.name: .* 'dense_gan' makes one"):
        resolving.load_experiment(path)


def test_a_term_that_compares_nothing_is_refused(tiny_yaml: WriteYaml) -> None:
    nothing = {"name": "colour_consistency", "mean_factor": 0.0, "covariance_factor": 0.0}
    path = tiny_yaml({"model": {"name": "stackgan"}, "loss": {"generator_terms": [nothing]}})
    with pytest.raises(ConfigurationError, match="compares nothing"):
        resolving.load_experiment(path)


def test_a_term_is_named_once(tiny_yaml: WriteYaml) -> None:
    path = tiny_yaml({"loss": {"generator_terms": [{"name": "orthogonal"}, {"name": "orthogonal"}]}})
    with pytest.raises(ConfigurationError, match=r"generator_terms.1.name: 'orthogonal' is given twice"):
        resolving.load_experiment(path)


def test_a_discriminator_that_does_not_tell_its_features_is_refused(small_experiment: Callable[..., Any]) -> None:
    def nested(image_shape: tuple[int, int, int]) -> dict[str, Any]:
        """Networks whose score comes from a network within."""
        made = models.registry.get("dense_gan").make(image_shape)
        image = keras.Input(image_shape)
        within = keras.Sequential([keras.Input(image_shape), keras.layers.Flatten(), keras.layers.Dense(1)])
        return {**made, "discriminator": keras.Model(image, within(image), name="discriminator")}

    entry = models.ModelEntry("nested", nested, "a test", frozenset({"image_shape", "image_shapes", "num_classes"}))
    with models.registry.temporarily(entry):
        experiment = small_experiment(
            "dense_gan", {"model": {"name": "nested"}, "loss": {"generator_terms": [{"name": "pull_away"}]}}
        )
        with pytest.raises(ConfigurationError, match="does not say what enters its last layer"):
            networks.make_networks(resolving.resolve(experiment), (8, 8, 1))


def test_own_players_without_the_term_are_refused(small_game: Callable[..., Game]) -> None:
    from dataclasses import replace

    from ganctl.game import discriminator, generator

    def bare(found: Any, setup: Any) -> list[Any]:
        return [discriminator(setup), generator(replace(setup, generator_terms=()))]

    entry = replace(models.registry.get("dense_gan"), name="bare", players=bare)
    with (
        models.registry.temporarily(entry),
        pytest.raises(ConfigurationError, match=r"generator_terms.0.name: the players of the model 'bare'"),
    ):
        small_game("bare", {"loss": {"generator_terms": [{"name": "orthogonal"}]}})


def test_a_pass_gives_the_last_output_as_features() -> None:
    image = keras.Input([2, 2, 1])
    flat = keras.layers.Flatten()(image)
    judge = keras.Model(image, [keras.layers.Dense(1)(flat), flat])

    class Given(GanPass):
        real = property(lambda self: tf.ones([2, 2, 2, 1]))
        fake = property(lambda self: tf.zeros([2, 2, 2, 1]))

    batch = Given({"discriminator": judge}, {}, None, count=2, generator_training=True, distribution="normal")  # type: ignore[arg-type]
    assert tf.reduce_all(batch.real_features == 1.0)
    assert tf.reduce_all(batch.fake_features == 0.0)
