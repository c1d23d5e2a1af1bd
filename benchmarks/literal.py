"""The column `literal`: the loop as the tutorials write it in Keras, for any pair of networks.

It is the form that trains its discriminator under Keras 3, with two optimizers; `tests/parity` proves, tutorial by
tutorial, that ganctl plays the same. It logs the losses and no further metrics, which the tutorials do and which takes
time: what is measured here is rather too fast.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import blueprint
from benchmarks.products import least_seconds
from benchmarks.rules import Draw, Rules, decay_of_average
from benchmarks.speed_recipes import Recipe, as_written
from ganctl.build import resolving
from ganctl.build.networks import make_networks
from ganctl.build.optimizers import make_optimizer
from ganctl.game.inputs import as_networks_see
from ganctl.game.players import averaged
from ganctl.lazy import keras, tf

LOSS = "binary_crossentropy"


class LiteralLoop:
    """Plays rounds with `train_on_batch` and `predict`.

    Args:
        recipe: says what is played.
        folder: what `benchmarks.preparation` wrote.
        told: play the check's script on its one batch, without dropout.
    """

    precision = "float32"

    def __init__(self, recipe: Recipe, folder: Path, *, told: bool) -> None:
        tf.config.set_visible_devices([], "GPU")
        experiment = recipe.experiment(folder, *as_written(), told=told)
        self.rules = Rules.of(experiment)
        images = np.load(folder / "batch.npz")["images"] if told else np.load(folder / "images.npy")
        self._images = as_networks_see(images.astype(np.float32))
        self._draws = scripted(folder) if told else self._drawn()
        self.networks = make_networks(resolving.resolve(experiment), images.shape[1:], 0)
        for role, weights in blueprint.read_weights(folder / "weights.npz").items():
            start_from(self.networks[role], weights, dropout=not told)
        self._trainer = trainer(self.networks, self.rules)
        self._step = 0

    def play(self, rounds: int) -> np.ndarray:
        """Play; returns the losses [rounds, 2] of discriminator and generator."""
        log = []
        for _ in range(rounds):
            draw = next(self._draws)
            d_loss = self._trainer.teach_discriminator(self._images[draw.real], draw)
            log.append((d_loss, self._trainer.teach_generator(draw)))
            if self.rules.average:
                self._follow()
            self._step += 1
        return np.asarray(log, np.float32)

    def weights(self) -> dict[str, list[np.ndarray]]:
        """Return the weights by role, as a blueprint orders them."""
        roles = ("generator", "discriminator")
        return {role: [v.numpy() for v in blueprint.variables(self.networks[role])] for role in roles}

    def multiply(self, size: int) -> float:
        """Return the seconds that the product of two square matrices takes."""
        return multiply_in_tensorflow(size, self.precision)

    def _drawn(self) -> Iterator[Draw]:
        """Numbers as the tutorials draw them, with NumPy."""
        rules, chance = self.rules, np.random.default_rng()

        def latent(count: int) -> np.ndarray:
            shape = (count, rules.latent)
            return chance.normal(size=shape) if rules.distribution == "normal" else chance.uniform(-1, 1, shape)

        while True:
            yield Draw(
                chance.integers(0, len(self._images), rules.half),
                latent(rules.half),
                latent(rules.batch),
                *chance.uniform(size=(2, rules.half, 1)),
            )

    def _follow(self) -> None:
        decay = decay_of_average(self.rules, self._step)
        copies = self.networks[averaged("generator")].variables
        for copy, variable in zip(copies, self.networks["generator"].variables, strict=True):
            copy.assign(decay * copy + (1.0 - decay) * variable if variable.trainable else variable)


def trainer(networks: dict[str, Any], rules: Rules) -> "_Stacked | _InContexts":
    """Return what teaches the two networks by these rules, as the tutorial does that has such rounds."""
    return (_InContexts if rules.form == "summed" else _Stacked)(networks, rules)


class _Stacked:
    """Tutorials 2, 3 and 5: a compiled discriminator, frozen for good within a compiled stack."""

    def __init__(self, networks: dict[str, Any], rules: Rules) -> None:
        self._generator, self._rules = networks["generator"], rules
        network = networks["discriminator"]
        self._discriminator = keras.Sequential([network, keras.layers.Activation("sigmoid")])
        self._discriminator.compile(loss=LOSS, optimizer=make_optimizer(rules.discriminator))
        count = rules.half if rules.form == "separate" else 2 * rules.half
        images, targets = (np.zeros((count, *shape), np.float32) for shape in (network.input_shape[1:], [1]))
        trace(self._discriminator, images, targets)
        self._discriminator.trainable = False
        self._stack = keras.Sequential([self._generator, self._discriminator])
        self._stack.compile(loss=LOSS, optimizer=make_optimizer(rules.generator))
        self._wished = np.full((rules.batch, 1), rules.wished_target)

    def teach_discriminator(self, real: np.ndarray, draw: Draw) -> float:
        rules = self._rules
        if rules.fakes_in_training:
            fake = np.asarray(self._generator(draw.d_latent, training=True))
        else:
            fake = self._generator.predict(draw.d_latent, verbose=0)
        # In another type than they were traced with, Keras would trace again and find the discriminator frozen.
        real_targets = np.float32(rules.real_target + rules.label_noise * draw.real_noise)
        fake_targets = np.float32(rules.fake_target + rules.label_noise * draw.fake_noise)
        if rules.form == "separate":
            losses = [
                self._discriminator.train_on_batch(real, real_targets),
                self._discriminator.train_on_batch(fake, fake_targets),
            ]
            return float(np.mean(losses))
        halves = ([real, fake], [real_targets, fake_targets])
        images, targets = (np.concatenate(half if rules.real_first else half[::-1]) for half in halves)
        return float(self._discriminator.train_on_batch(images, targets))

    def teach_generator(self, draw: Draw) -> float:
        return float(self._stack.train_on_batch(draw.g_latent, self._wished))


class _InContexts:
    """Tutorial 4: the generator is part of the discriminator's trainer; networks are frozen around calls only.

    Fakes in training mode are made beforehand: within the trainer the frozen generator would use moving statistics.
    """

    def __init__(self, networks: dict[str, Any], rules: Rules) -> None:
        if rules.label_noise:
            raise ValueError(f"Tutorial 4's loop has plain labels. Received: {rules}")
        self._generator, self._discriminator = networks["generator"], networks["discriminator"]
        self._made_beforehand = rules.fakes_in_training
        real, noise = keras.Input(self._discriminator.input_shape[1:]), keras.Input([rules.latent])
        with nontrainable(self._generator):
            source = keras.Input(real.shape[1:]) if self._made_beforehand else noise
            fake = source if self._made_beforehand else self._generator(noise)
            verdicts = [self._judge(real, "on_real"), self._judge(fake, "on_fake")]
            self._judging = keras.Model([real, source], verdicts)
            self._judging.compile(loss=[LOSS, LOSS], optimizer=make_optimizer(rules.discriminator))
        with nontrainable(self._discriminator):
            noise = keras.Input([rules.latent])
            self._making = keras.Model(noise, self._judge(self._generator(noise), "on_fake"))
            self._making.compile(loss=LOSS, optimizer=make_optimizer(rules.generator))
        targets = (rules.real_target, rules.fake_target)
        self._targets = [np.full((rules.half, 1), target) for target in targets]
        self._wished = np.full((rules.batch, 1), rules.wished_target)

    def _judge(self, images: Any, name: str) -> Any:
        return keras.layers.Activation("sigmoid", name=name)(self._discriminator(images))

    def teach_discriminator(self, real: np.ndarray, draw: Draw) -> float:
        source = draw.d_latent
        if self._made_beforehand:
            source = np.asarray(self._generator(source, training=True))
        with nontrainable(self._generator):
            return float(self._judging.train_on_batch([real, source], self._targets)[0])

    def teach_generator(self, draw: Draw) -> float:
        with nontrainable(self._discriminator):
            return float(self._making.train_on_batch(draw.g_latent, self._wished))


@contextmanager
def nontrainable(model: Any) -> Iterator[None]:
    """Freeze a network around a call, as tutorial 4 does."""
    model.trainable = False
    try:
        yield
    finally:
        model.trainable = True


def trace(model: Any, *batch: Any) -> None:
    """Let Keras trace a training function while its weights are trainable, and undo the step that this takes.

    Keras 3 traces at the first call; a discriminator that is frozen before it never learns.
    """
    model.optimizer.build(model.trainable_variables)
    variables = [*model.variables, *model.optimizer.variables]
    before = [v.numpy() for v in variables]
    model.train_on_batch(*batch)
    for variable, value in zip(variables, before, strict=True):
        variable.assign(value)


def start_from(network: Any, weights: list[np.ndarray], *, dropout: bool) -> None:
    """Give a Keras network its weights, and take its dropout away if there is to be none."""
    for variable, value in zip(blueprint.variables(network), weights, strict=True):
        variable.assign(value)
    for layer in network.layers:
        if isinstance(layer, keras.layers.Dropout) and not dropout:
            layer.rate = 0.0


def scripted(folder: Path) -> Iterator[Draw]:
    """Yield the rounds of the check's script."""
    with np.load(folder / "script.npz") as archive:
        arrays = {name: archive[name] for name in archive.files}
    for row in range(len(arrays["real"])):
        yield Draw(**{name: array[row] for name, array in arrays.items()})


def multiply_in_tensorflow(size: int, precision: str) -> float:
    """Return the seconds that the product of two square matrices takes in TensorFlow: the least of a few."""
    matrix = tf.ones([size, size], precision)
    product = tf.function(tf.matmul)
    return least_seconds(lambda: product(matrix, matrix)[0, 0].numpy())
