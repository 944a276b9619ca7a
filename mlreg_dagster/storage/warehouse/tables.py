"""What a table is: one description from which the DDL, the validation and the shown columns follow.

Rows are validated by pandera, which is loaded with the first rows: a code location is loaded without it.

The tables themselves stand in the room that writes them (`<room>/schema.py`).
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from mlreg_dagster.core.errors import MlregError

if TYPE_CHECKING:
    import duckdb
    import pandera.pandas as pa

UTC = "datetime64[us, UTC]"
"""The type of a column of times."""

FEW_TEXTS = "category"
"""The type of a column in which few texts stand many times: a byte for each row; stored and read back as text."""

_SQL_TYPES: dict[Any, str] = {
    float: "DOUBLE", int: "BIGINT", bool: "BOOLEAN", str: "VARCHAR", UTC: "TIMESTAMPTZ", FEW_TEXTS: "VARCHAR"
}  # fmt: skip
_WITH_NULLS: dict[Any, Any] = {int: pd.Int64Dtype(), bool: pd.BooleanDtype()}
"""How columns with nulls are read that else would be fractions or objects."""

_SHOWN_FAILURES = 5
_IN_WORDS = {
    "column_in_dataframe": "a column is missing",
    "column_in_schema": "an unknown column",
    "column_ordered": "not in the order of the table",
    "multiple_fields_uniqueness": "the key is there more than once",
    "not_nullable": "must not be null",
}


class InvalidRows(MlregError):
    """Rows that break a table's schema; none of them was stored."""


@dataclass(frozen=True)
class Check:
    """What the values of a column must be like.

    Attributes:
        holds: Takes the column, without its nulls, and says of which values it holds.
        error: The rule in words.
    """

    holds: Callable[[Any], Any]
    error: str


@dataclass(frozen=True)
class Column:
    """A column of a table; `column` makes one."""

    dtype: Any
    description: str
    checks: tuple[Check, ...] = ()
    nullable: bool = False


def column(dtype: Any, description: str, *checks: Check, nullable: bool = False) -> Column:
    """A column of a table.

    Args:
        dtype: `float`, `int`, `bool`, `str`, `UTC` or `FEW_TEXTS`.
        description: What it holds.
        checks: What its values must be like.
        nullable: Whether a value may be missing.
    """
    if dtype == FEW_TEXTS:
        checks = (_TEXT, *checks)
    return Column(dtype, description, checks, nullable)


_TEXT = Check(lambda s: pd.api.types.is_string_dtype(s.cat.categories), error="must be text")


@dataclass(frozen=True)
class Table:
    """A warehouse table.

    Attributes:
        name: Its name in the warehouse.
        description: What one row is.
        columns: Name to column, in the order of the table.
        key: The columns that make a row unique; the first is the partition column.
        rules: What must hold between the columns of a row, in words, to what says of which rows it holds.
        grows: Whether a stored table may gain nullable columns that a newer release describes. Not where the columns
            follow from settings: a changed setting is no newer release, and is given back its value at times.
    """

    name: str
    description: str
    columns: dict[str, Column]
    key: tuple[str, ...]
    rules: Mapping[str, Callable[[pd.DataFrame], pd.Series]] = field(default_factory=dict)
    grows: bool = True

    @property
    def partition_column(self) -> str:
        """The column by which partitions are replaced."""
        return self.key[0]

    @property
    def schema(self) -> "pa.DataFrameSchema":
        """The pandera schema: exactly these columns, in this order, unique by key."""
        import pandera.pandas as pa
        from pandera.engines.pandas_engine import DateTime

        columns = {
            name: pa.Column(
                DateTime(unit="us", tz="UTC") if spec.dtype == UTC else spec.dtype,  # type: ignore[call-arg]
                [pa.Check(check.holds, error=check.error) for check in spec.checks],
                nullable=spec.nullable,
                description=spec.description,
                coerce=spec.dtype == FEW_TEXTS,  # text that is no category yet becomes one; whatever else is refused
            )
            for name, spec in self.columns.items()
        }
        return pa.DataFrameSchema(columns, strict=True, ordered=True, unique=list(self.key), name=self.name)

    def sql_type(self, name: str) -> str:
        """DuckDB's type of a column."""
        return _SQL_TYPES[self.columns[name].dtype]

    def lacking(self, stored: Collection[str]) -> dict[str, str]:
        """The columns that a stored table of an earlier release gains with its next write, to their DuckDB types.

        Args:
            stored: The names of its columns; none where there is no table.
        """
        if not self.grows or not stored:
            return {}
        return {
            name: self.sql_type(name) for name, spec in self.columns.items() if spec.nullable and name not in stored
        }

    def completed(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Rows that a statement read from a stored table of an earlier release, with nulls for what that one lacks."""
        empty = self.empty()
        nulls = {
            name: pd.Series(index=rows.index, dtype=empty[name].dtype) for name in self.lacking(rows.columns.to_list())
        }
        return rows.assign(**nulls)

    def ddl(self) -> str:
        """The CREATE TABLE statement."""
        lines = [
            f'"{name}" {self.sql_type(name)}' + ("" if spec.nullable else " NOT NULL")
            for name, spec in self.columns.items()
        ]
        return f'CREATE TABLE IF NOT EXISTS "{self.name}" ({", ".join(lines)})'

    def nothing(self) -> str:
        """SQL that stands for the table, without rows, where it is not there."""
        typed = nulls({name: self.sql_type(name) for name in self.columns})
        return f"(SELECT {', '.join(typed)} LIMIT 0)"

    def empty(self) -> pd.DataFrame:
        """No rows, in the columns and types of the table."""
        dtypes = {
            "TIMESTAMPTZ": "datetime64[us, UTC]",
            "DOUBLE": "float64",
            "BIGINT": "int64",
            "BOOLEAN": "bool",
        }
        return pd.DataFrame({name: pd.Series(dtype=dtypes.get(self.sql_type(name), "str")) for name in self.columns})

    def validate(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return `frame` if every row fits the schema.

        Raises:
            InvalidRows: A column is missing, unknown or of another type, a value is not allowed, or a rule is broken.
        """
        import pandera.pandas as pa

        try:
            rows = self.schema.validate(frame.reset_index(drop=True), lazy=True)
        except (pa.errors.SchemaErrors, pa.errors.SchemaError) as error:
            raise InvalidRows(f"{self.name}: {_explain(error)} Nothing was stored.") from error
        for rule, holds in self.rules.items():
            broken = rows.loc[~holds(rows), list(self.key)]
            if len(broken):
                first = ", ".join(f"{name} {value}" for name, value in broken.iloc[0].items())
                raise InvalidRows(f"{self.name}: {rule}; broken in {len(broken)} rows ({first}). Nothing was stored.")
        return rows


def select_list(names: Iterable[str], lacking: Mapping[str, str]) -> str:
    """The columns of a SELECT; those that the stored table lacks (`Table.lacking`) are null."""
    absent = dict(zip(lacking, nulls(lacking), strict=True))
    return ", ".join(absent.get(name) or '"{}"'.format(name.replace('"', '""')) for name in names)


def rows_of(
    connection: "duckdb.DuckDBPyConnection",
    table: Table,
    lacking: Mapping[str, str],
    first: object,
    last: object,
    columns: Sequence[str] | None,
    only: Mapping[str, object] | None,
) -> pd.DataFrame:
    """Rows of a stored table, ordered by key; arguments are those of `Warehouse.read`, and `Table.lacking`."""
    partition, wanted = f'"{table.partition_column}"', list(columns or table.columns)
    values = {f"only_{name}": value for name, value in (only or {}).items()}
    chosen = "".join(f' AND "{name}" = ${parameter}' for name, parameter in zip(only or {}, values, strict=True))
    found = connection.execute(
        f'SELECT {select_list(wanted, lacking)} FROM "{table.name}" WHERE '  # noqa: S608
        f"($first IS NULL OR {partition} >= $first) AND ($last IS NULL OR {partition} <= $last){chosen} "
        f"ORDER BY {select_list(table.key, {})}",
        {"first": first, "last": last, **values},
    ).to_arrow_table()
    if not found.num_rows:
        return table.empty()[wanted]  # texts without a chunk of Arrow's can't be merged
    frame: pd.DataFrame = found.to_pandas()  # in half the time of `df()`, whose texts are objects first
    for name in wanted:
        dtype = _WITH_NULLS.get(table.columns[name].dtype)
        if dtype is not None and found.column(name).null_count:
            frame[name] = dtype.__from_arrow__(found.column(name))
    return frame


def nulls(lacking: Mapping[str, str]) -> list[str]:
    """SQL of a null under the name of each column that a stored table lacks."""
    return [f'NULL::{sql_type} AS "{name}"' for name, sql_type in lacking.items()]


def _explain(error: "pa.errors.SchemaErrors | pa.errors.SchemaError") -> str:
    """The first few failures in words: column, rule, value, row."""
    failures = error.failure_cases
    if not isinstance(failures, pd.DataFrame) or "check" not in failures:
        return f"{error}."
    shown = []
    for failure in failures.head(_SHOWN_FAILURES).to_dict("records"):
        row = "" if pd.isna(failure["index"]) else f" in row {failure['index']}"
        rule = _IN_WORDS.get(failure["check"], failure["check"])
        shown.append(f"{failure['column'] or 'table'}: {rule} (found {failure['failure_case']}{row})")
    more = len(failures) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more > 0 else "") + "."
