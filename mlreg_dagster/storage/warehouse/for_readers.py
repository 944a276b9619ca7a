"""Opens the tables of a home for pages, clients and reports, which no run waits for.

A file has one user at a time, so that readers of such a home take its Parquet mirror. Readers of a lake never wait.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mlreg_dagster.config.places import tables_url
from mlreg_dagster.storage.warehouse.reader import Tables

if TYPE_CHECKING:
    from mlreg_dagster.storage.warehouse.lake import Lake

_WAIT_S = 60.0


class ReadersTables(Protocol):
    """The tables of a home, for readers outside of the graph."""

    def tables(self) -> AbstractContextManager[Tables]:
        """The tables; each statement sees one moment of them."""
        ...

    def behind(self) -> dict[str, list[str]]:
        """By table the days of which rows were stored that readers may not see yet; `all`: any day."""
        ...

    def newest(self, table: str | None = None) -> datetime | None:
        """When what readers see was last written, all tables or one; None where there is nothing."""
        ...

    def age(self, table: str | None = None, now: datetime | None = None) -> timedelta | None:
        """How long ago that was; `now` = None: by the machine's time."""
        ...


class LakeReader:
    """The tables in the lake that MLREG_TABLES names: what was stored is there for readers at once.

    Args:
        lake: Which.
    """

    def __init__(self, lake: "Lake") -> None:
        self._lake = lake

    @contextmanager
    def tables(self) -> Iterator[Tables]:
        """All tables as of one moment.

        Raises:
            LakeUnavailable: The catalog or the files can't be reached.
        """
        if not self._lake.exists():
            yield Tables(None, self._lake.place)
            return
        with self._lake.connect_read_only() as connection:
            yield Tables(connection, self._lake.place)

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

        return written_at(self._lake.address, table) if self._lake.exists() else None

    def age(self, table: str | None = None, now: datetime | None = None) -> timedelta | None:
        """How long ago that was; None where there is none.

        Args:
            table: Of this table alone.
            now: None: the machine's time.
        """
        newest = self.newest(table)
        return None if newest is None else (now or datetime.now(UTC)) - newest


def open_for_readers(home: Path) -> ReadersTables:
    """The tables of a home for readers outside of the graph; nothing is opened yet, and the home need not be there.

    Raises:
        ConfigError: MLREG_TABLES names no lake that can be meant.
    """
    if (url := tables_url(home)) is not None:
        from mlreg_dagster.storage.warehouse.lake import open_lake

        return LakeReader(open_lake(url, _WAIT_S))
    from mlreg_dagster.storage.parquet_mirror.reader import MirrorReader

    return MirrorReader(home)
