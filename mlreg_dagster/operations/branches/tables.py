"""How much the tables of a home hold: what two homes are compared by."""

from datetime import UTC, datetime

from mlreg_dagster.operations.branches.record import TableState
from mlreg_dagster.storage.warehouse.reader import Tables


def table_states(tables: Tables) -> dict[str, TableState]:
    """Rows, hours (or days) and the newest of them of each table, by name; nothing where there are none."""
    times = dict(
        tables.rows(
            "SELECT table_name, max(column_name) FILTER (column_name IN ('hour', 'day') "
            "AND data_type LIKE 'TIMESTAMP%') FROM duckdb_columns() WHERE NOT internal "
            "AND table_name IN (SELECT table_name FROM duckdb_tables()) GROUP BY 1 ORDER BY 1"
        )
    )
    return {name: _state(tables, name, time) for name, time in times.items()}


def _state(tables: Tables, name: str, time: str | None) -> TableState:
    if time is None:
        ((rows,),) = tables.rows(f'SELECT count(*) FROM "{name}"')  # noqa: S608 - our own names
        return TableState(rows=rows)
    sql = f'SELECT count(*), count(DISTINCT "{time}"), epoch(max("{time}")) FROM "{name}"'  # noqa: S608
    ((rows, hours, newest),) = tables.rows(sql)
    return TableState(rows=rows, hours=hours, newest=None if newest is None else datetime.fromtimestamp(newest, UTC))
