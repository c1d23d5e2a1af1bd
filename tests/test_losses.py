"""Losses and penalties against NumPy and closed forms, and when a penalty is evaluated."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import WriteYaml, shipped

from ganctl import losses
from ganctl.build import resolving
from ganctl.errors import ConfigurationError
from ganctl.game import AdversarialLoss, Game, GanPass, ImageBatch, Key
from ganctl.lazy import keras, tf

pytestmark = pytest.mark.usefixtures("uncompiled")

REAL, FAKE = np.array([2.0, -1.0, 0.3, 40.0]), np.array([0.5, -3.0, 1.5, -40.0])
SHAPE = (4, 4, 2)


class Scores(GanPass):
    """A forward pass with given scores."""

    def __init__(self, real: np.ndarray = REAL, fake: np.ndarray = FAKE) -> None:
        self.key = Key(0, 0)
        self._real, self._fake = (tf.constant(x[:, None], tf.float32) for x in (real, fake))

    real_score = property(lambda self: self._real)
    fake_score = property(lambda self: self._fake)


def made(name: str, **arguments: Any) -> AdversarialLoss:
    loss: AdversarialLoss = losses.registry.get(name).make(**arguments)
    return loss


def softplus(x: np.ndarray) -> np.ndarray:
    return np.logaddexp(0.0, x)


# What the discriminator pays on real and on generated images, and what the generator pays.
CLOSED_FORMS: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]] = {
    "minimax": (softplus(-REAL), softplus(FAKE), softplus(-FAKE)),
    "non_saturating": (softplus(-REAL), softplus(FAKE), softplus(-FAKE)),
    "least_squares": ((REAL - 1) ** 2 / 2, FAKE**2 / 2, (FAKE - 1) ** 2 / 2),
    "hinge": (np.maximum(0, 1 - REAL), np.maximum(0, 1 + FAKE), -FAKE),
    "wasserstein": (-REAL, FAKE, -FAKE),
    "energy": (-REAL, np.maximum(0, 0.2 + FAKE), -FAKE),
    "relativistic": (softplus(FAKE - REAL) / 2, softplus(FAKE - REAL) / 2, softplus(REAL - FAKE)),
}


@pytest.mark.parametrize("name", [entry.name for entry in shipped(losses.registry)])
def test_a_loss_is_its_equation(name: str) -> None:
    loss, batch = made(name), Scores()
    found = (loss.real(batch), loss.fake(batch), loss.generator(batch))
    for tensor, expected in zip(found, CLOSED_FORMS[name], strict=True):
        np.testing.assert_allclose(tensor[:, 0], expected, rtol=1e-5, atol=1e-6)


def test_least_squares_labels_can_be_smoothed_and_noisy() -> None:
    batch = Scores()
    smooth = made("least_squares", label_smoothing=0.1)
    np.testing.assert_allclose(smooth.real(batch)[:, 0], (REAL - 0.9) ** 2 / 2, rtol=1e-5)
    np.testing.assert_allclose(smooth.generator(batch)[:, 0], (FAKE - 1) ** 2 / 2, rtol=1e-5)
    many = Scores(np.zeros(2000), np.zeros(2000))
    errors = made("least_squares", label_noise=0.2).errors()
    assert errors is not None
    noise = errors["fake"](many).numpy()
    assert 0 <= noise.min() < 0.01
    assert 0.19 < noise.max() < 0.2


@pytest.mark.parametrize("name", ["hinge", "wasserstein", "relativistic", "least_squares"])
def test_critics_show_raw_scores(name: str) -> None:
    np.testing.assert_allclose(made(name).realness(Scores().real_score)[:, 0], REAL, rtol=1e-6)


def test_arguments_that_mean_nothing_are_refused(tiny_yaml: WriteYaml) -> None:
    for name in ("non_saturating", "hinge", "wasserstein", "relativistic"):
        message = rf"tiny.yaml:\d+:\d+: the loss '{name}' has no key 'label_smoothing'; least_squares and minimax have"
        with pytest.raises(ConfigurationError, match=message):
            resolving.load_experiment(tiny_yaml({"loss": {"name": name, "label_smoothing": 0.1}}))


def test_a_loss_that_needs_real_images_in_the_generators_turn_gets_them(small_game: Callable[..., Game]) -> None:
    form = {"training.discriminator_batches": "summed", "training.gen_updates": 2}
    game = small_game("dense_gan", {"loss": {"name": "relativistic"}, **form})
    assert game.draws == {"real": [2, 2, 2]}
    assert small_game("dense_gan", form).draws == {"real": [2]}
    (row,) = game.play(game.chunk(0, 1)).numpy()
    named = dict(zip(game.columns, row, strict=True))
    assert named["d_loss"] == pytest.approx(2 * named["d_loss_real"], rel=1e-6)
    assert named["d_loss_fake"] == named["d_loss_real"]


# --- penalties


def linear_pass(count: int = 6) -> tuple[GanPass, np.ndarray]:
    """A pass with a linear discriminator, and the gradient of its score."""
    keras.utils.set_random_seed(0)
    linear = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(1)])
    return of(linear, count), linear.layers[-1].kernel.numpy()[:, 0].astype(np.float64)


def of(discriminator: Any, count: int = 6) -> GanPass:
    random = np.random.default_rng(0)
    real, fake = (
        ImageBatch(tf.constant(random.uniform(-1, 1, (count, *SHAPE)), tf.float32), tf.zeros([count], tf.int32))
        for _ in range(2)
    )
    return GanPass(
        {"discriminator": discriminator}, {"real": real, "fake": fake}, Key(0, 0, "discriminator", "t", 0),
        count=count, generator_training=False, distribution="normal",
    )  # fmt: skip


LINEAR: dict[str, tuple[dict[str, Any], Callable[[float], float]]] = {
    "gradient_penalty": ({"target": 0.5}, lambda norm: (norm - 0.5) ** 2),
    "dragan": ({"target": 0.5, "spread": 2.0}, lambda norm: (norm - 0.5) ** 2),
    "r1": ({}, lambda norm: norm**2 / 2),
    "r2": ({}, lambda norm: norm**2 / 2),
}
TERMS = [entry.name for entry in shipped(losses.penalties) if not entry.constraint]


@pytest.mark.parametrize("name", TERMS)
def test_a_penalty_of_a_linear_discriminator_and_its_gradient(name: str) -> None:
    """Of D(x) = <w, x> + b each is a function of |w|; d/dw (|w|^2 / 2) = w, d/dw (|w| - t)^2 = 2 (|w| - t) w / |w|."""
    arguments, value = LINEAR[name]
    batch, kernel = linear_pass()
    variable = batch.networks["discriminator"].layers[-1].kernel.value
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(variable)
        found = losses.penalties.get(name).make(**arguments).function(batch)
    norm = np.linalg.norm(kernel)
    assert float(found) == pytest.approx(value(norm), rel=1e-4)
    expected = kernel if name in ("r1", "r2") else 2 * (norm - 0.5) * kernel / norm
    gradient = tf.convert_to_tensor(tape.gradient(found, variable)).numpy()[:, 0]
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(("name", "kind"), [("r1", "real"), ("r2", "fake")])
def test_r1_looks_at_real_and_r2_at_generated_images(name: str, kind: str) -> None:
    """Of D(x) = |x|^2 / 2 the gradient is x itself."""
    quadratic = keras.Sequential([keras.Input(SHAPE), keras.layers.Lambda(lambda x: 0.5 * x**2), keras.layers.Flatten(),
                                  keras.layers.Dense(1, kernel_initializer="ones")])  # fmt: skip
    batch = of(quadratic)
    images = getattr(batch, kind).numpy()
    found = losses.penalties.get(name).make().function(batch)
    assert float(found) == pytest.approx((images**2).sum((1, 2, 3)).mean() / 2, rel=1e-5)


def test_the_gradient_penalty_looks_between_real_and_generated_images() -> None:
    """Of D(x) = |x|^2 / 2 the length of the gradient is that of the image between, each with a share of its own."""
    quadratic = keras.Sequential([keras.Input(SHAPE), keras.layers.Lambda(lambda x: 0.5 * x**2), keras.layers.Flatten(),
                                  keras.layers.Dense(1, kernel_initializer="ones")])  # fmt: skip
    batch = of(quadratic)
    real, fake = batch.real.numpy(), batch.fake.numpy()
    share = batch.key.uniform("gradient penalty", [6, 1, 1, 1]).numpy()
    assert np.ptp(share) > 0.3
    expected = ((real + share * (fake - real)) ** 2).sum((1, 2, 3)).mean()
    found = losses.penalties.get("gradient_penalty").make(target=0.0).function(batch)
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_dragan_looks_around_real_images() -> None:
    """Of D(x) = |x|^2 / 2 the length of the gradient is that of the noisy image."""
    quadratic = keras.Sequential([keras.Input(SHAPE), keras.layers.Lambda(lambda x: 0.5 * x**2), keras.layers.Flatten(),
                                  keras.layers.Dense(1, kernel_initializer="ones")])  # fmt: skip
    batch = of(quadratic, count=500)
    pixels = batch.real.numpy()
    found = losses.penalties.get("dragan").make(target=0.0, spread=2.0).function(batch)
    expected = (pixels**2).sum((1, 2, 3)).mean() + 32 * (2.0 * pixels.std()) ** 2
    assert float(found) == pytest.approx(expected, rel=0.05)


@pytest.mark.compiled
@pytest.mark.parametrize(
    ("updates", "due"), [(1, [1, 0, 0, 1, 0, 0]), pytest.param(2, [1, 1, 0, 1, 1, 0], marks=pytest.mark.slow)]
)
def test_a_lazy_penalty_is_evaluated_every_so_often_and_counts_as_often(
    updates: int, due: list[int], small_game: Callable[..., Game]
) -> None:
    """At updates 0, 3, 6 ..., where it counts three times. A column is the mean of a round's updates."""
    optimizer = {"discriminator": {"name": "sgd", "learning_rate": 1e-30}}
    changes = {"training.disc_updates": updates, "training.discriminator_batches": "summed", "optimizer": optimizer}
    columns = []
    for every in (1, 3):
        penalties = [{"name": "r1", "every": every}]
        game = small_game("dense_gan", {**changes, "loss": {"penalties": penalties}})
        columns.append(game.play(game.chunk(0, 6)).numpy()[:, game.columns.index("r1")])
    always, lazy = columns
    assert (always > 0).all()
    assert (lazy > 0).tolist() == [bool(times) for times in due]
    if updates == 1:
        np.testing.assert_allclose(lazy, 3 * always * due, rtol=1e-5)


@pytest.mark.compiled
@pytest.mark.slow
@pytest.mark.parametrize("form", ["summed", "mixed"])
@pytest.mark.parametrize("penalty", ["r2", "gradient_penalty"])
def test_a_lazy_penalty_leaves_no_tensor_in_its_branch(
    penalty: str, form: str, small_game: Callable[..., Game]
) -> None:
    changes = {"loss": {"penalties": [{"name": penalty, "every": 2}]}, "training.discriminator_batches": form}
    game = small_game("dense_gan", {**changes, "training.rewrites": False})
    column = game.play(game.chunk(0, 4)).numpy()[:, game.columns.index(penalty)]
    assert (column > 0).tolist() == [True, False, True, False]


@pytest.mark.parametrize("form", ["separate", "summed", "mixed", "concatenated"])
def test_a_penaltys_weight_means_the_same_beside_the_adversarial_term_in_every_form(
    form: str, small_game: Callable[..., Game]
) -> None:
    """A mean over both kinds is half of the sum of two means, and so is the penalty's part of the loss."""
    changes = {"loss": {"penalties": [{"name": "r1", "weight": 6.0}]}, "training.discriminator_batches": form}
    game = small_game("dense_gan", changes)
    row = dict(zip(game.columns, game.play(game.chunk(0, 1)).numpy()[0], strict=True))
    if form in ("mixed", "concatenated"):
        expected = row["d_adversarial"] + 3.0 * row["r1"]
    else:
        expected = row["d_loss_real"] + row["d_loss_fake"] + 6.0 * row["r1"]
        expected /= 2 if form == "separate" else 1  # d_loss is the mean of the two updates'
    assert row["r1"] > 0
    assert row["d_loss"] == pytest.approx(expected, rel=1e-5)


def test_weight_clipping_holds_after_every_update_and_only_for_the_discriminator(
    small_game: Callable[..., Game],
) -> None:
    penalties = [{"name": "weight_clipping", "limit": 0.01}]
    game = small_game("dense_gan", {"loss": {"name": "wasserstein", "penalties": penalties}})
    game.play(game.chunk(0, 2))
    largest = {
        role: max(float(np.abs(v.numpy()).max()) for v in game.networks[role].trainable_variables)
        for role in ("generator", "discriminator")
    }
    assert largest["discriminator"] == pytest.approx(0.01)
    assert largest["generator"] > 0.05


@pytest.mark.parametrize("key", ["weight", "every"])
def test_a_constraint_has_no_weight(key: str, tiny_yaml: WriteYaml) -> None:
    with pytest.raises(ConfigurationError, match=rf"loss.penalties.0.{key}: does not apply to 'weight_clipping'"):
        resolving.load_experiment(tiny_yaml({"loss": {"penalties": [{"name": "weight_clipping", key: 2}]}}))
