"""Hourly OHLCV bars in Parquet or CSV files, read through DuckDB: only the window asked comes into memory.

The snapshot of hour `h` is the bar that starts at `h`. Bars are checked as they are read, so a question is
refused for a bad bar among the hours that it reads (those asked and the 168 before), not for one elsewhere.
Only the columns' types, the archive's range and the all-time highs look at all of it. Excluded instruments
are not looked at.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import numpy as np
import pandas as pd

from mlreg_dagster.config import ArchiveSettings
from mlreg_dagster.core.hours import HOUR, hour_range
from mlreg_dagster.market.sources.archive.bars import create_view, first_bar, literal
from mlreg_dagster.market.sources.base import MalformedArchive, MarketSource, last_ended_hour
from mlreg_dagster.market.sources.panel import (
    LOOKBACK_HOURS,
    Panel,
    running_high,
    snapshot_rows,
    trailing_24h,
)
from mlreg_dagster.storage.warehouse.duckdb_access import connect, folder_of

_LONGEST_QUOTE = 2000
_LONGEST_VALUE = 100
_TEXTS = ("time", "close", "volume")
_A_TIME = "time >= '1678-01-01' AND time < '2262-01-01'"  # what pandas can keep in any unit
_TIMELESS = f"NOT coalesce({_A_TIME}, false)"
_REMEDY = "Correct the archive, or leave the instrument out by archive.exclude."
_TIME_REMEDY = "Write 2025-06-01T02:00:00Z, or whole seconds, milli-, micro- or nanoseconds since 1970 (1973 to 2286)."
_NO_HIGH = "coalesce(NOT isfinite(close), close_unread)"  # what is null is no price at all
_RULES = (
    ("instrument_id", "must not be empty", "coalesce(instrument_id, '') = ''"),
    ("symbol", "must not be empty", "coalesce(symbol, '') = ''"),
    ("time", "must be a whole hour", "time != date_trunc('hour', time)"),
    ("close", "must be a number", "close_unread"),
    ("close", "must be finite and greater than 0", "NOT coalesce(close > 0 AND isfinite(close), false)"),
    ("volume", "must be a number, or empty", "volume_unread"),
    ("volume", "must be finite and not negative, or null", "coalesce(volume < 0 OR isinf(volume), false)"),
)
"""What each value of a bar must be, in words and as SQL of a bar that is not so."""


class Archive(MarketSource):
    """The bars of `ingest.yaml`'s `archive` block.

    CSV files have a header, commas and double quotes. Times without a zone are UTC. A column that files lack may be
    the name of a folder above them, `symbol=BTC`. Numbers become doubles. `all_time_high` is the highest close since
    the instrument's first bar, `market_cap` is unknown. Where more than `universe` instruments have a bar, an hour
    keeps those of the highest 24 h volume at that hour; what traded later plays no part in the choice. Prices must be
    adjusted for splits: nothing here can tell a split from a crash.

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
                f"count(*) FILTER ({_TIMELESS}) FROM bars"
            ).fetchall()[0]
            if timeless:
                rule, finding = "must be a time of the years 1678 to 2261", f"{timeless} bars have no time"
                raise self._bad_bar(connection, "time", rule, _TIMELESS, finding, _TIME_REMEDY)
        if first is None:
            left_out = " besides those of excluded instruments" if self._settings.exclude else ""
            raise MalformedArchive(f"{self._path}: there are no bars{left_out}.")
        try:
            first, last = (pd.Timestamp(time, tz="UTC").as_unit("us").floor("h") for time in (first, last))
        except ValueError as error:  # a damaged file need not hold what its statistics say
            raise MalformedArchive(f"{self._path} is damaged: {error} (column {self._columns['time']}).") from error
        return first, min(last, last_ended_hour(now))

    def _rows(self, hours: pd.DatetimeIndex, now: pd.Timestamp) -> pd.DataFrame:  # noqa: ARG002
        start = hours[0] - LOOKBACK_HOURS * HOUR
        with self._bars() as connection:
            connection.execute(
                "CREATE TEMP TABLE read AS SELECT * EXCLUDE (time_text, close_text, volume_text) FROM bars "
                "WHERE time >= $start AND time < $stop",
                {"start": start, "stop": hours[-1] + HOUR},
            )
            self._check(connection)
            bars = connection.execute("SELECT * FROM read ORDER BY time, instrument_id").df()
            highs = connection.execute(
                f"SELECT instrument_id, max(close) AS high, count(*) FILTER ({_NO_HIGH}) AS spoiled FROM bars "  # noqa: S608
                "WHERE time < $start GROUP BY ALL",
                {"start": start},
            ).df()
            if spoiled := int(highs["spoiled"].sum()):
                rule = "must be finite in every bar, for the highest price counts"
                where = f"{_NO_HIGH} AND time < {literal(str(start))}"
                raise self._bad_bar(connection, "close", rule, where, f"{spoiled} such bars before the hours read")
        rows = snapshot_rows(self._panel(bars, highs, hour_range(start, hours[-1])), hours, self.name, self.unknown)
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
            with np.errstate(over="ignore"):  # an infinite one is unknown in `snapshot_rows`
                volume *= price
        before = highs.set_index("instrument_id")["high"].reindex(instruments)  # NaN where there was no bar
        return Panel(
            hours=hours,
            instrument_ids=instruments.tolist(),
            symbols=symbols,
            price=price,
            volume_24h=trailing_24h(volume),
            market_cap=np.full(shape, np.nan),
            all_time_high=running_high(price, before.to_numpy(dtype=float)),
        )

    @contextmanager
    def _bars(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection with the view `bars`."""
        with connect(reaches=[folder_of(self._path)]) as connection:
            try:
                create_view(connection, self._path, self._columns, self._settings.exclude)
                yield connection
            except duckdb.Error as error:
                raise MalformedArchive(f"{self._path} can't be read as hourly bars: {_in_short(error)}") from error

    def _check(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Refuse the first of the bars read that can't be used."""
        counts = ", ".join(f"count(*) FILTER ({bad})" for _, _, bad in _RULES)
        found = connection.execute(f"SELECT {counts} FROM read").fetchall()[0]  # noqa: S608
        for (role, rule, bad), count in zip(_RULES, found, strict=True):
            if count:
                finding = f"{count} such bars among the hours read"
                raise self._bad_bar(connection, role, rule, f"{bad} AND {_among(connection)}", finding)
        repeated = connection.execute(
            "SELECT instrument_id, time::VARCHAR, max(file), sum(count(*)) OVER () FROM read "
            "GROUP BY instrument_id, time HAVING count(*) > 1 ORDER BY time, instrument_id LIMIT 1"
        ).fetchall()
        for instrument, time, file, count in repeated:
            where = f"instrument_id = {literal(instrument)} AND time = {literal(time)}"
            finding = f"the last one in {file}; {count} such bars among the hours read"
            rule = "there is more than one bar of this instrument and hour"
            raise self._bad_bar(connection, "time", rule, where, finding)

    def _bad_bar(
        self,
        connection: duckdb.DuckDBPyConnection,
        role: str,
        rule: str,
        where: str,
        finding: str,
        remedy: str = _REMEDY,
    ) -> MalformedArchive:
        """What is wrong with the first bar for which the SQL `where` holds."""
        bar = first_bar(connection, self._path, self._columns, self._settings.exclude, where)
        at = f" of {_quoted(bar['instrument_id'])}" + (f" at {bar['time']}" if bar["time"] else "")
        found = _quoted(bar[f"{role}_text"] if role in _TEXTS else bar[role])
        return MalformedArchive(
            f"{bar['file']}, row {bar['row']}: column {self._columns[role]}{at}: {rule} (found {found}; {finding}). "
            f"{remedy}"
        )


def _most_traded(rows: pd.DataFrame, universe: int) -> pd.DataFrame:
    if len(rows) == 0 or rows.groupby("hour").size().max() <= universe:
        return rows
    ranked = rows.sort_values(["hour", "volume_24h", "instrument_id"], ascending=[True, False, True])
    return ranked.groupby("hour").head(universe).sort_values(["hour", "instrument_id"], ignore_index=True)


def _among(connection: duckdb.DuckDBPyConnection) -> str:
    """SQL of the hours read, as literals: they are asked of single files."""
    first, last = connection.execute("SELECT min(time)::VARCHAR, max(time)::VARCHAR FROM read").fetchall()[0]
    return f"time BETWEEN {literal(first)} AND {literal(last)}"


def _quoted(text: str | None) -> str:
    return "nothing" if text is None else text[:_LONGEST_VALUE]


def _in_short(error: duckdb.Error) -> str:
    """What went wrong and in which file, without DuckDB's hints about its own options."""
    text = str(error)
    file = re.search(r"^\s*file = .*$", text, re.MULTILINE)
    if "state machine reached an invalid state" in text:
        text = "it is not the CSV of RFC 4180: quotes within values, or line ends of two kinds."
    quote = " ".join(re.split("Possible (solutions|fixes):", text)[0].split())[:_LONGEST_QUOTE]
    return f"{quote} {file.group().strip() if file else ''}".strip()
