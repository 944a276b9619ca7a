"""What the tables of a lake held at a time in the past: every commit is a snapshot, which is kept for some days."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from mlreg_dagster.storage.warehouse.lake.attachment import SNAPSHOTS, Attachment
from mlreg_dagster.storage.warehouse.lake.guard import Lake
from mlreg_dagster.storage.warehouse.reader import NotKept


@contextmanager
def as_of(lake: Lake, time: datetime) -> Iterator[Lake]:
    """A lake as it was at a time, for reading alone; it is opened apart, which takes a second or two.

    Args:
        lake: The lake as it is.
        time: In UTC; what a commit stored later does not show.

    Raises:
        NotKept: There is no snapshot from then; the message names the oldest.
        LakeUnavailable: The catalog can't be reached.
    """
    attachment = Attachment(lake.address, _snapshot(lake, time))
    try:
        yield Lake(attachment, lake.timeout_s)
    finally:
        attachment.close()


def _snapshot(lake: Lake, time: datetime) -> int:
    if not lake.exists():
        raise NotKept(f"The lake {lake.place} holds no tables yet. The first run of an hour makes them.")
    with lake.connect_read_only() as connection:
        sql = f"SELECT max(snapshot_id) FILTER (snapshot_time <= $time), min(snapshot_time) {SNAPSHOTS}"
        ((number, oldest),) = connection.execute(sql, {"time": time}).fetchall()
    if number is None:
        raise NotKept(
            f"What the tables of the lake {lake.place} held at {time.isoformat()} is not kept: the oldest time that "
            f"can be asked for is {oldest.isoformat()}. Ask for a later one; lake_history_days in retention.yaml says "
            f"how long each is kept."
        )
    return int(number)
