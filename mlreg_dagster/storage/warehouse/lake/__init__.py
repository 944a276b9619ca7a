"""Tables that many hosts share: DuckLake, with its catalog in PostgreSQL and its Parquet files anywhere."""

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.storage.warehouse.guard import Guard


class LakeUnavailable(MlregError):
    """The lake can't be opened."""


def open_lake(url: str, lock_timeout_s: float) -> Guard:
    """The guard of a lake; nothing is opened yet."""
    del url, lock_timeout_s
    raise LakeUnavailable("A lake can't be opened yet.")
