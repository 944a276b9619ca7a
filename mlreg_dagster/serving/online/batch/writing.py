"""Writes tables piece by piece into a file that appears as a whole or not at all: CSV, Parquet, JSON lines."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import msgspec
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from mlreg_dagster.serving.online.batch.columns import CannotScoreFile
from mlreg_dagster.serving.online.batch.reading import JSON_LINES, PARQUET, form_of


class Writer(Protocol):
    """Takes pieces of a table, all of one schema."""

    def write_table(self, table: pa.Table) -> None:
        """Write some rows."""

    def close(self) -> None:
        """Finish the file."""


def require_free(target: Path, source: Path, overwrite: bool) -> None:
    """Refuse to write over the rows that are scored, and over anything else unless that is wanted.

    Raises:
        CannotScoreFile: There is something, or the extension names no form.
    """
    form_of(target)
    if target.exists() and source.exists() and target.samefile(source):
        raise CannotScoreFile(
            f"{target} is the file to be scored, and would be lost. Name another file for the result."
        )
    if not overwrite and os.path.lexists(target):
        raise CannotScoreFile(f"{target} is there already. Name another file, or replace it with --overwrite.")


@contextmanager
def written(target: Path, schema: pa.Schema, *, overwrite: bool) -> Iterator[Writer]:
    """A file that gets its name when it is whole; of one that fails nothing is left.

    Raises:
        CannotScoreFile: Another process has made it meanwhile, and it is not to be replaced.
        OSError: It can't be written.
    """
    part = target.with_name(f".{target.name}.{uuid4().hex[:8]}.part")
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        writer = _writer(part, form_of(target), schema)
        try:
            yield writer
        finally:
            writer.close()
        if not overwrite and os.path.lexists(target):
            raise CannotScoreFile(f"{target} was made meanwhile, by another process. Name another file.")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _writer(part: Path, form: str, schema: pa.Schema) -> Writer:
    if form == JSON_LINES:
        return _JsonLines(part)
    writer: Writer
    if form == PARQUET:
        writer = pq.ParquetWriter(part, schema, compression="zstd")
    else:
        writer = pa.csv.CSVWriter(part, schema, write_options=pa.csv.WriteOptions(quoting_style="needed"))
    return writer


class _JsonLines:
    def __init__(self, part: Path) -> None:
        self._file = part.open("wb")

    def write_table(self, table: pa.Table) -> None:
        self._file.writelines(msgspec.json.encode(row) + b"\n" for row in table.to_pylist())

    def close(self) -> None:
        self._file.close()
