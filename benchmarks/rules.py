"""A round in numbers: what the literal loop and PyTorch must do to play what ganctl plays."""

from dataclasses import dataclass
from typing import Any

from ganctl.experiment.experiment import Experiment
from ganctl.experiment.sections import OptimizerSection


@dataclass(frozen=True)
class Rules:
    """One update of the discriminator (or one on real and one on generated images), then one of the generator.

    Attributes:
        form: the experiment's `training.discriminator_batches`.
        batch: images from which the generator learns.
        half: real images, and as many generated ones, from which the discriminator learns.
        latent: length of a latent vector.
        distribution: of the latent vectors.
        real_target: the label of real images for the discriminator.
        fake_target: the label of generated images for the discriminator.
        wished_target: the label of generated images for the generator.
        label_noise: width of the uniform noise on the discriminator's labels.
        real_first: whether the real half stands first where both halves are one batch.
        fakes_in_training: the discriminator sees what the generator makes with batch statistics.
        average: decay of the generator's running average; 0 is none.
        discriminator: its optimizer.
        generator: its optimizer.
    """

    form: str
    batch: int
    half: int
    latent: int
    distribution: str
    real_target: float
    fake_target: float
    wished_target: float
    label_noise: float
    real_first: bool
    fakes_in_training: bool
    average: float
    discriminator: OptimizerSection
    generator: OptimizerSection

    @classmethod
    def of(cls, experiment: Experiment) -> "Rules":
        """Read them from an experiment; raises ValueError for one that the other columns cannot play."""
        training, loss, model = experiment.training, experiment.loss, experiment.model.arguments
        told: dict[str, Any] = loss.arguments
        plain = {"disc_updates": 1, "gen_updates": 1, "frozen_batchnorm": "moving", "augment": []}
        strange = [name for name, value in plain.items() if getattr(training, name) != value]
        for name, section in experiment.optimizer:
            strange += [f"optimizer.{name}"] * (section.schedule != "constant" or section.warmup > 0)
        if strange or loss.name != "minimax" or loss.penalties or model.get("noise_inputs", 1) != 1:
            raise ValueError(f"The benchmarks play plain rounds. Received: {experiment.name} with {strange or loss}")
        real = abs(told["real_label"] - told["label_smoothing"])
        return cls(
            form=training.discriminator_batches,
            batch=training.batch_size,
            half=training.batch_size // 2 if training.discriminator_batches == "mixed" else training.batch_size,
            latent=model["latent_dim"],
            distribution=experiment.model.latent_distribution,
            real_target=real,
            fake_target=1.0 - told["real_label"],
            wished_target=real if told["smooth_generator"] else float(told["real_label"]),
            label_noise=told["label_noise"],
            real_first=told["real_label"] == 1,
            fakes_in_training=training.fakes == "training",
            average=training.ema,
            discriminator=experiment.optimizer.discriminator,
            generator=experiment.optimizer.generator,
        )


@dataclass(frozen=True)
class Draw:
    """What chance decides in one round.

    Attributes:
        real: which images, [half].
        d_latent: latent vectors of what the discriminator sees, [half, latent].
        g_latent: latent vectors from which the generator learns, [batch, latent].
        real_noise: uniform noise on the labels of real images, [half, 1].
        fake_noise: the same on those of generated images.
    """

    real: Any
    d_latent: Any
    g_latent: Any
    real_noise: Any
    fake_noise: Any


def decay_of_average(rules: Rules, step: int) -> float:
    """Return the decay of the generator's running average after `step` rounds: young averages forget faster."""
    return min(rules.average, (1.0 + step) / (10.0 + step))
