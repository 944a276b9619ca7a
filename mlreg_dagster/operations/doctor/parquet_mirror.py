"""Checks that the Parquet mirror, which pages, clients and notebooks read, shows what the tables hold."""

from collections.abc import Iterator

import duckdb

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.health import Finding
from mlreg_dagster.operations.home import Home
from mlreg_dagster.storage.parquet_mirror.layout import ALL, Columns, Layout
from mlreg_dagster.storage.parquet_mirror.reader import selection

_NAME = "parquet mirror"
_ADVICE = "mlreg mirror"
_SHOWN = 3


def tables_are_mirrored(home: Home) -> Iterator[Finding]:
    """Every row of the tables is in the mirror, and no other; what is wrong with the tables is told by other findings.

    Args:
        home: Whose tables; no process writes them meanwhile.
    """
    if home.warehouse.mirror is None or not home.warehouse.exists():
        return
    layout = home.warehouse.mirror.layout
    if not layout.is_complete:
        seen = f"{layout.root} is not there, or not for all tables yet: an earlier release wrote this home."
        yield Finding(_NAME, "waiting", seen, f"{_ADVICE}; or the next write of any table writes it.")
        return
    try:
        with home.warehouse.look() as connection:
            stored = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
            wrong = [
                f"{name}: {differing}"
                for name in sorted(stored | set(layout.names()))
                if (differing := _differing(connection, layout, name, name in stored))
            ]
    except duckdb.Error as error:
        yield Finding(_NAME, "miss", f"A file in {layout.root} can't be read: {error}", _ADVICE)
        return
    except MlregError:
        return
    if wrong:
        yield Finding(_NAME, "miss", f"{layout.root} shows other rows than the tables hold. {' '.join(wrong)}", _ADVICE)
    elif behind := layout.behind():
        seen = f"It shows what the tables hold, and marks days of {', '.join(sorted(behind))} as behind."
        yield Finding(_NAME, "ok", f"{seen} The next write removes the marks.")
    else:
        yield Finding(_NAME, "ok", f"{layout.root} shows what the tables hold.")


def _differing(connection: duckdb.DuckDBPyConnection, layout: Layout, table: str, is_stored: bool) -> str:
    """The days on which rows of a table differ between the tables and their mirror, in words; empty: on none."""
    columns = layout.columns(table)
    if not is_stored:
        return "it is no table any more."
    if columns is None:
        rows = connection.execute(f'SELECT count(*) FROM "{table}"').fetchall()[0][0]  # noqa: S608
        return f"it is not mirrored and has {rows:,} rows." if rows else ""
    types = {name: sql_type for name, sql_type, *_ in connection.execute(f'DESCRIBE "{table}"').fetchall()}
    if types != columns.types:
        differing = sorted(name for name, _ in types.items() ^ columns.types.items())
        return f"its columns differ: {', '.join(dict.fromkeys(differing))}."
    mirrored = f"({selection(layout, table, columns, layout.pieces(table))})"
    counted = [_by_day(rows, columns) for rows in (f'"{table}"', mirrored)]
    found = connection.execute(
        f"SELECT coalesce(t.piece, m.piece) FROM ({counted[0]}) AS t FULL JOIN ({counted[1]}) AS m USING (piece) "  # noqa: S608
        "WHERE (t.rows, t.hashed) IS DISTINCT FROM (m.rows, m.hashed) ORDER BY 1"
    ).fetchall()
    days = [day for (day,) in found]
    more = f" and {len(days) - _SHOWN} more days" if len(days) > _SHOWN else ""
    return f"{', '.join(days[:_SHOWN])}{more}." if days else ""


def _by_day(rows: str, columns: Columns) -> str:
    """SQL of the number of rows by day, and of a hash over them that does not depend on their order."""
    shown = ", ".join(f'r."{name}"' for name in columns.types)
    piece = f"strftime(r.\"{columns.time}\", '%Y-%m-%d')" if columns.time else f"'{ALL}'"
    return (
        f"SELECT {piece} AS piece, count(*) AS rows, sum(hash({shown})::HUGEINT) AS hashed "  # noqa: S608
        f"FROM {rows} AS r GROUP BY ALL"
    )
