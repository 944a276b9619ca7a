"""Copies whole tables from one DuckDB connection to another, and holds the copy against what was copied."""

import duckdb

from mlreg_dagster.core.errors import MlregError

_ROWS_AT_ONCE = 100_000


class CopyDiffers(MlregError):
    """A copy of a table is not what was copied."""


def table_names(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The names of the tables in the database that a connection uses."""
    listed = (
        "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database() AND NOT temporary ORDER BY 1"
    )
    return [name for (name,) in connection.execute(listed).fetchall()]


def copy_table(source: duckdb.DuckDBPyConnection, target: duckdb.DuckDBPyConnection, name: str) -> None:
    """Make a table in `target` that holds what the one in `source` does.

    Raises:
        CopyDiffers: It does not.
    """
    described = source.execute(f'DESCRIBE "{name}"').fetchall()
    columns = ", ".join(
        f'"{column}" {sql_type}{"" if null == "YES" else " NOT NULL"}' for column, sql_type, null, *_ in described
    )
    target.execute(f'CREATE TABLE "{name}" ({columns})')
    rows = source.execute(f'SELECT * FROM "{name}"').to_arrow_reader(_ROWS_AT_ONCE)  # noqa: S608 - our own names
    target.register("copied_rows", rows)
    try:
        target.execute(f'INSERT INTO "{name}" SELECT * FROM copied_rows')  # noqa: S608
    finally:
        target.unregister("copied_rows")
    if content_of(source, name) != content_of(target, name):
        raise CopyDiffers(f"The copy of the table {name} differs from it. Nothing was kept of it; run mlreg doctor.")


def content_of(connection: duckdb.DuckDBPyConnection, name: str) -> tuple[int, int]:
    """The number of a table's rows, and a hash over them that does not depend on their order."""
    sql = f'SELECT count(*), coalesce(sum(hash(t)::HUGEINT), 0) FROM "{name}" AS t'  # noqa: S608
    rows, digest = connection.execute(sql).fetchall()[0]
    return int(rows), int(digest)
