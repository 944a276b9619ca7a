"""One DuckDB view of an archive's bars, whatever the files call, order and type their columns.

A value that can't be read is null in the view, with its text beside it, so that it stops only those who need it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from mlreg_dagster.market.sources.archive.files import LONGEST_LINE, BarFile, bar_files, duckdb_paths
from mlreg_dagster.market.sources.base import MalformedArchive

ROLES = {"instrument_id": "text", "symbol": "text", "time": "a timestamp", "close": "a number", "volume": "a number"}
"""What each column of a bar is for to what it must be."""

_WHOLE = r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?"
_ACCEPTED = {
    "text": r'VARCHAR|ENUM.*|"NULL"',
    "a timestamp": rf'TIMESTAMP.*|{_WHOLE}|DOUBLE|"NULL"',
    "a number": rf'DOUBLE|FLOAT|DECIMAL.*|{_WHOLE}|"NULL"',
}
# Every option is spelled out, for a guess may differ from file to file; `comment` would swallow what begins with a #.
_CSV = (
    "auto_detect = false, header = true, delim = ',', quote = '\"', escape = '\"', comment = '', "
    f"max_line_size = {LONGEST_LINE}"
)
_EXACT_DIGITS = 15  # a longer decimal is rounded once by way of its text, not twice


# Seconds, milli-, micro- and nanoseconds from 1973 to 2286 are whole numbers of different length. Text may lack its
# seconds, or have a blank before its offset.
_MACROS = r"""
CREATE MACRO since_1970(n) AS make_timestamp(CAST(CASE
    WHEN n BETWEEN 100_000_000 AND 9_999_999_999 THEN n * 1_000_000
    WHEN n BETWEEN 100_000_000_000 AND 9_999_999_999_999 THEN n * 1000
    WHEN n BETWEEN 100_000_000_000_000 AND 9_999_999_999_999_999 THEN n
    WHEN n BETWEEN 100_000_000_000_000_000 AND 9_999_999_999_999_999_999 AND n % 1000 = 0 THEN n // 1000
END AS BIGINT))::TIMESTAMPTZ;
CREATE MACRO time_of_text(t) AS coalesce(
    TRY_CAST(t AS TIMESTAMPTZ),
    CASE WHEN regexp_full_match(t, '\d{9,19}(\.0*)?') THEN since_1970(CAST(split_part(t, '.', 1) AS HUGEINT)) END,
    TRY_CAST(regexp_replace(regexp_replace(t,
        '\s+([+-]\d{2}(:?\d{2})?)$', '\1'),
        '^(\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2})(Z|[+-]\d{2}(:?\d{2})?)$', '\1:00\2') AS TIMESTAMPTZ)
)
"""


def create_view(
    connection: duckdb.DuckDBPyConnection, path: str, columns: Mapping[str, str], excluded: Sequence[str]
) -> None:
    """Make the view `bars`: a column for each role, the texts of time, close and volume, and `file`.

    Args:
        connection: Where; its time zone is UTC.
        path: A file or a glob.
        columns: Role to the name of its column.
        excluded: Instruments that are left out, whatever their bars hold.

    Raises:
        MalformedArchive: There is no such file, one of another form, or one that lacks a column or has another type
            in it; a file of none but excluded instruments is passed over.
    """
    groups: dict[tuple[object, ...], list[BarFile]] = {}
    for file in bar_files(connection, path):
        if problem := _problem(file, columns):
            if _holds_bars(connection, file, columns, excluded):
                raise MalformedArchive(problem)
            continue
        from_folders = tuple(_folder(file, name) is not None for name in columns.values())
        groups.setdefault((file.form, file.columns, from_folders), []).append(file)
    connection.execute(_MACROS)
    parts = []
    for number, files in enumerate(groups.values()):
        if len(files) > 1 and any(_folder(files[0], name) for name in columns.values()):
            connection.execute(_folder_table(f"folders{number}", files, columns))
        parts.append(_select(files, columns, excluded, f"folders{number}"))
    connection.execute("CREATE VIEW bars AS " + " UNION ALL ".join(parts or [_NO_BARS]))


def first_bar(
    connection: duckdb.DuckDBPyConnection, path: str, columns: Mapping[str, str], excluded: Sequence[str], where: str
) -> dict[str, Any]:
    """The first bar for which `where` holds: the view's columns as text, and `row`, the header not counted.

    For error messages: it makes the connection slow.
    """
    # not `min(file)`: DuckDB 1.5.5 fails on it where the file's statistics rule rows out
    sql = f"SELECT file FROM bars WHERE {where} ORDER BY file LIMIT 1"  # noqa: S608
    (name,) = connection.execute(sql).fetchall()[0]
    connection.execute("SET threads = 1")  # so that rows come in the order of the file
    bars = _select([file for file in bar_files(connection, path) if file.path == name], columns, ())
    found = connection.execute(
        f"SELECT COLUMNS(*)::VARCHAR FROM (SELECT row_number() OVER () AS row, * FROM ({bars})) "  # noqa: S608
        f"WHERE ({where}) AND ({_not_excluded('instrument_id', excluded)}) LIMIT 1"
    )
    names = [column[0] for column in found.description or ()]
    return dict(zip(names, found.fetchall()[0], strict=True))


_NO_BARS = (
    "SELECT NULL::VARCHAR AS instrument_id, NULL::VARCHAR AS symbol, NULL::TIMESTAMPTZ AS time, NULL::DOUBLE AS close, "
    "NULL::DOUBLE AS volume, NULL::VARCHAR AS time_text, NULL::VARCHAR AS close_text, NULL::VARCHAR AS volume_text, "
    "false AS close_unread, false AS volume_unread, NULL::VARCHAR AS file WHERE false"
)


def _problem(file: BarFile, columns: Mapping[str, str]) -> str:
    """Why a file has no bars of these columns; empty where it may have."""
    for role, name in columns.items():
        places = file.places_of(name)
        if not file.has(name):
            if not places and _folder(file, name) is not None:
                continue
            separator = next((sign for sign in ";\t|" if len(file.columns) == 1 and sign in file.in_words()), None)
            hint = f" in one piece: separate columns by commas, not by {separator!r}" if separator else ""
            return f"{file.path} has no column {name} (archive.columns.{role}); it has {file.in_words()}{hint}."
        if len(places) > 1:
            return (
                f"{file.path} has {len(places)} columns {name}, told apart by the case of letters at most. Rename one."
            )
        stored = file.columns[places[0]][1]
        if file.form == "parquet" and not re.fullmatch(_ACCEPTED[ROLES[role]], stored):
            return f"{file.path}: column {name} holds {stored}; {role} must be {ROLES[role]}."
    return ""


def _holds_bars(
    connection: duckdb.DuckDBPyConnection, file: BarFile, columns: Mapping[str, str], excluded: Sequence[str]
) -> bool:
    """Whether a file has any row of an instrument that is not excluded."""
    name = columns["instrument_id"]
    known = file.has(name) or _folder(file, name) is not None
    where = _not_excluded(f"CAST({_value(file, name)} AS VARCHAR)", excluded) if known else "true"
    found = connection.execute(f"SELECT 1 FROM {_reader([file])} AS bar WHERE {where} LIMIT 1")  # noqa: S608
    return bool(found.fetchall())


def _select(files: Sequence[BarFile], columns: Mapping[str, str], excluded: Sequence[str], folders: str = "") -> str:
    """The bars of files that are alike; `folders` is a table of what their folders say, where those differ."""
    file = files[0]
    values = {role: _value(file, name) for role, name in columns.items()}
    source = f"{_reader(files)} AS bar"
    if len(files) > 1 and (from_folders := [role for role, name in columns.items() if _folder(file, name)]):
        values |= {role: f"{folders}.{role}" for role in from_folders}
        source += f" LEFT JOIN {folders} ON {folders}.path = bar.{_file_column(file)}"
    stored = {role: _stored(file, name) for role, name in columns.items()}
    numbers = {role: _number(values[role], stored[role]) for role in ("close", "volume")}
    fields = {
        "instrument_id": f"CAST({values['instrument_id']} AS VARCHAR)",
        "symbol": f"CAST({values['symbol']} AS VARCHAR)",
        "time": _time(values["time"], stored["time"]),
        **numbers,
        **{f"{role}_text": f"CAST({values[role]} AS VARCHAR)" for role in ("time", "close", "volume")},
        **{f"{role}_unread": f"{number} IS NULL AND {values[role]} IS NOT NULL" for role, number in numbers.items()},
        "file": f"bar.{_file_column(file)}",
    }
    selected = ", ".join(f"{value} AS {field}" for field, value in fields.items())
    return f"SELECT {selected} FROM {source} WHERE {_not_excluded(fields['instrument_id'], excluded)}"  # noqa: S608


def _folder_table(table: str, files: Sequence[BarFile], columns: Mapping[str, str]) -> str:
    """A table of what the folders of each file say, by role."""
    roles = [role for role, name in columns.items() if _folder(files[0], name)]
    rows = ", ".join(
        f"({', '.join([literal(file.path), *(_value(file, columns[role]) for role in roles)])})" for file in files
    )
    return f"CREATE TABLE {table} AS SELECT * FROM (VALUES {rows}) AS given(path, {', '.join(roles)})"  # noqa: S608


def _reader(files: Sequence[BarFile]) -> str:
    """The table function of files that are alike; the path is a column under a name that they don't have."""
    file, paths = files[0], duckdb_paths(each.path for each in files)
    common = f"{paths}, hive_partitioning = false, filename = {literal(_file_column(file))}"
    if file.form == "parquet":
        return f"read_parquet({common})"
    types = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(len(file.columns)))
    packed = "gzip" if file.path.lower().endswith(".gz") else "none"
    return f"read_csv({common}, {_CSV}, compression = '{packed}', columns = {{{types}}})"


def _file_column(file: BarFile) -> str:
    name = "file"
    while file.form == "parquet" and file.places_of(name):
        name += "_"
    return name


def _folder(file: BarFile, name: str) -> tuple[str | None] | None:
    """What a folder `name=value` above the file says where the file itself has no such column."""
    values = [value for key, value in file.folders if key == name]
    return None if file.has(name) or not values else (values[-1],)


def _value(file: BarFile, name: str) -> str:
    """SQL of a column, or of the folder in its place."""
    if folder := _folder(file, name):
        return "NULL::VARCHAR" if folder[0] is None else f"{literal(folder[0])}::VARCHAR"
    (place,) = file.places_of(name)
    return f"bar.c{place}" if file.form == "csv" else f"bar.{_identifier(name)}"


def _stored(file: BarFile, name: str) -> str:
    return "VARCHAR" if _folder(file, name) else file.columns[file.places_of(name)[0]][1]


def _number(value: str, stored: str) -> str:
    """SQL of a number as a double: the nearest one, for those of a table are doubles."""
    digits = re.match(r"DECIMAL\((\d+)", stored)
    if digits and int(digits[1]) > _EXACT_DIGITS:
        value = f"CAST({value} AS VARCHAR)"
    return f"TRY_CAST({value} AS DOUBLE)"


def _time(value: str, stored: str) -> str:
    """SQL of a time: a timestamp as it is; text, and numbers since 1970 whose size tells their unit."""
    if stored == "TIMESTAMP_NS":  # a table keeps microseconds; what is cut off must not make a whole hour
        return f"CASE WHEN epoch_ns({value}) % 1000 = 0 THEN CAST({value} AS TIMESTAMPTZ) END"
    if stored == "VARCHAR":
        return f"time_of_text({value})"
    if stored == "DOUBLE":
        return f"since_1970(CASE WHEN {value} = trunc({value}) THEN TRY_CAST({value} AS HUGEINT) END)"
    if re.fullmatch(_WHOLE, stored):
        return f"since_1970(CAST({value} AS HUGEINT))"
    return f"CAST({value} AS TIMESTAMPTZ)"


def _not_excluded(instrument: str, excluded: Sequence[str]) -> str:
    names = ", ".join(map(literal, excluded))
    return f"({instrument}) IS NULL OR ({instrument}) NOT IN ({names})" if excluded else "true"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL."""
    return "'" + text.replace("'", "''") + "'"
