"""What is known of drift, by the newest decision on record. Whether the version is worth having is in `worth`."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from mlreg_dagster.evidence.card.elements import Fact, Values
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.monitoring.response.stored import DRIFT_DECISIONS
from mlreg_dagster.registry import AliasEvent
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

NOT_JUDGED = "Drift is not known: no day in which it was champion was judged."
_CALM = ("stable", "cooldown")
_UNKNOWN = "unknown"


def newest_decision(tables: Warehouse, version: str) -> Mapping[str, Any] | None:
    """The newest decision about drift of a day at whose end a version was champion; None: there is none."""
    tables.newest(DRIFT_DECISIONS)  # the table is there from now on
    rows = tables.query(
        f"SELECT day, state, family, action, reasons FROM {DRIFT_DECISIONS.name} WHERE champion = $version "  # noqa: S608
        "ORDER BY day DESC LIMIT 1",
        {"version": version},
    )
    if rows.empty:
        return None
    return {str(name): None if pd.isna(value) else value for name, value in rows.iloc[0].items()}


def drift_facts(decision: Mapping[str, Any] | None) -> list[Fact]:
    """The decision, by its parts; nothing where none was made."""
    if decision is None:
        return []
    values = {**decision, "day": f"{decision['day']:%Y-%m-%d}", "reasons": decision["reasons"].replace("\n", " ")}
    return [Values("Drift, by the newest day that was judged while it was champion", values, key="drift")]


def drift_remarks(
    decision: Mapping[str, Any] | None, holders: Mapping[str, AliasEvent], version: str
) -> tuple[list[str], list[str]]:
    """What speaks against the version, and what is not known; of one that is not champion nothing is asked.

    Args:
        decision: As `newest_decision` returns it.
        holders: Every alias and who holds it.
        version: The version.
    """
    holder = holders.get(CHAMPION)
    if holder is None or holder.version != version:
        return [], []
    if decision is None:
        return [], [NOT_JUDGED]
    if decision["state"] in _CALM:
        return [], []
    text = f"Drift on {decision['day']:%Y-%m-%d}: {decision['state']}. {decision['reasons']}".replace("\n", " ").strip()
    return ([], [text]) if decision["state"] == _UNKNOWN else ([text], [])
