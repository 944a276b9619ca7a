"""What two homes hold, in a form in which equal histories are equal."""

from dataclasses import asdict
from typing import Any

import duckdb
import pandas as pd

from mlreg_dagster.registry import Registry

DRAWN = frozenset({"run_id"})
"""Of records: ids that are drawn by chance."""
TIMES = frozenset({"recorded_at", "created_at", "evaluated_at", "trained_at"})
"""Of records: the clock, where it is not fixed."""


def tables_of(connection: duckdb.DuckDBPyConnection) -> dict[str, pd.DataFrame]:
    """Every table that has rows, sorted by all columns."""
    names = [name for (name,) in connection.execute("SHOW TABLES").fetchall()]
    frames = {name: connection.execute(f'SELECT * FROM "{name}" ORDER BY ALL').df() for name in names}
    return {name: frame for name, frame in frames.items() if len(frame)}


def records_of(records: Registry, but: frozenset[str] = DRAWN) -> dict[str, Any]:
    """What the registry holds of versions, evaluations and moves of aliases, without the fields in `but`."""

    def kept(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: kept(each) for name, each in value.items() if name not in but}
        return [kept(each) for each in value] if isinstance(value, list | tuple) else value

    names = [each.version for each in records.versions()]
    return {
        "versions": [kept(asdict(each)) for each in records.versions()],
        "statuses": [records.status(name) for name in names],
        "evaluations": [kept(asdict(each)) for name in names for each in records.evaluations(name)],
        "moves": [kept(asdict(each)) for alias in records.aliases() for each in records.history(alias)],
    }
