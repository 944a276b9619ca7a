"""Checks that the tables are whole and lack no hour."""

from collections.abc import Iterator, Mapping
from datetime import datetime

import duckdb
import pandas as pd

from mlreg_dagster.config import OutcomeSettings, Settings
from mlreg_dagster.core.health import Finding, State
from mlreg_dagster.core.hours import HOUR, hour_range
from mlreg_dagster.evidence.data_audit.catalogue import tables_of_assets
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.operations.branches.record import newest_of_snapshot
from mlreg_dagster.operations.doctor.materializations import Made, compare_hours, no_hours, stored_hours
from mlreg_dagster.operations.home import Home, materialize
from mlreg_dagster.operations.retention.future_hours import no_row_is_ahead
from mlreg_dagster.outcomes.consistency import hours_under_other_settings, in_words
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES, PREDICTIONS
from mlreg_dagster.storage.faults import StorageDamaged, StorageNotWritable
from mlreg_dagster.storage.warehouse.guarded_file import WarehouseBusy
from mlreg_dagster.storage.warehouse.sql_warehouse import differing_columns
from mlreg_dagster.storage.warehouse.tables import Table

_RESTORE = "Stop everything that uses it, move it away and put a copy from before in its place; see docs/runbook.md."


def tables_are_sound(home: Home, settings: Settings, now: pd.Timestamp, made: Made | None) -> list[Finding]:
    """Who holds the file, each table by itself, what follows from what, the hours, and what runs made of them."""
    path = home.warehouse.place
    if not home.warehouse.exists():
        waiting = Finding("tables", "waiting", f"{path} is not there yet.", "The first run of an hour makes it.")
        return [waiting, *compare_hours(no_hours(settings), made, now)]
    try:
        with home.warehouse.look() as connection:
            found = _look(connection, settings, now, made, newest_of_snapshot(home.folder))
            free = Finding("lock", "ok", f"{path}: no process holds it.")  # a lake's are told with it
            return [*([free] if home.warehouse.mirror is not None else []), *found]
    except WarehouseBusy as busy:
        return [Finding("lock", "miss", str(busy), "Let that process end, or end it: kill <its pid>.")]
    except (StorageDamaged, StorageNotWritable, duckdb.Error) as error:
        return [Finding("tables", "miss", f"{path}: {error}", _RESTORE)]


def _look(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    now: pd.Timestamp,
    made: Made | None,
    snapshot: Mapping[str, datetime],
) -> Iterator[Finding]:
    features, tables = features_table(settings.features), tables_of_assets(settings)
    there = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    fit = set()
    for table in tables:
        finding = _table_is_sound(connection, table, table.name in there)
        fit |= {table.name} if table.name in there and finding.state == "ok" else set()
        yield finding
    yield no_row_is_ahead(connection, [table for table in tables if table.name in fit], now)
    yield from compare_hours(stored_hours(connection, settings), made, now, snapshot)
    for name, (follower, basis, assets) in _MADE_FROM.items():
        if {follower, basis} <= fit:
            yield _nothing_is_half(connection, name, (follower, basis), assets)
    if MARKET_SNAPSHOT.name in fit:
        yield _no_hour_is_missing(connection, settings, now)
        yield _nothing_lies_before_the_start(connection, settings.ingest.first_hour)
    if {MARKET_SNAPSHOT.name, features.name} <= fit:
        yield _features_follow(connection)
    if {MARKET_SNAPSHOT.name, PREDICTIONS.name, PREDICTION_OUTCOMES.name} <= fit:
        yield _outcomes_follow(connection, settings.outcomes.horizon_hours, now)
    if PREDICTION_OUTCOMES.name in fit:
        yield _outcomes_have_one_meaning(connection, settings.outcomes)


def _table_is_sound(connection: duckdb.DuckDBPyConnection, table: Table, there: bool) -> Finding:
    """It has the columns that the configuration asks for, every block can be read, and keys are unique."""
    name = f"table {table.name}"
    if not there:
        return Finding(name, "waiting", "It is not there yet.", "The first run that writes it makes it.")
    if differing := differing_columns(connection, table):
        seen = f"It has other columns than the configuration asks for; they differ in: {', '.join(differing)}."
        return Finding(name, "miss", seen, "Give the configuration back its values, or use another MLREG_HOME.")
    key = ", ".join(f'"{column}"' for column in table.key)
    rows, doubled = connection.execute(
        f"SELECT coalesce(sum(n), 0)::BIGINT, coalesce(sum(n - 1), 0)::BIGINT "  # noqa: S608
        f'FROM (SELECT count(*) AS n FROM "{table.name}" GROUP BY {key})'
    ).fetchall()[0]
    connection.execute(f'SELECT bit_xor(hash(t)) FROM "{table.name}" AS t').fetchall()  # noqa: S608 - reads every block
    if doubled:
        partition = table.partition_column
        sql = f'SELECT "{partition}" FROM "{table.name}" GROUP BY {key} HAVING count(*) > 1'  # noqa: S608
        hours = pd.DatetimeIndex(connection.execute(sql).df()[partition].unique())
        seen = f"{doubled} of {rows} rows are there more than once by {key}."
        return Finding(name, "miss", seen, materialize(table.name, hours))
    return Finding(name, "ok", f"{rows:,} rows.")


_MADE_FROM = {
    "features of snapshots": ("market_features", "market_snapshot", "market_snapshot,market_features"),
    "predictions of features": ("predictions", "market_features", "market_features,predictions"),
    "outcomes of predictions": ("prediction_outcomes", "predictions", "prediction_outcomes"),
    "reasons of predictions": ("prediction_reasons", "predictions", "prediction_reasons"),
}


def _nothing_is_half(connection: duckdb.DuckDBPyConnection, name: str, tables: tuple[str, str], assets: str) -> Finding:
    """Each row has that from which it was made; hours before the first of those may have been pruned."""
    made, basis = tables
    hour = "prediction_hour" if made == PREDICTION_OUTCOMES.name else "hour"
    version = " AND b.model_version = m.model_version" if basis == PREDICTIONS.name else ""
    lost = connection.execute(
        f"SELECT m.hour AS hour, count(*) AS n FROM {made} AS m WHERE NOT EXISTS ("  # noqa: S608
        f"SELECT 1 FROM {basis} AS b WHERE b.hour = m.{hour} AND b.instrument_id = m.instrument_id{version}) "
        f"AND m.{hour} >= (SELECT coalesce(min(hour), 'infinity') FROM {basis}) GROUP BY ALL ORDER BY 1"
    ).df()
    if lost.empty:
        return Finding(name, "ok", "Each row has what it was made from.")
    seen = f"{lost['n'].sum()} rows of {made} in {len(lost)} hours lack their rows of {basis}."
    return Finding(name, "miss", seen, materialize(assets, pd.DatetimeIndex(lost["hour"])))


def _no_hour_is_missing(connection: duckdb.DuckDBPyConnection, settings: Settings, now: pd.Timestamp) -> Finding:
    """From the first hour of the snapshots to the last one up to now, none is missing."""
    name, sql = "hours of snapshots", "SELECT DISTINCT hour FROM market_snapshot WHERE hour <= $now"
    hours = _hours(connection, sql, {"now": now})
    if hours.empty:
        return Finding(name, "waiting", "No hour yet.")
    missing = hour_range(hours.min(), hours.max()).difference(hours)
    seen = f"{hours.min():%Y-%m-%d %H:%M} to {hours.max():%Y-%m-%d %H:%M}: {len(missing)} hours are missing."
    if len(missing) == 0:
        return Finding(name, "ok", seen)
    if settings.ingest.checks.allow_empty_hours:
        return Finding(name, "ok", f"{seen} The market closes (allow_empty_hours in ingest.yaml).")
    return Finding(name, "miss", seen, materialize("market_snapshot,market_features", missing))


def _nothing_lies_before_the_start(connection: duckdb.DuckDBPyConnection, start: pd.Timestamp) -> Finding:
    """No snapshot is older than the first partition, where features look back on it and no run makes it again."""
    hours = _hours(connection, "SELECT DISTINCT hour FROM market_snapshot WHERE hour < $start", {"start": start})
    name = "start of the market"
    if hours.empty:
        return Finding(name, "ok", f"No snapshot lies before {start:%Y-%m-%d %H:%M}, the start in ingest.yaml.")
    seen = (
        f"{len(hours)} hours of snapshots, from {hours.min():%Y-%m-%d %H:%M} on, lie before the start in ingest.yaml "
        f"({start:%Y-%m-%d %H:%M}); features look back on them, and no partition shows them."
    )
    return Finding(name, "waiting", seen, "Set start to the first of them, or go on in a new MLREG_HOME.")


def _features_follow(connection: duckdb.DuckDBPyConnection) -> Finding:
    """Every hour with a snapshot has features; those before the first may have been pruned."""
    missing = _hours(
        connection,
        "SELECT DISTINCT hour FROM market_snapshot WHERE hour NOT IN (SELECT hour FROM market_features) "
        "AND hour >= (SELECT coalesce(min(hour), '-infinity') FROM market_features)",
    )
    if missing.empty:
        return Finding("hours of features", "ok", "Each hour with a snapshot has them.")
    seen = f"{len(missing)} hours have a snapshot and no features."
    return Finding("hours of features", "miss", seen, materialize("market_features", missing))


def _outcomes_follow(connection: duckdb.DuckDBPyConnection, horizon_hours: int, now: pd.Timestamp) -> Finding:
    """Every prediction that has fallen due, by the newest snapshot up to now, has an outcome."""
    missing = _hours(
        connection,
        "SELECT DISTINCT p.hour AS hour FROM predictions AS p WHERE p.hour <= "
        "(SELECT max(hour) FROM market_snapshot WHERE hour <= $now) - $horizon "
        "AND NOT EXISTS (SELECT 1 FROM prediction_outcomes AS o "
        "WHERE o.prediction_hour = p.hour AND o.instrument_id = p.instrument_id AND o.model_version = p.model_version)",
        {"horizon": horizon_hours * HOUR, "now": now},
    )
    if missing.empty:
        return Finding("outcomes due", "ok", "Each prediction that has fallen due has its outcome.")
    seen = f"The predictions of {len(missing)} hours have fallen due and lack outcomes."
    return Finding("outcomes due", "miss", seen, materialize("prediction_outcomes", missing + horizon_hours * HOUR))


def _outcomes_have_one_meaning(connection: duckdb.DuckDBPyConnection, settings: OutcomeSettings) -> Finding:
    hours = hours_under_other_settings(connection, settings)
    state: State = "ok" if hours.empty else "warning"
    advice = "" if hours.empty else f"{materialize('prediction_outcomes', hours)} Then model_performance of their days."
    return Finding("meaning of outcomes", state, in_words(hours, settings), advice)


def _hours(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: dict[str, object] | None = None
) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(connection.execute(sql, parameters or {}).df()["hour"]).sort_values()
