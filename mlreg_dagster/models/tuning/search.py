"""The search: Optuna's storage in the home, and the trials of one process.

A trial is begun under a lock, so that processes together begin as many as the budget has and no more. A trial whose
process died is failed, by its missing heartbeat or when the study is opened again, and another one with its parameters
takes its place. The sampler is seeded for each trial: with one process the same seed finds the same, also after a kill.
"""

import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from filelock import FileLock
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.trial import TrialState

from mlreg_dagster.config import TuningSettings
from mlreg_dagster.config.sections.tuning import all_of
from mlreg_dagster.models.folds.material import Fold
from mlreg_dagster.models.tuning.objective import steps
from mlreg_dagster.models.tuning.order import Order
from mlreg_dagster.models.tuning.space import settings_with, suggest
from mlreg_dagster.storage import private_files

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
PLANTED, WORTH, DEFAULT = "planted", "worth", "default"
"""What is kept of a trial besides its values and parameters."""

_CLAIM = "claim.lock"
_MAX_RETRIES = 5
_WAIT_S = 0.5
_BUSY_S = 120


def import_storage() -> None:
    """Import what Optuna's storage imports only when it is first opened: two threads that do so at once can fail."""
    with _quiet():
        RDBStorage("sqlite://")


def study_in(database: Path, name: str, tuning: TuningSettings) -> optuna.Study:
    """The study in a database, made if it is not there.

    Args:
        database: An SQLite file.
        name: Of the study.
        tuning: Heartbeat and pruning.
    """
    private_files.make_folder(database.parent)
    private_files.make_file(database)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    rules = tuning.pruning
    pruner: optuna.pruners.BasePruner = optuna.pruners.NopPruner()
    if rules.enabled:
        pruner = optuna.pruners.MedianPruner(n_startup_trials=rules.startup_trials, n_warmup_steps=rules.warmup_steps)
    with _opening(database), _quiet():
        storage = RDBStorage(
            f"sqlite:///{database}",
            engine_kwargs={"connect_args": {"timeout": _BUSY_S}},
            heartbeat_interval=tuning.heartbeat_seconds,
            grace_period=tuning.grace_seconds,
            heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(max_retry=_MAX_RETRIES),
        )
        return optuna.create_study(
            storage=storage, study_name=name, direction="maximize", pruner=pruner, load_if_exists=True
        )


def watch(database: Path, name: str) -> Callable[[], tuple[int, int]]:
    """A look at how many trials of a study are finished, and how many of these were pruned.

    Raises:
        KeyError: It has not begun.
    """
    with _opening(database), _quiet():
        storage = RDBStorage(f"sqlite:///{database}", engine_kwargs={"connect_args": {"timeout": _BUSY_S}})
        study = optuna.load_study(study_name=name, storage=storage)

    def look() -> tuple[int, int]:
        states = [trial.state for trial in study.get_trials(deepcopy=False)]
        return sum(state in FINISHED for state in states), states.count(TrialState.PRUNED)

    return look


def _opening(database: Path) -> FileLock:
    """Who opens a new database makes its tables: one after the other."""
    return FileLock(database.with_suffix(".lock"), timeout=_BUSY_S, mode=private_files.OF_FILES)


def begin(study: optuna.Study, order: Order) -> int:
    """Put the default, and every set of values of a small space, first; fail what no process works at.

    Only for who is alone at the study.

    Returns:
        How many trials it has to finish.
    """
    every = all_of(order.space, order.tuning.trials - 1)
    if not study.get_trials(deepcopy=False):
        study.enqueue_trial({}, user_attrs={DEFAULT: True})
        for values in every or ():
            study.enqueue_trial(values)
    with _quiet():
        retry = RetryHeartbeatStaleTrialCallback(max_retry=_MAX_RETRIES)
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
        retry(study, trial)
    return order.tuning.trials if every is None else 1 + len(every)


def counted(study: optuna.Study) -> tuple[int, int]:
    """How many trials are finished, and how many run."""
    states = [trial.state for trial in study.get_trials(deepcopy=False)]
    return sum(state in FINISHED for state in states), states.count(TrialState.RUNNING)


def work(
    study: optuna.Study,
    order: Order,
    folds: Sequence[Fold],
    folder: Path,
    budget: int,
    deadline: float | None = None,
) -> None:
    """Try parameters until the budget is used up, beside other processes that do the same.

    Args:
        study: As `study_in` opens it.
        order: What is searched.
        folds: To judge by.
        folder: Of the study, where its lock is.
        budget: How many trials are finished in the end.
        deadline: When no further trial begins, by `time.time`.

    Raises:
        CannotTrain, ConfigError: The detector refuses the values of a trial, which is failed.
    """
    claim = FileLock(folder / _CLAIM, timeout=_BUSY_S, mode=private_files.OF_FILES)
    while deadline is None or time.time() < deadline:
        claim.acquire()
        try:
            with _quiet():
                optuna.storages.fail_stale_trials(study)
            finished, running = counted(study)
            if finished >= budget:
                return
            if finished + running < budget:
                study.sampler = _sampler(order, finished + running)
                with _quiet():
                    study.optimize(lambda trial: _try(trial, order, folds, claim), n_trials=1)
                continue
        finally:
            claim.release()
        time.sleep(_WAIT_S)


def _try(trial: optuna.Trial, order: Order, folds: Sequence[Fold], claim: FileLock) -> float:
    is_default = bool(trial.user_attrs.get(DEFAULT))
    values = {} if is_default else suggest(trial, order.space)
    claim.release()  # it has begun, and counts
    value, last = 0.0, _steps_in(folds) - 1
    for step, figures in enumerate(steps(settings_with(values, order.chosen), folds)):
        value = figures.combined(order.tuning.objective)
        trial.set_user_attr(PLANTED, figures.planted)
        trial.set_user_attr(WORTH, figures.worth)
        trial.report(value, step)
        if step < last and not is_default and trial.should_prune():
            raise optuna.TrialPruned
    return value


def _steps_in(folds: Sequence[Fold]) -> int:
    first = folds[0]
    return len(folds) + (0 < first.first_rounds < len(first.rounds))


def _sampler(order: Order, number: int) -> optuna.samplers.TPESampler:
    seed = int(np.random.SeedSequence([order.tuning.seed, number]).generate_state(1)[0])
    return optuna.samplers.TPESampler(seed=seed, constant_liar=order.tuning.jobs > 1)


def importance_of(study: optuna.Study, seed: int) -> dict[str, float]:
    """The share of each parameter in the variance of the objective (fANOVA: Hutter, Hoos and Leyton-Brown, 2014).

    Of parameters that every complete trial has; empty where there are too few trials, or all are alike.
    """
    complete = [each for each in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)) if each.params]
    names = [name for name in (complete[0].params if complete else ()) if all(name in each.params for each in complete)]
    if len(complete) < 4 or not names or len({each.value for each in complete}) < 2:
        return {}
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=seed)
    try:
        with _quiet():
            found = optuna.importance.get_param_importances(study, evaluator=evaluator, params=names)
    except (RuntimeError, ValueError):  # no variance in what it could cut apart
        return {}
    return {name: float(value) for name, value in found.items()}


def _quiet() -> Any:
    """What Optuna calls experimental is meant to be used here."""
    return warnings.catch_warnings(action="ignore", category=optuna.exceptions.ExperimentalWarning)
