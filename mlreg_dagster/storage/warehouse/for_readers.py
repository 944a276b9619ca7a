"""Opens the tables of a home for pages, clients and reports, which no run waits for.

A file has one user at a time, so that readers of such a home take its Parquet mirror. Readers of a lake never wait.
"""

from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mlreg_dagster.storage.warehouse.opening import lake_of_home
from mlreg_dagster.storage.warehouse.reader import ReadersTables, Tables

if TYPE_CHECKING:
    from mlreg_dagster.storage.warehouse.lake import Lake


class LakeReader(ReadersTables):
    """The tables in the lake that MLREG_TABLES names: what was stored is there for readers at once.

    Args:
        lake: Which.
    """

    def __init__(self, lake: "Lake") -> None:
        self._lake = lake

    def tables(self) -> AbstractContextManager[Tables]:
        """All tables as of one moment; see `Lake.tables`."""
        return self._lake.tables()

    def behind(self) -> dict[str, list[str]]:
        """Nothing: there is no copy that could be behind."""
        return {}

    def newest(self, table: str | None = None) -> datetime | None:
        """When the newest snapshot of the lake was made, or that which last changed a table; None: there is none.

        Args:
            table: Of this table alone.

        Raises:
            LakeUnavailable: The catalog can't be reached.
        """
        from mlreg_dagster.storage.warehouse.lake.written import written_at

        return written_at(self._lake.address, table)


def open_for_readers(home: Path) -> ReadersTables:
    """The tables of a home for readers outside of the graph; nothing is opened yet, and the home need not be there.

    Raises:
        ConfigError: MLREG_TABLES names no lake that can be meant.
    """
    if (lake := lake_of_home(home)) is not None:
        return LakeReader(lake)
    from mlreg_dagster.storage.parquet_mirror.reader import MirrorReader

    return MirrorReader(home)
