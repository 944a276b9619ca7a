"""The numbers that are exported, from what is stored."""

import duckdb
import pytest

from mlreg_dagster.config import EvaluationSettings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.monitoring.metrics import numbers, slos
from mlreg_dagster.monitoring.metrics.declared import METRICS, MOST_SERIES
from mlreg_dagster.monitoring.metrics.numbers import Sample, collect
from mlreg_dagster.registry import Registry
from mlreg_dagster.storage.warehouse.reader import Tables
from mlreg_dagster_tests.monitoring.alerts.builders import HOUR, NOW
from mlreg_dagster_tests.registry.builders import evaluate, move, raise_alert, register, suspend


def values(samples) -> dict:
    return {(each.metric, *each.labels): each.value for each in samples}


@pytest.fixture
def registry(tmp_path) -> Registry:
    return Registry(f"sqlite:///{tmp_path}/registry.db")


@pytest.fixture
def tables():
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection, Tables(connection, "tables")


def test_versions_and_who_holds_which_alias(registry):
    for version in ("v1", "v2"):
        register(registry, version)
        evaluate(registry, version)
    move(registry, "v1", None)
    move(registry, "v2", "v1")
    found = values(numbers.registry_samples(registry, NOW, "0.1.0"))
    assert found["mlreg_versions", "evaluated"] == 2
    assert found["mlreg_versions", "rejected"] == 0
    assert found["mlreg_champion_info", "champion", "v2", "isolation_forest"] == 1
    assert found["mlreg_alias_moves_total", "champion"] == 2
    assert found["mlreg_champion_since_timestamp_seconds", "champion"] > 1.5e9


def test_which_aliases_are_suspended(registry):
    register(registry, "v1")
    evaluate(registry, "v1")
    move(registry, "v1", None)
    move(registry, "v1", None, alias="challenger")
    suspend(registry)
    found = values(numbers.registry_samples(registry, NOW, "0.1.0"))
    assert (found["mlreg_suspended", "champion"], found["mlreg_suspended", "challenger"]) == (1, 0)


def test_alerts_and_the_outbox(registry):
    raise_alert(registry)
    raise_alert(registry, subject="datasets", severity="page")
    found = values(numbers.alert_samples(registry))
    assert found["mlreg_alerts", "run_failed", "ticket", "firing"] == 1
    assert found["mlreg_alerts", "run_failed", "page", "firing"] == 1
    assert found["mlreg_alert_events_total", "firing"] == 2
    assert found["mlreg_alert_events_total", "resolved"] == 0
    assert found["mlreg_alert_messages_waiting", "a"] == 2


def test_tables_that_are_not_there_give_no_numbers(tables):
    _, reader = tables
    assert list(numbers.drift_samples(reader)) == []
    assert set(values(numbers.champion_samples(reader, EvaluationSettings()))) == {
        ("mlreg_scored_rows",), ("mlreg_flagged_limit_ratio", "least"), ("mlreg_flagged_limit_ratio", "most"),
    }  # fmt: skip


def test_drift_of_the_newest_day(tables):
    connection, reader = tables
    newest = "SELECT '2026-03-01'::TIMESTAMPTZ AS day"
    for statement in (
        f"CREATE TABLE drift_decision AS {newest}, 'watch' AS state",
        "INSERT INTO drift_decision VALUES ('2026-02-28', 'stable')",
        f"CREATE TABLE feature_drift AS {newest}, 'f' || i AS feature, 1.5::DOUBLE AS location_z, "
        f"CASE WHEN i > 0 THEN 2.5::DOUBLE END AS spread_z, 0.25::DOUBLE AS null_share FROM range(300) AS t(i)",
        f"CREATE TABLE data_quality_drift AS {newest}, 'nulls' AS measure, 0.1::DOUBLE AS value, 0.05::DOUBLE AS bad, "
        f"0.2::DOUBLE AS severe",
        f"CREATE TABLE concept_drift AS {newest}, 'predecessor' AS kind, true AS decides, -0.1::DOUBLE AS difference",
    ):
        connection.execute(statement)
    samples = list(numbers.drift_samples(reader))
    found = values(samples)
    assert [found["mlreg_drift_state", each] for each in ("stable", "watch", "confirmed")] == [0, 1, 0]
    assert found["mlreg_drift_day_timestamp_seconds",] == 1772409600  # the end of the day
    assert found["mlreg_drift_feature_zscore", "f0", "location"] == 1.5
    assert ("mlreg_drift_feature_zscore", "f0", "spread") not in found
    assert found["mlreg_drift_quality_limit", "nulls", "severe"] == 0.2
    assert found["mlreg_drift_concept_difference", "predecessor"] == -0.1
    assert len(samples) < MOST_SERIES / 2  # 300 features are stored


def test_objectives_with_the_worst_of_several_measurements():
    levels = [
        slos.predictions_level(NOW - 9 * HOUR, NOW),
        slos.outcomes_level(None, 24 * HOUR, NOW),
        *slos.training_levels([slos.Training("a", NOW - HOUR, None), slos.Training("b", NOW - 5 * HOUR, None)], NOW),
    ]
    found = values(numbers.slo_samples(levels))
    assert found["mlreg_slo_seconds", "predictions"] == 8 * 3600
    assert found["mlreg_slo_met", "predictions"] == 0
    assert found["mlreg_slo_seconds", "retraining"] == 5 * 3600
    assert ("mlreg_slo_met", "outcomes") not in found


def test_a_part_that_can_not_be_read_costs_no_other():
    def broken():
        yield Sample("mlreg_tables_bytes", 1)
        raise MlregError("no")

    found = values(collect({"tables": broken, "disk": lambda: [Sample("mlreg_disk_free_bytes", 5)]}, NOW))
    assert found == {
        ("mlreg_export_timestamp_seconds",): NOW.timestamp(),
        ("mlreg_part_unreadable", "tables"): 1,
        ("mlreg_disk_free_bytes",): 5,
        ("mlreg_part_unreadable", "disk"): 0,
    }


def test_series_are_bounded_and_those_of_parts_come_first():
    many = [Sample("mlreg_drift_feature_null_ratio", 0, (str(number),)) for number in range(5000)]
    assert len(collect({"tables": lambda: many}, NOW)) == MOST_SERIES


def test_labels_that_are_not_declared_are_a_defect():
    with pytest.raises(ValueError, match="mlreg_slo_met has the labels"):
        collect({"x": lambda: [Sample("mlreg_slo_met", 1)]}, NOW)


def test_names_follow_the_conventions():
    for name, metric in METRICS.items():
        assert name.startswith("mlreg_")
        assert metric.help.endswith(".")
        assert ("timestamp" in name) == name.endswith("_timestamp_seconds")
        assert not {"instrument", "instrument_id", "hour", "run", "run_id"} & set(metric.labels)
        assert not name.endswith(("_ms", "_percent", "_pct", "_count", "_minutes"))
