"""The one connection of a process to a lake: it takes a second or two to make, so that it is kept.

Threads get cursors of it, each with a transaction of its own. A forked process makes its own: sockets to the catalog
can't be shared.
"""

import os
import threading
from pathlib import Path

import duckdb

from mlreg_dagster.config.section import ConfigError
from mlreg_dagster.storage import postgres, private_files
from mlreg_dagster.storage.advisory_lock import AdvisoryLock
from mlreg_dagster.storage.faults import explained
from mlreg_dagster.storage.warehouse.duckdb_access import connect_attaching
from mlreg_dagster.storage.warehouse.lake import extensions, object_store
from mlreg_dagster.storage.warehouse.lake.address import LakeAddress
from mlreg_dagster.storage.warehouse.lake.errors import LakeUnavailable, in_words

NAME = "lake"
"""What the lake is called within DuckDB."""

SNAPSHOTS = f"FROM ducklake_snapshots('{NAME}')"
"""SQL of the lake's snapshots, one a commit: snapshot_id and snapshot_time."""

_SILENCE_S = 75.0
_MAKING_S = 60.0
_PASSWORD = "mlreg_catalog"  # noqa: S105 - a name
_of_parents: list[object] = []


class Attachment:
    """A lake that is attached when first needed, once in each process.

    Args:
        address: Where it is.
        snapshot: The number of the snapshot that is shown, and never written; None: the lake as it is.
    """

    def __init__(self, address: LakeAddress, snapshot: int | None = None) -> None:
        self.address = address
        self._snapshot = snapshot
        self._making = threading.Lock()
        self._attached: duckdb.DuckDBPyConnection | None = None
        self._process = os.getpid()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own, in UTC, in which the tables have their names.

        Raises:
            LakeUnavailable: The catalog can't be reached.
            ConfigError: The lake keeps its files elsewhere, or there are no keys for them.
            ExtensionMissing: An extension of DuckDB is missing.
            StorageNotWritable: The folder of the files can't be made.
        """
        cursor = self._database().cursor()
        try:
            cursor.execute(f"USE {NAME}")
        except duckdb.Error as error:
            cursor.close()
            raise in_words(error, self.address) from None
        return cursor

    @property
    def is_attached(self) -> bool:
        """Whether this process has the lake attached, so that its catalog was made."""
        return self._attached is not None and self._process == os.getpid()

    def exists(self) -> bool:
        """Whether the catalog was made already.

        Raises:
            LakeUnavailable: It can't be reached.
        """
        try:
            with postgres.connect(self.address.catalog, silence_s=_SILENCE_S, purpose="look") as connection:
                found = connection.execute("SELECT to_regclass('public.ducklake_metadata') IS NOT NULL").fetchone()
        except postgres.PostgresUnavailable as error:
            raise LakeUnavailable(f"The catalog of the lake {self.address} is away: {error}") from None
        return bool(found and found[0])

    def close(self) -> None:
        """Detach the lake; the next use attaches it again."""
        with self._making:
            attached, self._attached = self._attached, None
        if attached is not None and self._process == os.getpid():
            attached.close()

    def _database(self) -> duckdb.DuckDBPyConnection:
        if self._process != os.getpid():  # the parent's; its sockets are none of this process
            leave_to_parent(self._attached)
            self._making, self._attached, self._process = threading.Lock(), None, os.getpid()
        with self._making:
            if self._attached is None:
                if self.exists():
                    self._attached = self._attach()
                else:  # two who make it at once would get into each other's way
                    with AdvisoryLock(self.address.catalog, "the making of the lake", _MAKING_S).held():
                        self._attached = self._attach()
            return self._attached

    def _attach(self) -> duckdb.DuckDBPyConnection:
        if not self.address.is_object_store:
            with explained(self.address.data_path):
                private_files.make_folder(Path(self.address.data_path))
        return connect_attaching(self._attach_to, self.address.data_path)

    def _attach_to(self, connection: duckdb.DuckDBPyConnection) -> None:
        names = (extensions.CATALOG, extensions.FORMAT)
        if self.address.is_object_store:
            extensions.load(connection, (*names, extensions.OBJECT_STORE))
            object_store.give_keys(connection, self.address.data_path)
        else:
            extensions.load(connection, names)
        parameters = postgres.client_bounds(_SILENCE_S, "lake") | postgres.parameters_of(self.address.catalog)
        password = parameters.pop("password", None)
        options = "" if self._snapshot is None else f", SNAPSHOT_VERSION {self._snapshot}"
        try:
            if password is not None:  # DuckDB shows what it was attached to, and hides a secret
                connection.execute(f"CREATE SECRET {_PASSWORD} (TYPE postgres, PASSWORD {_literal(password)})")
                options += f", META_SECRET {_literal(_PASSWORD)}"
            connection.execute(
                f"ATTACH {_literal(f'ducklake:postgres:{_conninfo(parameters)}')} AS {NAME} "
                f"(DATA_PATH {_literal(self.address.data_path)}, DATA_INLINING_ROW_LIMIT 0{options})"
            )
        except duckdb.Error as error:
            if "does not match existing data path" in str(error):
                kept = str(error).partition("in the catalog ")[2].partition('"')[2].partition('"')[0]
                raise ConfigError(
                    f"The lake {self.address} keeps its files in {kept or 'another place'}, as its catalog says. Name "
                    f"that place after the # in MLREG_TABLES, or another catalog."
                ) from None
            raise in_words(error, self.address) from None


def leave_to_parent(of_parent: object) -> None:
    """Keep, in a forked process, what the parent uses: closing it here would end the parent's sessions."""
    _of_parents.append(of_parent)


def _conninfo(parameters: dict[str, object]) -> str:
    """Parameters of libpq as it reads them from a text."""
    pairs = ((name, str(value).replace("\\", "\\\\").replace("'", "\\'")) for name, value in parameters.items())
    return " ".join(f"{name}='{value}'" for name, value in pairs)


def _literal(text: str) -> str:
    return "'{}'".format(text.replace("'", "''"))
