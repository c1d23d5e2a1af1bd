"""Makes `tests/archived_runs/MODEL.tar.xz`: a small run of a model as this version of ganctl leaves it.

    python tests/make_archived_runs.py              the shipped models that have none
    python tests/make_archived_runs.py dcgan        these, again

`test_archived_runs.py` holds every later version to it: it must draw the same images and go on with the run. So an
archive is made once, when a model is new, and again only where that is meant and CHANGELOG.md says that older runs are
lost.

The networks are the smallest that the model makes, trained for three rounds. That is still up to two million weights;
most are set to zero, and the others rounded, so that an archive stays below 60 KB.
"""

import io
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np
from conftest import home_shape, shapes_of, shipped, stages_of, untracked

import ganctl
from ganctl import models
from ganctl.build import resolving
from ganctl.experiment.experiment import Experiment
from ganctl.experiment.yaml_source import YamlSource
from ganctl.game import state as game_state
from ganctl.generation.loading import TrainedGenerator
from ganctl.host.device import Device
from ganctl.run_folder import checkpoint
from ganctl.run_folder.checkpoint import Tensors
from ganctl.run_folder.paths import RunFolder
from ganctl.training.prepared import Prepared

ARCHIVES = Path(__file__).parent / "archived_runs"
MOST_BYTES = 60_000
KEPT_WEIGHTS = 400
SAMPLES, SEED = 10, 1
STEPS = 3
LEAST_SPREAD = 5
"""Grey levels by which a pixel deviates from one image to the next."""


def experiment_of(model: str) -> Experiment:
    """The smallest experiment of a model, on images that ship with ganctl, in its stages."""
    size, _, channels = home_shape(model)
    entry = models.registry.get(model)
    smallest = {"capacity": 2, "latent_dim": 8, "latent_input": "given", "blocks": 1}
    own = {key: value for key, value in smallest.items() if key in entry.arguments().model_fields}
    images = {"name": "fashion_mnist_mini"}
    if entry.sampler.takes:
        enlarges = shapes_of(entry, (size, size, 1))[entry.sampler.takes] != (size, size, 1)
        images = {"name": "derived", "base": images["name"], "transform": "downscale" if enlarges else "posterise"}
        images |= {"amount": 2} if enlarges else {}
    data = {
        "name": model,
        "dataset": {**images, "image_size": size, "channels": channels, "limit": 64},
        "model": {"name": model, **own},
        "training": {
            "iterations": STEPS,
            "batch_size": 4,
            "precision": "float32",
            "xla": False,
            "stages": stages_of(model),
        },
        "outputs": {"sample_every": STEPS, "sample_grid": "2x2", "checkpoint_every": STEPS, "keep": 1},
    }
    return Experiment.from_source(YamlSource(model, data))


def thinned(group: str, tensors: Tensors, strength: int) -> Tensors:
    """The same variables with few weights that are not zero; an optimizer's moments are zero.

    Args:
        group: of the checkpoint.
        tensors: of the group.
        strength: factor of all matrices and kernels, besides what makes up for the weights that are lost.
    """
    random = np.random.default_rng(0)
    thin = {}
    for name, array in tensors.items():
        if array.dtype != np.float32 or not array.ndim:
            thin[name] = array
            continue
        if group.startswith("optimizer_"):
            thin[name] = np.zeros_like(array)
            continue
        values = array * (strength if array.ndim > 1 else 1)
        if array.size > 4 * KEPT_WEIGHTS:
            kept = random.choice(array.size, KEPT_WEIGHTS, replace=False)
            strong = values.flat[kept] * np.sqrt(array.size / KEPT_WEIGHTS)
            values = np.zeros_like(array)
            values.flat[kept] = strong
        thin[name] = values.astype(np.float16).astype(np.float32)
    return thin


def make(model: str) -> Path:
    """Write the archive of a model."""
    with tempfile.TemporaryDirectory() as place:
        prepared = Prepared.make(resolving.resolve(experiment_of(model)), Device("CPU", "for the archive"), untracked)
        folder = RunFolder.create(Path(place), model, explicit=True)
        folder.write_config(prepared.experiment.to_yaml())
        facts = prepared.describe(["ganctl", "train", f"{model}.yaml"])
        folder.write_info({**facts, "platform": "Linux"})
        prepared.trainer(folder, []).train()
        state, facts = game_state.collect(prepared.game), {**prepared.checkpoint_facts, "step": STEPS}
        for strength in (1, 2, 4, 8, 16):  # until a network that has hardly learned draws images that differ
            groups = {group: thinned(group, tensors, strength) for group, tensors in state.items()}
            checkpoint.save(folder.checkpoints, groups, facts)
            images = _drawn(folder)
            if images.std(axis=0).mean() > LEAST_SPREAD:
                break
        else:
            raise SystemExit(f"{model} draws the same image ten times")
        np.savez_compressed(folder.path / "expected.npz", images=images, **given_to(folder))
        for unwanted in (folder.samples, folder.generators):
            shutil.rmtree(unwanted)
        for picture in (folder.loss_plot, folder.report):
            picture.unlink(missing_ok=True)
        return _packed(folder.path, ARCHIVES / f"{model}.tar.xz")


def given_to(folder: RunFolder) -> dict[str, np.ndarray]:
    """What the pictures of a run were made from: `given`, uint8 [N, H, W, C]; nothing if they come from noise."""
    trained = TrainedGenerator.load(folder.path)
    if not trained.sampler.takes:
        return {}
    height, width, channels = trained.taken_shape
    values = np.random.default_rng(SEED).integers(0, 256, (SAMPLES, 4, 4, channels), np.uint8)
    return {"given": values.repeat(-(-height // 4), axis=1)[:, :height].repeat(-(-width // 4), axis=2)[:, :, :width]}


def _drawn(folder: RunFolder) -> np.ndarray:
    """The first images of SEED, as `ganctl sample` draws them; of a model that takes pictures, those made from some."""
    given = given_to(folder)
    if given:
        return np.asarray(ganctl.load(folder.path).translate(given["given"]))
    return np.concatenate(list(TrainedGenerator.load(folder.path).draw(SAMPLES, SEED)))


def _packed(folder: Path, path: Path) -> Path:
    """Pack a folder, the same for the same content."""
    path.parent.mkdir(exist_ok=True)
    with tarfile.open(path, "w:xz", preset=9) as archive:
        for file in sorted(file for file in folder.rglob("*") if file.is_file()):
            content = file.read_bytes()
            entry = tarfile.TarInfo(file.relative_to(folder).as_posix())
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    assert path.stat().st_size < MOST_BYTES, f"{path} has {path.stat().st_size:,} bytes"
    return path


def main() -> None:
    """Make the archives of the models that are named, or of those that have none."""
    every = [entry.name for entry in shipped(models.registry)]
    wanted = sys.argv[1:] or [model for model in every if not (ARCHIVES / f"{model}.tar.xz").exists()]
    for model in wanted:
        path = make(model)
        print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
