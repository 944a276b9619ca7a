"""The mirror of the newest hour in a home: the doctor holds it against the tables, and each remedy makes it follow."""

import os

import pandas as pd
import pytest

from mlreg_dagster.core.hours import HOUR, hour_range
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.market.features.newest import decode
from mlreg_dagster.operations.mirror import mirror_again, mirror_follows
from mlreg_dagster.operations.retention.future_hours import set_aside
from mlreg_dagster.operations.retention.tasks import retention_tasks
from mlreg_dagster.outcomes.predicting.newest import decode_thresholds
from mlreg_dagster.storage.mirror import FEATURES_FILE, THRESHOLDS_FILE
from mlreg_dagster_tests.lifecycle import DUE, DUE_HOURS, LIVE, LIVE_HOURS, NOON, metadata
from mlreg_dagster_tests.operations.conftest import NOW
from mlreg_dagster_tests.operations.doctor.damage import misses, sql
from mlreg_dagster_tests.operations.retention.homes import carry_out, keeping

OF_FEATURES, OF_THRESHOLDS = "newest hour of features", "newest hour of thresholds"


@pytest.fixture
def latest(home):
    return home.folder / "latest"


@pytest.fixture
def followed(home, live):
    """What the doctor finds of the mirror, by name."""
    return lambda: {finding.name: finding for finding in mirror_follows(home, live.settings)}


def hour_in(latest) -> pd.Timestamp:
    return pd.Timestamp(decode((latest / FEATURES_FILE).read_bytes(), "it").hour)


def thresholds_in(latest):
    return decode_thresholds((latest / THRESHOLDS_FILE).read_bytes(), "it")


def test_the_steps_of_the_graph_leave_the_newest_hour(live, latest):
    assert hour_in(latest) == DUE_HOURS[-1]
    found = thresholds_in(latest)
    stored = live.warehouse.query("SELECT * FROM predictions ORDER BY hour").groupby("model_version").last()
    assert set(found) == set(stored.index) == {"v1", "v2"}
    for version, each in found.items():
        assert (each.value, each.hour) == (stored["threshold"][version], stored["hour"][version])
        assert each.artifact_sha256 == live.registry.version(version).artifact_sha256
        assert each.policy == "trailing_share"
    assert (found["v1"].hour, found["v2"].hour) == (NOON - HOUR, LIVE_HOURS[-1])


def test_backfills_of_old_hours_leave_it_alone_and_later_hours_replace_it(live, latest):
    before = [(latest / name).read_bytes() for name in (FEATURES_FILE, THRESHOLDS_FILE)]
    live.attempt("market_features", "predictions", hours=hour_range(LIVE, LIVE + 3 * HOUR))
    assert [(latest / name).read_bytes() for name in (FEATURES_FILE, THRESHOLDS_FILE)] == before
    live.attempt("predictions", hours=hour_range(DUE, DUE + HOUR))
    assert {version: each.hour for version, each in thresholds_in(latest).items()} == {
        "v2": DUE + HOUR,
        "v1": NOON - HOUR,
    }
    live.attempt("predictions", hours=DUE_HOURS)
    assert {version: each.hour for version, each in thresholds_in(latest).items()} == {"v2": DUE_HOURS[-1]}


def test_a_mirror_that_can_not_be_written_costs_no_hour(live, latest, followed):
    (latest / FEATURES_FILE).unlink()
    (latest / FEATURES_FILE).mkdir()
    result = live.attempt("market_features", hours=DUE_HOURS[-1:])
    assert result.success
    assert "market_features.parquet can't be written" in metadata(result, "market_features")["mirror"]
    assert followed()[OF_FEATURES].state == "miss"
    (latest / FEATURES_FILE).rmdir()
    result = live.attempt("market_features", hours=DUE_HOURS[-1:])
    assert metadata(result, "market_features")["mirror"] == "2026-01-06-23:00"
    assert followed()[OF_FEATURES].state == "ok"


def test_the_doctor_tells_a_mirror_that_lags_behind_is_damaged_or_not_there(home, live, latest, followed):
    assert {followed()[name].state for name in (OF_FEATURES, OF_THRESHOLDS)} == {"ok"}
    sql(home, f"DELETE FROM market_features WHERE hour = '{DUE_HOURS[-1]}'")
    found = followed()[OF_FEATURES]
    assert found.state == "miss"
    assert "shows 2026-01-06-23:00, and the newest hour of the table is 2026-01-06-22:00" in found.seen
    assert "--select market_features --partition-range 2026-01-06-22:00...2026-01-06-22:00" in found.advice
    live.attempt("market_features", hours=DUE_HOURS[-2:-1])
    assert followed()[OF_FEATURES].state == "ok"
    sql(home, f"UPDATE market_features SET change_1h_pct = 99 WHERE hour = '{DUE_HOURS[-2]}'")
    assert "other rows of 2026-01-06-22:00 than the table holds" in followed()[OF_FEATURES].seen
    sql(home, "UPDATE predictions SET threshold = threshold - 1e-9, is_anomaly = score > threshold - 1e-9")
    assert "other thresholds than the predictions of 2026-01-05-23:00" in followed()[OF_THRESHOLDS].seen
    for name in (FEATURES_FILE, THRESHOLDS_FILE):
        (latest / name).write_bytes((latest / name).read_bytes()[:-20])
    assert {OF_FEATURES, OF_THRESHOLDS} <= misses(followed())
    for name in (FEATURES_FILE, THRESHOLDS_FILE):
        (latest / name).unlink()
    assert {followed()[name].state for name in (OF_FEATURES, OF_THRESHOLDS)} == {"waiting"}
    assert "is not there yet: an earlier release wrote this home" in followed()[OF_FEATURES].seen
    mirror_again(home, live.settings)
    assert {followed()[name].state for name in (OF_FEATURES, OF_THRESHOLDS)} == {"ok"}


def test_hours_after_now_leave_the_mirror_with_the_tables(home, live, latest):
    ahead, table = pd.Timestamp(NOW).floor("h") + 5 * HOUR, features_table(live.settings.features)
    rows = home.warehouse.read(table, DUE_HOURS[-1], DUE_HOURS[-1])
    home.warehouse.write(table, rows.assign(hour=ahead), [ahead])
    mirror_again(home, live.settings)
    assert hour_in(latest) == ahead
    carry_out(*set_aside(home, live.settings, NOW))
    assert hour_in(latest) == DUE_HOURS[-1]
    assert list(set_aside(home, live.settings, NOW)) == []


def test_pruning_leaves_the_newest_hour_and_removes_drafts_of_dead_processes(home, live, latest, findings):
    draft = latest / f".{FEATURES_FILE}.draft"
    draft.write_bytes(b"half")
    os.utime(draft, (0, 0))
    settings = keeping(live.settings, feature_days=1, snapshot_days=1)
    carry_out(*retention_tasks(home, settings, NOW))
    assert not draft.exists()
    assert findings()[OF_FEATURES].state == "ok"
    assert home.warehouse.partitions(features_table(live.settings.features))[0] > LIVE
