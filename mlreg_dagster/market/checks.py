"""Asset checks of the market room: is what the tables hold fit to be used?

They look at the hours that their run has written, or, run by themselves, at the newest day of the table.
Nothing that breaks the schema gets into a table; these checks find what is allowed but odd, so they warn.
"""

from collections.abc import Iterator

import dagster as dg
import pandas as pd

from mlreg_dagster.config import ConfigError, IngestSettings, Settings
from mlreg_dagster.core.hours import HOUR, chunked, hour_range
from mlreg_dagster.market.features.features import features_of, features_table
from mlreg_dagster.market.features.unknown import find_unknown, in_words
from mlreg_dagster.market.quality import (
    SNAPSHOT_CHECKS,
    Finding,
    check_freshness,
    check_schema,
    check_snapshots,
    first_failure,
    require_known_columns,
)
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.orchestration.metadata import table_view
from mlreg_dagster.orchestration.partitions import hours_in_tags
from mlreg_dagster.orchestration.resources import Clock, WarehouseResource
from mlreg_dagster.orchestration.retries import retried
from mlreg_dagster.storage.warehouse.tables import Table
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

_KEYS = ["hour", "instrument_id"]
_PRICES = [*_KEYS, "price"]
_SEEN_WITHIN = pd.Timedelta(days=14)  # longer than any holiday of a market


def build_market_checks(settings: Settings) -> list[dg.AssetChecksDefinition]:
    """The checks on market_snapshot and market_features.

    Raises:
        ConfigError: They are to look at a column that snapshots don't have.
    """
    require_known_columns(settings.ingest)
    features = features_table(settings.features)
    return [
        _snapshot_checks(settings.ingest),
        _feature_checks(features, settings.ingest.hours_at_once),
        _known_check(features, settings),
    ]


def _snapshot_checks(settings: IngestSettings) -> dg.AssetChecksDefinition:
    specs = [
        dg.AssetCheckSpec(name, asset="market_snapshot", description=meaning)
        for name, meaning in SNAPSHOT_CHECKS.items()
    ]

    @dg.multi_asset_check(name="market_snapshot_checks", specs=specs, can_subset=True)
    @retried
    def market_snapshot_checks(
        context: dg.AssetCheckExecutionContext, mlreg_warehouse: WarehouseResource, mlreg_clock: Clock
    ) -> Iterator[dg.AssetCheckResult]:
        with mlreg_warehouse.open().session() as tables:
            hours = _hours_to_check(context, tables, MARKET_SNAPSHOT)
            chunks = chunked(hours, settings.hours_at_once)
            pieces = (tables.read(MARKET_SNAPSHOT, chunk[0], chunk[-1]) for chunk in chunks)
            before = tables.read(MARKET_SNAPSHOT, hours[0] - _SEEN_WITHIN, hours[0] - HOUR, columns=_PRICES)
            findings, newest = check_snapshots(pieces, hours, settings, before), tables.newest(MARKET_SNAPSHOT)
        findings["freshness"] = check_freshness(newest, mlreg_clock.now(), hours, settings)
        for key in context.selected_asset_check_keys:
            yield _result("market_snapshot", key.name, findings[key.name], hours)

    return market_snapshot_checks


def _feature_checks(table: Table, chunk_hours: int) -> dg.AssetChecksDefinition:
    name = "one_row_a_snapshot"

    @dg.asset_check(
        asset="market_features",
        name=name,
        description="The rows fit the catalogue, one for each snapshot row.",
    )
    @retried
    def one_row_a_snapshot(
        context: dg.AssetCheckExecutionContext, mlreg_warehouse: WarehouseResource
    ) -> dg.AssetCheckResult:
        tables, total, findings = mlreg_warehouse.open(), 0, []
        hours = _hours_to_check(context, tables, table)
        for chunk in chunked(hours, chunk_hours):
            with tables.session():
                rows = tables.read(table, chunk[0], chunk[-1])
                expected = tables.read(MARKET_SNAPSHOT, chunk[0], chunk[-1], columns=_KEYS)
            total += len(rows)
            findings += [check_schema(table, rows), _check_keys(rows, expected)]
        finding = first_failure(findings, f"{total} rows fit.")
        return _result("market_features", name, finding, hours)

    return one_row_a_snapshot


def _known_check(table: Table, settings: Settings) -> dg.AssetChecksDefinition:
    accepted = settings.ingest.checks.unknown_features
    features = [each.name for each in features_of(settings.features)]
    if strangers := [name for name in accepted if name not in features]:
        raise ConfigError(
            f"ingest.yaml: checks.unknown_features: there is no feature {', '.join(strangers)}; allowed are "
            f"{', '.join(features)}."
        )

    @dg.asset_check(
        asset="market_features",
        description="Each feature is known to some instrument in the week up to the last hour: none is null for the "
        "whole market, but for those in checks.unknown_features of ingest.yaml.",
    )
    @retried
    def features_are_known(
        context: dg.AssetCheckExecutionContext, mlreg_warehouse: WarehouseResource
    ) -> dg.AssetCheckResult:
        with mlreg_warehouse.open().session() as tables:
            last = _hours_to_check(context, tables, table)[-1]
            with tables.connect() as connection:
                found = find_unknown(connection, table, last, [name for name in features if name not in accepted])
        return dg.AssetCheckResult(
            passed=found.young or not found.never_known,
            severity=dg.AssetCheckSeverity.WARN,
            description=in_words(found),
            metadata={
                "hours": found.hours,
                "never_known": len(found.never_known),
                "null_for_the_whole_market": table_view(
                    [{"feature": name, "share_of_hours": share} for name, share in found.shares.items()]
                ),
            },
        )

    return features_are_known


def _check_keys(rows: pd.DataFrame, expected: pd.DataFrame) -> Finding:
    text = f"{len(rows)} feature rows for {len(expected)} snapshot rows."
    if rows[_KEYS].equals(expected):
        return Finding(True, text)
    return Finding(False, f"{text} Materialize the hours again.")


def _hours_to_check(context: dg.AssetCheckExecutionContext, tables: Warehouse, table: Table) -> pd.DatetimeIndex:
    hours = hours_in_tags(context.run.tags)
    if hours is not None:
        return hours
    newest = tables.newest(table)
    if newest is None:
        raise dg.Failure(f"{table.name} holds no hour yet. Materialize it first.")
    return hour_range(newest - 23 * HOUR, newest)


def _result(asset: str, name: str, finding: Finding, hours: pd.DatetimeIndex) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=name,
        passed=finding.passed,
        severity=dg.AssetCheckSeverity.WARN,
        description=finding.text,
        metadata={
            "first_hour": f"{hours[0]:%Y-%m-%d %H:%M}",
            "last_hour": f"{hours[-1]:%Y-%m-%d %H:%M}",
            **({} if finding.value is None else {"value": finding.value}),
        },
    )
