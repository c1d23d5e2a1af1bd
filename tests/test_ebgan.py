"""EBGAN: energies and their margin against NumPy, who pays for what, and what the proof's own figures are."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from benchmarks.papers import ebgan as proof
from ganctl import losses, models
from ganctl.game import Game, ImageBatch, Key
from ganctl.lazy import keras, tf

pytestmark = pytest.mark.usefixtures("uncompiled")

SmallGame = Callable[..., Game]
LOSS = {"loss": {"name": "energy", "margin": 0.7, "generator_terms": [{"name": "pull_away", "weight": 0.1}]}}
SUMMED = {"training.discriminator_batches": "summed"}


def pass_of(game: Game, player: int) -> Any:
    pixels = np.random.default_rng(0).uniform(-1, 1, (2, 16, 16, 1)).astype(np.float32)
    images = {"real": ImageBatch(tf.constant(pixels), tf.zeros([2], tf.int32))}
    return game.players[player].turns[0].forward(game.networks, images, Key(0, 0))


def energies(game: Game, images: Any) -> tuple[np.ndarray, np.ndarray]:
    """The mean squared error of the reconstructions, and the codes."""
    _, drawn_again, code = game.networks["discriminator"](images)
    return ((np.asarray(images, np.float64) - drawn_again.numpy()) ** 2).mean(axis=(1, 2, 3)), code.numpy()


@pytest.mark.parametrize("shape", [(16, 16, 1), (28, 28, 3), (20, 48, 2)])
def test_the_score_is_minus_the_mean_squared_error_of_the_reconstruction(shape: tuple[int, int, int]) -> None:
    keras.utils.set_random_seed(0)
    network = models.registry.get("ebgan").make(shape, capacity=2, code_dim=5)["discriminator"]
    images = np.random.default_rng(0).uniform(-1, 1, (3, *shape)).astype(np.float32)
    score, drawn_again, code = (output.numpy() for output in network(images))
    assert drawn_again.shape == images.shape
    assert (score.shape, code.shape) == ((3, 1), (3, 5))
    np.testing.assert_allclose(score[:, 0], -((images - drawn_again) ** 2).mean(axis=(1, 2, 3)), rtol=1e-5)
    again = keras.Model(code_tensor := network.outputs[2], network.outputs[1])
    np.testing.assert_allclose(again(code), drawn_again, atol=1e-6, err_msg="drawn from the code alone")
    assert code_tensor.shape == (None, 5)


def test_both_pay_what_equations_1_and_2_say(small_game: SmallGame) -> None:
    game = small_game("ebgan", {**LOSS, **SUMMED})
    judge, maker = game.players
    batch = pass_of(game, 0)
    real, fake = energies(game, batch.real)[0], energies(game, batch.fake)[0]
    paid = {term.name: float(term.function(batch)) for term in judge.turns[0].terms}
    assert paid == {
        "d_loss_real": pytest.approx(real.mean(), rel=1e-5),
        "d_loss_fake": pytest.approx(np.maximum(0, 0.7 - fake).mean(), rel=1e-5),
    }
    batch = pass_of(game, 1)
    fake, codes = energies(game, batch.fake)
    paid = {term.name: (term.weight, float(term.function(batch))) for term in maker.turns[0].terms}
    assert paid == {
        "g_adversarial": (1.0, pytest.approx(fake.mean(), rel=1e-5)),
        "g_pull_away": (0.1, pytest.approx(proof.squared_cosine(codes), rel=1e-4)),
    }


def test_images_beyond_the_margin_cost_the_discriminator_nothing(small_game: SmallGame) -> None:
    def gradient(margin: float) -> float:
        game = small_game("ebgan", {"loss": {"name": "energy", "margin": margin}, **SUMMED})
        batch = pass_of(game, 0)
        term = next(term for term in game.players[0].turns[0].terms if term.name == "d_loss_fake")
        with tf.GradientTape() as tape:
            loss = term.function(batch)
        found = tape.gradient(loss, [v.value for v in game.networks["discriminator"].trainable_variables])
        return float(tf.linalg.global_norm([tf.zeros([1]), *(each for each in found if each is not None)]))

    assert gradient(50.0) > 0
    assert gradient(0.0) == 0


def test_an_energy_is_real_below_half_the_margin() -> None:
    loss = losses.registry.get("energy").make(margin=0.4)
    scores = tf.constant([[-0.1], [-0.19], [-0.21], [-0.9]])
    assert loss.judged_real(scores).numpy()[:, 0].tolist() == [True, True, False, False]
    assert loss.zero_divides, "so that ada has something to follow"
    np.testing.assert_allclose(loss.mirrored(scores)[:, 0], [-0.3, -0.21, -0.19, 0.5], atol=1e-6)


# --- the proof's figures


def test_a_detector_is_judged_by_the_share_of_pairs_in_order() -> None:
    low, high = np.array([1.0, 2.0, 3.0, 4.0]), np.array([2.5, 0.5, 9.0])
    assert proof.detection(low, high) == pytest.approx(np.mean([[a < b for a in low] for b in high]))


def test_digits_are_drawn_whole_and_differ() -> None:
    images = proof.digits(40)
    assert images.shape == (40, 28, 28, 1)
    assert len({image.tobytes() for image in images}) == 40
    border = [images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]]
    assert all(not edge.any() for edge in border)
    assert (images.max(axis=(1, 2, 3)) > 200).all()
