"""Feeds broken files to everything that reads what a user may have downloaded.

    python tests/fuzz.py --minutes 10

Hypothesis mutates good files: experiments in YAML, checkpoints (manifests and safetensors), generator files, npz, idx,
tar, zip and CIFAR-10 batches, PNG, JPEG and other images. A reader must give what the good file holds, or raise a
GanctlError; a traceback, a hang, gigabytes of memory, or another value accepted in silence ends the fuzzing with the
smallest file that shows it.
"""

import argparse
import copy
import gzip
import io
import pickle
import re
import resource
import shutil
import signal
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from image_files import encoded, exif, noise

from ganctl.build import resolving
from ganctl.errors import DataError, GanctlError
from ganctl.experiment.experiment import Experiment
from ganctl.experiment.sections import DatasetSection
from ganctl.experiment.yaml_source import YamlSource
from ganctl.host.files import shown
from ganctl.images import archives
from ganctl.images.decode import decode
from ganctl.images.folder_listing import list_images
from ganctl.images.image_set import from_arrays
from ganctl.run_folder import checkpoint

CONFIGS = Path(__file__).parent.parent / "configs"

SECONDS_PER_CASE = 10
# Beyond what Python, NumPy and OpenCV map before anything is read.
MAX_MORE_BYTES = 3 * 2**30
CASES_PER_ROUND = 200

Read = Callable[[Path, bytes], Any]


class Hang(BaseException):  # no `except Exception` of a reader may hold it up
    """A reader took longer than SECONDS_PER_CASE."""


@dataclass
class Target:
    """A reader, good files for it, and words that its kind of file knows.

    `values` says that the good files are YAML or JSON whose values are exchanged instead of their bytes.
    """

    name: str
    read: Read
    seeds: list[bytes]
    words: list[bytes] = field(default_factory=list)
    values: bool = False
    cases: int = 0
    accepted: int = 0


# --- readers: each gets a folder of its own and the content


def read_experiment(folder: Path, content: bytes) -> None:
    """What `ganctl validate` does; what it accepts must survive being written and read again."""
    path = folder / "x.yaml"
    path.write_bytes(content)
    experiment = resolving.load_experiment(path)
    path.write_text(experiment.to_yaml())
    assert resolving.load_experiment(path).model_dump() == experiment.model_dump(), (
        "the resolved file is another experiment"
    )


def read_override(folder: Path, content: bytes) -> None:
    """`--set KEY=VALUE`."""
    resolving.load_experiment(CONFIGS / "quickstart.yaml", (content.decode(errors="replace"),))


TENSORS = {"generator": {"000.Dense.kernel": np.arange(6, dtype=np.float32).reshape(2, 3)}}
EXPERIMENT = {
    "name": "x",
    "dataset": {"name": "npz", "path": "/x.npz", "image_size": 8, "channels": 1},
    "model": {"name": "dense_gan"},
    "loss": {"penalties": [{"name": "gradient_penalty", "weight": 1.0}]},
    "training": {"discriminator_batches": "summed"},
}
FACTS = {
    "step": 7,
    "experiment": EXPERIMENT,
    "image_shape": [8, 8, 1],
    "image_shapes": {"real": [8, 8, 1]},
    "class_names": ["a"],
    "generator": "generator",
}


def same_tensors(found: checkpoint.Checkpoint) -> bool:
    """Whether a checkpoint holds what was saved."""
    return found.step == FACTS["step"] and all(
        np.array_equal(found.groups[group][name], array) for group in TENSORS for name, array in TENSORS[group].items()
    )


def read_weights(folder: Path, content: bytes) -> None:
    """A checkpoint whose weights are others than its manifest says."""
    path = folder / "000000007"
    checkpoint.save(folder, TENSORS, FACTS)
    (path / "generator.safetensors").write_bytes(content)
    assert same_tensors(checkpoint.load(path)), "other weights were accepted"


def read_manifest(folder: Path, content: bytes) -> None:
    """A checkpoint whose manifest was changed: whatever it names, only what it hashes is read."""
    path = folder / "000000007"
    checkpoint.save(folder, TENSORS, FACTS)
    (path / "manifest.json").write_bytes(content)
    found = checkpoint.load(path)
    assert found.step == FACTS["step"]
    assert set(found.groups) <= set(TENSORS), "a file from elsewhere was read"


def read_generator_file(folder: Path, content: bytes) -> None:
    """A generator file that somebody sent."""
    path = folder / "x.safetensors"
    path.write_bytes(content)
    found = checkpoint.load_generator(path)
    assert found.generator is not None
    resolving.resolve(Experiment.from_source(YamlSource(str(path), found.facts["experiment"])))


def read_generator_facts(folder: Path, content: bytes) -> None:
    """A generator file that says odd things of itself."""
    facts = yaml.safe_load(content)
    checkpoint.save_generators(folder / "facts.safetensors", {"generator": TENSORS["generator"]}, facts)
    read_generator_file(folder, (folder / "facts.safetensors").read_bytes())


def read_npz(folder: Path, content: bytes) -> None:
    """An archive of images and labels."""
    path = folder / "x.npz"
    path.write_bytes(content)
    pixels, labels = archives.read_npz(path, "images", "labels")
    from_arrays(pixels, labels, (), DatasetSection(name="npz", image_size=8), shown(path))


def read_idx(folder: Path, content: bytes) -> None:
    """MNIST's own format."""
    path = folder / "x-ubyte"
    path.write_bytes(content)
    from_arrays(archives.read_idx(path), None, (), DatasetSection(name="mnist", image_size=8), shown(path))


def read_batch(folder: Path, content: bytes) -> None:
    """A pickled batch of CIFAR-10: nothing in it may run."""
    archives.unpickle(content, "batch")
    assert not (folder / "owned").exists()


def read_tar(folder: Path, content: bytes) -> None:
    """CIFAR-10's archive: nothing of it is written anywhere."""
    path = folder / "x.tar.gz"
    path.write_bytes(content)
    for _ in archives.tar_members(path, re.compile(r"data_batch_[1-5]"), 2**20):
        pass
    assert [inner.name for inner in folder.iterdir()] == ["x.tar.gz"]


def read_image(folder: Path, content: bytes) -> None:
    """An image file of any kind."""
    pixels = decode(content, least=8).pixels
    assert pixels.dtype == np.uint8
    assert pixels.shape[2] in (1, 3)


def read_zip(folder: Path, content: bytes) -> None:
    """A zip archive of images: nothing of it is written anywhere."""
    path = folder / "x.zip"
    path.write_bytes(content)
    listing = list_images(path)
    for file in listing.files:
        try:
            data = listing.read_image(file)
        except DataError:
            continue
        assert data is None or len(data) == file.size, "more or less than the archive declares"
    listing.skip(*listing.files)
    assert [inner.name for inner in folder.iterdir()] == ["x.zip"]


# --- good files


def _npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _idx(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return header + array.tobytes()


def _tar(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _checkpoint_files() -> tuple[bytes, bytes, bytes]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = checkpoint.save(folder, TENSORS, FACTS)
        checkpoint.save_generators(folder / "g.safetensors", {"generator": TENSORS["generator"]}, FACTS)
        files = (path / "generator.safetensors", path / "manifest.json", folder / "g.safetensors")
        weights, manifest, generator = (file.read_bytes() for file in files)
        return weights, manifest, generator


def _zip(compression: int, **members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(f"00000/{name}", content)
        archive.writestr("dataset.json", b'{"labels": null}')
    return buffer.getvalue()


def targets() -> list[Target]:
    """Every reader with its good files."""
    pixels = np.random.default_rng(0).integers(0, 256, (12, 8, 8), np.uint8)
    labels = np.arange(12) % 3
    batch = {b"data": pixels.reshape(12, -1), b"labels": labels.tolist()}
    batches = [pickle.dumps(batch, protocol) for protocol in (2, 4, 5)]
    weights, manifest, generator = _checkpoint_files()
    kinds = ("PNG", "JPEG", "BMP", "GIF", "WebP", "TIFF", "AVIF", "JPEG2000", "PPM")
    pictures = [encoded(noise(i, 16, 12), kind) for i, kind in enumerate(kinds)]
    pictures += [encoded(noise(9, 16, 12), kind, exif=exif(6)) for kind in ("JPEG", "PNG", "WebP")]
    configs = [path.read_bytes() for path in sorted(CONFIGS.glob("*.yaml"))]
    yaml_words = (
        b"&a |*a|!!python/object:os.system |<<: |? |- |{|[|\t|---\n|.nan|1e999|0x|2e-4|null|: |\xef\xbb\xbf|#|'|\"|-1"
    ).split(b"|")
    json_words = [b"../", b"/etc/passwd", b'"bytes": ', b"-1", b"1e999", b"NaN", b"null", b"{}", b"[]", b"[" * 2000]
    return [
        Target("experiment", read_experiment, configs, yaml_words),
        Target("experiment values", read_experiment, configs, values=True),
        Target("generator facts", read_generator_facts, [yaml.safe_dump(FACTS).encode()], values=True),
        Target(
            "override",
            read_override,
            [b"training.batch_size=8", b"optimizer.generator={name: sgd, decay: 2e-4}"],
            yaml_words,
        ),
        Target("checkpoint weights", read_weights, [weights], json_words),
        Target("checkpoint manifest", read_manifest, [manifest], json_words),
        Target("generator file", read_generator_file, [generator], json_words),
        Target("npz", read_npz, [_npz(images=pixels, labels=labels), _npz(images=pixels / 255, labels=labels)]),
        Target("idx", read_idx, [_idx(pixels), gzip.compress(_idx(pixels))]),
        Target("cifar batch", read_batch, batches, [b"cos\nsystem\n", b"cbuiltins\neval\n", b"R", b"."]),
        Target("tar", read_tar, [_tar(data_batch_1=batches[0]), _tar(data_batch_2=batches[1], other=b"x")]),
        Target("zip", read_zip, [_zip(kind, a=pictures[0], b=pictures[1]) for kind in (0, zipfile.ZIP_DEFLATED)]),
        Target("image", read_image, pictures),
    ]


# --- mutations


@st.composite
def mutated(draw: st.DrawFn, seeds: list[bytes], words: list[bytes]) -> bytes:
    """A good file with a few bytes or words put in, taken out, repeated, overwritten or moved."""
    content = bytearray(draw(st.sampled_from(seeds)))
    numbers = [0, 1, 127, 128, 255]
    pieces = st.one_of(
        st.binary(max_size=8), st.sampled_from(words or [b""]), st.sampled_from([bytes([n]) * 4 for n in numbers])
    )
    for _ in range(draw(st.integers(0, 5))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.one_of(st.integers(0, 8), st.integers(0, 4000))))
        match draw(st.sampled_from(["insert", "overwrite", "delete", "repeat", "cut", "flip", "lines"])):
            case "insert":
                content[start:start] = draw(pieces)
            case "overwrite":
                piece = draw(pieces)
                content[start : start + len(piece)] = piece
            case "delete":
                del content[start:end]
            case "repeat":
                content[start:start] = bytes(content[start:end]) * draw(st.integers(1, 50))
            case "cut":
                del content[start:]
            case "flip" if start < len(content):
                content[start] ^= 1 << draw(st.integers(0, 7))
            case "lines":
                lines = bytes(content).splitlines(keepends=True)
                content = bytearray(b"".join(draw(st.permutations(lines[:40])) + lines[40:]))
    return bytes(content[:150_000])


ODD_VALUES = [
    *(None, True, False, 0, -1, 1, 2**31, 10**30, -0.0, 0.5, 1e-320, 1e308, float("nan"), float("inf")),
    *(
        "",
        " ",
        "x" * 300,
        "../x",
        "{",
        "{name}",
        "{training.batch_size}",
        "nan",
        "scored",
        "0x0",
        "dcgan",
        "\0",
        "\udcff",
    ),
    *([], {}, [[]], [{}], [1, 2], ["a", 1.5], {"name": "sgd"}, {"name": []}, {"a": {"b": {"c": {}}}}),
]
ODD_KEYS = ["name", "latent_dim", "weight", "classes", "NET_CAPACITY", "7", ""]


def places_in(content: Any) -> list[tuple[Any, Any]]:
    """Every value in nested dictionaries and lists, as the container and the key that it has there."""
    found = []
    for key, value in list(content.items() if isinstance(content, dict) else enumerate(content)):
        found += [(content, key), *(places_in(value) if isinstance(value, (dict, list)) else [])]
    return found


@st.composite
def with_odd_values(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A good YAML file some of whose values are others, missing, or too many."""
    content = yaml.safe_load(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 3))):
        container, key = draw(st.sampled_from(places_in(content)))
        value = copy.deepcopy(draw(st.sampled_from(ODD_VALUES)))
        match draw(st.sampled_from(["change", "change", "change", "remove", "add"])):
            case "remove" if len(content) > 1:
                del container[key]
            case "add" if isinstance(container, dict):
                container[draw(st.sampled_from(ODD_KEYS))] = value
            case _:
                container[key] = value
    return yaml.safe_dump(content).encode()


# --- fuzzing


@contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    """Raise TimeoutError where the body takes longer."""

    def ring(*_: object) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    except Hang:
        raise TimeoutError(f"longer than {seconds} s") from None
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def fuzz_round(target: Target, seed: int, deadline: float, folder: Path) -> None:
    """Try some files on a target."""

    @settings(
        max_examples=CASES_PER_ROUND,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(with_odd_values(target.seeds) if target.values else mutated(target.seeds, target.words))
    def try_one(content: bytes) -> None:
        if time.monotonic() > deadline:
            return
        target.cases += 1
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        with time_limit(SECONDS_PER_CASE):
            try:
                target.read(folder, content)
                target.accepted += 1
            except GanctlError as error:
                if not str(error).strip():
                    raise ValueError("an error without a message") from error

    # A seed of its own for every round: else each would try the same files.
    hypothesis.seed(seed)(try_one)()


def fuzz(minutes: float, seed: int) -> list[Target]:
    """Fuzz every target in turn until the time is up."""
    limit_memory()
    every = targets()
    deadline, number = time.monotonic() + 60 * minutes, 0
    with tempfile.TemporaryDirectory(prefix="ganctl-fuzz-") as name:
        for target in every:
            for content in target.seeds:
                fresh = Path(name) / "good"
                shutil.rmtree(fresh, ignore_errors=True)
                fresh.mkdir()
                target.read(fresh, content)
        while time.monotonic() < deadline:
            fuzz_round(every[number % len(every)], seed + number, deadline, Path(name) / "case")
            number += 1
    return every


def limit_memory() -> None:
    """No reader may take gigabytes: beyond the limit, allocating fails with MemoryError."""
    decode(encoded(noise(0), "PNG"))  # OpenCV's threads map their stacks at first use
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MAX_MORE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main() -> None:
    """Parse, fuzz, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    done = fuzz(options.minutes, options.seed)
    for target in done:
        print(f"{target.name:<20} {target.cases:>8,} cases, of which {target.accepted:,} were rightly read")
    print(f"{sum(target.cases for target in done):,} cases in {options.minutes:g} minutes, and no fault")


if __name__ == "__main__":
    main()
