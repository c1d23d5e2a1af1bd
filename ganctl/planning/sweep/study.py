"""The study of a sweep: which values were tried and which come next. The only file that knows Optuna.

Akiba et al. 2019, Optuna: A Next-generation Hyperparameter Optimization Framework (arXiv:1907.10902). Values come from
the tree-structured Parzen estimator (Bergstra et al. 2011), bad trials are stopped by the median rule, and the
importance of keys is PED-ANOVA's (Watanabe et al. 2023).

Several processes work on one study. Its record is a journal, a file to which lines are appended. A process holds a lock
while it chooses a trial, and the lock of that trial until the trial has ended. If the process is killed, the lock is
free, and the next process that chooses continues the trial.
"""

import math
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Self

from ganctl.errors import UsageError
from ganctl.experiment.changes import differences
from ganctl.experiment.yaml_source import dump_yaml, parse_yaml
from ganctl.host.file_lock import Taken, file_lock, holder_of, waiting_lock
from ganctl.host.files import write_atomically
from ganctl.planning.sweep.sweep_file import Sweep
from ganctl.run_folder.metrics_csv import read_metrics
from ganctl.run_folder.paths import RunFolder
from ganctl.run_folder.sweep_folder import SweepFolder, SweepRecord, Trial, TrialState

RANDOM_TRIALS = 10
"""The number of random trials before the estimator chooses; in a short sweep, a third of the trials."""
UNPRUNED_TRIALS = 4
"""The number of trials that must have ended before others are compared with them."""
UNPRUNED_SHARE = 1 / 3
"""The first part of a trial, in which it is never pruned: an untrained generator may score better than one that has
begun to learn."""
TRIALS_OF_IMPORTANCE = 4
"""The number of trials that must have finished before the importance of a key is more than a guess."""
_NAME = "sweep"
_END, _NOTE, _KILLS, _BASE = "end", "note", "kills", "base"


def optuna() -> Any:
    """Return Optuna, which only sweeps need; raises UsageError if it is not installed."""
    try:
        import optuna
    except ImportError:
        raise UsageError("ganctl sweep needs Optuna. Install it: pip install 'ganctl[sweep]'") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


@dataclass(frozen=True)
class Claimed:
    """A trial that this process works on.

    Attributes:
        number: of the trial.
        values: the values that it tries, by key.
        folder: its run folder.
        taken_up: whether it was begun earlier, and is continued.
        trial: Optuna's.
        study: where it is recorded.
    """

    number: int
    values: Mapping[str, Any]
    folder: RunFolder
    taken_up: bool
    trial: Any
    study: "Study"

    def report(self, scores: Mapping[int, float]) -> None:
        """Record the scores, by iteration, that are not recorded yet."""
        known = self._stored.intermediate_values
        for iteration, score in scores.items():
            if iteration not in known and math.isfinite(score):
                self.trial.report(score, iteration)

    @property
    def is_base(self) -> bool:
        """Whether it has the base experiment's own values; it is never pruned, because others are compared with it."""
        return bool(self._stored.user_attrs.get(_BASE))

    def should_stop(self) -> bool:
        """Whether its last recorded score is worse than those of most others at that iteration."""
        return self.study.sweep.pruning and not self.is_base and bool(self.trial.should_prune())

    def killed(self) -> int:
        """Record that the process of the training was killed; return how often that has happened."""
        kills = int(self._stored.user_attrs.get(_KILLS, 0)) + 1
        self.trial.set_user_attr(_KILLS, kills)
        return kills

    def finish(self, score: float) -> None:
        """Record the score at the end."""
        self.study.tell(self.number, TrialState.FINISHED, score)

    def end(self, state: TrialState, note: str = "") -> None:
        """Record how it ended without a score, and why."""
        if note:
            self.trial.set_user_attr(_NOTE, note)
        self.trial.set_user_attr(_END, state.value)
        self.study.tell(self.number, state)

    @property
    def _stored(self) -> Any:
        return self.study.stored(self.number)


class Study:
    """The trials of a sweep, recorded in its folder.

    Args:
        folder: where they are.
        sweep: what they try.
        study: Optuna's.
    """

    def __init__(self, folder: SweepFolder, sweep: Sweep, study: Any) -> None:
        self.folder, self.sweep = folder, sweep
        self._study = study

    @classmethod
    def open(cls, folder: SweepFolder, sweep: Sweep, *, new: bool = True) -> Self:
        """Open the study in a folder; make the folder if necessary.

        Args:
            folder: where it is.
            sweep: the file.
            new: whether to begin a study where there is none.

        Raises:
            UsageError: the folder has another sweep, or something else, or cannot be written; or Optuna is missing.
        """
        optuna()
        if not new and not folder.definition.is_file():
            raise UsageError(f"There is no sweep in {folder.path} yet.")
        try:
            folder.path.mkdir(parents=True, exist_ok=True)
            with waiting_lock(folder.choosing):
                cls._begin_or_compare(folder, sweep)
                return cls(folder, sweep, cls._opened(folder, sweep))
        except OSError as error:
            raise UsageError(f"The sweep's folder {folder.path} cannot be written: {error.strerror}.") from None

    @staticmethod
    def _begin_or_compare(folder: SweepFolder, sweep: Sweep) -> None:
        if folder.definition.is_file():
            then = parse_yaml(folder.definition.read_text("utf-8"), str(folder.definition)).data
            lines = [change.described(folder.definition) for change in differences(then, sweep.definition)]
            if lines:
                raise UsageError(
                    f"{folder.path} holds a different sweep. Choose another `name` in the file. Only the "
                    "budget may change:\n" + "\n".join(lines)
                )
            return
        own = (folder.choosing.name, folder.base.name)  # what a process leaves that is killed while it begins
        if any(path.name not in own for path in folder.path.iterdir()):
            raise UsageError(
                f"{folder.path} exists, and is not the folder of a sweep. Choose another `name` in the file."
            )
        write_atomically(folder.base, sweep.base_text.encode())
        write_atomically(folder.definition, dump_yaml(sweep.definition).encode())

    @staticmethod
    def _opened(folder: SweepFolder, sweep: Sweep) -> Any:
        api = optuna()
        backend = api.storages.journal.JournalFileBackend(str(folder.journal))
        return api.create_study(
            study_name=_NAME,
            storage=api.storages.JournalStorage(backend),
            direction="minimize" if sweep.objective.better == "lower" else "maximize",
            pruner=api.pruners.MedianPruner(
                n_startup_trials=UNPRUNED_TRIALS,
                n_warmup_steps=int(UNPRUNED_SHARE * sweep.experiment.training.iterations),
            ),
            load_if_exists=True,
        )

    @contextmanager
    def claim(self) -> Iterator[Claimed | None]:
        """Choose an interrupted trial, or else a new one, and hold it while the body runs; None without budget."""
        with ExitStack() as held:
            with waiting_lock(self.folder.choosing):
                claimed = self._interrupted(held) or self._begun(held)
            yield claimed

    def _interrupted(self, held: ExitStack) -> Claimed | None:
        for frozen in self._stored_trials():
            run = self.folder.trial(frozen.number)
            if frozen.state.name != "RUNNING" or holder_of(run.lock):  # a training outlives a sweep that was killed
                continue
            try:
                held.enter_context(file_lock(self.folder.claim(frozen.number)))
            except Taken:
                continue
            return self._claimed(optuna().trial.Trial(self._study, frozen._trial_id), taken_up=True)
        return None

    def _begun(self, held: ExitStack) -> Claimed | None:
        count = sum(frozen.state.name != "WAITING" for frozen in self._stored_trials())
        most = self.sweep.budget.trials
        if most is not None and count >= most:
            return None
        base = self._base_values() if not count else None
        if base is not None:
            self._study.enqueue_trial(base, user_attrs={_BASE: True})
        self._study.sampler = self._sampler(count)
        claimed = self._claimed(self._study.ask(), taken_up=False)
        held.enter_context(file_lock(self.folder.claim(claimed.number)))
        return claimed

    def _claimed(self, trial: Any, *, taken_up: bool) -> Claimed:
        values = {key: each.suggested(trial) for key, each in self.sweep.space.items()}
        return Claimed(trial.number, values, self.folder.trial(trial.number), taken_up, trial, self)

    def _base_values(self) -> dict[str, Any] | None:
        """Return what Optuna stores for the base experiment's own values; None if they are not in the space."""
        own = self.sweep.base_values
        encoded = {key: each.encoded(own[key]) for key, each in self.sweep.space.items()}
        return None if None in encoded.values() else encoded

    def _sampler(self, count: int) -> Any:
        """Return the sampler of the next trial: each trial has its own seed, or two processes would choose alike."""
        most = self.sweep.budget.trials
        random = RANDOM_TRIALS if most is None else min(RANDOM_TRIALS, max(UNPRUNED_TRIALS, most // 3))
        seed = zlib.crc32(f"{self.sweep.seed} {count}".encode())
        return optuna().samplers.TPESampler(n_startup_trials=random, constant_liar=True, seed=seed)

    def tell(self, number: int, state: TrialState, score: float | None = None) -> None:
        """Record the end of a trial."""
        states = optuna().trial.TrialState
        if state is TrialState.FINISHED:
            self._study.tell(number, score)
        else:
            # A diverged trial counts as worse than all finished ones, so that its neighbourhood is avoided.
            pruned = state in (TrialState.PRUNED, TrialState.DIVERGED)
            self._study.tell(number, state=states.PRUNED if pruned else states.FAIL)

    def stored(self, number: int) -> Any:
        """Return the record of a trial."""
        return self._stored_trials()[number]

    def _stored_trials(self) -> list[Any]:
        return list(self._study.get_trials(deepcopy=False))

    def record(self) -> SweepRecord:
        """Return the current state of all trials."""
        trials = [self._trial(frozen) for frozen in self._stored_trials() if frozen.state.name != "WAITING"]
        base = next((f.number for f in self._stored_trials() if f.user_attrs.get(_BASE)), None)
        return SweepRecord(
            self.sweep.name,
            self.folder,
            self.sweep.objective,
            {key: str(each) for key, each in self.sweep.space.items()},
            frozenset(key for key, each in self.sweep.space.items() if each.log),
            trials,
            base,
            self._importance(trials),
        )

    def _trial(self, frozen: Any) -> Trial:
        folder, attributes = self.folder.trial(frozen.number), frozen.user_attrs
        decoded = {
            key: each.decoded(frozen.params[key]) for key, each in self.sweep.space.items() if key in frozen.params
        }
        score = frozen.value if frozen.state.name == "COMPLETE" else None
        return Trial(
            frozen.number,
            decoded,
            self._state(frozen, folder),
            score,
            scores_of(folder, self.sweep.objective.name) or dict(sorted(frozen.intermediate_values.items())),
            str(attributes.get(_NOTE, "")),
            folder,
        )

    def _state(self, frozen: Any, folder: RunFolder) -> TrialState:
        match frozen.state.name:
            case "COMPLETE":
                return TrialState.FINISHED
            case "RUNNING":
                held = holder_of(self.folder.claim(frozen.number)) or holder_of(folder.lock)
                return TrialState.RUNNING if held else TrialState.WAITING
            case _:
                return TrialState(frozen.user_attrs.get(_END, TrialState.FAILED.value))

    def _importance(self, trials: list[Trial]) -> dict[str, float]:
        scores = {trial.score for trial in trials if trial.score is not None}
        if len(scores) < TRIALS_OF_IMPORTANCE:
            return {}
        found = optuna().importance.get_param_importances(
            self._study, evaluator=optuna().importance.PedAnovaImportanceEvaluator()
        )
        return {str(key): float(share) for key, share in found.items() if math.isfinite(share)}


def scores_of(folder: RunFolder, metric: str) -> dict[int, float]:
    """Return the finite scores of a run so far, by iteration."""
    try:
        rows = read_metrics(folder.metrics)
    except OSError:
        return {}
    return {row["iteration"]: float(row[metric]) for row in rows if math.isfinite(row.get(metric, math.nan))}
