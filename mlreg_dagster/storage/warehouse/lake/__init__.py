"""Tables that many hosts share: DuckLake, its catalog in PostgreSQL, its Parquet files on a disk or an object store."""

from functools import cache

from mlreg_dagster.storage.warehouse.lake.address import read_address
from mlreg_dagster.storage.warehouse.lake.attachment import Attachment
from mlreg_dagster.storage.warehouse.lake.errors import LakeConflict, LakeUnavailable
from mlreg_dagster.storage.warehouse.lake.guard import Lake

__all__ = ["Lake", "LakeConflict", "LakeUnavailable", "open_lake"]


def open_lake(url: str, lock_timeout_s: float) -> Lake:
    """The guard of a lake; nothing is opened yet, and all guards of a lake in a process share one connection to it.

    Args:
        url: What MLREG_TABLES names.
        lock_timeout_s: How long, in seconds, to wait for another writer of a table.

    Raises:
        ConfigError: The address can't be meant.
    """
    return Lake(_attachment(url), lock_timeout_s)


@cache
def _attachment(url: str) -> Attachment:
    return Attachment(read_address(url))
