"""Runs a study through the graph, with its progress."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from mlreg_dagster.cli.progress import Advance, step_progress
from mlreg_dagster.config.places import tuning_root
from mlreg_dagster.core.names import TUNE
from mlreg_dagster.models.tuning.extra import require_extra
from mlreg_dagster.models.tuning.order import place_study
from mlreg_dagster.models.tuning.record import study_names
from mlreg_dagster.models.tuning.study import Place
from mlreg_dagster.orchestration.partitions import STUDIES
from mlreg_dagster.runner import Runner, asset_config

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
    from mlreg_dagster.models.tuning.search import watch  # before there are threads: two can't import at a time

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


def _watch(
    watch: Callable[[Path, str], _Look], database: Path, name: str, advance: Advance, over: threading.Event
) -> None:
    """Show how many trials are finished, until the run is over."""
    look: _Look | None = None
    told = -1
    advance("read the market, and plant anomalies", 0)
    while not over.wait(_LOOK_S):
        try:
            if look is None and database.is_file():
                look = watch(database, name)
            finished, pruned = look() if look else (0, 0)
        except Exception:  # noqa: BLE001, S112  # the database is not there yet, or busy: progress can wait
            continue
        if finished != told and look is not None:
            told = finished
            advance(f"{finished} trials finished, {pruned} of them pruned", finished)
