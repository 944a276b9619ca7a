"""A world with a dataset that has days enough before it to tune on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlreg_dagster import jobs
from mlreg_dagster.models.tuning.order import Order, place_study
from mlreg_dagster.models.tuning.record import Study
from mlreg_dagster.models.tuning.study import Place, run_study
from mlreg_dagster_tests.lifecycle import CONFIGS, Lifecycle

DAY = "2026-01-05"
CHANGES = {
    "outcomes": {**CONFIGS["outcomes"], "horizon_hours": 6, "crash_pct": -2.0},
    "evaluation": {"injection": {"seeds": 2}, "comparison": {"refits": 1, "bootstrap_samples": 100}},
    "tuning": {
        "folds": 1,
        "measured_days": 1,
        "min_train_days": 1,
        "planting_seeds": [700, 701],
        "measured_seeds": [800],
        "heartbeat_seconds": 1,
        "grace_seconds": 3,
        "pruning": {"startup_trials": 2},
    },
}


@pytest.fixture
def tunable(make_world: Callable[..., Lifecycle], trained_home: Path) -> Lifecycle:
    world = make_world(trained_home, configs=CHANGES)
    world.run_partition(jobs.DATASETS, DAY)
    return world


@pytest.fixture
def tune(tunable: Lifecycle) -> Callable[..., Study]:
    """Run a study on the world."""

    def run(name: str = "s", model: str = "model_forest", **budgets: Any) -> Study:
        place = Place(tunable.home / "tuning")
        return run_study(
            order_of(tunable, name, model, **budgets),
            tunable.settings,
            tunable.warehouse,
            tunable.artifacts,
            place,
            lambda: pd.Timestamp("2026-01-08T00:30", tz="UTC"),
        )

    return run


def order_of(world: Lifecycle, name: str = "s", model: str = "model_forest", **budgets: Any) -> Order:
    return place_study(world.settings, world.artifacts, name, model=model, dataset=DAY, budgets=budgets)
