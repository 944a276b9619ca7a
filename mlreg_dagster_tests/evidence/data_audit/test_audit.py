"""The numbers of the audit are those that pandas gives for the rows, on a home and on recorded markets."""

from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from mlreg_dagster.config import ArchiveSettings, load_settings
from mlreg_dagster.config.places import warehouse_file
from mlreg_dagster.core.hours import HOUR, as_hour, hour_range
from mlreg_dagster.evidence.data_audit.audit import Scope, audit_tables
from mlreg_dagster.evidence.data_audit.catalogue import every_table, is_of_time
from mlreg_dagster.evidence.data_audit.profiles import LEAST_VALUES, QUANTILES
from mlreg_dagster.market.features.features import compute_features
from mlreg_dagster.market.sources.archive.source import Archive
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster.storage.warehouse.reader import WarehouseReader
from mlreg_dagster_tests.evidence.data_audit.markets import FEATURES, SETTINGS, tables_of
from mlreg_dagster_tests.lifecycle import DUE, NOW, write_configs

PERIODS = [(None, None), (as_hour("2026-01-03T05:00"), as_hour("2026-01-05T18:00"))]


def weekly(values: pd.Series, hours: pd.Series) -> pd.DataFrame:
    """Mean, PSI and KS of whole weeks, from their definitions."""
    first, last = hours.min(), hours.max()
    number = int((last + HOUR - first) / (168 * HOUR))
    edges = values.quantile(np.arange(1, 64) / 64).to_numpy()
    rows = []
    before = None
    for week in range(number):
        begin = last + HOUR - (number - week) * 168 * HOUR
        own = values[hours.between(begin, begin + 167 * HOUR)].dropna()
        bounds = [-np.inf, *edges, np.inf]
        shares = np.array([((own >= low) & (own < high)).mean() for low, high in pairwise(bounds)])
        row = {"mean": own.mean() if len(own) else None, "psi": None, "ks": None}
        if before is not None and min(len(own), before[1]) >= LEAST_VALUES:
            p, q = np.maximum(before[0], 1e-4), np.maximum(shares, 1e-4)
            row["psi"] = ((p - q) * np.log(p / q)).sum()
            row["ks"] = np.abs(np.cumsum(before[0]) - np.cumsum(shares)).max()
        rows.append(row)
        before = shares, len(own)
    return pd.DataFrame(rows, columns=["mean", "psi", "ks"]).astype(float)


def assert_like_pandas(found, table, rows: pd.DataFrame) -> None:
    """An audited table against its rows."""
    assert found.rows == len(rows)
    assert found.duplicates == rows.duplicated(list(table.key)).sum()
    if is_of_time(table) and len(rows):
        times = rows[table.partition_column]
        counts = times.value_counts()
        assert (found.partitions, found.first, found.last) == (len(counts), times.min(), times.max())
        assert (found.usual_rows, found.least_rows) == (counts.median(), counts.min())
    if "instrument_id" in rows:
        assert found.instruments == rows["instrument_id"].nunique()
    assert [each.name for each in found.columns] == list(table.columns)
    for profile in found.columns:
        values = rows[profile.name]
        assert profile.nulls == values.isna().sum(), profile.name
        assert profile.impossible == sum_of_impossible(table.columns[profile.name], values), profile.name
        if profile.distinct is not None:
            assert profile.distinct == values.nunique()
            counts = values.astype(str)[values.notna()].value_counts()
            assert {n for _, n in profile.common} <= set(counts)
        elif values.notna().any():
            assert_numbers(profile, values.dropna().astype(float))
            if profile.weeks:
                wanted = weekly(values.astype(float), rows[table.partition_column])
                got = pd.DataFrame([{"mean": w.mean, "psi": w.psi, "ks": w.ks} for w in profile.weeks]).astype(float)
                pd.testing.assert_frame_equal(got, wanted, rtol=1e-9, atol=1e-9)


def sum_of_impossible(column, values: pd.Series) -> int:
    known = values.dropna()
    if column.dtype == "category":
        known = known.astype("category")
    holds = [np.broadcast_to(check.holds(known), len(known)) for check in column.checks if len(known)]
    return int((~np.logical_and.reduce(holds)).sum()) if holds else 0


def assert_numbers(profile, values: pd.Series) -> None:
    assert (profile.least, profile.most) == (values.min(), values.max())
    assert profile.mean == pytest.approx(values.mean(), rel=1e-9, abs=1e-12)
    if len(values) > 1:
        assert profile.deviation == pytest.approx(values.std(), rel=1e-9, abs=1e-12)
    for name, share in QUANTILES.items():
        assert profile.quantiles[name] == pytest.approx(values.quantile(share), rel=1e-12)
    histogram = profile.histogram
    inside = values[values.between(histogram.low, histogram.high)]
    assert histogram.below == (values < histogram.low).sum()
    assert histogram.above == (values > histogram.high).sum()
    assert list(histogram.counts) == list(np.histogram(inside, bins=40, range=(histogram.low, histogram.high))[0])


@pytest.mark.parametrize(("first", "last"), PERIODS)
def test_the_live_home(live_home, tmp_path, first, last):
    settings = load_settings(write_configs(tmp_path))
    now = datetime.fromisoformat(NOW).replace(tzinfo=UTC)
    with WarehouseReader(warehouse_file(live_home)).tables() as tables:
        audit = audit_tables(tables, settings, Scope(first, last), now)
    assert audit.wrong == []
    warehouse = DuckDBWarehouse(warehouse_file(live_home))
    there = 0
    for found, table in zip(audit.tables, every_table(settings), strict=True):
        assert found.name == table.name
        if found.is_there:
            period = (first, last) if is_of_time(table) else (None, None)
            assert_like_pandas(found, table, warehouse.read(table, *period))
            there += 1
    assert there >= 5
    assert as_hour("2026-01-05T18:00") < DUE


def test_a_recorded_market(data_dir):
    """Three weeks of seven coins as they were traded, and the features that follow from them."""
    source = Archive(ArchiveSettings(path=str(data_dir / "crypto_hourly_2017.parquet")), universe=7)
    hours = hour_range(as_hour("2017-11-20"), as_hour("2017-12-10T23:00"))
    market = source.snapshots(hour_range(hours[0] - 168 * HOUR, hours[-1]), pd.Timestamp("2020-01-01", tz="UTC"))
    features = compute_features(market, hours, FEATURES, 168).astype({"feature_settings": "str"})
    names = ("market_snapshot", "market_features")
    with tables_of(dict(zip(names, (market, features), strict=True))) as tables:
        audit = audit_tables(tables, SETTINGS, Scope(tables=names), datetime(2020, 1, 1, tzinfo=UTC))
    described = {table.name: table for table in every_table(SETTINGS)}
    for found, rows in zip(audit.tables, (market, features), strict=True):
        assert_like_pandas(found, described[found.name], rows)
    assert {fault.kind for fault in audit.faults} <= {"late"}
    assert len(audit.tables[1].columns[-1].weeks) == 3
