"""Which files an archive consists of, what form each has, and which columns it holds under which types.

Every file is looked at by itself: two exports of one archive seldom agree on types or on the order of columns.
"""

import codecs
import csv
import glob
import gzip
import io
import os
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

import duckdb

from mlreg_dagster.market.sources.base import MalformedArchive

LONGEST_LINE = 65536
_LONGEST_QUOTE = 2000
_NULL_FOLDER = "__HIVE_DEFAULT_PARTITION__"
_SIGNATURES = {
    b"PK\x03\x04": "a zip file (Excel workbooks are such)",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"ARROW1": "an Arrow or Feather file",
    b"FEA1": "a Feather file",
    b"PARE": "an encrypted Parquet file",
    b"\x1f\x8b": "gzip of something",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"7z\xbc\xaf": "a 7-Zip file",
    b"\x28\xb5\x2f\xfd": "a zstd file",
    b"\x89HDF": "an HDF5 file",
    b"ORC": "an ORC file",
    b"Obj\x01": "an Avro file",
    b"SQLite format 3": "an SQLite file",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
}
"""How files of other forms begin."""

Form = Literal["parquet", "csv"]


@dataclass(frozen=True)
class BarFile:
    """One file of an archive.

    Attributes:
        path: Where it is.
        form: What it is read as.
        columns: The name and type of each column, in the file's order; a CSV's are all text.
        folders: The `key=value` folders that it lies in.
    """

    path: str
    form: Form
    columns: tuple[tuple[str, str], ...]
    folders: tuple[tuple[str, str | None], ...]

    def places_of(self, name: str) -> list[int]:
        """The positions of a column's name; in Parquet whatever the case of its letters, as DuckDB reads it."""
        same = str if self.form == "csv" else str.casefold
        return [place for place, (other, _) in enumerate(self.columns) if same(other) == same(name)]

    def has(self, name: str) -> bool:
        """Whether the file itself has a column of exactly this name."""
        return any(other == name for other, _ in self.columns)

    def in_words(self) -> str:
        """The names of its columns, shortened where they are very many."""
        return ", ".join(name for name, _ in self.columns)[:_LONGEST_QUOTE]


def bar_files(connection: duckdb.DuckDBPyConnection, path: str) -> list[BarFile]:
    """The files that a path or glob leads to, by name.

    Raises:
        MalformedArchive: There are none, or one that is neither Parquet nor CSV or too damaged to say.
        duckdb.Error: A Parquet file without a readable schema.
    """
    found = [path] if Path(path).is_file() else sorted(filter(os.path.isfile, glob.glob(path, recursive=True)))  # noqa: PTH207
    names = [str(Path(name).absolute()) for name in found]
    if not names:
        folder = Path(path).is_dir()
        reason = (
            f"it is a folder. Name its files, for example {path}/**/*.parquet" if folder else "No files found there"
        )
        raise MalformedArchive(f"{path} can't be read as hourly bars: {reason}.")
    forms = {name: _form_of(name) for name in names}
    schemas = _parquet_columns(connection, [name for name, form in forms.items() if form == "parquet"])
    return [
        BarFile(name, form, schemas[name] if form == "parquet" else _csv_columns(name), _folders_of(name))
        for name, form in forms.items()
    ]


def duckdb_paths(paths: Iterable[str]) -> str:
    """A list of files as DuckDB reads it, in which nothing is taken for a wildcard."""
    plain = (path.translate({ord(sign): f"[{sign}]" for sign in "[*?"}) for path in paths)
    return "[" + ", ".join("'" + path.replace("'", "''") + "'" for path in plain) + "]"


def _form_of(name: str) -> Form:
    with Path(name).open("rb") as file:
        start = file.read(16)
    lower = name.lower()
    if start.startswith(b"PAR1"):
        return "parquet"
    if not start:
        raise MalformedArchive(f"{name} is empty. Remove it, or write it again.")
    if start.startswith(b"\x1f\x8b") and lower.endswith(".csv.gz"):
        return "csv"
    found = next((name for signature, name in _SIGNATURES.items() if start.startswith(signature)), None)
    if found is None and lower.endswith(".csv"):
        return "csv"
    if found is None:
        ending = "".join(Path(lower).suffixes[-2:]) or "without an ending"
        found = f"neither Parquet nor called .csv or .csv.gz ({ending})"
    raise MalformedArchive(
        f"{name} can't be read as hourly bars: it is {found}. Convert it to Parquet, or to CSV in UTF-8."
    )


def _parquet_columns(connection: duckdb.DuckDBPyConnection, names: list[str]) -> dict[str, tuple[tuple[str, str], ...]]:
    """The columns of Parquet files, those of nested ones left out."""
    if not names:
        return {}
    schemas = f"parquet_schema({duckdb_paths(names)})"
    found = connection.execute(
        f"SELECT file_name, name, duckdb_type, coalesce(num_children, 0) FROM {schemas} ORDER BY file_name, column_id"  # noqa: S608
    ).fetchall()
    columns: dict[str, list[tuple[str, str]]] = {}
    nested: dict[str, int] = {}
    for file, name, sql_type, children in found:
        known = Path(file).as_posix()
        if known not in columns:  # the root, which is no column
            columns[known], nested[known] = [], 0
        elif nested[known]:
            nested[known] += children - 1
        else:
            columns[known].append((name, "a nested value" if children else sql_type or "an unknown type"))
            nested[known] = children
    return {name: tuple(columns[Path(name).as_posix()]) for name in names}


def _csv_columns(name: str) -> tuple[tuple[str, str], ...]:
    """The names in the first line of a CSV file; all are text."""
    try:
        with gzip.open(name) if name.lower().endswith(".gz") else Path(name).open("rb") as file:
            start = file.read(LONGEST_LINE)
        if len(start) == LONGEST_LINE and not {*b"\r\n"} & {*start}:
            raise ValueError(f"it is longer than {LONGEST_LINE} bytes")
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(start)  # the last letter may be cut in two
        first = next(csv.reader(io.StringIO(text, newline=None), strict=True), [])
    except (ValueError, csv.Error, EOFError, OSError, zlib.error) as error:
        raise MalformedArchive(f"{name} can't be read as hourly bars: its first line is no CSV ({error}).") from error
    return tuple((column, "VARCHAR") for column in first)


def _folders_of(name: str) -> tuple[tuple[str, str | None], ...]:
    pairs = [part.split("=", 1) for part in Path(name).parent.parts if "=" in part]
    return tuple((unquote(key), None if value == _NULL_FOLDER else unquote(value)) for key, value in pairs)
