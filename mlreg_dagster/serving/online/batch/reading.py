"""Reads files of rows in pieces, so that a file may be larger than memory: CSV, Parquet, JSON lines."""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mlreg_dagster.core.untrusted.text import one_line
from mlreg_dagster.serving.online.batch.columns import (
    CannotScoreFile,
    Columns,
    Piece,
    choose,
    numbers,
    require_none,
)
from mlreg_dagster.storage import regular_files

CSV, PARQUET, JSON_LINES = ".csv", ".parquet", ".jsonl"
FORMATS = {CSV: CSV, PARQUET: PARQUET, JSON_LINES: JSON_LINES, ".ndjson": JSON_LINES}
"""Each extension, to the form that it names."""

ROWS_AT_ONCE = 1 << 14
_LARGEST_FILE, _LONGEST_LINE = 1 << 42, 16 << 20
_LONGEST_REASON = 300


def form_of(path: Path) -> str:
    """The form that a file's extension names.

    Raises:
        CannotScoreFile: It names none.
    """
    if (form := FORMATS.get(path.suffix.lower())) is None:
        raise CannotScoreFile(f"{path} has another form than {', '.join(FORMATS)}. Name a file of these.")
    return form


@contextmanager
def opened(source: Path) -> Iterator[BinaryIO]:
    """Open a file of rows.

    Raises:
        CannotScoreFile: It is not there.
        OddFile: It is no file.
    """
    try:
        with regular_files.opened(source.resolve(), _LARGEST_FILE) as file:
            yield file
    except (FileNotFoundError, NotADirectoryError):
        raise CannotScoreFile(f"{source} is not there. Name a file of rows.") from None


def read(source: Path, file: BinaryIO, features: Sequence[str]) -> Iterator[tuple[Columns, Piece]]:
    """The rows of a file in pieces, at least one.

    Raises:
        CannotScoreFile: The file is of another form, its columns are others, or a row is wrong.
    """
    form = form_of(source)
    try:
        yield from _READERS[form](source, file, features)
    except (pa.ArrowException, csv.Error, UnicodeError, OSError) as error:
        raise CannotScoreFile(
            f"{source} can't be read as {form[1:]}: {one_line(error, _LONGEST_REASON)}. Fix the file or its extension."
        ) from None


def _csv(source: Path, file: BinaryIO, features: Sequence[str]) -> Iterator[tuple[Columns, Piece]]:
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        yield from _csv_rows(source, csv.reader(_lines(text, source), strict=True), features)
    finally:
        text.detach()  # the file is closed by those who opened it


def _csv_rows(source: Path, rows: Any, features: Sequence[str]) -> Iterator[tuple[Columns, Piece]]:
    names: list[str] = next(rows, [])
    if not names:
        raise CannotScoreFile(f"{source} is empty. Its first line has to name the columns.")
    columns = choose(names, features, source)
    places = [names.index(name) for name in columns.features]
    texts = {name: names.index(name) for name in columns.texts}
    yield columns, _empty(columns)
    numbered = _numbered(rows)
    while chunk := list(islice(numbered, ROWS_AT_ONCE)):
        lines = [line for line, _ in chunk]
        odd = [(line, len(row)) for line, row in chunk if len(row) != len(names)]
        require_none([f"line {line} has {found} values instead of {len(names)}" for line, found in odd], source)
        cells = [[row[place] for place in places] for _, row in chunk]
        X = numbers(cells, columns, lines, source, texts=True)
        yield (
            columns,
            Piece(X, {name: _texts(row[at] or None for _, row in chunk) for name, at in texts.items()}, lines),
        )


def _numbered(rows: Any) -> Iterator[tuple[int, list[str]]]:
    """Rows with the line on which each begins; empty lines are none."""
    line = rows.line_num + 1
    for row in rows:
        if row:
            yield line, row
        line = rows.line_num + 1


def _json_lines(source: Path, file: BinaryIO, features: Sequence[str]) -> Iterator[tuple[Columns, Piece]]:
    columns, names = None, set[str]()
    numbered = ((number, line) for number, line in enumerate(_lines(file, source), 1) if line.strip())
    while chunk := list(islice(numbered, ROWS_AT_ONCE)):
        rows, wrong, lines = [], [], [line for line, _ in chunk]
        for line, text in chunk:
            row = _object(text)
            if isinstance(row, str):
                wrong.append(f"line {line}: {row}")
                continue
            if columns is None:
                columns, names = choose(list(row), features, source), set(row)
                yield columns, _empty(columns)
            if row.keys() != names:
                odd = one_line(", ".join(sorted(row.keys() ^ names)), _LONGEST_REASON)
                wrong.append(f"line {line} differs from the first one in the names {odd}")
            rows.append(row)
        require_none(wrong, source)
        assert columns is not None  # noqa: S101 - a line was read
        cells = [[row[name] for name in columns.features] for row in rows]
        X = numbers(cells, columns, lines, source, texts=False)
        texts = {name: _texts_of([row[name] for row in rows], name, lines, source) for name in columns.texts}
        yield columns, Piece(X, texts, lines)
    if columns is None:
        raise CannotScoreFile(f"{source} is empty. Each of its lines has to hold a JSON object, a row.")


def _object(text: bytes) -> dict[str, Any] | str:
    """A line as an object, or what is wrong with it."""
    try:
        found = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return f"it is no JSON ({one_line(error, _LONGEST_REASON)})"
    return found if isinstance(found, dict) else "it is no JSON object"


def _texts_of(values: list[Any], name: str, lines: Sequence[int], source: Path) -> pa.Array:
    odd = [line for line, value in zip(lines, values, strict=True) if not isinstance(value, str | None)]
    require_none([f"line {line}: {name} is no text" for line in odd], source)
    return _texts(values)


def _parquet(source: Path, file: BinaryIO, features: Sequence[str]) -> Iterator[tuple[Columns, Piece]]:
    parquet = pq.ParquetFile(file)
    schema = parquet.schema_arrow
    columns = choose(schema.names, features, source)
    for name in columns.features:
        _require_numeric(schema.field(name).type, name, source)
    texts = {name: _decoded(pa.array([], schema.field(name).type)) for name in columns.texts}
    yield columns, Piece(np.empty((0, len(columns.features))), texts, [])
    first = 1
    for batch in parquet.iter_batches(batch_size=ROWS_AT_ONCE, columns=[*columns.features, *columns.texts]):
        X = np.empty((batch.num_rows, len(columns.features)))
        for place, name in enumerate(columns.features):
            X[:, place] = batch.column(name).cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        texts = {name: _decoded(batch.column(name)) for name in columns.texts}
        yield columns, Piece(X, texts, range(first, first + batch.num_rows))
        first += batch.num_rows


def _require_numeric(form: pa.DataType, name: str, source: Path) -> None:
    kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_null)
    if not any(is_kind(form) for is_kind in kinds):
        raise CannotScoreFile(f"{source}: its column {name} holds {form}, not numbers. Fix it.")


def _decoded(column: pa.Array) -> pa.Array:
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def _lines(file: Any, source: Path) -> Iterator[Any]:
    """The lines of a file, none longer than a row can be."""
    while line := file.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise CannotScoreFile(f"{source} has a line of {_LONGEST_LINE >> 20} MB or more: it is no file of rows.")
        yield line


def _texts(values: Any) -> pa.Array:
    return pa.array(list(values), pa.string())


def _empty(columns: Columns) -> Piece:
    """No rows: even a file without any has a result."""
    return Piece(np.empty((0, len(columns.features))), {name: _texts([]) for name in columns.texts}, [])


_READERS = {CSV: _csv, PARQUET: _parquet, JSON_LINES: _json_lines}
