"""Compares the cells of a table as the database stores them with the way in which this project writes them.

SQLite compares texts: a time that is spelled otherwise reads as the same moment and is found at another place. So the
audit asks for the one spelling in which this project writes. PostgreSQL keeps times and numbers as such; of its columns
only JSON has a spelling.
"""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import JSON, Boolean, Column, Connection, RowMapping, Table, Text, TypeDecorator, cast, select

from mlreg_dagster.registry.database.column_types import UtcTime

Cells = Mapping[str, Any]


def cells(connection: Connection, table: Table) -> dict[int, Cells]:
    """The cells of each row that have a spelling, as they are kept, by the row's primary key."""
    (key,) = table.primary_key.columns
    if connection.dialect.name == "sqlite":
        statement = f"SELECT * FROM {table.name}"  # noqa: S608 - our own name
        rows = connection.exec_driver_sql(statement).mappings().all()
    else:
        spelled = [cast(column, Text).label(column.name) for column in table.columns if _is_json(column)]
        rows = connection.execute(select(key, *spelled)).mappings().all()
    return {int(row[key.name]): dict(row) for row in rows}


def misspelled(table: Table, row: RowMapping, kept: Cells) -> str | None:
    """The first cell that is kept in another way than this project writes it, in words; None if there is none."""
    for column in table.columns:
        if column.name not in kept:
            continue
        cell = kept[column.name]
        expected = _as_written(column, row[column.name])
        if type(cell) is not type(expected) or cell != expected:
            return f"{column.name} is spelled otherwise than it was written"
    return None


def _as_written(column: Column[Any], value: Any) -> Any:
    if value is None:
        return None
    if _is_json(column):
        kind = column.type
        plain = kind.process_bind_param(value, None) if isinstance(kind, TypeDecorator) else value  # type: ignore[arg-type]
        return json.dumps(plain, allow_nan=False)
    if isinstance(column.type, UtcTime):
        return str(value.strftime("%Y-%m-%d %H:%M:%S.%f"))
    return int(value) if isinstance(column.type, Boolean) else value


def _is_json(column: Column[Any]) -> bool:
    kind = column.type
    return isinstance(kind.impl if isinstance(kind, TypeDecorator) else kind, JSON)
