"""What the tables can do, wherever they are kept; `duckdb_warehouse` keeps them in one DuckDB file.

Each kind of warehouse passes the contract in `mlreg_dagster_tests/storage/warehouse/contract.py`.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol, Self

import pandas as pd

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.storage.warehouse.tables import Table

if TYPE_CHECKING:
    import duckdb


class TableChanged(MlregError):
    """The stored table differs from what the configuration asks for by more than nullable columns that it lacks."""


class Warehouse(Protocol):
    """Tables keyed by partition, with idempotent writes.

    Every method raises `WarehouseBusy` where another process kept the tables for too long, and the errors of
    `storage.faults` where the disk or a file is at fault.
    """

    def session(self) -> AbstractContextManager[Self]:
        """Keep the tables open, and other processes out, between the calls of a short piece of work."""
        ...

    def connect(self) -> "AbstractContextManager[duckdb.DuckDBPyConnection]":
        """A short connection, in UTC, in which the tables have their names."""
        ...

    def write(self, table: Table, frame: pd.DataFrame, partitions: Iterable[object]) -> int:
        """Replace the partitions of a table by the rows of `frame`, in one transaction.

        Args:
            table: Where to write; it is made if it does not exist. One that an earlier release made gains the nullable
                columns that it lacks, within the transaction.
            frame: The rows of all `partitions`; a partition without rows becomes empty.
            partitions: Values of the table's partition column that are to be replaced.

        Returns:
            The number of rows written.

        Raises:
            InvalidRows: A row breaks the schema, or belongs to none of `partitions`.
            TableChanged: The stored table has other columns.
        """
        ...

    def writing(self, table: Table) -> "AbstractContextManager[duckdb.DuckDBPyConnection]":
        """A connection for statements of one's own that change a table; no other writer has it meanwhile."""
        ...

    def changes(self, table: Table, partitions: Iterable[object]) -> None:
        """Say that statements of one's own are going to change rows of partitions, before they do, within a session.

        Readers outside of the graph learn of them at the end of the session. `write` does it by itself.
        """
        ...

    def read(
        self,
        table: Table,
        first: object = None,
        last: object = None,
        columns: Sequence[str] | None = None,
        only: Mapping[str, object] | None = None,
    ) -> pd.DataFrame:
        """Rows whose partition lies in `first … last` (both included, None = open), ordered by key.

        A table that was never written is empty. A column that an earlier release did not have is null.

        Args:
            table: Which.
            first: The first partition.
            last: The last one.
            columns: Which columns, in this order; None = all.
            only: Column to the one value that its rows have.

        Raises:
            TableChanged: The stored table has other columns.
        """
        ...

    def newest(self, table: Table) -> pd.Timestamp | None:
        """The newest partition that has rows; None where there is none."""
        ...

    def partitions(self, table: Table, first: object = None, last: object = None) -> pd.DatetimeIndex:
        """The partitions that have rows, those of `first … last` (both included, None = open), ascending.

        Raises:
            TableChanged: The stored table has other columns.
        """
        ...

    def hours(self, name: str, first: object, last: object) -> pd.DatetimeIndex:
        """The hours from `first` to `last` of which an hourly table holds rows; none where it is not there yet."""
        ...

    def query(self, sql: str, parameters: dict[str, object] | None = None) -> pd.DataFrame:
        """The result of a reading statement as a frame."""
        ...
