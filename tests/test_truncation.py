"""Truncated latent vectors: their distribution, what stays of the others, and where there is nothing to truncate."""

from collections.abc import Callable
from math import erf, exp, pi, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import RunCli

from ganctl.build import resolving
from ganctl.build.networks import make_networks
from ganctl.errors import UsageError
from ganctl.experiment.experiment import Experiment
from ganctl.game import Key
from ganctl.generation.drawing import check_truncation, generate
from ganctl.run_folder.paths import RunFolder

COUNT = 200_000


@pytest.mark.parametrize("threshold", [0.04, 0.7, 2.0, 4.0])
def test_it_is_the_normal_distribution_between_the_thresholds(threshold: float) -> None:
    """Its variance in closed form, 1 - 2 t phi(t) / (2 Phi(t) - 1), and its cumulative distribution."""
    drawn = np.sort(Key(0, 0).latent([COUNT], "normal", threshold).numpy().astype(np.float64))
    assert np.abs(drawn).max() <= threshold
    share = erf(threshold / sqrt(2))
    variance = 1 - 2 * threshold * exp(-(threshold**2) / 2) / sqrt(2 * pi) / share
    assert drawn.var() == pytest.approx(variance, rel=0.02)
    assert drawn.mean() == pytest.approx(0, abs=5 * sqrt(variance / COUNT))
    expected = 0.5 + np.array([erf(value / sqrt(2)) for value in drawn[::100]]) / share / 2
    steps = np.arange(COUNT)[::100] / COUNT
    assert np.abs(expected - steps).max() < 1.63 / sqrt(COUNT) * 1.5, "Kolmogorov and Smirnov's distance"


def test_what_is_within_stays() -> None:
    plain, truncated = (Key(0, 0).latent([COUNT], "normal", psi).numpy() for psi in (None, 0.7))
    within = np.abs(plain) <= 0.7
    np.testing.assert_array_equal(plain[within], truncated[within])
    assert (plain[~within] != truncated[~within]).all()


@pytest.mark.parametrize(
    ("model", "changes", "psi", "said"),
    [
        ("dense_gan", {"model.latent_distribution": "uniform"}, 0.5, r"U\(-1, 1\), which has none"),
        ("acgan_mnist", {"model.latent_input": "inside"}, 0.5, "draws its own noise"),
        ("dense_gan", {}, 0.0, "a number above 0"),
        ("dense_gan", {}, float("nan"), "a number above 0"),
        ("dense_gan", {}, float("inf"), "a number above 0"),
    ],
)
def test_where_it_means_nothing_it_is_refused(
    model: str, changes: dict[str, Any], psi: float, said: str, small_experiment: Callable[..., Experiment]
) -> None:
    experiment = small_experiment(model, changes)
    size, channels = experiment.dataset.image_size, experiment.dataset.channels
    generator = make_networks(resolving.resolve(experiment), (size, size, channels), 10)["generator"]
    check_truncation(generator, experiment.model.latent_distribution, None)
    with pytest.raises(UsageError, match=said):
        check_truncation(generator, experiment.model.latent_distribution, psi)


def test_truncated_images_vary_less(small_experiment: Callable[..., Experiment]) -> None:
    generator = make_networks(resolving.resolve(small_experiment("dense_gan")), (8, 8, 1))["generator"]
    drawn = [np.concatenate(list(generate(generator, 64, 0, "normal", (), psi))) for psi in (None, 0.1)]
    spread = [images.astype(float).std(axis=0).mean() for images in drawn]
    assert spread[1] < 0.3 * spread[0]


@pytest.mark.slow
def test_the_command_truncates(reported_run: RunFolder, run_cli: RunCli, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("plain.npz", "wide.npz", "narrow.npz")]
    for file, option in zip(files, ((), ("--truncation", "9"), ("--truncation", "0.5")), strict=True):
        done = run_cli("sample", "--checkpoint", reported_run.path, "--output", file, *option)
        assert done.returncode == 0, done.stderr
    plain, wide, narrow = (np.load(file)["images"] for file in files)
    np.testing.assert_array_equal(plain, wide)
    assert (plain != narrow).any()
