"""Reads the Parquet mirror."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from mlreg_dagster.storage.warehouse.reader import Tables, WarehouseReader


class MirrorReader:
    """Reads the Parquet mirror of a home."""

    def __init__(self, home: Path) -> None:
        self._reader = WarehouseReader(home / "warehouse.duckdb")

    @contextmanager
    def tables(self) -> Iterator[Tables]:
        """The tables as of one moment."""
        with self._reader.tables() as tables:
            yield tables

    def newest(self) -> datetime | None:
        """When it was last written; None: never."""
        return None
