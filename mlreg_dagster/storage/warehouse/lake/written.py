"""When a lake was written, as its catalog tells; DuckDB is not needed for it, and readers are many."""

from datetime import UTC, datetime

from mlreg_dagster.storage import postgres
from mlreg_dagster.storage.warehouse.lake.address import LakeAddress
from mlreg_dagster.storage.warehouse.lake.errors import LakeUnavailable

_ANSWER_S = 60.0
_LAKE = "SELECT max(snapshot_time) FROM ducklake_snapshot"
_TABLE = """
SELECT max(snapshot_time) FROM ducklake_snapshot WHERE snapshot_id IN (
    SELECT unnest(ARRAY[begin_snapshot, end_snapshot]) FROM (
        SELECT table_id, begin_snapshot, NULL::bigint AS end_snapshot FROM ducklake_table
        UNION ALL SELECT table_id, begin_snapshot, end_snapshot FROM ducklake_data_file
        UNION ALL SELECT table_id, begin_snapshot, end_snapshot FROM ducklake_delete_file
    ) AS changes
    WHERE table_id IN (SELECT table_id FROM ducklake_table WHERE table_name = %(name)s AND end_snapshot IS NULL)
)
"""


def written_at(address: LakeAddress, table: str | None = None) -> datetime | None:
    """When a lake was last changed, UTC, or one table of it; None where it is not made, or that is not known any more.

    Args:
        address: Of the lake.
        table: Of this table alone; its rows or its columns.

    Raises:
        LakeUnavailable: The catalog can't be reached.
    """
    try:
        with postgres.connect(address.catalog, silence_s=_ANSWER_S, purpose="look") as catalog:
            from psycopg.errors import UndefinedTable  # which is there, since there is a connection

            try:
                found = catalog.execute(_LAKE if table is None else _TABLE, {"name": table}).fetchone()
            except UndefinedTable:
                return None
    except postgres.PostgresUnavailable as error:
        raise LakeUnavailable(f"The catalog of the lake {address} is away: {error}") from None
    return found[0].astimezone(UTC) if found and found[0] else None
