"""Downstream is never made before upstream: an hour that was never computed is not one in which nothing was there."""

import dagster as dg
import pandas as pd

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.hours import HOUR, day_key, hour_key, hour_range
from mlreg_dagster.storage.warehouse.tables import Table
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

_SHOWN = 5


class NeverMade(MlregError):
    """Hours that an asset is to be made from and that were never made."""


def require_made(
    context: dg.AssetExecutionContext, tables: Warehouse, upstream: Table, hours: pd.DatetimeIndex
) -> None:
    """Refuse to make anything from hours of `upstream` that were never made.

    An hour was made when it has rows, or, where nothing was there to store, when a run has recorded it.

    Args:
        context: Of the step that is about to begin.
        tables: Where the rows are.
        upstream: The table, and the asset of that name.
        hours: What the step is to be made from.

    Raises:
        NeverMade: At least one hour was never made; nothing is stored.
    """
    if missing := never_made(context.instance, tables, upstream, hours):
        asset, name = context.asset_key.to_user_string(), upstream.name
        shown = missing[0] if len(missing) == 1 else f"{missing[0]} to {missing[-1]}"
        raise NeverMade(
            f"{asset}: {name} was never made for {len(missing)} of {len(hours)} hours ({shown}). Nothing was stored. "
            f"Materialize {name} for them first, or leave them out."
        )


def require_any_made(
    context: dg.AssetExecutionContext, tables: Warehouse, upstream: Table, days: pd.DatetimeIndex
) -> None:
    """Refuse days of which no hour of `upstream` was ever made; `context` and `tables` as for `require_made`.

    Raises:
        NeverMade: There is such a day; nothing is stored.
    """
    hours = hour_range(days[0], days[-1] + 23 * HOUR)
    missing = set(never_made(context.instance, tables, upstream, hours))
    if absent := [day_key(day) for day in days if missing.issuperset(map(hour_key, hour_range(day, day + 23 * HOUR)))]:
        raise NeverMade(
            f"{context.asset_key.to_user_string()}: {upstream.name} was never made for any hour of "
            f"{', '.join(absent[:_SHOWN])}{' …' if len(absent) > _SHOWN else ''}. Nothing was stored. Materialize the "
            f"hours of the day first, or leave the day out."
        )


def never_made(instance: dg.DagsterInstance, tables: Warehouse, upstream: Table, hours: pd.DatetimeIndex) -> list[str]:
    """The keys of the hours without rows of which no run has recorded that there were none, in their order."""
    empty = hours.difference(tables.partitions(upstream, hours[0], hours[-1]))
    if empty.empty:
        return []
    recorded = instance.get_materialized_partitions(dg.AssetKey(upstream.name))
    return [key for key in map(hour_key, empty) if key not in recorded]
