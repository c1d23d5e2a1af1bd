"""A run that was killed and resumed equals one that never was, to the last bit: for all that the registries hold."""

import json
import os
import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import yaml
from conftest import CONFIGS, operation_by_operation, short, slow_but, stages_of, untracked
from small_runs import CPU, KilledAfter, files_of, remembering_pair, resume, train

from ganctl import augmentations, losses, models
from ganctl.build import resolving
from ganctl.errors import ConfigurationError, GanctlError, UsageError
from ganctl.experiment.changes import changes_between
from ganctl.experiment.experiment import Experiment
from ganctl.experiment.sections import OptimizerSection
from ganctl.game.augmentation import remembers
from ganctl.run_folder import checkpoint
from ganctl.run_folder.paths import RunFolder
from ganctl.training.prepared import Prepared
from ganctl.training.transfer import transfer

# Rows, samples and a checkpoint before the kill, what is played again after it, and all of them once more.
ITERATIONS, KILLED_AFTER = 7, 4
OUTPUTS = {"checkpoint_every": 3, "sample_every": 2, "sample_grid": "2x2"}
TINY = "remembering_pair"

Small = Callable[..., Experiment]


def own_sections(model: str) -> dict[str, Any]:
    """The loss, optimizers and rounds that the shipped file of a model has, if there is one."""
    for path in sorted(CONFIGS.glob("*.yaml")):
        content = yaml.safe_load(path.read_text())
        if content["model"]["name"] == model:
            form = {
                key: value
                for key, value in content.get("training", {}).items()
                if key not in ("iterations", "batch_size", "precision")
            }
            # Five updates are traced five times.
            form |= {key: min(form[key], 2) for key in ("disc_updates", "gen_updates") if key in form}
            sections = {key: content[key] for key in ("loss", "optimizer") if key in content}
            form["stages"] = short(form.get("stages", []), 4)  # the last begins after the killed run's checkpoint
            return {**sections, **{f"training.{key}": value for key, value in form.items()}}
    return {}


OPTIMIZERS = get_args(OptimizerSection.model_fields["name"].annotation)
# Not what other tests register.
MODELS, LOSSES, PENALTIES, AUGMENTATIONS = (
    [entry.name for entry in registry if entry.make.__module__.startswith("ganctl.")]
    for registry in (models.registry, losses.registry, losses.penalties, augmentations.registry)
)
SCHEDULES = get_args(OptimizerSection.model_fields["schedule"].annotation)
BOTH = "training.discriminator_batches"


def all_that_is_registered() -> dict[str, tuple[str, dict[str, Any]]]:
    """Cases that have every loss, penalty, augmentation, schedule and optimizer, each with others.

    What a checkpoint forgets of any of them shows as well among others as alone.
    """
    names = [LOSSES, PENALTIES, AUGMENTATIONS, SCHEDULES, OPTIMIZERS]
    cases = {}
    for i in range(max(map(len, names))):
        loss, penalty, augmentation, schedule, optimizer = (each[i % len(each)] for each in names)
        follows = remembers(augmentations.registry.get(augmentation).make())
        if follows and not losses.registry.get(loss).make().zero_divides:
            augmentation = AUGMENTATIONS[(i + 1) % len(AUGMENTATIONS)]
        cases[f"{loss}, {penalty}, {augmentation}, {schedule}, {optimizer}"] = (
            TINY,
            {
                "loss": {"name": loss, "penalties": [{"name": penalty}]},
                "optimizer": {
                    "generator": {"name": optimizer, "schedule": schedule, "warmup": 3},
                    "discriminator": {"name": optimizer},
                },
                "training.augment": [augmentation],
                BOTH: "mixed",
            },
        )
    return cases


REGISTERED = all_that_is_registered()
QUICK = ["running average"]
# What a checkpoint forgets does not depend on how rounds are computed; these are, as in a real run.
COMPILED = [
    "running average",
    "lazy penalty",
    "streamed window",
    "model infogan",
    "model bigan",
    next(iter(REGISTERED)),
]
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    **{f"model {name}": (name, own_sections(name)) for name in MODELS},
    **{
        f"model {name}, from a border of stages": (name, {**own_sections(name), "training.stages": stages_of(name, 3)})
        for name in MODELS
        if stages_of(name)
    },
    **REGISTERED,
    "lazy penalty": (TINY, {"loss": {"penalties": [{"name": "r1", "every": 3}]}, "training.disc_updates": 2}),
    "decay and clipping": (TINY, {"optimizer": {"generator": {"decay": 1e-3, "clipvalue": 0.1}}}),
    "running average": (TINY, {"training.ema": 0.9, "training.disc_updates": 2}),
    "evaluated": (TINY, {"evaluation": {"every": 3, "num": 50}, "dataset.holdout": 0.1}),
    "streamed window": (TINY, {"dataset.sampling": "window", "dataset.flip": True}),
}


@pytest.fixture(scope="module", autouse=True)
def _tiny() -> Iterator[None]:
    with models.registry.temporarily():
        models.registry.register(TINY, source="this test")(remembering_pair)
        yield


@pytest.mark.parametrize("name", [*LOSSES, *PENALTIES, *AUGMENTATIONS, *SCHEDULES, *OPTIMIZERS])
def test_some_run_that_is_killed_has_it(name: str) -> None:
    assert any(name in case.split(", ") for case in REGISTERED)


@pytest.mark.parametrize("case", slow_but(QUICK, CASES))
def test_a_killed_run_ends_like_one_that_was_not(
    case: str, small_experiment: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights, moving statistics, optimizer slots, seeds, averages, rows, grids and generator files."""
    if case.startswith("streamed"):
        monkeypatch.setenv("GANCTL_RESIDENT_BYTES", "0")
    model, changes = CASES[case]
    experiment = small_experiment(model, {"training.iterations": ITERATIONS, "outputs": OUTPUTS, **changes})
    whole, killed = RunFolder.create(tmp_path, "whole", explicit=True), RunFolder(tmp_path / "killed")
    with nullcontext() if case in COMPILED else operation_by_operation():
        train(experiment, whole, KilledAfter(KILLED_AFTER, killed.path))
        assert checkpoint.newest_first(killed.checkpoints)[0].name == "000000003"
        assert resume(experiment, killed) == []
    expected, found = files_of(whole), files_of(killed)
    assert found.keys() == expected.keys()
    assert {"losses.csv", "samples/000000006.png", "generators/000000007.safetensors"} <= found.keys()
    for name, content in expected.items():
        assert found[name] == content, name


# --- what is there when a run is resumed


@pytest.fixture(scope="module")
def experiment(small_experiment: Small) -> Experiment:
    return small_experiment("dense_gan", {"training.iterations": 4, "outputs": {**OUTPUTS, "checkpoint_every": 2}})


@pytest.fixture(scope="module")
def finished(experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = RunFolder.create(tmp_path_factory.mktemp("finished"), "run", explicit=True)
    train(experiment, folder)
    return folder


@pytest.fixture
def run(finished: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy of a finished run of four iterations."""
    shutil.copytree(finished.path, tmp_path / "run")
    return RunFolder(tmp_path / "run")


@pytest.mark.slow
def test_a_run_killed_before_its_first_checkpoint_begins_again(
    run: RunFolder, finished: RunFolder, experiment: Experiment
) -> None:
    shutil.rmtree(run.checkpoints)
    header, first, *_ = run.losses.read_text().splitlines(keepends=True)
    run.losses.write_text(header + first + "2,0,0.31")
    run.tidy()
    assert resume(experiment, run) == ["no checkpoint was saved yet"]
    assert files_of(run) == files_of(finished)


def test_a_run_whose_checkpoints_were_removed_never_begins_again_in_silence(
    run: RunFolder, experiment: Experiment
) -> None:
    shutil.rmtree(run.checkpoints)
    losses_before = run.losses.read_bytes()
    with pytest.raises(GanctlError, match="has 4 iterations: the checkpoints were removed"):
        resume(experiment, run)
    assert run.losses.read_bytes() == losses_before


@pytest.mark.slow
def test_what_could_not_be_read_does_not_outlive_the_next_checkpoint(run: RunFolder, experiment: Experiment) -> None:
    """Else it would count as one of those to keep."""
    shutil.copytree(run.checkpoints / "000000004", run.checkpoints / "000000009")
    (run.checkpoints / "000000004" / "generator.safetensors").write_bytes(b"")
    keep_one = experiment.with_keys("outputs", keep=1)
    notes = resume(keep_one, run)
    assert ["000000009" in notes[0], "000000004" in notes[1], len(notes)] == [True, True, 2]
    assert [path.name for path in run.checkpoints.iterdir()] == ["000000004"]
    assert checkpoint.load_newest(run.checkpoints)[0].step == 4


def test_the_clock_has_no_say_in_which_checkpoint_is_newest(run: RunFolder, experiment: Experiment) -> None:
    os.utime(run.checkpoints / "000000002", (4e9, 4e9))
    os.utime(run.checkpoints / "000000004", (0, 0))
    assert checkpoint.load_newest(run.checkpoints)[0].step == 4


def test_half_written_files_of_a_killed_run_are_removed_and_lost_empty_folders_made(run: RunFolder) -> None:
    before = files_of(run)
    for name in (".config.yaml.123.tmp", "samples/.000000004.png.x_y.tmp", "generators/.1.safetensors.123.tmp"):
        (run.path / name).write_bytes(b"half")
    shutil.rmtree(run.samples)
    run.tidy()
    assert run.samples.is_dir()
    assert files_of(run) == {name: content for name, content in before.items() if not name.startswith("samples/")}


# --- changes


def with_changes(experiment: Experiment, changes: dict[str, Any]) -> Experiment:
    content = experiment.model_dump(mode="json")
    for key, value in changes.items():
        *path, last = key.split(".")
        section = content
        for part in path:
            section = section[part]
        section[last] = value
    return Experiment.model_validate(content)


REFUSED = {
    "model.latent_dim": 5,
    "loss.label_smoothing": 0.1,
    "loss.penalties": [{"name": "gradient_penalty"}],
    "dataset.flip": True,
    "dataset.sampling": "window",
    "training.ema": 0.5,
    "optimizer.generator.decay": 0.1,
    "optimizer.generator.warmup": 10,
    "optimizer.generator.schedule": "linear",
}
WITH_FLAG = {"seed": 9, "training.batch_size": 4, "training.disc_updates": 2, "optimizer.generator.beta_1": 0.6}
WITH_FLAG["training.augment"] = [{"name": "flip"}]
FREE = {"name": "other", "training.iterations": 99, "outputs.keep": 7, "dataset.path": "/elsewhere.npz"}


@pytest.mark.parametrize("key", [*REFUSED, *WITH_FLAG, *FREE])
def test_a_change_is_free_needs_a_flag_or_is_refused(key: str, experiment: Experiment) -> None:
    value = {**REFUSED, **WITH_FLAG, **FREE}[key]
    before, after = experiment.model_dump(mode="json"), with_changes(experiment, {key: value}).model_dump(mode="json")
    changes = changes_between(before, after)
    assert [change.refused for change in changes if change.key == key] == ([] if key in FREE else [key in REFUSED])


def test_a_rate_that_falls_to_zero_at_the_end_binds_the_end(experiment: Experiment) -> None:
    before = with_changes(experiment, {"optimizer.discriminator.schedule": "cosine"})
    after = with_changes(before, {"training.iterations": 99})
    (change,) = changes_between(before.model_dump(mode="json"), after.model_dump(mode="json"))
    assert (change.key, change.refused) == ("training.iterations", False)


@pytest.mark.parametrize("changed", ["discriminator", "generator"])
@pytest.mark.parametrize("paced", ["discriminator", "generator", "encoder"])
@pytest.mark.parametrize("how", [{"schedule": "linear"}, {"warmup": 5}, {"decay": 0.1}])
def test_a_rate_that_follows_rounds_binds_its_players_updates(
    changed: str, paced: str, how: dict[str, Any], experiment: Experiment
) -> None:
    """It counts its player's steps, so many to a round: with more of them it would jump. A decay just counts steps."""
    own = experiment.model_dump(mode="json")["optimizer"]
    paced_now = {**own.get(paced, own["generator"]), **how}
    before = with_changes(experiment, {"optimizer": {**own, paced: paced_now}})
    key = {"discriminator": "training.disc_updates", "generator": "training.gen_updates"}[changed]
    after = with_changes(before, {key: 3})
    (change,) = changes_between(before.model_dump(mode="json"), after.model_dump(mode="json"))
    assert (change.key, change.refused) == (key, paced in (changed, "encoder") and "decay" not in how)


@pytest.mark.slow
def test_an_augmentation_with_a_memory_neither_comes_nor_goes(
    run: RunFolder, experiment: Experiment, tmp_path: Path
) -> None:
    with_ada = with_changes(experiment, {"training.augment": [{"name": "flip"}, {"name": "ada"}]})
    before = files_of(run)
    refusal = r"not the checkpoint's, and cannot continue it:\n.*training.augment: .*ada"
    with pytest.raises(ConfigurationError, match=refusal):
        resume(with_ada, run, allow_changes=True)
    assert files_of(run) == before
    other = RunFolder.create(tmp_path, "with ada", explicit=True)
    train(with_ada, other)
    with pytest.raises(ConfigurationError, match=refusal):
        resume(experiment, other, allow_changes=True)
    only_ada = {"training.augment": [{"name": "ada", "target": 0.5}], "training.iterations": 5}
    (note,) = resume(with_changes(experiment, only_ada), other, allow_changes=True)
    assert "training.augment" in note


def test_a_checkpoint_from_before_a_key_has_its_default(run: RunFolder, experiment: Experiment) -> None:
    """A key of the schema, one of a builder, and what is known of plugins."""
    for path in run.checkpoints.glob("*/manifest.json"):
        manifest = json.loads(path.read_text())
        del manifest["experiment"]["optimizer"]["generator"]["schedule"]
        del manifest["experiment"]["loss"]["label_noise"]
        del manifest["plugins"]
        path.write_text(json.dumps(manifest))
    assert resume(experiment, run) == []


def test_another_optimizer_is_refused(experiment: Experiment) -> None:
    before = experiment.model_dump(mode="json")
    after = {**before, "optimizer": {**before["optimizer"], "encoder": {"name": "sgd"}}}
    assert [change.refused for change in changes_between(before, after)] == [True]


def test_a_changed_experiment_is_shown_and_allowed_where_it_can_be(run: RunFolder, experiment: Experiment) -> None:
    before = files_of(run)
    changed = with_changes(experiment, {"optimizer.generator.learning_rate": 0.125, "training.iterations": 6})
    line = f"optimizer.generator.learning_rate: 0.0002 in {run.checkpoints / '000000004'}, 0.125 now"
    with pytest.raises(ConfigurationError, match="add --allow-changes") as caught:
        resume(changed, run)
    assert line in str(caught.value)
    assert files_of(run) == before
    assert resume(changed, run, allow_changes=True) == [f"changed     {line}"]
    saved = checkpoint.load_newest(run.checkpoints)[0]
    assert saved.step == 6
    assert saved.facts["experiment"]["optimizer"]["generator"]["learning_rate"] == 0.125
    rates = [array for array in saved.groups["optimizer_generator"].values() if array.shape == () and array == 0.125]
    assert len(rates) == 1, "the new rate is the one that is used, not the checkpoint's"


def check_way_out(refusal: str, changed: Experiment, run: RunFolder) -> None:
    """A refusal ends with the command that starts a new run from the weights, and such a run takes them over."""
    command = refusal.partition("To start a new run from its weights: ")[2]
    assert shlex.split(command) == ["ganctl", "train", str(run.config), "--init-from", str(run.path)]
    game = Prepared.make(resolving.resolve(changed), CPU, untracked).game
    found, _ = checkpoint.find(run.path)
    assert sum(fit.fitted for fit in transfer(game, found)) > 0


def test_another_architecture_is_refused_whatever_is_allowed(run: RunFolder, experiment: Experiment) -> None:
    before = files_of(run)
    changed = with_changes(experiment, {"model.latent_dim": 5})
    refusal = r"cannot continue it.*\n.*model.latent_dim: 100 in .*, 5 now"
    with pytest.raises(ConfigurationError, match=refusal) as refused:
        resume(changed, run, allow_changes=True)
    check_way_out(str(refused.value), changed, run)
    assert files_of(run) == before


def test_a_newer_format_is_said(run: RunFolder, experiment: Experiment) -> None:
    for path in run.checkpoints.glob("*/manifest.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "format": 2}))
    with pytest.raises(GanctlError, match=r"No checkpoint in .* is intact:\n.*reads format 1"):
        resume(experiment, run)


def test_a_folder_without_a_configuration_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a run folder"):
        RunFolder.open(tmp_path)


def test_images_that_changed_are_refused(run: RunFolder, experiment: Experiment, tmp_path: Path) -> None:
    with np.load(str(experiment.dataset.path)) as data:
        np.savez(tmp_path / "other.npz", images=255 - data["images"], labels=data["labels"])
    changed = with_changes(experiment, {"dataset.path": str(tmp_path / "other.npz")})
    with pytest.raises(GanctlError, match="was trained on different images") as refused:
        resume(changed, run, allow_changes=True)
    check_way_out(str(refused.value), changed, run)
    shutil.rmtree(run.checkpoints)  # killed before the first one
    run.losses.unlink()
    run.write_info({"dataset": {"fingerprint": "another"}})
    with pytest.raises(GanctlError, match="was trained on different images"):
        resume(experiment, run)
