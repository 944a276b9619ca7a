"""What goes wrong with a lake, in words that show no password."""

import duckdb
from sqlalchemy import make_url

from mlreg_dagster.core.errors import TransientError
from mlreg_dagster.core.untrusted.redaction import blotted
from mlreg_dagster.storage.warehouse.lake.address import LakeAddress


class LakeUnavailable(TransientError):
    """The catalog or the files of the lake can't be reached, or stopped answering."""


class LakeConflict(TransientError):
    """Another program changed the same table without its lock; nothing was stored."""


_AWAY = (
    "Unable to connect to Postgres",
    "server closed the connection",
    "terminating connection",
    "connection to server",
    "could not receive data from server",
    "no connection to the server",
    "Connection refused",
    "Could not connect to server",
    "Could not resolve hostname",
    "HTTP Error",
    "Connection error",
)
_CONFLICT = ("Transaction conflict", "transaction conflict", "could not serialize access", "Exceeded the maximum retry")


def in_words(error: Exception, address: LakeAddress) -> Exception:
    """An error of DuckDB as one of the lake; any other as it is."""
    text = str(error)
    lines = " ".join(text.partition("\nLINE ")[0].splitlines()[:3]).rstrip(".") or type(error).__name__
    said = blotted(lines, [make_url(address.catalog).password])
    if isinstance(error, duckdb.Error):
        if any(sign in text for sign in _AWAY):
            return LakeUnavailable(
                f"The lake {address} can't be reached: {said}. Check that the servers of its catalog and of its files "
                f"run, and their addresses, user and keys; then run this again. What was being written is stored as a "
                f"whole or not at all, and written again it is stored once."
            )
        if any(sign in text for sign in _CONFLICT):
            return LakeConflict(
                f"Another program changed the same table of the lake {address} without its lock: {said}. Nothing was "
                f"stored. Let that program write through mlreg, then run this again."
            )
    return error
