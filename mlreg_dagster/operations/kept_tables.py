"""The tables of a home as of one moment, to be copied into a file: from a file, or from a lake."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mlreg_dagster.config.places import mirror_root, tables_url, warehouse_file
from mlreg_dagster.operations.file_copy import copy_file, copy_folder
from mlreg_dagster.storage import private_files
from mlreg_dagster.storage.warehouse.reader import WarehouseReader

if TYPE_CHECKING:
    import duckdb


class KeptTables(Protocol):
    """The tables of a home as of one moment."""

    def copy_to(self, home: Path) -> None:
        """Put them into the file of another home, which has none yet.

        Raises:
            CopyDiffers: The copy is not what was copied.
        """
        ...

    def mirror_in(self, home: Path) -> None:
        """Give that home the Parquet mirror of them, after they were copied."""
        ...


@contextmanager
def tables_kept(home: Path) -> Iterator[KeptTables]:
    """The tables as they are now, while what belongs to them is copied: nobody writes them until they are copied.

    Writers of a file wait until the end; those of a lake until the copy begins, which is as of then.

    Raises:
        WarehouseBusy: A process kept the tables.
        LakeUnavailable: The lake can't be reached.
    """
    if tables_url(home) is None:
        with WarehouseReader(warehouse_file(home)).tables():
            yield _InFile(home)
        return
    from mlreg_dagster.storage.warehouse.opening import open_warehouse
    from mlreg_dagster.storage.warehouse.table_copy import table_names

    tables = open_warehouse(home)
    if not tables.exists():
        yield _InLake(None, ExitStack())
        return
    with ExitStack() as writers:
        writers.enter_context(tables.session())
        with tables.connect() as connection:
            names = table_names(connection)
        for name in names:
            writers.enter_context(tables.guard.writing(name))
        with tables.look() as connection:
            table_names(connection)  # from here on it sees the moment of this
            yield _InLake(connection, writers)


class _InFile:
    def __init__(self, home: Path) -> None:
        self._home = home

    def copy_to(self, home: Path) -> None:
        source, target = warehouse_file(self._home), warehouse_file(home)
        for file in (source, source.with_name(f"{source.name}.wal")):
            if file.exists():
                copy_file(file, target.with_name(target.name + file.name.removeprefix(source.name)))

    def mirror_in(self, home: Path) -> None:
        copy_folder(mirror_root(self._home), mirror_root(home), link=True)  # files are replaced, never changed


class _InLake:
    def __init__(self, connection: "duckdb.DuckDBPyConnection | None", writers: ExitStack) -> None:
        self._connection = connection
        self._writers = writers

    def copy_to(self, home: Path) -> None:
        from mlreg_dagster.storage.warehouse.duckdb_access import connect
        from mlreg_dagster.storage.warehouse.table_copy import copy_table, table_names

        self._writers.close()  # the connection sees what was there when it was opened
        if self._connection is None:
            return
        file = warehouse_file(home)
        copy = connect(file)
        try:
            file.chmod(private_files.OF_FILES)
            for name in table_names(self._connection):
                copy_table(self._connection, copy, name)
            copy.execute("CHECKPOINT")
        finally:
            copy.close()

    def mirror_in(self, home: Path) -> None:
        from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse

        DuckDBWarehouse(warehouse_file(home)).mirror_again()
