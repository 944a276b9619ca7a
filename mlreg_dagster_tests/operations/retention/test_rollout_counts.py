"""Counts of rollouts go some time after the end of the rollout, and no others."""

from datetime import timedelta

import pandas as pd
import pytest

from mlreg_dagster.operations.retention.rollout_counts import old_counts, remove
from mlreg_dagster.registry import Registry
from mlreg_dagster.storage.rollout_counts import CountedPeriod, counts_folder, line_of
from mlreg_dagster_tests.operations.retention.homes import write_file
from mlreg_dagster_tests.registry.builders import NOW, evaluate, move, register, roll_out, shift, split

DAY = timedelta(days=1)


@pytest.fixture
def registry(tmp_path):
    """The first rollout ended on the first day, the second one goes on; a version was registered every ten days."""
    registry = Registry(f"sqlite:///{tmp_path / 'registry.sqlite'}")
    for number in range(1, 4):
        register(registry, f"v{number}")
        evaluate(registry, f"v{number}")
    move(registry, "v1", None)
    roll_out(registry, "v2", time=NOW)
    shift(registry, split("rolled_back", 0, "roll_back"), time=NOW + DAY)
    roll_out(registry, "v3", time=NOW + 2 * DAY)
    for number in range(4, 14):
        register(registry, f"v{number}", created_at=NOW + (number - 3) * 10 * DAY)
    return registry


@pytest.fixture
def folders(tmp_path):
    line = line_of(CountedPeriod("p", 1, NOW.to_pydatetime(), NOW.to_pydatetime()))
    return {
        number: write_file(counts_folder(tmp_path, "champion", number) / "p.jsonl", line).parent for number in (1, 3, 9)
    }


def test_those_of_a_rollout_that_ended_long_ago_go(registry, folders, tmp_path):
    now = pd.Timestamp(NOW + 101 * DAY)
    old = old_counts(tmp_path, registry, 90, now)
    assert old == [folders[1]]  # the second is open, and of the third the registry knows nothing
    remove(old)
    remove(old)
    assert not folders[1].exists()
    assert folders[3].exists()
    assert folders[9].exists()
    assert not old_counts(tmp_path, registry, 90, now)


@pytest.mark.parametrize(("days", "after"), [(None, 101), (120, 101), (90, 50)])
def test_younger_ones_stay(registry, folders, tmp_path, days, after):
    assert not old_counts(tmp_path, registry, days, pd.Timestamp(NOW + after * DAY))
    assert all(each.exists() for each in folders.values())


def test_a_clock_that_is_ahead_makes_nothing_old(registry, folders, tmp_path):
    assert folders
    assert not old_counts(tmp_path, registry, 120, pd.Timestamp(NOW + 4000 * DAY))


def test_a_home_without_counts_has_nothing_to_remove(registry, tmp_path):
    assert not old_counts(tmp_path / "other", registry, 90, pd.Timestamp(NOW + 101 * DAY))
