"""pix2pix: a U-Net for every size, a discriminator of patches that sees both pictures, and the losses of the paper."""

from typing import Any

import numpy as np
import pytest
from conftest import operation_by_operation
from translation_games import batch_of, check_exact_resume, joined_sums, make_game, rows_of, shapes_on_grey

from ganctl import models
from ganctl.errors import ConfigurationError
from ganctl.game import Game
from ganctl.layers.patch_discriminator import PATCHES, fitting_patch, patch_scores
from ganctl.lazy import keras, tf

SIDE = (16, 16, 1)
RANDOM = np.random.default_rng(0)
Shape = tuple[int, int, int]


def networks(shape: Shape, source: Shape | None = None, **keys: Any) -> dict[str, Any]:
    shapes = {"source": source or shape, "target": shape}
    made: dict[str, Any] = models.registry.get("pix2pix").make(shape, shapes, **{"capacity": 2, **keys})
    return made


def inverted(count: int = 32, shape: Shape = SIDE) -> dict[str, np.ndarray]:
    images = shapes_on_grey(count, shape)
    return {"source": images, "target": 255 - images}


def game(**sections: Any) -> Game:
    return make_game("pix2pix", inverted(), **sections)


def normal(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype(np.float32)


@pytest.mark.parametrize(
    ("shape", "halvings", "field"),
    [
        ((16, 16, 1), 3, 16),
        ((17, 33, 3), 4, 16),
        ((28, 20, 3), 4, 16),
        ((64, 64, 3), 5, 34),
        ((70, 99, 2), 6, 70),
        ((256, 256, 3), 7, 70),
    ],
)
def test_networks_fit_every_size(shape: Shape, halvings: int, field: int) -> None:
    made = networks(shape, (*shape[:2], 2))
    generator, discriminator = made["generator"], made["discriminator"]
    assert generator.input_shape == (None, *shape[:2], 2)
    assert generator.output_shape == (None, *shape)
    assert [tensor.shape for tensor in discriminator.inputs] == [(None, *shape), (None, *shape[:2], 2)]
    strided = [layer for layer in generator.layers if type(layer) is keras.layers.Conv2D]
    assert len(strided) == halvings
    assert 2 in strided[-1].output.shape[1:3]
    scale = 2 ** (PATCHES.index(field) + 1)
    assert discriminator.output_shape == (None, *(-(-side // scale) for side in shape[:2]), 1)
    assert fitting_patch(*shape[:2], 70) == field


def test_the_widths_are_the_papers() -> None:
    """Section 6.1.1, with one halving less, because the smallest maps have two pixels, not one."""
    generator = networks((256, 256, 3), capacity=64)["generator"]
    down = [layer.filters for layer in generator.layers if type(layer) is keras.layers.Conv2D]
    up = [layer.filters for layer in generator.layers if type(layer) is keras.layers.Conv2DTranspose]
    assert down == [64, 128, 256, 512, 512, 512, 512]
    assert up == [512, 512, 512, 256, 128, 64, 3]
    assert sum(isinstance(layer, keras.layers.Dropout) for layer in generator.layers) == 3
    discriminator = networks((256, 256, 3), capacity=64)["discriminator"]
    judged = [(layer.filters, *layer.strides) for layer in discriminator.layers if hasattr(layer, "filters")]
    assert judged == [(64, 2, 2), (128, 2, 2), (256, 2, 2), (512, 1, 1), (1, 1, 1)]


@pytest.mark.parametrize("patch", PATCHES[:3])
def test_a_score_depends_on_a_patch_of_exactly_that_size(patch: int) -> None:
    """By the gradient of one score in the middle; BatchNorm in inference mode does not look beyond."""
    side = 2 * patch
    images = keras.Input((side, side, 1))
    network = keras.Model(images, patch_scores(images, patch, 2, "batch"))
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv2D):
            layer.kernel.assign(tf.abs(layer.kernel))  # nothing may cancel out
    given = tf.constant(np.abs(normal(1, side, side, 1)))
    with tf.GradientTape() as tape:
        tape.watch(given)
        scores = network(given, training=False)
        score = scores[0, scores.shape[1] // 2, scores.shape[2] // 2, 0]
    seen = tape.gradient(score, given).numpy()[0, :, :, 0] != 0
    rows, columns = (np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0))
    assert rows[-1] - rows[0] + 1 == columns[-1] - columns[0] + 1 == patch
    assert rows[0] > 0
    assert rows[-1] < side - 1
    assert seen[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()


def test_the_decoder_learns_from_both_sides_of_every_skip() -> None:
    generator = networks((28, 20, 3), capacity=4, dropout=0.0)["generator"]
    doublings = [layer for layer in generator.layers if type(layer) is keras.layers.Conv2DTranspose]
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(tf.square(generator(normal(2, 28, 20, 3))))
    slopes = tape.gradient(total, [layer.kernel.value for layer in doublings])
    for slope in slopes[1:]:  # the first one doubles the smallest maps
        by_channel = np.abs(slope).sum(axis=(0, 1, 2))
        half = len(by_channel) // 2
        assert (by_channel[:half] > 0).any(), "the decoder's maps"
        assert (by_channel[half:] > 0).any(), "the encoder's maps"


def test_a_trained_generator_takes_other_sizes() -> None:
    generator = networks((28, 20, 3), capacity=4)["generator"]
    free = keras.models.clone_model(generator, input_tensors=keras.Input((None, None, 3)))
    free.set_weights(generator.get_weights())
    images = normal(2, 28, 20, 3)
    np.testing.assert_array_equal(free(images), generator(images))
    for height, width in [(16, 16), (33, 47), (64, 31)]:
        assert free(normal(1, height, width, 3)).shape == (1, height, width, 3)


def test_the_same_input_gives_the_same_picture_and_dropout_is_noise_of_training() -> None:
    generator = networks((64, 64, 3))["generator"]
    images = normal(1, 64, 64, 3)
    np.testing.assert_array_equal(generator(images), generator(images))
    assert not np.array_equal(generator(images, training=True), generator(images, training=True))


def test_inputs_of_another_size_are_sent_to_srgan() -> None:
    with pytest.raises(ConfigurationError, match=r"inputs of 16x16, outputs of 32x32.*the model 'srgan'"):
        networks((32, 32, 3), (16, 16, 3))


def test_losses_are_the_papers() -> None:
    """Equations 1 to 4 of the paper in NumPy, with the networks' outputs."""
    played = game(loss={"name": "minimax"}, model={"dropout": 0.0})
    (judging, judged), (making, made) = (batch_of(played, name) for name in ("discriminator", "generator"))
    source, target = (made.images[role].pixels for role in ("source", "target"))
    np.testing.assert_allclose(target, -source, atol=1e-6, err_msg="pairs")
    fake = played.networks["generator"](source)
    real_score, fake_score = (
        np.asarray(played.networks["discriminator"]([images, source]), np.float64) for images in (target, fake)
    )
    values = {term.name: float(term.function(judged)) for term in judging.terms}
    values |= {term.name: float(term.function(made)) for term in making.terms}
    expected = {
        "d_loss_real": np.log1p(np.exp(-real_score)).mean(),
        "d_loss_fake": np.log1p(np.exp(fake_score)).mean(),
        "g_adversarial": np.log1p(np.exp(-fake_score)).mean(),
        "l1": np.abs(np.asarray(fake, np.float64) - np.asarray(target)).mean(),
    }
    assert values == pytest.approx(expected, rel=1e-5)
    assert {term.name: term.weight for term in making.terms} == {"g_adversarial": 1.0, "l1": 100.0}
    rows = rows_of(played, 0, 2)
    np.testing.assert_allclose(rows["g_loss"], rows["g_adversarial"] + 100 * rows["l1"], rtol=1e-5)


def test_both_pictures_are_augmented_alike() -> None:
    """With the same picture on both sides, the discriminator sees the same twice: moved, cut and mirrored together."""
    images = shapes_on_grey(8, SIDE)
    augment = [{"name": "diffaugment", "policy": ["translation", "cutout"]}, "flip"]
    played = make_game("pix2pix", {"source": images, "target": images}, training={"augment": augment})
    _, batch = batch_of(played, "discriminator")
    image, source = batch.shown(batch.real, "real")
    np.testing.assert_array_equal(image, source)
    assert not np.array_equal(image, batch.real)
    np.testing.assert_array_equal(batch.shown(batch.fake, "fake")[1].shape, source.shape)


@pytest.mark.parametrize("form", ["separate", "mixed", "concatenated", "summed"])
def test_every_form_of_batches_judges_pairs(form: str) -> None:
    played = game(training={"discriminator_batches": form, "augment": ["ada"]})
    with operation_by_operation():
        rows = rows_of(played, 0, 1)
    assert all(np.isfinite(row).all() for row in rows.values())
    assert played.draws["source"] == played.draws["target"]


def test_a_mixed_batch_has_the_scores_of_its_halves() -> None:
    played = game(training={"discriminator_batches": "concatenated"})
    _, batch = batch_of(played, "discriminator")
    real, fake = (
        played.networks["discriminator"]([images, batch.generator_inputs], training=True)
        for images in (batch.real, batch.fake)
    )
    np.testing.assert_allclose(batch.real_score, real, atol=1e-5)
    np.testing.assert_allclose(batch.fake_score, fake, atol=1e-5)


@pytest.mark.parametrize(
    ("loss", "normalization"),
    [("hinge", "batch"), ("wasserstein", "instance"), ("relativistic", "batch"), ("minimax", "instance")],
)
def test_other_losses_and_penalties_play(loss: str, normalization: str) -> None:
    penalties = [{"name": "r1", "weight": 1.0, "every": 2}, {"name": "gradient_penalty"}]
    played = game(loss={"name": loss, "penalties": penalties}, model={"normalization": normalization})
    with operation_by_operation():
        assert all(np.isfinite(row).all() for row in rows_of(played, 0, 2).values())


def test_it_learns_to_invert() -> None:
    played = game(
        model={"capacity": 8},
        training={"batch_size": 8},
        optimizer={"generator": {"name": "adam", "learning_rate": 2e-3}},
    )
    rows = rows_of(played, 0, 60)
    assert rows["l1"][:3].mean() > 0.3
    assert rows["l1"][-5:].mean() < 0.12


def test_a_checkpoint_continues_exactly() -> None:
    with operation_by_operation():
        check_exact_resume(game)


def test_no_sum_of_a_round_depends_on_timing() -> None:
    assert joined_sums(game()) == []
