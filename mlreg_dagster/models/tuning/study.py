"""A study from its order to its record: material, search, tuned against default. What was begun is gone on with."""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from mlreg_dagster.config import EvaluationSettings, Settings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.hours import HOUR, as_hour
from mlreg_dagster.datasets.windows import windows_of
from mlreg_dagster.models.detectors.names import CRASH_CLASSIFIER
from mlreg_dagster.models.folds import files
from mlreg_dagster.models.folds.material import Fold
from mlreg_dagster.models.tuning import material, measuring, record
from mlreg_dagster.models.tuning.folds import Plan, plan_folds
from mlreg_dagster.models.tuning.order import Order, keep
from mlreg_dagster.models.tuning.processes import TuningFailed, alone_at, run_workers
from mlreg_dagster.models.tuning.record import Study, Trial
from mlreg_dagster.models.tuning.space import settings_with
from mlreg_dagster.storage.artifacts import ArtifactStore
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import optuna

_DATABASE, _MATERIAL = "studies.sqlite", "material"


class SeenByGates(MlregError):
    """Planting seeds of tuning that the gates in force plant with, too."""


@dataclass(frozen=True)
class Place:
    """Where studies are worked at: a database for all, and a folder for each."""

    root: Path

    @property
    def database(self) -> Path:
        """Optuna's storage."""
        return self.root / _DATABASE

    def folder(self, name: str) -> Path:
        """Of one study, until it is finished."""
        return self.root / name


def require_unseen(order: Order, gates: EvaluationSettings) -> None:
    """Refuse planting seeds that the gates in force plant with, too.

    Raises:
        SeenByGates: There are some.
    """
    if shared := order.tuning.shared_seeds(gates.injection.all_seeds):
        raise SeenByGates(
            f"planting_seeds and measured_seeds of tuning.yaml share {', '.join(map(str, shared))} with the gates of "
            f"the policy in force, which would judge by what was tuned on. Name other seeds."
        )


def run_study(
    order: Order,
    settings: Settings,
    tables: Warehouse,
    store: ArtifactStore,
    place: Place,
    now: Callable[[], pd.Timestamp],
) -> Study:
    """Begin a study, or go on with it, to its end; a finished one is read.

    Raises:
        OtherStudy: One of that name was begun in another way.
        StudyBusy: Another command works at it.
        TooShort, NothingToJudgeBy: The market before the holdout does not suffice.
        TuningFailed: A process could not go on.
    """
    from mlreg_dagster.models.tuning import search

    if order.name in record.study_names(store):
        return record.read_study(store, order.name)
    deadline = None if order.tuning.minutes is None else time.time() + 60 * order.tuning.minutes
    folder = place.folder(order.name)
    with alone_at(folder):
        keep(order, folder, store)
        folds = _material(order, settings, tables, folder)
        study = search.study_in(place.database, order.name, order.tuning)
        budget = search.begin(study, order)
        if order.tuning.jobs == 1:
            search.work(study, order, folds[:-1], folder, budget, deadline)
        else:
            run_workers(folder, place.database, order.tuning.jobs, budget, deadline)
            search.begin(study, order)  # a process that died left its trial running
        finished = _record(order, settings, study, folds, now())
        record.write_study(store, finished)
    shutil.rmtree(folder, ignore_errors=True)
    return finished


def plan_of(order: Order, settings: Settings, tables: Warehouse) -> Plan:
    """The hours of a study.

    Raises:
        TooShort: They do not suffice.
    """
    end = windows_of(as_hour(order.dataset_day), settings.datasets).training.end
    hours = tables.hours("market_features", settings.ingest.first_hour, end - HOUR)
    train_days = order.tuning.train_days
    if train_days is None:
        labelled = order.chosen.detector == CRASH_CLASSIFIER and settings.datasets.label_days
        train_days = labelled or max(settings.datasets.training_hours // 24, 1)
    horizon = settings.outcomes.horizon_hours
    earliest = hours[0] if len(hours) else end
    return plan_folds(earliest, end, order.tuning, train_days=train_days, horizon_hours=horizon)


def _material(order: Order, settings: Settings, tables: Warehouse, folder: Path) -> list[Fold]:
    """The folds, then the measured days; planted once."""
    kept = files.load(folder / _MATERIAL)
    if kept is None:
        plan = plan_of(order, settings, tables)
        seeds = (order.tuning.planting_seeds, order.tuning.measured_seeds)
        folds, measured = material.gather(tables, settings, order.chosen, plan, seeds)
        files.save(folder / _MATERIAL, [*folds, measured])
        kept = [*folds, measured]
    return kept


def _record(order: Order, settings: Settings, study: "optuna.Study", folds: Sequence[Fold], now: pd.Timestamp) -> Study:
    from mlreg_dagster.models.tuning import search

    trials = tuple(_trial(each) for each in study.get_trials(deepcopy=False) if each.state.is_finished())
    complete = [each for each in trials if each.state == record.COMPLETE]
    if not complete:
        raise TuningFailed(
            f"No trial of study {order.name} is complete: {len(trials)} were begun. Run this again to go on, with more "
            f"--minutes."
        )
    best = max(complete, key=lambda each: (each.value or 0.0, -each.number))
    measured_fold = folds[-1]
    measured: tuple[record.Measured, ...] = ()
    if best.params:
        tuned = settings_with(best.params, order.chosen)
        measured = measuring.measure(tuned, order.chosen, measured_fold, settings.evaluation.comparison)
    tuning = order.tuning
    days, seeds = tuning.measured_days, len(tuning.measured_seeds)
    where = f"{days} day{'s' * (days > 1)} and {seeds} planting seed{'s' * (seeds > 1)} that tuning never saw"
    facts = order.facts()
    return Study(
        name=order.name,
        model=order.model,
        detector=order.chosen.detector,
        default=facts["chosen"],
        dataset_day=order.dataset_day,
        dataset_sha256=order.dataset_sha256,
        seed=tuning.seed,
        settings={**facts["tuning"], "judged_by": order.judged_by},
        space=facts["space"],
        folds=tuple(record.Fold(*each.split.as_texts()) for each in folds[:-1]),
        planting_seeds=tuning.planting_seeds,
        measured_folds=(record.Fold(*measured_fold.split.as_texts()),),
        measured_seeds=tuning.measured_seeds,
        trials=trials,
        best=best.number,
        measured=measured,
        result=measuring.sentence(best.number if best.params else 0, measured, tuning.objective, where),
        seconds=sum(each.seconds or 0.0 for each in trials),
        finished_at=now.isoformat(),
        importance=search.importance_of(study, tuning.seed),
    )


def _trial(each: "optuna.trial.FrozenTrial") -> Trial:
    steps = tuple(float(value) for _, value in sorted(each.intermediate_values.items()))
    attributes: dict[str, Any] = each.user_attrs
    state = {"COMPLETE": record.COMPLETE, "PRUNED": record.PRUNED}.get(each.state.name, record.FAILED)
    value = each.value if state == record.COMPLETE else steps[-1] if steps and state == record.PRUNED else None
    figures = (None, None) if state == record.FAILED else (attributes.get("planted"), attributes.get("worth"))
    seconds = each.duration.total_seconds() if each.duration is not None else None
    return Trial(each.number, dict(each.params), state, value, *figures, steps, seconds)
