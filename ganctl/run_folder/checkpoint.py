"""Atomic save, verified load.

A checkpoint is a folder of safetensors files and a manifest with their hashes. It is written under a temporary name
and renamed, so that a folder named after a step is complete. Nothing in it can execute code; hashes, names and shapes
are checked before a single weight changes.
"""

import hashlib
import json
import math
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from ganctl.errors import GanctlError, UsageError
from ganctl.host.files import write_atomically, write_durably
from ganctl.host.tensor_bytes import tensor_bytes
from ganctl.run_folder.metrics_csv import best_iteration
from ganctl.run_folder.paths import STEP_NAME, RunFolder, step_name

MANIFEST = "manifest.json"
FORMAT = 1
MAX_BYTES = 16 * 2**30

Tensors = dict[str, np.ndarray]


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds.

    Attributes:
        path: where it was read from.
        facts: the content of the manifest (or of a generator file's header): step, experiment, image shape.
        groups: tensors by group (a network's or an optimizer's name) and structural name.
    """

    path: Path
    facts: dict[str, Any]
    groups: dict[str, Tensors]

    @property
    def step(self) -> int:
        """Completed iterations."""
        return int(self.facts["step"])

    @property
    def generator(self) -> Tensors:
        """The weights of the network that samples are drawn from; raises GanctlError if there are none."""
        return self.network(str(self.facts.get("generator", "generator")))

    def network(self, role: str) -> Tensors:
        """Return the weights of the network of a role that draws samples; raises GanctlError if there are none."""
        if role not in self.groups:
            raise GanctlError(f"{self.path} does not contain a '{role}' to draw samples from.")
        return self.groups[role]


def save(folder: Path, groups: Mapping[str, Tensors], facts: Mapping[str, Any]) -> Path:
    """Write `groups` as checkpoint `facts['step']` below `folder`; returns its path.

    Raises:
        GanctlError: the disk is full or not writable; older checkpoints are untouched.
    """
    step = int(facts["step"])
    final, temporary = folder / step_name(step), folder / f".{step_name(step)}.{os.getpid()}.tmp"
    content = {f"{group}.safetensors": tensor_bytes(tensors) for group, tensors in groups.items()}
    files = {name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in content.items()}
    manifest = json.dumps({"format": FORMAT, **facts, "files": files}, indent=1, ensure_ascii=False).encode()
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        for name, data in [*content.items(), (MANIFEST, manifest)]:
            write_durably(temporary / name, data)
        _sync(temporary)
        if final.exists():
            shutil.rmtree(final)
        temporary.rename(final)
        _sync(folder)
    except OSError as error:
        needed = sum(map(len, content.values()))
        raise GanctlError(
            f"The checkpoint {final} could not be written: {error.strerror}. It needs {needed:,} bytes."
        ) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return final


def prune(folder: Path, keep: int, newest: int | None = None, spared: int | None = None) -> None:
    """Remove all but the latest `keep` checkpoints, and what an interrupted save left.

    Args:
        folder: where they are.
        keep: how many to keep.
        newest: the step just saved. Later checkpoints could not be read when the run was resumed.
        spared: a step to keep in addition, which does not count.
    """
    paths = newest_first(folder)
    beyond = [path for path in paths if newest is not None and int(path.name) > newest]
    others = [path for path in paths[len(beyond) :] if spared is None or int(path.name) != spared]
    for path in (*beyond, *others[keep:]):
        shutil.rmtree(path, ignore_errors=True)
    for path in folder.glob(".*.tmp"):
        shutil.rmtree(path, ignore_errors=True)


def remove_after(folder: Path, step: int) -> None:
    """Remove the checkpoints of later iterations; raises OSError if one cannot be removed."""
    for path in newest_first(folder):
        if int(path.name) > step:
            shutil.rmtree(path)


def restate(path: Path, facts: Mapping[str, Any]) -> None:
    """Change facts in the manifest of a checkpoint, completely or not at all; its tensors stay as they are."""
    manifest = json.dumps({**_read_manifest(path), **facts}, indent=1, ensure_ascii=False)
    write_atomically(path / MANIFEST, manifest.encode())


def load(path: Path) -> Checkpoint:
    """Read one checkpoint folder; raises GanctlError if a file is missing, changed or does not belong to it."""
    manifest = _read_manifest(path)
    if STEP_NAME.fullmatch(path.name) and int(path.name) != manifest["step"]:
        raise GanctlError(f"{path / MANIFEST} belongs to iteration {manifest['step']}, not to this checkpoint.")
    groups = {}
    for name, expected in manifest["files"].items():
        if Path(name).name != name or not name.endswith(".safetensors"):
            raise GanctlError(f"{path / MANIFEST} lists {name!r}, which does not belong to a checkpoint.")
        data = _read(path / name)
        if len(data) != expected.get("bytes") or hashlib.sha256(data).hexdigest() != expected.get("sha256"):
            raise GanctlError(f"{path / name} is damaged: its hash differs from the one in {MANIFEST}.")
        groups[name.removesuffix(".safetensors")] = _parse(path / name, data)
    return Checkpoint(path, manifest, groups)


def load_newest(folder: Path) -> tuple[Checkpoint, list[str]]:
    """Read the latest checkpoint that is intact; also returns what was wrong with later ones.

    Raises:
        GanctlError: there is none, or none is intact.
    """
    problems: list[str] = []
    for path in newest_first(folder):
        try:
            return load(path), problems
        except GanctlError as error:
            problems.append(str(error))
    if problems:
        raise GanctlError(f"No checkpoint in {folder} is intact:\n" + "\n".join(problems))
    raise GanctlError(f"There is no checkpoint in {folder}.")


def save_generators(path: Path, networks: Mapping[str, Tensors], facts: Mapping[str, Any]) -> None:
    """Write a file of the networks that draw, by role; its header says how to build them.

    The tensors of a single network have their structural names; of several, the role and a slash come first.
    """
    if len(networks) == 1:
        tensors = next(iter(networks.values()))
    else:
        tensors = {f"{role}/{name}": array for role, found in networks.items() for name, array in found.items()}
        facts = {**facts, "generators": list(networks)}
    write_atomically(path, tensor_bytes(tensors, {"ganctl": json.dumps({"format": FORMAT, **facts})}))


def load_generator(path: Path) -> Checkpoint:
    """Read a generator-only file; raises GanctlError for anything else."""
    data = _read(path)
    tensors = _parse(path, data)
    try:
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        facts = json.loads(header["__metadata__"]["ganctl"])
    except (KeyError, ValueError, TypeError, RecursionError):
        raise GanctlError(
            f"{path} was not written by ganctl: its header does not say which network it holds."
        ) from None
    facts = _checked_facts(facts, path)
    if "generators" not in facts:
        return Checkpoint(path, facts, {str(facts.get("generator", "generator")): tensors})
    groups: dict[str, Tensors] = {}
    for name, array in tensors.items():
        role, slash, inner = name.partition("/")
        if not slash:
            raise GanctlError(f"{path} is damaged: {name} does not say which network it belongs to.")
        groups.setdefault(role, {})[inner] = array
    return Checkpoint(path, facts, groups)


def find(path: Path, *, best: bool = False) -> tuple[Checkpoint, list[str]]:
    """Read what a user points at: a run folder (its latest intact checkpoint), one checkpoint, or a generator file.

    Args:
        path: what it is.
        best: of a run folder, the checkpoint with the lowest KID in its metrics.csv.
    """
    if best:
        try:
            return load(_best(path)), []
        except GanctlError as error:
            raise type(error)(f"{error} Omit --best to use the latest checkpoint.") from None
    if path.is_file() and path.suffix == ".safetensors":
        return load_generator(path), []
    if (path / MANIFEST).is_file():
        return load(path), []
    run = RunFolder(path)
    for folder in (run.checkpoints, path):
        if folder.is_dir() and newest_first(folder):
            return load_newest(folder)
    if run.exists:
        raise UsageError(f"The run {path} has no checkpoint yet. Continue training it: {run.resume_command}")
    raise UsageError(
        f"{path} is not a run folder, checkpoint or generator file." if path.exists() else f"{path} does not exist."
    )


def _best(path: Path) -> Path:
    if not path.exists():
        raise UsageError(f"{path} does not exist.")
    run = RunFolder(path)
    step = best_iteration(run.metrics)
    if step is None:
        raise UsageError(
            f"{path} has no scores in {run.metrics.name}, so it has no best checkpoint. "
            "To score a run as it trains, use --set evaluation.every=1000."
        )
    best = run.checkpoint(step)
    if not best.is_dir():
        raise UsageError(f"The best checkpoint of {path}, after {step} iterations, no longer exists.")
    return best


def newest_first(folder: Path) -> list[Path]:
    """Return the checkpoints in a folder, intact or not, ordered by step and not by any clock."""
    names = (
        [path for path in folder.iterdir() if STEP_NAME.fullmatch(path.name) and path.is_dir()]
        if folder.is_dir()
        else []
    )
    return sorted(names, key=lambda path: int(path.name), reverse=True)


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(_read(path / MANIFEST))
    except (ValueError, RecursionError):
        raise GanctlError(f"{path / MANIFEST} is damaged: it is not valid JSON.") from None
    manifest = _checked_facts(manifest, path / MANIFEST)
    files = manifest.get("files")
    if not isinstance(files, dict) or not all(isinstance(value, dict) for value in files.values()):
        raise GanctlError(f"{path / MANIFEST} is damaged: it does not list its files.")
    return manifest


def _checked_facts(facts: Any, path: Path) -> dict[str, Any]:
    if (
        not isinstance(facts, dict)
        or not isinstance(facts.get("step"), int)
        or not isinstance(facts.get("experiment"), dict)
    ):
        raise GanctlError(f"{path} is damaged: it does not say which experiment and step it belongs to.")
    shapes = facts.get("image_shapes", {})
    if not isinstance(shapes, dict) or not all(map(_is_shape, [facts.get("image_shape"), *shapes.values()])):
        raise GanctlError(f"{path} is damaged: it does not state the shape of its images.")
    names = facts.get("class_names", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise GanctlError(f"{path} is damaged: the names of its classes are not a list of text.")
    if not _is_range(facts.get("value_range", [0, 255])):
        raise GanctlError(f"{path} is damaged: its value range is not two rising numbers.")
    if facts.get("format") != FORMAT:
        raise GanctlError(f"{path} has format {facts.get('format')!r}; this version of ganctl reads format {FORMAT}.")
    return facts


def _is_shape(value: Any) -> bool:
    """Whether a value can be the (height, width, channels) of images."""
    return isinstance(value, list) and len(value) == 3 and all(type(n) is int and 0 < n <= 4096 for n in value)


def _is_range(value: Any) -> bool:
    """Whether a value can be the stored values of black and white."""
    numbers = isinstance(value, list) and len(value) == 2 and all(type(n) in (int, float) for n in value)
    return numbers and math.isfinite(value[0]) and math.isfinite(value[1]) and value[0] < value[1]


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise GanctlError(f"{path} is larger than a checkpoint can be ({MAX_BYTES // 2**30} GiB).")
        return path.read_bytes()
    except OSError as error:
        raise GanctlError(f"{path} cannot be read: {error.strerror}.") from None


def _parse(path: Path, data: bytes) -> Tensors:
    try:
        return safetensors.numpy.load(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise GanctlError(f"{path} is damaged: {error}.") from None


def _sync(folder: Path) -> None:
    """Make a rename durable. Windows cannot open folders, and does not need this."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
