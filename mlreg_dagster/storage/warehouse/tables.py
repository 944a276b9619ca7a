"""What a table is: one pandera schema from which the DDL, the validation and the shown columns follow.

The tables themselves stand in the room that writes them (`<room>/schema.py`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pandera.pandas as pa
from pandera.engines.pandas_engine import DateTime

from mlreg_dagster.core.errors import MlregError

UTC = DateTime(unit="us", tz="UTC")  # type: ignore[call-arg]
FEW_TEXTS = "category"
"""The type of a column in which few texts stand many times: a byte for each row; stored and read back as text."""

_TEXT = pa.Check(lambda s: pd.api.types.is_string_dtype(s.cat.categories), error="must be text")
_SQL_TYPES = {"float64": "DOUBLE", "int64": "BIGINT", "bool": "BOOLEAN", str(UTC): "TIMESTAMPTZ"}
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


def column(dtype: Any, description: str, *checks: pa.Check, nullable: bool = False) -> pa.Column:
    """A column of a table.

    Args:
        dtype: `float`, `int`, `bool`, `str`, `UTC` or `FEW_TEXTS`.
        description: What it holds.
        checks: What its values must be like.
        nullable: Whether a value may be missing.
    """
    if dtype == FEW_TEXTS:  # text that is no category yet becomes one; other types are refused
        return pa.Column(dtype, [_TEXT, *checks], nullable=nullable, description=description, coerce=True)
    return pa.Column(dtype, list(checks), nullable=nullable, description=description)


@dataclass(frozen=True)
class Table:
    """A warehouse table.

    Attributes:
        name: Its name in the warehouse.
        description: What one row is.
        columns: Name to pandera column, in the order of the table.
        key: The columns that make a row unique; the first is the partition column.
        rules: What must hold between the columns of a row, in words, to what says of which rows it holds.
    """

    name: str
    description: str
    columns: dict[str, pa.Column]
    key: tuple[str, ...]
    rules: Mapping[str, Callable[[pd.DataFrame], pd.Series]] = field(default_factory=dict)

    @property
    def partition_column(self) -> str:
        """The column by which partitions are replaced."""
        return self.key[0]

    @property
    def schema(self) -> pa.DataFrameSchema:
        """The pandera schema: exactly these columns, in this order, unique by key."""
        return pa.DataFrameSchema(self.columns, strict=True, ordered=True, unique=list(self.key), name=self.name)

    def sql_type(self, name: str) -> str:
        """DuckDB's type of a column."""
        dtype = str(self.columns[name].dtype)
        return "VARCHAR" if dtype.startswith(("str", FEW_TEXTS)) else _SQL_TYPES[dtype]

    def ddl(self) -> str:
        """The CREATE TABLE statement."""
        lines = [
            f'"{name}" {self.sql_type(name)}' + ("" if spec.nullable else " NOT NULL")
            for name, spec in self.columns.items()
        ]
        return f'CREATE TABLE IF NOT EXISTS "{self.name}" ({", ".join(lines)})'

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


def _explain(error: pa.errors.SchemaErrors | pa.errors.SchemaError) -> str:
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
