"""Who may use the tables when: what a warehouse asks before it reads or writes.

`GuardedFile` guards one DuckDB file, which a single process has open; `lake` guards tables that many hosts share.
"""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import duckdb


class Guard(Protocol):
    """Opens connections to the tables, and keeps writers apart.

    Attributes:
        timeout_s: How long, in seconds, to wait for another process before `WarehouseBusy`.
        is_exclusive: Whether a connection is alone with the tables, so that what it saw of them stays true.
        repeatable: Errors after which what replaces rows may be done again at once: it stored nothing, or all.
    """

    timeout_s: float
    is_exclusive: bool
    repeatable: tuple[type[Exception], ...]

    @property
    def place(self) -> str:
        """Where the tables are, for messages; it shows no password."""
        ...

    def exists(self) -> bool:
        """Whether tables were made there already; nothing is made by the question."""
        ...

    def connect(self) -> "AbstractContextManager[duckdb.DuckDBPyConnection]":
        """A connection, in UTC, in which the tables have their names.

        Raises:
            WarehouseBusy: Another process kept the tables for longer than `timeout_s`; it is named.
            StorageFull, StorageNotWritable, StorageDamaged: The storage is at fault.
        """
        ...

    def connect_read_only(self) -> "AbstractContextManager[duckdb.DuckDBPyConnection]":
        """A connection to tables that are there, in UTC, for reading alone; raises what `connect` does."""
        ...

    def session(self) -> AbstractContextManager[None]:
        """Keep a connection open between the uses of a short piece of work; where it is exclusive, others stay out."""
        ...

    def writing(self, table: str) -> AbstractContextManager[None]:
        """Keep other writers of a table out, within a session; readers never wait where the tables are shared.

        Raises:
            WarehouseBusy: Another process wrote the table for longer than `timeout_s`; it is named.
        """
        ...

    def confirm(self, table: str) -> None:
        """Make sure, before rows are stored, that other writers of a table are still kept out.

        Raises:
            TransientError: They may no longer be; nothing was stored.
        """
        ...

    def release(self) -> None:
        """Let go of what stays open between uses; the next use opens it again."""
        ...
