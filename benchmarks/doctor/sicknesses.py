"""How each sickness is made on purpose, in which bases and how badly."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.doctor.bases import BASES, Base, base_called

Make = Callable[[Base, bool], tuple[str, ...]]
"""The changes that make a base sick, given whether badly."""


@dataclass(frozen=True)
class Sickness:
    """A sickness made on purpose.

    Attributes:
        name: of the rule that must find it.
        bases: names of the bases in which it is made: badly in every other one, with the other seed in the rest.
        make: the changes.
        form: of the pictures.
        late: it begins in the middle of the run, which is resumed with the changes.
        at_end: it begins when the run ends.
        short: iterations that are enough; None: those of the base.
        length: iterations, as a multiple of those of the base.
        source: of the pictures, if only one shows it.
        scored: how often a run is evaluated, which takes half of the time; more where a rule reads what comes of it.
        companions: rules that may find something, too.
    """

    name: str
    bases: tuple[str, ...]
    make: Make
    form: str = "whole"
    late: bool = False
    at_end: bool = False
    short: int | None = None
    length: float = 1
    source: str = ""
    scored: int = 2
    companions: frozenset[str] = frozenset()


def _rates(generator: float, discriminator: float, *others: str) -> tuple[str, ...]:
    named = (("generator", generator), ("discriminator", discriminator))
    return (*(f"optimizer.{player}.learning_rate={rate:g}" for player, rate in named), *others)


def _nothing_more(_: Base, __: bool) -> tuple[str, ...]:
    return ()


def _discriminator_wins(_: Base, badly: bool) -> tuple[str, ...]:
    return _rates(1e-6 if badly else 1e-5, 2e-3, "training.disc_updates=3")


def _learns_nothing(base: Base, badly: bool) -> tuple[str, ...]:
    if badly and base.name == "dcgan":
        return ("loss.label_smoothing=0.49", "loss.label_noise=1.0")
    return _rates(2e-4, 1e-9)


def _collapse(_: Base, badly: bool) -> tuple[str, ...]:
    return _rates(2e-2 if badly else 8e-3, 1e-4, "training.gen_updates=4")


def _partial_collapse(_: Base, badly: bool) -> tuple[str, ...]:
    # Of one number, a generator makes few kinds.
    return ("model.latent_dim=1",) if badly else ("model.latent_dim=1", "optimizer.generator.learning_rate=1e-3")


def _cycling(_: Base, badly: bool) -> tuple[str, ...]:
    rate = 4e-3 if badly else 2e-3
    betas = ("optimizer.generator.beta_1=0.9", "optimizer.discriminator.beta_1=0.9")
    return _rates(rate, rate, *betas, "training.ema=0", "loss.penalties=[]")


def _divergence(_: Base, badly: bool) -> tuple[str, ...]:
    return _rates(1.0 if badly else 0.1, 1.0 if badly else 0.1)


def _overfits(base: Base, badly: bool) -> tuple[str, ...]:
    further = () if base.config == "wgan_gp" else ("loss.penalties=[]",)
    few = f"dataset.limit={104 if badly else 120}"
    return (*further, few, "training.augment=[]", "dataset.holdout=0.5", f"training.disc_updates={3 if badly else 2}")


def _copies(_: Base, badly: bool) -> tuple[str, ...]:
    return (f"dataset.limit={50 if badly else 60}", "dataset.holdout=0", "model.capacity=24")


def _saturated(_: Base, badly: bool) -> tuple[str, ...]:
    return _rates(0.5 if badly else 0.1, 2e-4)


def _too_small(_: Base, badly: bool) -> tuple[str, ...]:
    return _rates(1e-8, 1e-8) if badly else _rates(1e-8, 2e-4)


def _apart(_: Base, badly: bool) -> tuple[str, ...]:
    return _rates(2e-3, 2e-6) if badly else _rates(1e-5, 2e-3)


def _inference(_: Base, badly: bool) -> tuple[str, ...]:
    return (f"training.batch_size={2 if badly else 4}", "training.ema=0", "training.fakes=training")


def _no_bound(_: Base, badly: bool) -> tuple[str, ...]:
    return ("loss.penalties=[]",) if not badly else ("loss.penalties=[]", *_rates(1e-3, 1e-3))


def _wasserstein_without(base: Base, badly: bool) -> tuple[str, ...]:
    return ("loss={name: wasserstein}", "training.discriminator_batches=summed", *_no_bound(base, badly)[1:])


def _weak(_: Base, badly: bool) -> tuple[str, ...]:
    penalty = f"{{name: gradient_penalty, weight: {1e-4 if badly else 1e-2}}}"
    return (f"loss={{name: wasserstein, penalties: [{penalty}]}}", "training.discriminator_batches=summed")


def _strong(_: Base, badly: bool) -> tuple[str, ...]:
    return (f"loss.penalties=[{{name: r1, weight: {1000 if badly else 100}}}]",)


def _coarse(base: Base, badly: bool) -> tuple[str, ...]:
    # Under a heavy penalty all scores lie close together, far from zero.
    return ("training.precision=bfloat16", *_strong(base, badly))


def _checkerboards(base: Base, badly: bool) -> tuple[str, ...]:
    # Every generator with transposed convolutions begins with the pattern, and keeps it if it learns slowly.
    upsampling = ("model.upsampling=transposed",) if base.config == "photos" else ()
    filters = ("model.filter_size=3",) if base.config == "wgan_gp" else ()
    rate = 3e-5 if badly else 6e-5
    return (*upsampling, *filters, *_rates(rate, rate), "training.ema=0")


_OFTEN = 6
_ANY = frozenset({"stopped_too_early", "stopped_too_late"})
_RATES = _ANY | {"learning_rates_apart", "discriminator_wins"}
_VARIETY = _RATES | {"collapse", "partial_collapse", "saturated_pixels", "cycling", "value_range", "checkerboards"}

SICKNESSES: tuple[Sickness, ...] = (
    Sickness("discriminator_wins", ("dcgan", "cgan", "lsgan", "dense"), _discriminator_wins,
             companions=_VARIETY | {"learning_rate_too_small"}),
    Sickness("discriminator_learns_nothing", ("dcgan", "cgan", "sngan", "diffaugment"), _learns_nothing,
             companions=_VARIETY | {"learning_rate_too_small"}),
    Sickness("collapse", ("dcgan", "wgan_gp", "lsgan", "dense"), _collapse, late=True, scored=_OFTEN,
             companions=_VARIETY),
    Sickness("partial_collapse", ("dcgan", "wgan_gp", "lsgan", "dense"), _partial_collapse,
             scored=_OFTEN, companions=_VARIETY | {"inference_unlike_training"}),
    Sickness("cycling", ("dcgan", "cgan", "lsgan", "dense"), _cycling, scored=_OFTEN, companions=_VARIETY),
    Sickness("divergence", ("dcgan", "wgan_gp", "lsgan", "dense"), _divergence, late=True,
             companions=_VARIETY | {"inference_unlike_training", "penalty_too_weak"}),
    Sickness("discriminator_overfits", ("dcgan", "wgan_gp", "sngan", "lsgan"), _overfits, form="few",
             companions=_VARIETY | {"copies"}),
    Sickness("copies", ("dcgan", "lsgan"), _copies, form="few", length=3, source="clothes", scored=_OFTEN,
             companions=_VARIETY | {"discriminator_overfits"}),
    Sickness("latent_ignored", ("cgan", "r3gan", "sngan"), _nothing_more, form="one_a_class",
             companions=_VARIETY | {"data_copies", "discriminator_overfits", "copies"}),
    Sickness("class_ignored", ("cgan", "r3gan", "sngan"), _nothing_more, form="shuffled_labels", companions=_ANY),
    Sickness("saturated_pixels", ("dcgan", "wgan_gp", "lsgan", "dense"), _saturated, late=True,
             companions=_VARIETY | {"divergence", "inference_unlike_training"}),
    Sickness("checkerboards", ("wgan_gp", "dcgan", "lsgan", "diffaugment"), _checkerboards, companions=_VARIETY),
    Sickness("learning_rate_too_small", ("dcgan", "wgan_gp", "sngan", "dense"), _too_small,
             companions=_VARIETY | {"discriminator_learns_nothing"}),
    Sickness("learning_rates_apart", ("dcgan", "wgan_gp", "sngan", "dense"), _apart, companions=_VARIETY),
    Sickness("inference_unlike_training", ("dcgan", "wgan_gp", "lsgan", "dense"), _inference,
             companions=_VARIETY),
    Sickness("data_dark", ("dcgan", "wgan_gp", "sngan"), _nothing_more, form="dark", short=40, companions=_VARIETY),
    Sickness("data_constant", ("dcgan", "wgan_gp", "sngan"), _nothing_more, form="constant", short=40,
             companions=_VARIETY),
    Sickness("data_copies", ("dcgan", "cgan", "dense"), _nothing_more, form="copies", short=40, companions=_VARIETY),
    Sickness("data_imbalance", ("cgan", "r3gan", "sngan"), _nothing_more, form="one_class_outweighs", short=40,
             companions=_VARIETY),
    Sickness("value_range", ("dcgan", "wgan_gp", "sngan"), _nothing_more, form="narrow", short=40,
             companions=_VARIETY),
    Sickness("critic_not_lipschitz", ("wgan_gp", "dcgan", "lsgan", "dense"),
             lambda base, badly: (_no_bound if base.config == "wgan_gp" else _wasserstein_without)(base, badly),
             companions=_VARIETY | {"divergence"}),
    Sickness("penalty_too_weak", ("wgan_gp", "dcgan", "lsgan", "dense"), _weak,
             companions=_VARIETY | {"divergence"}),
    Sickness("penalty_too_strong", ("dcgan", "cgan", "diffaugment", "dense"), _strong,
             companions=_VARIETY | {"discriminator_learns_nothing"}),
    Sickness("precision", ("dcgan", "cgan", "lsgan", "diffaugment"), _coarse,
             companions=_VARIETY | {"penalty_too_strong", "discriminator_learns_nothing"}),
    Sickness("stopped_too_early", ("dcgan", "wgan_gp", "lsgan", "dense"), _nothing_more, at_end=True, length=1 / 3,
             scored=_OFTEN,
             companions=_ANY),
    Sickness("stopped_too_late", ("dcgan", "wgan_gp", "lsgan", "dense"), _collapse, late=True,
             scored=_OFTEN, companions=_VARIETY | {"divergence", "inference_unlike_training"}),
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A run of the laboratory.

    Attributes:
        base: what is trained.
        seed: of the run.
        source: of the pictures.
        sickness: how it is made sick; None: it is healthy.
        badly: in the worse of two degrees.
    """

    base: Base
    seed: int
    source: str
    sickness: Sickness | None = None
    badly: bool = False

    @property
    def name(self) -> str:
        """Name of the run folder and of the result."""
        sickness = self.sickness.name if self.sickness else "healthy"
        degree = ("-badly" if self.badly else "-slightly") if self.sickness else ""
        return f"{sickness}{degree}-{self.base.name}-{self.source}-{self.seed}"

    @property
    def form(self) -> str:
        """Of the pictures."""
        return self.sickness.form if self.sickness else "whole"

    @property
    def short(self) -> int | None:
        """Iterations that are enough, if those of the base are not needed; such a run is not scored."""
        return self.sickness.short if self.sickness else None

    @property
    def scored(self) -> int:
        """How often it is evaluated."""
        return self.sickness.scored if self.sickness else _OFTEN

    @property
    def iterations(self) -> int:
        """Length of the run."""
        return self.short or round(self.base.iterations * (self.sickness.length if self.sickness else 1))

    @property
    def onset(self) -> int:
        """The iteration after which it is sick."""
        return self.iterations // 2 if self.sickness and self.sickness.late else 0

    def changes(self, pictures: str) -> tuple[str, ...]:
        """Return the changes of the base's configuration before the onset, or for the whole run if it is at the start.

        `pictures` is the path of the npz.
        """
        outputs = (
            "dataset.name=npz", f"dataset.path={pictures}", f"training.iterations={self.iterations}",
            f"outputs.sample_every={max(1, self.iterations // 20)}", "outputs.sample_grid=4x8",
            f"outputs.checkpoint_every={self.iterations}",
            f"evaluation.every={0 if self.short else self.iterations // self.scored}",
            "evaluation.num=200", f"seed={self.seed}",
        )  # fmt: skip
        common = (*self.base.changes, *outputs)
        return common if self.onset else (*common, *self.sick_changes)

    @property
    def sick_changes(self) -> tuple[str, ...]:
        """What makes it sick."""
        return self.sickness.make(self.base, self.badly) if self.sickness else ()


def cases() -> list[Case]:
    """Return all runs of the laboratory, so that any first part of them covers as much as it can.

    Healthy ones come first, then each sickness in each of its bases once, then each again in the other degree.
    """
    sources = ("clothes", "shapes")
    healthy = [Case(base, seed, source) for seed in (0, 1) for source in sources for base in BASES]
    sick = [
        Case(
            base_called(name), seed, sickness.source or sources[(at + seed) % 2], sickness,
            badly=(at + kind + seed) % 2 == 0,
        )
        for seed in (0, 1)
        for kind, sickness in enumerate(SICKNESSES)
        for at, name in enumerate(sickness.bases)
    ]  # fmt: skip
    return [*healthy, *sick]
