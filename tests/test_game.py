"""The heart: who moves, what is drawn, what is measured, and that nothing else matters."""

import gc
import weakref
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from ganctl.errors import ConfigurationError, GanctlError
from ganctl.experiment.sections import TrainingSection
from ganctl.game import (
    AdversarialLoss,
    Average,
    Feed,
    Game,
    GanPass,
    ImageBatch,
    Key,
    Player,
    Setup,
    Term,
    discriminator,
    generator,
    generator_and_discriminator,
)
from ganctl.game.freezing import frozen
from ganctl.game.gradients import gradients_of
from ganctl.game.image_order import ImageOrder
from ganctl.game.traced_gradients import registered
from ganctl.losses import penalties
from ganctl.losses.minimax import Minimax

pytestmark = pytest.mark.usefixtures("uncompiled")

SHAPE = (8, 8, 1)
IMAGES = np.random.default_rng(0).integers(0, 256, (48, *SHAPE), np.uint8)
FORMS = ["separate", "mixed", "concatenated", "summed"]


def networks(dropout: float = 0.3, latent_dim: int = 4) -> dict[str, Any]:
    """A pair with BatchNorm on both sides and Dropout, whose modes all matter."""
    keras.utils.set_random_seed(1)
    layers = keras.layers
    return {
        "generator": keras.Sequential(
            [keras.Input([latent_dim]), layers.Dense(16), layers.BatchNormalization(), layers.ReLU(),
             layers.Dense(64, activation="tanh"), layers.Reshape(SHAPE)]
        ),
        "discriminator": keras.Sequential(
            [keras.Input(SHAPE), layers.Flatten(), layers.Dense(16), layers.BatchNormalization(), layers.LeakyReLU(0.2),
             layers.Dropout(dropout), layers.Dense(1)]
        ),
    }  # fmt: skip


def setup(loss: AdversarialLoss | None = None, **training: Any) -> Setup:
    section = TrainingSection(**{"batch_size": 4, **training})
    return Setup(loss or Minimax(), [], section, "normal", lambda name: keras.optimizers.Adam(1e-3, 0.5))


def feed(**options: Any) -> Feed:
    return Feed(IMAGES, None, ImageOrder(len(IMAGES), "shuffle", 0), **options)


def make(
    make_players: Any = generator_and_discriminator,
    *,
    seed: int = 0,
    the_feed: Feed | None = None,
    averages: Any = (),
    **training: Any,
) -> Game:
    nets = networks()
    return Game(nets, make_players(nets, setup(**training)), {"real": the_feed or feed()}, seed, averages)


def state(game: Game) -> dict[str, list[np.ndarray]]:
    return {name: [v.numpy() for v in network.variables] for name, network in game.networks.items()}


def same(a: dict[str, list[np.ndarray]], b: dict[str, list[np.ndarray]], role: str) -> bool:
    return all((x == y).all() for x, y in zip(a[role], b[role], strict=True))


def only_seeds_differ(game: Game, before: dict[str, list[np.ndarray]], role: str) -> bool:
    """Whether nothing of a network changed but the seeds of its dropout, which are drawn anew in every turn."""
    pairs = zip(game.networks[role].variables, before[role], strict=True)
    return all((v.numpy() == old).all() for v, old in pairs if v.name != "seed_generator_state")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("fakes", ["inference", "training"])
def test_the_discriminators_turn_moves_only_the_discriminator(form: str, fakes: str) -> None:
    game = make(lambda nets, s: [discriminator(s)], discriminator_batches=form, fakes=fakes)
    before = state(game)
    game.play(game.chunk(0, 2))
    assert only_seeds_differ(game, before, "generator"), "not even the generator's moving statistics move"
    assert not only_seeds_differ(game, before, "discriminator")


@pytest.mark.parametrize("statistics", ["moving", "batch"])
def test_the_generators_turn_moves_only_the_generator(statistics: str) -> None:
    game = make(lambda nets, s: [generator(s)], frozen_batchnorm=statistics)
    before = state(game)
    game.play(game.chunk(0, 2))
    assert only_seeds_differ(game, before, "discriminator")
    assert not only_seeds_differ(game, before, "generator")


def test_frozen_batchnorm_and_the_mode_of_the_fakes_change_the_training() -> None:
    runs = {}
    for name, training in {
        "usual": {},
        "batch": {"frozen_batchnorm": "batch"},
        "training": {"fakes": "training"},
    }.items():
        game = make(**training)
        runs[name] = game.play(game.chunk(0, 3)).numpy()
    assert (runs["usual"] != runs["batch"]).any()
    assert (runs["usual"] != runs["training"]).any()


@pytest.mark.compiled
def test_the_same_run_whatever_the_length_of_a_call_and_what_is_sampled_in_between() -> None:
    one, many = make(), make()
    rows = one.play(one.chunk(0, 7)).numpy()
    pieces = []
    for step, rounds in ((0, 1), (1, 4), (5, 2)):
        pieces.append(many.play(many.chunk(step, rounds)).numpy())
        many.networks["generator"](tf.random.normal([3, 4]), training=False)
        many.networks["discriminator"](tf.zeros([3, *SHAPE]), training=False)
    assert rows.tobytes() == np.concatenate(pieces).tobytes()
    assert all(same(state(one), state(many), role) for role in one.networks)
    assert one.play.experimental_get_tracing_count() == many.play.experimental_get_tracing_count() == 1


@pytest.mark.slow
@pytest.mark.compiled
def test_the_seed_makes_the_run() -> None:
    runs = [game.play(game.chunk(0, 2)).numpy() for game in (make(seed=0), make(seed=0), make(seed=1))]
    assert runs[0].tobytes() == runs[1].tobytes()
    assert runs[0].tobytes() != runs[2].tobytes()


@pytest.mark.slow
@pytest.mark.compiled
@pytest.mark.parametrize("flip", [False, True])
def test_streamed_images_give_the_run_of_resident_ones(flip: bool) -> None:
    resident, streamed = make(the_feed=feed(flip=flip)), make(the_feed=feed(flip=flip, resident=False))
    for step, rounds in ((0, 3), (3, 3), (6, 2)):
        rows = [game.play(game.chunk(step, rounds)).numpy() for game in (resident, streamed)]
        assert rows[0].tobytes() == rows[1].tobytes()
    assert streamed.play.experimental_get_tracing_count() == 1
    streamed.feeds["real"].close()


def test_what_is_read_ahead_is_used_also_when_calls_change_their_length(monkeypatch: pytest.MonkeyPatch) -> None:
    streamed, resident = feed(resident=False), feed()
    gathered: list[int] = []
    gather = streamed._gather
    monkeypatch.setattr(
        streamed, "_gather", lambda draws, at, n, drawn: (gathered.append(n), gather(draws, at, n, drawn))[1]
    )
    step = 0
    for rounds in (8, 8, 5, 9, 8):
        pixels, _ = streamed.chunk([3, 2], step, rounds)
        assert (pixels.numpy() == IMAGES[resident.chunk([3, 2], step, rounds).numpy()]).all()
        step += rounds
    streamed.close()
    # What was read ahead last is not needed: closing may have cancelled it.
    assert gathered[:6] == [8, 8, 8, 5, 4, 9], (
        "only the first chunk and the part beyond what was read ahead are waited for"
    )


def test_a_streamed_chunk_stays_small_beside_the_memory() -> None:
    assert feed(resident=False).max_rounds([4, 4]) == 2**27 // (8 * 64)
    assert feed().max_rounds([4, 4]) > 10**9


def test_two_terms_of_one_name_are_refused() -> None:
    def players(nets: Any, s: Setup) -> list[Player]:
        player = generator(s)
        return [replace(player, turns=[replace(player.turns[0], terms=[*player.turns[0].terms] * 2)])]

    with pytest.raises(ValueError, match="the same name"):
        make(players)


@pytest.mark.slow
def test_what_a_turn_makes_ahead_reaches_the_update_of_its_key_and_nothing_else_changes() -> None:
    """Made before the player's first update of the round, of the very keys that the updates have."""
    rows = {}
    for ahead in (False, True):

        def players(nets: Any, s: Setup, ahead: bool = ahead) -> list[Player]:
            def draw(nets: Any, keys: Any) -> Any:
                return [{"spare": ImageBatch(key.uniform("spare", [3]), None)} for key in keys]

            def spare(batch: GanPass) -> Any:
                made = batch.images["spare"].pixels if ahead else batch.key.uniform("spare", [3])
                return tf.reduce_sum(made)

            player = discriminator(s)
            further = {"ahead": draw} if ahead else {}
            turns = [replace(turn, measures={**turn.measures, "spare": spare}, **further) for turn in player.turns]
            return [replace(player, turns=turns), generator(s)]

        game = make(players, disc_updates=3)
        rows[ahead] = game.play(game.chunk(0, 2)).numpy()
    assert rows[True].tobytes() == rows[False].tobytes()


@pytest.mark.slow
def test_measurements_are_means_over_the_rounds_updates_and_turns() -> None:
    game = make(disc_updates=2, gen_updates=3)
    row = dict(zip(game.columns, game.play(game.chunk(0, 1)).numpy()[0], strict=True))
    assert row["d_loss"] == pytest.approx((row["d_loss_real"] + row["d_loss_fake"]) / 2, rel=1e-6)
    assert game.draws == {"real": [4, 4]}
    summed = make(discriminator_batches="summed")
    row = dict(zip(summed.columns, summed.play(summed.chunk(0, 1)).numpy()[0], strict=True))
    assert row["d_loss"] == pytest.approx(row["d_loss_real"] + row["d_loss_fake"], rel=1e-6)


@pytest.mark.parametrize(("form", "each"), [("mixed", 2), ("concatenated", 4)])
@pytest.mark.parametrize("real_label", [0, 1])
def test_one_batch_holds_both_kinds_with_label_1_first(form: str, each: int, real_label: int) -> None:
    nets = networks(dropout=0.0)
    players = [discriminator(setup(Minimax(real_label=real_label), discriminator_batches=form))]
    pass_ = (
        players[0].turns[0].forward(nets, {"real": feed().prepare(IMAGES[:each], np.zeros(each), Key(0, 0))}, Key(0, 0))
    )
    whole = pass_.in_order(pass_.real, pass_.fake)
    assert whole.shape[0] == 2 * each
    assert (whole[:each].numpy() == (pass_.real if real_label else pass_.fake).numpy()).all()
    halves = [pass_.real_score, pass_.fake_score] if real_label else [pass_.fake_score, pass_.real_score]
    assert (tf.concat(halves, 0).numpy() == pass_.score.numpy()).all()
    assert (pass_.real_score.numpy() != pass_.fake_score.numpy()).all()


def test_an_odd_mixed_batch_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="even"):
        discriminator(setup(batch_size=5, discriminator_batches="mixed"))


def test_a_variable_that_no_loss_reaches_is_named() -> None:
    def players(nets: Any, s: Setup) -> list[Player]:
        player = generator(s)
        return [
            replace(
                player,
                turns=[
                    replace(player.turns[0], terms=[Term("g_adversarial", lambda batch: tf.reduce_sum(batch.latent))])
                ],
            )
        ]

    game = make(players)
    with pytest.raises(GanctlError, match=r"kernel.*generator"):
        game.play(game.chunk(0, 1))


def test_a_partial_term_may_leave_variables_alone() -> None:
    def players(nets: Any, s: Setup) -> list[Player]:
        player = generator(s)
        term = Term("only_bias", lambda batch: tf.reduce_sum(nets["generator"].layers[-2].bias.value), partial=True)
        return [replace(player, turns=[replace(player.turns[0], terms=[term])])]

    game = make(players)
    before = state(game)
    game.play(game.chunk(0, 1))
    kernel = next(i for i, v in enumerate(game.networks["generator"].variables) if v.name == "kernel")
    assert (state(game)["generator"][kernel] == before["generator"][kernel]).all()


def test_frozen_gives_every_layer_its_own_flags_back_also_after_ctrl_c() -> None:
    network = networks()["discriminator"]
    network.layers[1].trainable = False
    flags = [layer.trainable for layer in network._flatten_layers()]
    momenta = [layer.momentum for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for how in ("moving", "batch"):
        with pytest.raises(KeyboardInterrupt), frozen({network: how}):
            raise KeyboardInterrupt
        assert [layer.trainable for layer in network._flatten_layers()] == flags
        assert [v.trainable for v in network.layers[1].variables] == [False, False]
        assert [
            layer.momentum for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)
        ] == momenta


def test_the_running_average_follows_the_generator() -> None:
    nets = networks()
    nets["generator_ema"] = networks()["generator"]
    game = Game(
        nets,
        generator_and_discriminator(nets, setup()),
        {"real": feed()},
        0,
        [Average("generator", "generator_ema", 0.9)],
    )
    expected = [v.numpy() for v in nets["generator_ema"].variables]
    for step in range(4):
        game.play(game.chunk(step, 1))
        decay = np.float32(min(0.9, (1 + step) / (10 + step)))
        now = nets["generator"].variables
        expected = [
            e + (1 - decay) * (v.numpy() - e) if v.trainable else v.numpy() for e, v in zip(expected, now, strict=True)
        ]
        for average, value in zip(nets["generator_ema"].variables, expected, strict=True):
            np.testing.assert_allclose(average.numpy(), value, rtol=1e-5, atol=1e-7)


def test_noise_differs_by_every_part_of_its_key_and_by_nothing_else() -> None:
    def draw(seed: int, step: int, *where: str | int, purpose: str = "latent") -> bytes:
        return Key(seed, step, *where).normal(purpose, [5]).numpy().tobytes()

    places = [(0, 0, "d", 0), (1, 0, "d", 0), (0, 1, "d", 0), (0, 0, "g", 0), (0, 0, "d", 1)]
    draws = [draw(*place) for place in places] + [draw(0, 0, "d", 0, purpose="other")]
    assert len(set(draws)) == len(draws)
    assert (
        draw(0, 0, "d", 0) == draws[0] == Key(0, tf.constant(0), "d").narrow(0).normal("latent", [5]).numpy().tobytes()
    )


@pytest.mark.compiled
@pytest.mark.parametrize("jit", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("shape", [[1], [3, 5], [16, 100]])
def test_noise_is_what_tensorflow_draws_also_within_xla_where_tensorflow_does_not(shape: list[int], jit: bool) -> None:
    def drawn(step: Any) -> Any:
        key = Key(5, step, "somewhere")
        return key.uniform("p", shape, -1.0, 1.0), key.integers("p", shape, 10), key.normal("p", shape)

    def tensorflows(step: Any) -> Any:
        seed = {"seed": Key(5, step, "somewhere")._stream("p"), "alg": "philox"}
        whole = tf.random.stateless_uniform(shape, minval=0, maxval=10, dtype=tf.int32, **seed)
        uniform = tf.random.stateless_uniform(shape, minval=-1.0, maxval=1.0, **seed)
        return uniform, whole, tf.random.stateless_normal(shape, **seed)

    def compiled(function: Any, jit: bool) -> Any:
        return tf.function(function, jit_compile=jit)(tf.constant(7))  # were it a constant, nothing would be compiled

    for a, b in zip(compiled(drawn, jit), compiled(tensorflows, False), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    if jit:
        uniform = compiled(tensorflows, True)[0]
        assert not np.allclose(compiled(drawn, True)[0], uniform, atol=1e-5), "TensorFlow mended it: say so in noise.py"


def test_latent_distributions() -> None:
    uniform = Key(0, 0).latent([4000], "uniform").numpy()
    normal = Key(0, 0).latent([4000], "normal").numpy()
    assert -1 <= uniform.min() < -0.99
    assert 0.99 < uniform.max() < 1
    assert abs(normal.std() - 1) < 0.05
    assert abs(normal).max() > 3


class Scores(GanPass):
    """A forward pass with given scores."""

    def __init__(self, real: list[float], fake: list[float]) -> None:
        self.key = Key(0, 0)
        self._real, self._fake = (np.asarray(x, np.float32)[:, None] for x in (real, fake))

    real_score = property(lambda self: tf.constant(self._real))
    fake_score = property(lambda self: tf.constant(self._fake))


def test_minimax_is_equation_1_with_one_sided_smoothing() -> None:
    batch = Scores([2.0, -1.0], [0.5, -3.0])
    p = 1 / (1 + np.exp(-np.array([2.0, -1.0, 0.5, -3.0])))
    for smoothing in (0.0, 0.1):
        loss = Minimax(label_smoothing=smoothing)
        t = 1 - smoothing
        np.testing.assert_allclose(
            loss.real(batch)[:, 0], -(t * np.log(p[:2]) + (1 - t) * np.log(1 - p[:2])), rtol=1e-5
        )
        np.testing.assert_allclose(loss.fake(batch)[:, 0], -np.log(1 - p[2:]), rtol=1e-5)
        np.testing.assert_allclose(loss.generator(batch)[:, 0], -np.log(p[2:]), rtol=1e-5)
        np.testing.assert_allclose(loss.errors()["real"](batch)[:, 0], np.abs(t - p[:2]), rtol=1e-5)


def test_real_label_0_turns_every_score_around() -> None:
    batch, mirrored = Scores([2.0, -1.0], [0.5, -3.0]), Scores([-2.0, 1.0], [-0.5, 3.0])
    one, zero = Minimax(real_label=1, label_smoothing=0.1), Minimax(real_label=0, label_smoothing=0.1)
    for part in ("real", "fake", "generator"):
        np.testing.assert_allclose(getattr(one, part)(batch), getattr(zero, part)(mirrored), rtol=1e-5)
    np.testing.assert_allclose(one.realness(batch.real_score), zero.realness(mirrored.real_score), rtol=1e-6)


def test_label_noise_is_uniform_of_its_width_and_never_the_generators() -> None:
    batch = Scores([0.0] * 2000, [0.0] * 2000)
    loss = Minimax(label_noise=0.2)
    noise = loss.errors()["fake"](batch).numpy() - 0.5  # |target - 0.5| with target in [0, 0.2)
    assert -0.2 < noise.min() < -0.19
    assert -0.01 < noise.max() <= 0
    assert np.ptp(loss.errors()["generator"](batch).numpy()) == 0
    assert np.ptp(loss.errors()["real"](batch).numpy()) > 0.19


@pytest.mark.parametrize("heads", [1, 2])
def test_the_gradient_penalty_of_a_linear_discriminator_is_its_norm(heads: int) -> None:
    image = keras.Input(SHAPE)
    flat = keras.layers.Flatten()(image)
    score, classes = keras.layers.Dense(1, name="score"), keras.layers.Dense(10)
    linear = keras.Model(image, [score(flat), classes(flat)][:heads])
    batch = GanPass(
        {"discriminator": linear, "generator": networks()["generator"]},
        {"real": feed().prepare(IMAGES[:4], np.zeros(4), Key(0, 0))}, Key(0, 0),
        count=4, generator_training=False, distribution="normal",
    )  # fmt: skip
    norm = np.linalg.norm(score.kernel.numpy())
    for target in (0.0, 1.0):
        value = penalties.get("gradient_penalty").make(target=target).function(batch)
        assert float(value) == pytest.approx((norm - target) ** 2, rel=1e-4)


@pytest.mark.parametrize("sampling", ["shuffle", "replacement", "window"])
def test_image_orders_are_functions_of_the_step(sampling: str) -> None:
    order = ImageOrder(11, sampling, seed=3)
    whole = order.rounds([3, 2], 0, 30)
    assert whole.shape == (30, 5)
    assert whole.min() >= 0
    assert whole.max() < 11
    assert (ImageOrder(11, sampling, seed=3).rounds([3, 2], 17, 4) == whole[17:21]).all()
    assert (ImageOrder(11, sampling, seed=4).rounds([3, 2], 0, 30) != whole).any()
    if sampling == "shuffle":
        epochs = whole.ravel()[: 150 // 11 * 11].reshape(-1, 11)
        assert (np.sort(epochs, axis=1) == np.arange(11)).all(), "every image once an epoch"
        assert (epochs[0] != epochs[1]).any()
    if sampling == "window":
        assert (np.diff(whole[:, :3], axis=1) == 1).all()
        assert (np.diff(whole[:, 3:], axis=1) == 1).all()
        assert set(order.rounds([3, 2], 0, 300)[:, 0]) == set(range(9)), "also the last start is drawn"


def test_flip_mirrors_about_half_of_the_images() -> None:
    flipped = feed(flip=True).prepare(IMAGES, np.zeros(len(IMAGES)), Key(0, 0)).pixels.numpy()
    plain = feed().prepare(IMAGES, np.zeros(len(IMAGES)), Key(0, 0)).pixels.numpy()
    mirrored = [bool((f == p[:, ::-1]).all()) for f, p in zip(flipped, plain, strict=True)]
    kept = [bool((f == p).all()) for f, p in zip(flipped, plain, strict=True)]
    assert all(m != k for m, k in zip(mirrored, kept, strict=True))
    assert 0.25 < np.mean(mirrored) < 0.75
    assert plain.min() == -1.0
    assert plain.max() == 1.0


@pytest.mark.slow
@pytest.mark.compiled
def test_a_game_that_nobody_holds_leaves_nothing_behind() -> None:
    before, game = registered(), make()
    game.play(game.chunk(0, 1))
    gradients, graph = registered() - before, weakref.ref(game.play.get_concrete_function().graph)
    assert gradients, "Keras' optimizer registers one in each graph"
    del game
    gc.collect()
    assert not gradients & registered()
    gc.collect()
    assert graph() is None


@pytest.mark.compiled
def test_golden_run() -> None:
    """Three rounds whose losses were stored when the parity with the hand-written loop was shown."""
    game = make(lambda nets, s: generator_and_discriminator(nets, replace(s, loss=Minimax(label_smoothing=0.1))))
    rows = game.play(game.chunk(0, 3)).numpy()
    losses = rows[:, [game.columns.index("d_loss"), game.columns.index("g_loss")]]
    np.testing.assert_allclose(losses, GOLDEN, rtol=1e-3)


GOLDEN = [[0.952556, 0.610043], [0.781175, 0.50922], [0.909416, 0.47286]]


def test_gradients_of_terms_taken_apart_are_those_of_their_sum() -> None:
    reached, half, never = tf.Variable([1.0, 2.0]), tf.Variable([3.0]), tf.Variable(4.0)
    with tf.GradientTape(persistent=True) as tape:
        losses = [tf.reduce_sum(reached**2), 3.0 * tf.reduce_sum(reached) * half[0], tf.reduce_sum(reached**3)]
        total = tf.add_n(losses)
    together, apart = (gradients_of(tape, of, [reached, half, never]) for of in ([total], losses))
    assert together[2] is apart[2] is None
    for one, other in zip(together[:2], apart[:2], strict=True):
        assert one is not None
        assert other is not None
        np.testing.assert_allclose(tf.convert_to_tensor(one), other)
