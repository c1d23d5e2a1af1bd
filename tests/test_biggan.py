"""BigGAN: chunks of the latent vector, BatchNorm that vectors scale and shift, attention, the orthogonal term."""

from collections.abc import Callable

import numpy as np
import pytest

from ganctl import models
from ganctl.game import CLASSES, Game, draw_latent
from ganctl.game.noise import Key
from ganctl.keras_internals import layers_of
from ganctl.layers import SelfAttention
from ganctl.layers.modulation import modulated
from ganctl.layers.spectral_normalization import spectral_layers
from ganctl.lazy import keras, tf

pytestmark = pytest.mark.usefixtures("uncompiled")
SmallGame = Callable[..., Game]


def test_a_vector_scales_and_shifts_what_was_normalised() -> None:
    random = np.random.default_rng(0)
    maps, told = keras.Input([4, 4, 3]), keras.Input([5])
    network = keras.Model([maps, told], modulated(maps, told, keras.layers.Dense))
    scale, shift = (v for v in network.trainable_variables)
    assert (scale.shape, shift.shape) == ((5, 3), (5, 3))
    given, vectors = random.normal(2.0, 3.0, (6, 4, 4, 3)), random.normal(size=(6, 5))
    normalised = (given - given.mean((0, 1, 2))) / np.sqrt(given.var((0, 1, 2)) + 1e-3)
    gain, bias = vectors @ scale.numpy(), vectors @ shift.numpy()
    expected = (1 + gain[:, None, None]) * normalised + bias[:, None, None]
    found = network([given, vectors], training=True).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("size", "chunks"), [(16, 3), (28, 3), (57, 5)])
def test_each_block_and_the_smallest_map_have_a_chunk(size: int, chunks: int) -> None:
    made = models.registry.get("biggan").make((size, size, 3), 4, latent_dim=6, class_dim=5, capacity=1)
    names = [tensor.name for tensor in made["generator"].inputs]
    assert names == [*(f"latent_{number}" for number in range(1, chunks + 1)), CLASSES]
    assert made["generator"].output_shape == (None, size, size, 3)
    widths = {layer.raw.shape[0] for layer in spectral_layers(made["generator"]) if len(layer.raw.shape) == 2}
    assert widths == {6, 6 + 5}, "a chunk alone, or a chunk beside the shared embedding"
    alone = models.registry.get("biggan").make((size, size, 3), 0, latent_dim=6, capacity=1)
    assert [tensor.name for tensor in alone["generator"].inputs] == names[:-1]


def test_every_chunk_and_the_class_change_the_image(small_game: SmallGame) -> None:
    game = small_game("biggan", {"model": {"name": "biggan", "capacity": 2, "latent_dim": 3}})
    generator = game.networks["generator"]
    *chunks, classes = [*draw_latent(generator, Key(0, 0), 2, "normal"), tf.constant([[1], [2]])]
    usual = generator([*chunks, classes]).numpy()
    for place in range(len(chunks)):
        other = [chunk + 1.0 if place == i else chunk for i, chunk in enumerate(chunks)]
        assert (np.abs(generator([*other, classes]).numpy() - usual).max(axis=(1, 2, 3)) > 1e-6).all(), place
    assert (np.abs(generator([*chunks, classes + 1]).numpy() - usual).max(axis=(1, 2, 3)) > 1e-6).all()
    assert not np.allclose(chunks[0], chunks[1]), "chunks are drawn apart"


def test_kernels_start_orthogonal_are_spectral_and_both_networks_attend() -> None:
    made = models.registry.get("biggan").make((32, 32, 3), 4, capacity=4)
    for network in made.values():
        assert [layer for layer in network.layers if isinstance(layer, SelfAttention)]
        convolutions = [layer for layer in layers_of(network) if isinstance(layer, keras.layers.Conv2D)]
        assert set(convolutions) <= set(spectral_layers(network))
    for layer in spectral_layers(made["generator"]):
        matrix = layer.raw.numpy().reshape(-1, layer.raw.shape[-1])
        small = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
        np.testing.assert_allclose(small, np.eye(len(small)), atol=1e-4)


def test_the_orthogonal_term_is_that_of_the_raw_kernels(small_game: SmallGame) -> None:
    """Equation 3 in NumPy: the squared products of every two filters of a layer, over all layers but embeddings."""
    terms = {"loss": {"name": "hinge", "generator_terms": [{"name": "orthogonal", "weight": 1e-4}]}}
    game = small_game("biggan", {"model": {"name": "biggan", "capacity": 2}, **terms})
    generator, expected = game.networks["generator"], 0.0
    for layer in spectral_layers(generator):
        layer.raw.assign(layer.raw + np.random.default_rng(0).normal(size=layer.raw.shape))
        filters = layer.raw.numpy().astype(np.float64).reshape(-1, layer.raw.shape[-1])
        products = filters.T @ filters
        expected += (products**2).sum() - (np.diag(products) ** 2).sum()
    (turn,) = game.players[1].turns
    (term,) = (term for term in turn.terms if term.name == "g_orthogonal")
    assert term.weight == 1e-4
    assert float(term.function(turn.forward(game.networks, {}, Key(0, 0)))) == pytest.approx(expected, rel=1e-4)
