"""docs/literal_loop.py does by hand what ganctl does."""

import importlib.util
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from ganctl.images.image_set import ImageSet
from parity.same_play import ROUNDS, Play, Script, differences, load, make_networks, played_by_ganctl, snapshot

LOOP = Path(__file__).parents[2] / "docs" / "literal_loop.py"
BATCH = 8


def literal_loop() -> Any:
    """The module in docs/."""
    spec = importlib.util.spec_from_file_location("literal_loop", LOOP)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "updates", [pytest.param((1, 1), id="as shipped"), pytest.param((2, 3), id="more updates", marks=pytest.mark.slow)]
)
def test_ganctl_does_what_the_documented_loop_does(pictures: Callable[..., ImageSet], updates: tuple[int, int]) -> None:
    disc_updates, gen_updates = updates
    experiment = load(
        "quickstart",
        f"training.batch_size={BATCH}",
        f"DISC_UPDATES={disc_updates}",
        f"GEN_UPDATES={gen_updates}",
        "model.capacity=4",
    )
    images = pictures(64, 16, 1)
    networks = make_networks(experiment, images)
    loop_networks = {role: networks[role] for role in ("generator", "discriminator")}
    script = Script(experiment, images, [BATCH] * disc_updates)
    real_batches = (np.stack(script.real(step)[0]) for step in range(ROUNDS))
    optimizers = {name: keras.optimizers.Adam(5e-4, beta_1=0.5) for name in ("discriminator", "generator")}
    played = literal_loop().play(
        loop_networks,
        optimizers["discriminator"],
        optimizers["generator"],
        real_batches,
        experiment.seed,
        disc_updates,
        gen_updates,
    )
    log = [{name: float(value) for name, value in row.items()} for row in islice(played, ROUNDS)]
    ours = played_by_ganctl(experiment, images)
    del ours.variables["generator_ema"]
    assert differences(Play(snapshot(loop_networks, optimizers), log), ours) == []


def test_it_stays_short() -> None:
    body = LOOP.read_text().split('"""')[2]
    assert len([line for line in body.splitlines() if line.strip()]) <= 48
