"""Every planted fault is found and named, at its place; the same market without it is clean."""

import numpy as np
import pandas as pd
import pytest

from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.evidence.data_audit.audit import Scope, UnknownTable, audit_tables
from mlreg_dagster_tests.evidence.data_audit.markets import FIRST, LAST, NOW, SETTINGS, audited, quiet_market, tables_of

BAD = FIRST + 600 * HOUR


@pytest.fixture(scope="module")
def quiet():
    return quiet_market()


@pytest.fixture
def market(quiet):
    return {name: frame.copy() for name, frame in quiet.items()}


def at(frame, hour, hours=1):
    return frame["hour"].between(hour, hour + (hours - 1) * HOUR)


def only(audit, kind):
    """The one finding, which is of a kind."""
    (fault,) = audit.faults
    assert fault.kind == kind
    return fault


def test_a_quiet_market_is_clean_as_tables_and_as_files(quiet, tmp_path):
    for folder in (None, tmp_path):
        audit = audited(quiet, folder)
        assert audit.faults == ()
        found = {each.name: each for each in audit.tables if each.is_there}
        assert found.keys() == {"market_snapshot", "market_features"}
        assert all(each.rows == 35 * 24 * 10 and each.absent == 0 for each in found.values())
    assert len(found["market_features"].columns[-1].weeks) == 5


def test_null_burst(market, tmp_path):
    frame = market["market_features"]
    frame.loc[at(frame, BAD, 3), "volatility_7d_pct"] = np.nan
    fault = only(audited(market, tmp_path), "null_burst")
    assert (fault.table, fault.column, fault.state, fault.partitions) == (
        "market_features",
        "volatility_7d_pct",
        "unusual",
        3,
    )
    assert f"{BAD:%Y-%m-%d %H:%M} to {BAD + 2 * HOUR:%Y-%m-%d %H:%M}" in fault.seen
    assert f"{BAD:%Y-%m-%d-%H:%M}...{BAD + 2 * HOUR:%Y-%m-%d-%H:%M}" in fault.advice


def test_nulls_before_anything_was_known_are_none(market):
    frame = market["market_features"]
    frame.loc[at(frame, FIRST, 24), "change_24h_pct"] = np.nan
    assert audited(market).faults == ()


def test_a_market_that_closes_is_held_against_the_same_hours_of_other_weeks(market):
    frame = market["market_features"]
    mornings = frame["hour"].dt.hour == 9
    frame.loc[mornings, "change_1h_pct"] = np.nan
    assert {fault.kind for fault in audited(market).faults} == {"null_burst"}
    checks = SETTINGS.ingest.checks.model_copy(update={"allow_empty_hours": True})
    closing = SETTINGS.model_copy(update={"ingest": SETTINGS.ingest.model_copy(update={"checks": checks})})
    with tables_of(market) as tables:
        assert audit_tables(tables, closing, Scope(), NOW).faults == ()


def test_out_of_range_values(market, tmp_path):
    frame = market["market_snapshot"]
    frame.loc[at(frame, BAD) & (frame["instrument_id"] == "coin-03"), "price"] = -1.5
    fault = only(audited(market, tmp_path), "impossible")
    assert (fault.table, fault.column, fault.state, fault.rows) == ("market_snapshot", "price", "wrong", 1)
    assert "such as -1.5: it must be finite and greater than 0" in fault.seen
    assert f"{BAD:%Y-%m-%d %H:%M}" in fault.seen


def test_infinite_features_and_texts_that_no_rule_allows(market):
    market["market_features"].loc[at(market["market_features"], BAD), "is_gap"] = np.inf
    market["market_snapshot"].loc[at(market["market_snapshot"], BAD), "source"] = ""
    faults = {(fault.table, fault.column): fault for fault in audited(market).faults}
    assert faults.keys() == {("market_features", "is_gap"), ("market_snapshot", "source")}
    assert all((each.kind, each.rows) == ("impossible", 10) for each in faults.values())


def test_duplicate_rows(market, tmp_path):
    frame = market["market_features"]
    market["market_features"] = pd.concat([frame, frame[at(frame, BAD)].head(3)], ignore_index=True)
    fault = only(audited(market, tmp_path), "duplicates")
    assert (fault.table, fault.state, fault.rows) == ("market_features", "wrong", 3)
    assert f"hour {BAD:%Y-%m-%d %H:%M:%S}+00, instrument_id coin-00" in fault.seen


def test_a_missing_hour(market, tmp_path):
    market = {name: frame[~at(frame, BAD)] for name, frame in market.items()}
    fault = only(audited(market, tmp_path), "missing")
    assert (fault.table, fault.state, fault.partitions) == ("market_snapshot", "wrong", 1)
    assert f"lacks 1 hours between its first and its last: {BAD:%Y-%m-%d %H:%M}." in fault.seen
    assert f"Materialize market_snapshot for {BAD:%Y-%m-%d-%H:%M} again." in fault.advice


def test_features_that_lack_an_hour_of_the_market(market):
    frame = market["market_features"]
    market["market_features"] = frame[~at(frame, BAD)]
    fault = only(audited(market, tables=["market_features"]), "missing")
    assert fault.table == "market_features"
    assert "that market_snapshot holds" in fault.seen


def test_an_hour_that_a_run_claims(market):
    market = {name: frame[frame["hour"] < LAST] for name, frame in market.items()}
    newest = int(LAST.timestamp() // 3600)
    assert audited(market).faults == ()
    fault = only(audited(market, claimed={"market_features": [newest]}), "missing")
    assert "that a run on record has written" in fault.seen


def test_a_shifted_distribution(market, tmp_path):
    frame = market["market_features"]
    frame.loc[frame["hour"] > LAST - 168 * HOUR, "slog_volume_24h"] += 2.0
    fault = only(audited(market, tmp_path), "shift")
    assert (fault.table, fault.column, fault.state) == ("market_features", "slog_volume_24h", "unusual")
    assert "week from 2026-01-29 00:00" in fault.seen


def test_columns_that_no_description_knows(market):
    market["market_snapshot"]["<script>alert(1)</script>"] = 1.0
    market["market_features"] = market["market_features"].drop(columns="is_gap").astype({"hour_of_day": "str"})
    faults = {(fault.table, fault.column) for fault in audited(market).faults}
    assert faults == {
        ("market_snapshot", "<script>alert(1)</script>"),
        ("market_features", "is_gap"),
        ("market_features", "hour_of_day"),
    }
    assert all(fault.kind == "schema" and fault.state == "wrong" for fault in audited(market).faults)


def test_rows_of_the_future_and_a_market_that_is_late(market):
    def moved(hours):
        return {name: frame.assign(hour=frame["hour"] + hours * HOUR) for name, frame in market.items()}

    assert {fault.kind for fault in audited(moved(2)).faults} == {"ahead"}
    fault = only(audited(moved(-24)), "late")
    assert (fault.table, fault.state) == ("market_snapshot", "unusual")
    assert "24 h ago; allowed are 3 h" in fault.seen


def test_an_hour_with_few_instruments(market):
    for name, frame in market.items():
        market[name] = frame[~(at(frame, BAD) & (frame["instrument_id"] > "coin-02"))]
    faults = audited(market).faults
    assert {(fault.table, fault.kind, fault.partitions) for fault in faults} == {
        ("market_snapshot", "few_instruments", 1),
        ("market_features", "few_instruments", 1),
    }


def test_missing_values_where_none_may_be(market):
    market["market_snapshot"].loc[at(market["market_snapshot"], BAD), "symbol"] = None
    assert only(audited(market), "null").column == "symbol"


def test_a_part_of_the_hours(market):
    frame = market["market_snapshot"]
    frame.loc[at(frame, BAD), "price"] = -1.0
    assert len(audited(market, first=BAD).wrong) == 1
    assert audited(market, last=BAD - HOUR).faults == ()
    assert audited(market, first=BAD + HOUR, last=LAST).faults == ()


def test_a_table_that_is_not_there():
    assert [each.is_there for each in audited({}).tables] == [False] * len(audited({}).tables)
    with pytest.raises(UnknownTable, match="Name one of market_snapshot"):
        audited({}, tables=["sqlite_master; DROP"])
