"""Where runs are trained, each once: two at a time, and kept with their figures."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self

import numpy as np

from benchmarks.process import CHECKOUT, last_lines
from benchmarks.studies.recipe import ITERATIONS, REFERENCE, Recipe, timed
from ganctl.errors import GanctlError

NUM = 2000
"""Samples that are scored."""


@dataclass(frozen=True)
class Trained:
    """A run and its figures.

    Attributes:
        folder: the run folder.
        iterations: its length.
        figures: the scores of `ganctl evaluate` by their keys in JSON, and `seconds`, the processor time of training.
    """

    folder: Path
    iterations: int
    figures: Mapping[str, Any]

    @cached_property
    def samples(self) -> np.ndarray:
        """The first samples, uint8 [N, H, W, C]."""
        kept: np.ndarray = np.load(self.folder / "kept.npy")
        return kept


@dataclass(frozen=True)
class Bench:
    """Trains what studies ask for, unless it is there already.

    Attributes:
        folder: keeps runs and figures.
        iterations: of the reference.
        num: samples that are scored.
        against: what they are compared with, as `ganctl evaluate --against` takes it.
        cores: numbers of the cores that train, a run on each at a time.
        say: told of every run that is trained.
    """

    folder: Path
    iterations: int = ITERATIONS
    num: int = NUM
    against: str = "fashion_mnist_mini"
    cores: Sequence[int] = field(default_factory=lambda: _cores(2))
    say: Callable[[str], object] = print

    def trained(self, recipes: Sequence[Recipe], seeds: Sequence[int]) -> dict[str, list[Trained]]:
        """Return the runs of all recipes by name, a run for each seed; raises GanctlError."""
        lengths = self.iterations_of(recipes)
        free: SimpleQueue[_Worker] = SimpleQueue()
        with ExitStack() as stack:
            for core in self.cores:
                free.put(stack.enter_context(_Worker(core, self.folder)))
            pool = stack.enter_context(ThreadPoolExecutor(len(self.cores)))
            try:
                # All recipes with one seed, then with the next: what is there after half the time compares already.
                found = {
                    (recipe.name, seed): pool.submit(self._run, recipe, seed, lengths[recipe.name], free)
                    for seed in seeds
                    for recipe in recipes
                }
                for each in as_completed(found.values()):
                    each.result()  # a failure ends it all, and not only when its turn would come
                return {recipe.name: [found[recipe.name, seed].result() for seed in seeds] for recipe in recipes}
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def kept(self, recipes: Sequence[Recipe], seeds: Sequence[int]) -> dict[str, list[Trained]]:
        """Return those runs of `trained` that are there already, by the name of each recipe that has any."""
        lengths = self.iterations_of(recipes)
        found: dict[str, list[Trained]] = {}
        for recipe in recipes:
            for seed in seeds:
                folder, asked = self._order(recipe, seed, lengths[recipe.name])
                answer = _answer(folder.with_suffix(".done"), asked)
                if answer is not None:
                    found.setdefault(recipe.name, []).append(Trained(folder, lengths[recipe.name], answer))
        return found

    def paces(self, recipes: Sequence[Recipe]) -> dict[str, float]:
        """Return the processor seconds of an iteration of each recipe by name, all measured in one process."""
        asked = {"recipes": [recipe.settings for recipe in recipes]}
        for path in sorted(self.folder.glob("paces-*.done")):
            if (answer := _answer(path, asked)) is not None:
                return _by_name(recipes, answer)
        self.say(f"processor time of {', '.join(recipe.name for recipe in recipes)}")
        path = self.folder / f"paces-{len(list(self.folder.glob('paces-*.done')))}"
        with _Worker(self.cores[0], self.folder) as worker:
            return _by_name(recipes, worker.ask(path, asked))

    def iterations_of(self, recipes: Sequence[Recipe]) -> dict[str, int]:
        """Return how long each recipe is trained, by name: those of equal time are measured first."""
        lengths = {recipe.name: self.iterations * recipe.longer for recipe in recipes}
        if of_equal_time := timed(recipes):
            paces = self.paces(of_equal_time)
            for recipe in (recipe for recipe in recipes if recipe.equal_time):
                pace = next(paces[other.name] for other in of_equal_time if other.changes == recipe.changes)
                lengths[recipe.name] = max(1, round(lengths[recipe.name] * paces[REFERENCE.name] / pace))
        return lengths

    def _order(self, recipe: Recipe, seed: int, iterations: int) -> tuple[Path, dict[str, Any]]:
        """Return the folder of a run, and what a worker is asked for."""
        slug = "".join(sign if sign.isalnum() else "-" for sign in recipe.name)
        settings = {
            **recipe.settings,
            "training.iterations": iterations,
            "outputs.sample_every": iterations,
            "outputs.checkpoint_every": iterations,
        }
        asked = {"settings": settings, "seed": seed, "num": self.num, "against": self.against}
        return self.folder / f"{slug}-{seed}", asked

    def _run(self, recipe: Recipe, seed: int, iterations: int, free: "SimpleQueue[_Worker]") -> Trained:
        folder, asked = self._order(recipe, seed, iterations)
        answer = _answer(folder.with_suffix(".done"), asked)
        if answer is None:
            worker = free.get()
            try:
                shutil.rmtree(folder, ignore_errors=True)
                self.say(f"training {folder.name}, {iterations:,} iterations")
                answer = worker.ask(folder, asked)
                self.say(f"trained {folder.name}: KID {answer['kid']:.4f} in {answer['seconds']:.0f} processor seconds")
            finally:
                free.put(worker)
        return Trained(folder, iterations, answer)


class _Worker:
    """A process on one core that answers one question after another; it is started with the first.

    Args:
        core: its number.
        folder: of its log.
    """

    def __init__(self, core: int, folder: Path) -> None:
        self._core, self._log = core, folder / f"core-{core}.log"
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process is not None:
            if error:
                self._process.kill()
            self._process.communicate()

    def ask(self, path: Path, asked: Mapping[str, Any]) -> Any:
        """Return the answer to a question, which also stands in FILE.done; raises GanctlError if the process ends."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".json").write_text(json.dumps(asked) + "\n", "utf-8")
        process = self._process = self._process or self._started()
        assert process.stdin
        assert process.stdout
        with suppress(BrokenPipeError):  # why it ended is known where its answer is missed
            print(path.with_suffix(".json"), file=process.stdin, flush=True)
        if not process.stdout.readline():
            raise GanctlError(f"{path.name} failed.\n{last_lines(self._log)}")
        return _answer(path.with_suffix(".done"), asked)

    def _started(self) -> "subprocess.Popen[str]":
        with self._log.open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "benchmarks.studies.worker", str(self._core)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=CHECKOUT,
                env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
                text=True,
            )


def _cores(count: int) -> list[int]:
    """Return the numbers of a few cores that this process may use, where the system says which."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))[:count]
    return list(range(min(count, os.cpu_count() or 1)))


def _answer(path: Path, asked: Mapping[str, Any]) -> Any:
    """Return what was answered to the same question before, or None."""
    try:
        known = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return known["answer"] if known["asked"] == json.loads(json.dumps(asked)) else None


def _by_name(recipes: Sequence[Recipe], answer: Sequence[float]) -> dict[str, float]:
    return {recipe.name: seconds for recipe, seconds in zip(recipes, answer, strict=True)}
