"""Reads rows of the mirror that were there by a time, and tells hours without rows from hours that were never made."""

from collections.abc import Mapping
from typing import Any, Literal

import pandas as pd

from mlreg_dagster.core.hours import hour_key
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.pages.dagster_facts.facts import DagsterFacts
from mlreg_dagster.pages.view import View
from mlreg_dagster.storage.warehouse.reader import Tables

Held = Literal["rows", "no rows", "never computed", "not known"]
"""What a table holds of an hour; `no rows`: a run looked, and there was nothing. `not known`: Dagster has no answer."""


def frame_of(tables: Tables, table: str, columns: str, where: str, parameters: Mapping[str, object]) -> pd.DataFrame:
    """Rows of a table; without rows and columns where there is no table yet.

    Args:
        tables: The mirror.
        table: Its name, one of ours.
        columns: What is selected, as SQL.
        where: Which rows, and how they are grouped and ordered, as SQL.
        parameters: Those that the SQL names.
    """
    if not tables.has(table, ()):
        return pd.DataFrame()
    return tables.frame(f"SELECT {columns} FROM {table} WHERE {where}", parameters)  # noqa: S608 - names of ours


def records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame as plain values; what is not known is None."""
    known = rows.astype(object).where(rows.notna(), None)
    return [{str(name): value for name, value in row.items()} for row in known.to_dict("records")]


def held(dagster: DagsterFacts, asset: str, hour: pd.Timestamp, rows: int) -> Held:
    """What the table of an asset holds of an hour.

    Args:
        dagster: Whether a run made it.
        asset: Whose table.
        hour: The hour.
        rows: How many rows the table has of it.
    """
    if rows:
        return "rows"
    if dagster.materializations(asset, 1, hour_key(hour)):
        return "no rows"
    return "never computed" if dagster.why is None else "not known"


def stored_between(view: View) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    """The first and the last hour of the market that has rows, by the time that is asked about; None: none has."""
    ends = "min(hour) AS first, max(hour) AS last"
    found = frame_of(view.tables, MARKET_SNAPSHOT.name, ends, "hour <= $until", {"until": view.as_of})
    if found.empty or pd.isna(found["last"].iloc[0]):
        return None
    return found["first"].iloc[0], found["last"].iloc[0]
