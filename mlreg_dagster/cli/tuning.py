"""Runs a study through the graph, with its progress, and trains its best."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from mlreg_dagster.cli.progress import Advance, step_progress
from mlreg_dagster.config.places import tuning_root
from mlreg_dagster.core.names import TUNE
from mlreg_dagster.jobs import EVALUATE
from mlreg_dagster.models.tuning.best import best_settings
from mlreg_dagster.models.tuning.extra import require_extra
from mlreg_dagster.models.tuning.order import place_study
from mlreg_dagster.models.tuning.record import Study, study_names
from mlreg_dagster.models.tuning.study import Place
from mlreg_dagster.orchestration.instance.runs import cancel_those_left
from mlreg_dagster.orchestration.locks.lifecycle import alone_on
from mlreg_dagster.orchestration.partitions import STUDIES
from mlreg_dagster.runner import Runner, asset_config

STUDY_TAG = "mlreg/study"
"""Of the run that trains the best of a study: its name, by which the Dagster UI filters."""

_LOOK_S = 1.0
_Look = Callable[[], tuple[int, int]]


def run_with_progress(runner: Runner, console: Console, name: str | None, asked: Mapping[str, Any]) -> str:
    """Run the job for a study, or go on with it; a finished one is left as it is.

    Args:
        runner: The graph and its storage.
        console: Where progress is shown.
        name: Of the study; None: model, day and seed.
        asked: Config of the asset.

    Returns:
        The name.

    Raises:
        TuneNotInstalled: The extra is not there.
        ConfigError, NoDataset, CannotLearn, InvalidArtifact: It can't be begun; no run was made.
        RunFailed: It failed; running it again goes on.
    """
    finished = [each for each in study_names(runner.artifacts) if runner.has_made("tuning_study", [each])]
    if name in finished:
        return str(name)
    require_extra()
    budgets = {key: asked[key] for key in ("trials", "jobs", "minutes", "seed")}
    order = place_study(
        runner.settings, runner.artifacts, name, model=asked["model"], dataset=asked["dataset"], budgets=budgets
    )
    if order.name in finished:
        return order.name
    from mlreg_dagster.models.tuning.search import import_storage, watch

    import_storage()  # before there are threads
    runner.instance.add_dynamic_partitions(str(STUDIES.name), [order.name])
    config = asset_config("tuning_study", {**asked, "dataset": order.dataset_day})
    database, over = Place(tuning_root(runner.home)).database, threading.Event()
    with step_progress(console, order.tuning.trials) as advance:
        watcher = threading.Thread(target=_watch, args=(watch, database, order.name, advance, over), daemon=True)
        watcher.start()
        try:
            runner.run_partition(TUNE, order.name, config)
        finally:
            over.set()
            watcher.join()
    return order.name


def train_best(runner: Runner, study: Study, actor: str | None) -> str:
    """Train and evaluate the best of a study, or what a run that was killed left of it; a second time it is as it was.

    Args:
        runner: The graph and its storage.
        study: A finished one.
        actor: Who asks; None: MLREG_ACTOR or the system's user.

    Returns:
        The version, evaluated.

    Raises:
        NothingToTrain: The best is the default.
        HomeInUse: Another command works on this home.
        TrainingUnderWay: As many trainings and evaluations as may go on side by side have not ended.
        RunFailed: The training or the evaluation failed.
    """
    best_settings(study)
    tags = {STUDY_TAG: study.name}
    with alone_on(runner.home):
        cancel_those_left(runner.instance, tags)
        origin = {"name": study.name, "trial": study.best}
        known = [each.version for each in runner.registry.versions() if each.manifest.get("study") == origin]
        if not known:
            reason = f"trial {study.best} of study {study.name}"
            asked = {"study": study.name, "trigger": "manual", "reason": reason, "actor": actor}
            return runner.retrain(asked, tags)
        if not runner.registry.evaluations(known[-1]):
            runner.require_room()
            runner.run_partition(EVALUATE, known[-1], asset_config("evaluated_model", {"actor": actor}), tags)
    return known[-1]


def _watch(
    watch: Callable[[Path, str], _Look], database: Path, name: str, advance: Advance, over: threading.Event
) -> None:
    """Show how many trials are finished, until the run is over."""
    look: _Look | None = None
    told = -1
    advance("read the market, and plant anomalies", 0)
    while not over.wait(_LOOK_S):
        try:
            if look is None and database.is_file() and database.stat().st_size:
                look = watch(database, name)
            finished, pruned = look() if look else (0, 0)
        except Exception:  # noqa: BLE001, S112  # the database is not there yet, or busy: progress can wait
            continue
        if finished != told and look is not None:
            told = finished
            advance(f"{finished} trials finished, {pruned} of them pruned", finished)
