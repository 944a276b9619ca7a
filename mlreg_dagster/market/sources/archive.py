"""Hourly OHLCV bars in Parquet or CSV files, read through DuckDB: only the window asked comes into memory.

The snapshot of hour `h` is the bar that starts at `h`. Bars are checked as they are read, so a question is
refused for a bad bar among the hours that it reads (those asked and the 168 before), not for one elsewhere.
Only the columns' types, the archive's range and the all-time highs look at all of it.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import numpy as np
import pandas as pd

from mlreg_dagster.config import ArchiveSettings
from mlreg_dagster.hours import HOUR, hour_range
from mlreg_dagster.market.sources.base import MalformedArchive, MarketSource, last_ended_hour
from mlreg_dagster.market.sources.panel import (
    LOOKBACK_HOURS,
    FloatArray,
    Panel,
    running_high,
    snapshot_rows,
    trailing_24h,
)
from mlreg_dagster.storage.duckdb_access import connect, folder_of

_SQL_TYPES = {
    "instrument_id": "VARCHAR",
    "symbol": "VARCHAR",
    "time": "TIMESTAMPTZ",
    "close": "DOUBLE",
    "volume": "DOUBLE",
}
_ACCEPTED = {
    "VARCHAR": r"VARCHAR|ENUM.*",
    "TIMESTAMPTZ": r"TIMESTAMP.*",
    "DOUBLE": r"DOUBLE|FLOAT|DECIMAL.*|.*INT.*",
}
# guessing takes ten times as long, and a line of a hundred thousand columns minutes
_CSV = "header = true, delim = ',', quote = '\"', escape = '\"', max_line_size = 65536"
_LONGEST_QUOTE = 2000
_A_TIME = "time >= '1678-01-01' AND time < '2262-01-01'"  # what pandas can keep in any unit
_IN_WORDS = {"VARCHAR": "text", "TIMESTAMPTZ": "a timestamp", "DOUBLE": "a number"}


class Archive(MarketSource):
    """The bars of `ingest.yaml`'s `archive` block.

    CSV files have a header, commas and double quotes. Times without a zone are UTC. `all_time_high` is the
    highest close since the instrument's first bar, `market_cap` is unknown. Where more than `universe`
    instruments have a bar, an hour keeps those of the highest 24 h volume at that hour; what traded later
    plays no part in the choice.

    Args:
        settings: Which files, what their columns are called, what to leave out.
        universe: At most how many instruments an hour has.

    Raises:
        MalformedArchive: No path is set.
    """

    name = "archive"

    def __init__(self, settings: ArchiveSettings, universe: int) -> None:
        if settings.path is None:
            raise MalformedArchive("archive.path is not set in ingest.yaml. Name a Parquet or CSV file there.")
        self._path = settings.path
        self._settings = settings
        self._columns: dict[str, str] = settings.columns.model_dump()
        self._universe = universe

    def span(self, now: pd.Timestamp) -> tuple[pd.Timestamp, pd.Timestamp]:
        """From the archive's first bar to its last, as far as they have ended."""
        with self._bars() as connection:
            first, last, timeless = connection.execute(
                f"SELECT min(time) FILTER ({_A_TIME})::TIMESTAMP, max(time) FILTER ({_A_TIME})::TIMESTAMP, "  # noqa: S608
                f"count(*) FILTER (NOT coalesce({_A_TIME}, false)) FROM bars"
            ).fetchall()[0]
        if first is None or timeless:
            problem = f"{timeless} bars have no time" if timeless else "there are no bars"
            column = self._columns["time"]
            raise MalformedArchive(f"{self._path}: {problem} (column {column}; times lie between 1678 and 2261).")
        try:
            first, last = (pd.Timestamp(time, tz="UTC").as_unit("us").floor("h") for time in (first, last))
        except ValueError as error:  # a damaged file need not hold what its statistics say
            raise MalformedArchive(f"{self._path} is damaged: {error} (column {self._columns['time']}).") from error
        return first, min(last, last_ended_hour(now))

    def _rows(self, hours: pd.DatetimeIndex, now: pd.Timestamp) -> pd.DataFrame:  # noqa: ARG002
        start = hours[0] - LOOKBACK_HOURS * HOUR
        with self._bars() as connection:
            bars = connection.execute(
                "SELECT * FROM bars WHERE time >= $start AND time < $stop AND "
                "NOT coalesce(list_contains($excluded, instrument_id), false) ORDER BY time, instrument_id",
                {"start": start, "stop": hours[-1] + HOUR, "excluded": list(self._settings.exclude)},
            ).df()
            highs = connection.execute(
                "SELECT instrument_id, max(close) AS high FROM bars WHERE time < $start GROUP BY ALL",
                {"start": start},
            ).df()
        self._check(bars)
        rows = snapshot_rows(self._panel(bars, highs, hour_range(start, hours[-1])), hours, self.name)
        return _most_traded(rows, self._universe)

    def _panel(self, bars: pd.DataFrame, highs: pd.DataFrame, hours: pd.DatetimeIndex) -> Panel:
        instruments, column = np.unique(bars["instrument_id"].to_numpy(dtype=object), return_inverse=True)
        row = hours.get_indexer(pd.DatetimeIndex(bars["time"]))
        if (row < 0).any():
            raise MalformedArchive(f"{self._path} is damaged: its statistics belie its times. Restore it from a copy.")
        shape = (len(hours), len(instruments))
        price, volume = np.full(shape, np.nan), np.full(shape, np.nan)
        symbols = np.full(shape, None, dtype=object)
        price[row, column], volume[row, column] = bars["close"], bars["volume"]
        symbols[row, column] = bars["symbol"]
        if self._settings.volume_unit == "base":
            volume *= price
        return Panel(
            hours=hours,
            instrument_ids=instruments.tolist(),
            symbols=symbols,
            price=price,
            volume_24h=trailing_24h(volume),
            market_cap=np.full(shape, np.nan),
            all_time_high=running_high(price, self._highs_of(instruments, highs, hours[0])),
        )

    def _highs_of(self, instruments: FloatArray, highs: pd.DataFrame, before: pd.Timestamp) -> FloatArray:
        """The high per instrument before the window; NaN where there was no bar."""
        infinite = highs[~np.isfinite(highs["high"])]
        if len(infinite):
            raise MalformedArchive(
                f"{self._path}: column {self._columns['close']} of {infinite['instrument_id'].iloc[0]} has a "
                f"price that is not finite before {before}. Mend the archive."
            )
        known: FloatArray = highs.set_index("instrument_id")["high"].reindex(instruments).to_numpy(dtype=float)
        return known

    @contextmanager
    def _bars(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection with the view `bars`: instrument_id, symbol, time, close, volume, filename."""
        with connect(reaches=[folder_of(self._path)]) as connection:
            try:
                columns = ", ".join(
                    f"CAST({_identifier(self._columns[field])} AS {sql_type}) AS {field}"
                    for field, sql_type in _SQL_TYPES.items()
                )
                connection.execute(
                    f"CREATE VIEW bars AS SELECT {columns}, filename FROM {self._reader(connection)}"  # noqa: S608
                )
                yield connection
            except duckdb.Error as error:
                raise MalformedArchive(f"{self._path} can't be read as hourly bars: {_in_short(error)}") from error

    def _reader(self, connection: duckdb.DuckDBPyConnection) -> str:
        """The table function that reads the files, after a look at their columns."""
        path = _literal(self._path)
        if not re.search(r"\.csv(\.gz)?$", self._path):
            reader = f"read_parquet({path}, filename = true)"
            self._check_types(_columns_of(connection, reader))
            return reader
        as_text = f"read_csv({path}, {_CSV}, all_varchar = true)"
        self._check_types(dict.fromkeys(_columns_of(connection, as_text)))
        # CSV has no types of its own: they are declared, and DuckDB names the line that doesn't fit.
        types = ", ".join(f"{_literal(self._columns[field])}: '{sql}'" for field, sql in _SQL_TYPES.items())
        return f"read_csv({path}, {_CSV}, filename = true, types = {{{types}}})"

    def _check_types(self, found: dict[str, str | None]) -> None:
        for field, sql_type in _SQL_TYPES.items():
            column = self._columns[field]
            if column not in found:
                has = ", ".join(found)[:_LONGEST_QUOTE]
                raise MalformedArchive(f"{self._path} has no column {column} (archive.columns.{field}); it has {has}.")
            stored = found[column]
            if stored is not None and not re.fullmatch(_ACCEPTED[sql_type], stored):
                raise MalformedArchive(
                    f"{self._path}: column {column} holds {stored}; {field} must be {_IN_WORDS[sql_type]}."
                )

    def _check(self, bars: pd.DataFrame) -> None:
        close, volume = bars["close"], bars["volume"]
        key = ["instrument_id", "time"]
        bad = {
            ("instrument_id", "must not be empty"): bars["instrument_id"].fillna("") == "",
            ("symbol", "must not be empty"): bars["symbol"].fillna("") == "",
            ("time", "must be a whole hour"): bars["time"] != bars["time"].dt.floor("h"),
            ("close", "must be finite and greater than 0"): ~((close > 0) & (close < np.inf)),
            ("volume", "must be finite and not negative, or null"): (volume < 0) | np.isinf(volume),
            ("time", "there is more than one bar of this instrument and hour"): bars.duplicated(key, keep=False),
        }
        for (field, rule), rows in bad.items():
            if rows.any():
                bar = bars[rows].iloc[0]
                raise MalformedArchive(
                    f"{bar['filename']}: column {self._columns[field]} of {bar['instrument_id']} at "
                    f"{bar['time']}: {rule} (found {bar[field]}; {int(rows.sum())} such bars among the hours "
                    f"read). Mend the archive, or leave the instrument out by archive.exclude."
                )


def _most_traded(rows: pd.DataFrame, universe: int) -> pd.DataFrame:
    if len(rows) == 0 or rows.groupby("hour").size().max() <= universe:
        return rows
    ranked = rows.sort_values(["hour", "volume_24h", "instrument_id"], ascending=[True, False, True])
    return ranked.groupby("hour").head(universe).sort_values(["hour", "instrument_id"], ignore_index=True)


def _columns_of(connection: duckdb.DuckDBPyConnection, reader: str) -> dict[str, str | None]:
    described = connection.execute(f"DESCRIBE SELECT * FROM {reader}").fetchall()  # noqa: S608
    return {name: sql_type for name, sql_type, *_ in described}


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _in_short(error: duckdb.Error) -> str:
    """What went wrong and in which file, without DuckDB's hints about its own options."""
    text = str(error)
    file = re.search(r"^\s*file = .*$", text, re.MULTILINE)
    said = " ".join(text.split("Possible solutions:")[0].split())[:_LONGEST_QUOTE]
    return f"{said} {file.group().strip() if file else ''}".strip()
