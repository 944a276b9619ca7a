"""Stores sealed segments: the Parquet file of each hour, then its rows in the table, then the segments' own place.

Each step can be repeated, and a process that is killed between two of them loses and doubles nothing.
"""

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pandas as pd
from filelock import FileLock, Timeout

from mlreg_dagster.core.errors import TransientError
from mlreg_dagster.core.times import plain
from mlreg_dagster.outcomes.served.schema import SERVED_PREDICTIONS
from mlreg_dagster.serving.log.abandoned import seal_abandoned
from mlreg_dagster.serving.log.hour_files import LARGEST_SEGMENT, Read, Segment, extend, reader_of, segments_in
from mlreg_dagster.storage import private_files, regular_files
from mlreg_dagster.storage.faults import explained
from mlreg_dagster.storage.prediction_log import Layout, NotASegment, hours_of, sealed_segments
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

_log = logging.getLogger(__name__)
_PATIENCE_S = 60.0
_STORED = f'SELECT DISTINCT segment_sha256 FROM "{SERVED_PREDICTIONS.name}" WHERE hour = $hour'  # noqa: S608


class CompactionBusy(TransientError):
    """Another process stores answers."""


@dataclass(frozen=True)
class Compacted:
    """What a compaction did.

    Attributes:
        hours: Of each hour what its segments held, by their hashes.
        stored: Segments that are stored as a whole now.
        odd: Files among the sealed segments that are none; they were put aside.
    """

    hours: Mapping[datetime, Mapping[str, Read]]
    stored: Sequence[str] = field(default=())
    odd: Sequence[str] = field(default=())


def compact(layout: Layout, tables: Warehouse, hours: Sequence[datetime]) -> Compacted:
    """Store the answers of some hours that have ended.

    Args:
        layout: The prediction log.
        tables: Where SERVED_PREDICTIONS is.
        hours: Whole hours, UTC.

    Raises:
        CompactionBusy: Another process stores answers, and did not end in time.
        StorageFull, StorageNotWritable: The disk or a folder is at fault; what was stored before stays.
    """
    with explained(layout.root), _alone(layout):
        seal_abandoned(layout)
        odd = _put_odd_aside(layout)
        wanted = set(hours)
        segments = [
            Segment(path, _sha256(path)) for path in sealed_segments(layout) if wanted.intersection(hours_of(path))
        ]
        found = {}
        for hour in hours:
            of_hour = [each for each in segments if hour in hours_of(each.path)]
            found[hour] = extend(layout, hour, of_hour)
            _store(layout.hour_file(hour), tables, hour)
        stored = [each for each in segments if _is_stored(layout, tables, each, wanted)]
        private_files.make_folder(layout.stored)
        for segment in stored:
            segment.path.replace(layout.stored / segment.path.name)
    return Compacted(found, [each.path.name for each in stored], odd)


@contextmanager
def _alone(layout: Layout) -> Iterator[None]:
    """Keep other compactions out: two would write one file."""
    private_files.make_folder(layout.root)
    try:
        with FileLock(layout.compaction_lock, _PATIENCE_S, mode=private_files.OF_FILES):
            yield
    except Timeout:
        raise CompactionBusy(
            f"Another process has stored answers of {layout.root} for more than {_PATIENCE_S:g} s; nothing was stored. "
            f"Wait until it ends, or end it, then run this again."
        ) from None


def _store(file: Path, tables: Warehouse, hour: datetime) -> None:
    """Put the rows of a file in the place of those of the same answers; rows whose file is gone stay."""
    if not file.exists():
        return
    name, columns = SERVED_PREDICTIONS.name, ", ".join(f'"{each}"' for each in SERVED_PREDICTIONS.columns)
    with tables.writing(SERVED_PREDICTIONS) as connection:
        tables.write(SERVED_PREDICTIONS, SERVED_PREDICTIONS.empty(), [])  # makes the table, or completes an older one
        connection.register("hour_answers", reader_of(file, ["answer_id", "segment_sha256"]))
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE served_hour AS "
            "SELECT answer_id, min(segment_sha256) AS segment_sha256 FROM hour_answers GROUP BY answer_id"
        )
        tables.changes(SERVED_PREDICTIONS, [hour])
        connection.begin()
        try:
            connection.execute(
                f'DELETE FROM "{name}" WHERE hour = $hour AND answer_id IN (SELECT answer_id FROM served_hour)',  # noqa: S608
                {"hour": hour},
            )
            connection.register("hour_rows", reader_of(file))
            connection.execute(  # of an answer that is in two segments, the rows of one
                f'INSERT INTO "{name}" ({columns}) SELECT {columns} FROM hour_rows '  # noqa: S608
                "SEMI JOIN served_hour USING (answer_id, segment_sha256)"
            )
        except BaseException:
            connection.rollback()
            raise
        connection.commit()
        connection.execute("DROP TABLE served_hour")
        for each in ("hour_answers", "hour_rows"):
            connection.unregister(each)


def _is_stored(layout: Layout, tables: Warehouse, segment: Segment, just_now: set[datetime]) -> bool:
    """Whether all that a segment holds is in the files and in the table, whichever runs put it there."""
    for hour in set(hours_of(segment.path)) - just_now:
        read = segments_in(layout.hour_file(hour)).get(segment.sha256)
        if read is None:
            return False
        in_table = set(tables.query(_STORED, {"hour": hour})["segment_sha256"])
        if read.rows and segment.sha256 not in in_table:
            return False
    return True


def _put_odd_aside(layout: Layout) -> list[str]:
    """Put aside what lies among the sealed segments and is none: a link, a folder, a file without a name of ours."""
    odd = []
    for path in sealed_segments(layout):
        try:
            hours_of(path)
            if regular_files.kind_of(path) is None:
                continue
        except NotASegment:
            pass
        private_files.make_folder(layout.aside)
        path.rename(layout.aside / f"{path.name}-{pd.Timestamp.now('UTC'):%Y%m%dT%H%M%S%f}")
        _log.warning("%s is no segment of the prediction log; it lies in %s now", path, layout.aside)
        odd.append(path.name)
    return odd


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with regular_files.opened(path, LARGEST_SEGMENT) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def as_times(hours: pd.DatetimeIndex) -> list[datetime]:
    """Hours of a frame as Python's own times."""
    return [plain(hour) for hour in hours]
