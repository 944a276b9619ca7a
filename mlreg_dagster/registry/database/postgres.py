"""A registry in PostgreSQL: every wait is bounded, the holder of the lock is named, and a read-only server is reported.

The server bounds statements and waits for locks, within each transaction, so that this works behind a pooler, too. Its
answer may never come: the network or a proxy went silent. Waiting for it is bounded on this side, a little longer.
"""

from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from mlreg_dagster.registry.errors import RegistryBusy, RegistryReadOnly, RegistryUnavailable
from mlreg_dagster.storage.postgres import CONNECT_S, bounded_connection, client_bounds

LOCK_S = 30.0
STATEMENT_S = 60.0
SILENCE_S = 75.0
IDLE_S = 300.0
"""How long the server lets a transaction of a client that has gone away keep the lock."""

_WRITING_LOCK = 0x6D6C726567  # "mlreg": any number will do, as long as it stays the same
_LOCK_NOT_AVAILABLE = "55P03"
_MAY_NOT_WRITE = {
    "25006": "it only reads: it is a standby, or default_transaction_read_only is on",
    "42501": "this user may not write it",
}


def make_engine(url: URL, json_serializer: Any) -> Engine:
    """The engine of a registry's URL; nothing is connected yet.

    Raises:
        RegistryUnavailable: The driver is not installed.
    """
    try:
        engine = create_engine(url, poolclass=NullPool, json_serializer=json_serializer)
    except ModuleNotFoundError as error:
        raise RegistryUnavailable(
            f"A registry in PostgreSQL needs the package {error.name}. Install mlreg-dagster[postgres]."
        ) from error

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: Any, _record: Any, args: Any, parameters: dict[str, Any]) -> Any:
        bounds = client_bounds(SILENCE_S) | {"connect_timeout": CONNECT_S}
        return bounded_connection(SILENCE_S).connect(*args, **bounds | parameters)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        bounds = {
            "statement_timeout": STATEMENT_S,
            "lock_timeout": LOCK_S,
            "idle_in_transaction_session_timeout": IDLE_S,
        }
        settings = ", ".join(f"set_config('{name}', '{int(value * 1000)}', true)" for name, value in bounds.items())
        connection.exec_driver_sql(f"SELECT {settings}")

    return engine


def lock(connection: Connection) -> None:
    """Keep other writers out until the transaction ends.

    Raises:
        RegistryBusy: Another one has kept it for too long; it is named.
    """
    try:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WRITING_LOCK})
    except DBAPIError as error:
        if _sqlstate(error) != _LOCK_NOT_AVAILABLE:
            raise
        with connection.engine.connect() as another:  # the transaction of this one has failed
            holder = _holder(another)
        raise RegistryBusy(
            f"The registry {connection.engine.url} was kept by another writer for more than {LOCK_S:g} s; nothing was "
            f"stored. {holder} Let it end, or end it, then run this again."
        ) from error


def fault_of(error: DBAPIError, place: str) -> RegistryReadOnly | None:
    """The server's refusal to be written, in words; None for any other error."""
    if (why := _MAY_NOT_WRITE.get(_sqlstate(error) or "")) is None:
        return None
    return RegistryReadOnly(
        f"{place} can't be written, since {why} ({str(error.orig).splitlines()[0]}). Nothing was stored. Name the "
        f"primary server and a user that may write in the registry's URL, then run this again."
    )


def _holder(connection: Connection) -> str:
    """The process that holds the lock, as far as the server names it."""
    found = connection.execute(
        text(
            "SELECT pid, usename, application_name, coalesce(client_addr::text, 'the same machine') AS place, "
            "now() - xact_start AS since FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' "
            "AND granted AND (classid::bigint << 32) + objid::bigint = :key AND objsubid = 1 "
            "AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        ),
        {"key": _WRITING_LOCK},
    ).one_or_none()
    if found is None:
        return "It has ended meanwhile."
    name = found.application_name or "a program without a name"
    return (
        f"It is {name} of user {found.usename} on {found.place}, server process {found.pid}, writing for "
        f"{found.since.total_seconds():.0f} s."
    )


def _sqlstate(error: DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None)
