"""The Parquet file of an hour of answers: all rows with their features, and which segments they came from."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mlreg_dagster.outcomes.served.schema import SERVED_PREDICTIONS
from mlreg_dagster.serving.log.lines import hour_of, is_torn, lines_of, read_line, rows_of
from mlreg_dagster.storage import private_files, regular_files
from mlreg_dagster.storage.prediction_log import Layout, hours_of

_TYPES = {
    "VARCHAR": pa.string(),
    "DOUBLE": pa.float64(),
    "BIGINT": pa.int64(),
    "BOOLEAN": pa.bool_(),
    "TIMESTAMPTZ": pa.timestamp("us", "UTC"),
}
_FEATURES = "features"
SCHEMA = pa.schema(
    [
        *(
            pa.field(name, _TYPES[SERVED_PREDICTIONS.sql_type(name)], spec.nullable)
            for name, spec in SERVED_PREDICTIONS.columns.items()
        ),
        pa.field(_FEATURES, pa.map_(pa.string(), pa.float64()), nullable=False),
    ]
)
_SEGMENTS = b"mlreg.segments"
_ROWS = 8192  # in memory at once, but for those of a single answer
LARGEST_SEGMENT = 1 << 40


@dataclass(frozen=True)
class Segment:
    """A sealed segment, and the hash of what is in it."""

    path: Path
    sha256: str


@dataclass
class Read:
    """What a segment held for an hour.

    Attributes:
        name: Of the segment.
        torn: Lines whose end is missing; at most one.
        foreign: Lines that are none of ours.
        hours_unread: Rows for which the client named an hour that can't be read.
    """

    name: str
    answers: int = 0
    rows: int = 0
    torn: int = 0
    foreign: int = 0
    hours_unread: int = 0


def segments_in(file: Path) -> dict[str, Read]:
    """What the file of an hour was made from, by the hash of the segment; nothing where there is no file."""
    if not file.exists():
        return {}
    stored = (pq.read_metadata(file).metadata or {}).get(_SEGMENTS, b"{}")
    names = {each.name for each in fields(Read)}
    return {
        sha256: Read(**{name: value for name, value in facts.items() if name in names})
        for sha256, facts in json.loads(stored).items()
    }


def extend(layout: Layout, hour: datetime, segments: Iterable[Segment]) -> dict[str, Read]:
    """Add the answers of an hour to its file, from the segments that it lacks; the file is replaced whole.

    Args:
        layout: Where the file is, and where lines go that can't be read.
        hour: The hour.
        segments: Sealed ones that may hold answers of the hour.

    Returns:
        As `segments_in`, of the file that is there now.
    """
    file = layout.hour_file(hour)
    known = segments_in(file)
    new = [each for each in segments if each.sha256 not in known]
    if not new:
        return known
    private_files.make_folder(layout.hours)
    draft = file.with_suffix(".draft")
    with _private(draft) as sink, pq.ParquetWriter(sink, SCHEMA, compression="zstd") as writer:
        if file.exists():
            with pq.ParquetFile(file) as before:
                for batch in before.iter_batches(_ROWS * 8):
                    writer.write_batch(_completed(batch, SCHEMA))
        for segment in new:
            read = known[segment.sha256] = Read(segment.path.name)
            for rows in _in_pieces(_rows(layout, hour, segment, read)):
                writer.write_batch(_batch(rows))
        writer.add_key_value_metadata({_SEGMENTS: json.dumps({key: asdict(each) for key, each in known.items()})})
    draft.replace(file)
    return known


def reader_of(file: Path, columns: Sequence[str] = tuple(SERVED_PREDICTIONS.columns)) -> pa.RecordBatchReader:
    """The rows of SERVED_PREDICTIONS in the file of an hour, piece by piece."""
    schema = pa.schema([SCHEMA.field(name) for name in columns])
    parquet = pq.ParquetFile(file)
    batches = parquet.iter_batches(_ROWS * 8, columns=[name for name in columns if name in parquet.schema_arrow.names])
    return pa.RecordBatchReader.from_batches(schema, (_completed(batch, schema) for batch in batches))


def _completed(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Rows of a file with nulls for the columns that it lacks, as an earlier release wrote it."""
    stored = batch.schema.names
    columns = [batch.column(each.name) if each.name in stored else pa.nulls(len(batch), each.type) for each in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _rows(layout: Layout, hour: datetime, segment: Segment, read: Read) -> Iterator[Sequence[Mapping[str, Any]]]:
    """The rows of each answer of an hour; what can't be read is put aside, by the last hour of the segment."""
    named = hours_of(segment.path)
    unread: list[bytes] = []
    with regular_files.opened(segment.path, LARGEST_SEGMENT) as file:
        for line in lines_of(file):
            found = hour_of(line)
            is_ours = found in named and not is_torn(line)
            if found != hour if is_ours else hour != named[-1]:
                continue  # of another hour
            answer = read_line(line) if is_ours else None
            rows = [] if answer is None else list(rows_of(answer, segment.sha256))
            if answer is None or any(row["hour"] != hour for row in rows[:1]):
                read.torn, read.foreign = read.torn + is_torn(line), read.foreign + (not is_torn(line))
                unread.append(line)
                continue
            read.answers, read.rows = read.answers + 1, read.rows + len(rows)
            read.hours_unread += sum(
                bool(text) and row["market_hour"] is None for text, row in zip(answer.hours or (), rows, strict=False)
            )
            yield rows
    if unread:
        _put_aside(layout.aside / f"{segment.path.stem}-{hour:%Y%m%dT%H}.lines", unread)


def _put_aside(target: Path, lines: Sequence[bytes]) -> None:
    private_files.make_folder(target.parent)
    draft = target.with_suffix(".draft")
    private_files.write(draft, b"".join(line if line.endswith(b"\n") else line + b"\n" for line in lines))
    draft.replace(target)


def _batch(rows: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
    """Rows of answers as Arrow has them; by column, as from rows it would take three times as long."""
    columns = [pa.array([row[field.name] for row in rows], field.type) for field in SCHEMA if field.name != _FEATURES]
    features = [row[_FEATURES] for row in rows]
    ends = np.cumsum([0, *map(len, features)], dtype=np.int32)
    keys = pa.array(list(chain.from_iterable(features)), pa.string())
    values = pa.array(list(chain.from_iterable(each.values() for each in features)), pa.float64())
    return pa.RecordBatch.from_arrays([*columns, pa.MapArray.from_arrays(pa.array(ends), keys, values)], schema=SCHEMA)


def _in_pieces(answers: Iterator[Sequence[Mapping[str, Any]]]) -> Iterator[list[Mapping[str, Any]]]:
    """The rows of answers, about as many at once as are to be in memory."""
    piece: list[Mapping[str, Any]] = []
    for rows in answers:
        piece.extend(rows)
        if len(piece) >= _ROWS:
            yield piece
            piece = []
    if piece:
        yield piece


@contextmanager
def _private(path: Path) -> Iterator[Any]:
    """A new file that its owner alone may read, on the disk when it is left."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, private_files.OF_FILES)
    with os.fdopen(descriptor, "wb") as file:
        yield file
        file.flush()
        os.fsync(descriptor)
