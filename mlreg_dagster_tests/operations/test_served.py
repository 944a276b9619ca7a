"""What doctor and prune make of the prediction log."""

from datetime import timedelta

import pandas as pd
import pytest

from mlreg_dagster.config.sections.retention import RetentionSettings
from mlreg_dagster.operations.doctor.files import prediction_log_is_stored
from mlreg_dagster.operations.retention.served import old_hour_files, old_segments, remove
from mlreg_dagster.serving.log.compaction import compact
from mlreg_dagster.storage.prediction_log import layout_of
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster_tests.serving.log.answers import AT, answer
from mlreg_dagster_tests.serving.log.segments import write

FIRST = AT.replace(minute=0, second=0, microsecond=0)
DAYS = 5
NOW = pd.Timestamp(FIRST) + pd.Timedelta(days=DAYS - 1, hours=5)


class HomeOf:
    def __init__(self, folder):
        self.folder = folder


@pytest.fixture
def home(tmp_path):
    """A home whose server answered once a day; all of it is stored."""
    hours = [FIRST + timedelta(days=day) for day in range(DAYS)]
    write(tmp_path, *(answer(at=hour) for hour in hours))
    compact(layout_of(tmp_path), DuckDBWarehouse(tmp_path / "warehouse.duckdb"), hours)
    return HomeOf(tmp_path)


def test_stored_segments_go_after_some_days_and_features_stay(home):
    log = layout_of(home.folder)
    policy = RetentionSettings(served_segment_days=2)
    old = old_segments(log, policy, NOW)
    assert [path.name[:11] for path in old] == ["20261126T12", "20261127T12"]
    remove(old)
    assert len(list(log.stored.iterdir())) == DAYS - len(old)
    assert not old_segments(log, policy, NOW)
    assert not old_hour_files(log, policy, NOW)
    assert len(old_hour_files(log, RetentionSettings(served_feature_days=2), NOW)) == 2


@pytest.mark.parametrize("folder", ["open", "sealed"])
def test_what_is_not_stored_never_goes(home, folder):
    log = layout_of(home.folder)
    for path in log.stored.iterdir():
        path.rename(getattr(log, folder) / path.name)
    assert not old_segments(log, RetentionSettings(served_segment_days=1), NOW + pd.Timedelta(days=1))


def test_a_pause_makes_nothing_old(home):
    much_later = NOW + pd.Timedelta(days=400)
    assert len(old_segments(layout_of(home.folder), RetentionSettings(served_segment_days=3), much_later)) < DAYS


def test_the_doctor_says_what_waits_and_what_could_not_be_read(home, tmp_path):
    log = layout_of(home.folder)
    (found,) = prediction_log_is_stored(home, NOW)
    assert found.state == "ok"
    log.aside.mkdir()
    (log.aside / "x.lines").write_text("?")
    (found,) = prediction_log_is_stored(home, NOW)
    assert (found.state, "x.lines" in found.seen) == ("warning", True)
    write(home.folder, answer(at=FIRST))
    (found,) = prediction_log_is_stored(home, NOW)
    assert found.state == "miss"
    assert "--select served_predictions --partition-range 2026-11-26-12:00...2026-11-26-12:00" in found.advice
    assert not list(prediction_log_is_stored(HomeOf(tmp_path / "none"), NOW))
