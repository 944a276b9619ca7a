"""Drift on small simulated markets; `benchmarks/drift.py` does the same at full size."""

import numpy as np
import pandas as pd
import pytest

from mlreg_dagster.market.day_quality import quality_of_days
from mlreg_dagster.market.features.features import lookbacks_of
from mlreg_dagster.monitoring.drift.families.quality import quality_rows, worst_of
from mlreg_dagster.monitoring.drift.statistics.arms import Limits
from mlreg_dagster_tests.monitoring.judged import course
from mlreg_dagster_tests.monitoring.panels import (
    CHANGES,
    NAMES,
    QUALITY_CHANGES,
    SETTINGS,
    World,
    chunks,
    counted,
    training_bins,
)

SEED = 5
WORLD = World(instruments=40, history=75, days=10)


@pytest.fixture(scope="module")
def before():
    bins = training_bins(WORLD, SEED)
    return bins, counted(World(WORLD.instruments, WORLD.history, 0), SEED, bins=bins).statistics


def _course(before, planted):
    bins, history = before
    after = counted(WORLD, SEED, planted, WORLD.history, bins).statistics
    return course(np.concatenate([history, after]), WORLD.history, Limits())


@pytest.mark.slow
def test_nothing_is_confirmed_on_a_quiet_market(before):
    found = _course(before, CHANGES["nothing"])
    assert not found.confirmed
    assert not found.trained


@pytest.mark.slow
def test_volume_that_doubles_is_watched_within_a_day_and_confirmed_within_three(before):
    found = _course(before, CHANGES["volume x 2"])
    assert found.watched[0] == 1
    assert found.confirmed[0] <= 3


@pytest.mark.slow
def test_a_spike_of_hours_is_never_trained_for(before):
    assert not _course(before, CHANGES["spike x 3 for 12 h"]).trained


@pytest.mark.slow
@pytest.mark.parametrize("change", [*QUALITY_CHANGES, None])
def test_data_that_break_are_found_on_the_same_day(change):
    planted = QUALITY_CHANGES[change] if change else None
    world, lookbacks = World(40, 12, 1), {name: lookbacks_of(SETTINGS)[name] for name in NAMES}
    rows = pd.concat([frame for _, frame in chunks(world, SEED, planted, first=2)], ignore_index=True)
    day = pd.DatetimeIndex([world.first_judged])
    no, nothing = pd.Series([False], index=day), pd.Series([0.0], index=day)
    found = quality_rows(quality_of_days(rows, day, lookbacks, world.instruments), no, nothing, no, no)
    assert worst_of(found) == ("bad" if change else "ok")
