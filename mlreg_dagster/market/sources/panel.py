"""From a panel of hours by instruments to snapshot rows: the derived columns, by clock time.

A row of a panel is a clock hour, NaN is "not observed", and a gap stays a gap. Every value is computed from
its own instrument's column by a fixed sequence of elementwise operations over lags. There are no running sums
and no reductions whose order depends on the shape: an hour asked alone and the same hour asked within a year
agree to the last bit.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.market.schema import CHANGES, MARKET_SNAPSHOT

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

SpanArray = npt.NDArray[np.int16]

LOOKBACK_HOURS = 168
MIN_RETURNS = 12
"""The fewest returns of which a volatility is made: its own standard error is then about a fifth of it."""
MIN_COVERED_HOURS = 24
"""The fewest hours between the observations of which a volatility is made: a day."""

_NEVER = 2**14  # hours
_BLOCK_HOURS = 64  # rows worked on at once: keeps the inner loops in the processor's cache


@dataclass(frozen=True)
class Panel:
    """Consecutive hours by instruments; to derive hour `h` it must hold what is known of the 168 h before.

    Attributes:
        hours: The clock hours of the rows, consecutive, UTC.
        instrument_ids: The instruments of the columns.
        symbols: Tickers, a value per instrument or per hour and instrument.
        price: Last price of the hour; NaN = not observed. Only observed cells become snapshot rows.
        volume_24h: Traded in the 24 h up to the end of the hour; see `trailing_24h`.
        market_cap: NaN = unknown.
        all_time_high: See `running_high`.
    """

    hours: pd.DatetimeIndex
    instrument_ids: Sequence[str]
    symbols: npt.NDArray[np.object_]
    price: FloatArray
    volume_24h: FloatArray
    market_cap: FloatArray
    all_time_high: FloatArray


def snapshot_rows(
    panel: Panel, hours: pd.DatetimeIndex, source: str, unknown: Counter[str] | None = None
) -> pd.DataFrame:
    """The snapshot rows of `hours`, sorted by hour and instrument.

    Price changes are null where the price exactly that many hours before was not observed. A value that is too large
    for a number is null.

    Args:
        panel: What was observed.
        hours: Sorted hours of the panel.
        source: Name for the `source` column; `observed_at` is the end of the hour.
        unknown: Counts the values that are too large, by column.
    """
    rows = panel.hours.get_indexer(hours)
    if (rows < 0).any():
        raise ValueError(f"The panel does not hold the hour {hours[rows < 0][0]}.")
    by_id = np.argsort(np.array(panel.instrument_ids))
    price = panel.price[rows]
    at, rank = np.nonzero(~np.isnan(price[:, by_id]))
    instrument = by_id[rank]
    cell = rows[at], instrument
    columns: dict[str, object] = {
        "hour": hours[at],
        "instrument_id": pd.array(list(panel.instrument_ids), dtype="str").take(instrument),
        "symbol": pd.array(np.broadcast_to(panel.symbols, panel.price.shape)[cell], dtype="str"),
        "price": panel.price[cell],
        "market_cap": panel.market_cap[cell],
        "volume_24h": panel.volume_24h[cell],
        "all_time_high": panel.all_time_high[cell],
        "volatility_7d_pct": volatility_pct(panel.price, rows)[at, instrument],
        "observed_at": hours[at] + HOUR,
        "source": pd.array([source], dtype="str").take(np.zeros(len(at), dtype=np.intp)),
    }
    with np.errstate(over="ignore"):  # `_without_infinite` counts them
        for name, lag in CHANGES.items():
            columns[name] = ((price / _lagged(panel.price, rows, lag) - 1.0) * 100.0)[at, instrument]
    frame = pd.DataFrame(columns)[list(MARKET_SNAPSHOT.columns)]
    return _without_infinite(frame, ("volume_24h", *CHANGES), Counter() if unknown is None else unknown)


def _without_infinite(rows: pd.DataFrame, names: Sequence[str], unknown: Counter[str]) -> pd.DataFrame:
    """Null where a computed value is infinite: one absurd instrument must not cost the hour of all others."""
    for name in names:
        infinite = np.isinf(rows[name])
        if infinite.any():
            rows[name] = rows[name].mask(infinite)
            unknown[f"{name}, too large"] += int(infinite.sum())
    return rows


def trailing_24h(hourly: FloatArray) -> FloatArray:
    """Sum over the 24 clock hours up to and including each row; hours of unknown volume add nothing.

    NaN only where none of the 24 hours is known; infinite where the sum is too large for a number.
    """
    rows = np.arange(len(hourly))
    total, known = np.zeros(hourly.shape), np.zeros(hourly.shape, dtype=bool)
    for lag in range(24):
        earlier = _lagged(hourly, rows, lag)
        seen = ~np.isnan(earlier)
        with np.errstate(over="ignore"):
            total += np.where(seen, earlier, 0.0)
        known |= seen
    return np.where(known, total, np.nan)


def running_high(price: FloatArray, before: FloatArray) -> FloatArray:
    """Highest price up to each row; `before` is the highest before the panel per instrument, NaN = none."""
    high: FloatArray = np.fmax.accumulate(np.vstack([before[np.newaxis], price]), axis=0)[1:]
    return high


def volatility_pct(price: FloatArray, rows: IntArray) -> FloatArray:
    """Standard deviation (ddof 1) of the hourly log returns of the last 168 h at `rows`, in %.

    A return is between consecutive observations, of which both lie within the 168 h. One over several hours is divided
    by the square root of their number, with which the deviation of a random walk grows: a market that closes is on the
    scale of one that does not. NaN where there are fewer than MIN_RETURNS, or where they cover fewer than
    MIN_COVERED_HOURS.
    """
    before = np.full((LOOKBACK_HOURS + 1, price.shape[1]), np.nan)
    returns, span = _returns(np.vstack([before, price]))  # row t + LOOKBACK_HOURS is the return into row t
    std = np.empty((len(rows), price.shape[1]))
    for first, last in _blocks(rows):
        start, stop = rows[first] + LOOKBACK_HOURS, rows[last] + LOOKBACK_HOURS + 1
        std[first : last + 1] = _std_of_windows(returns, span, start, stop)
    return std * 100.0


def _returns(price: FloatArray) -> tuple[FloatArray, SpanArray]:
    """Into each row but the first: the log return from the observation before, an hour's worth, and the hours it spans.

    Where there is none, within LOOKBACK_HOURS and of a ratio that a number can hold, the return is 0 and spans _NEVER.
    """
    row = np.arange(len(price), dtype=np.int32)[:, np.newaxis]
    seen = ~np.isnan(price)
    newest = np.maximum.accumulate(np.where(seen, row, -_NEVER), axis=0)[:-1]
    span = row[1:] - newest
    known = seen[1:] & (span <= LOOKBACK_HOURS)
    span[~known] = _NEVER
    earlier = np.take_along_axis(price, np.maximum(newest, 0), axis=0)
    with np.errstate(over="ignore", divide="ignore"):
        returns = np.log(np.where(known, price[1:] / earlier, 1.0))
    held = np.isfinite(returns)  # a ratio that a number can't hold is no return
    returns[~held], span[~held] = 0.0, _NEVER
    returns /= np.sqrt(span)
    return returns, span.astype(np.int16)


def _std_of_windows(returns: FloatArray, span: SpanArray, start: int, stop: int) -> FloatArray:
    """Two passes over the windows ending in rows `start` to `stop` - 1."""
    shape = (stop - start, returns.shape[1])
    total, squares, part = np.zeros(shape), np.zeros(shape), np.empty(shape)
    count, covered = np.zeros(shape, dtype=np.int16), np.zeros(shape, dtype=np.int16)
    for lag in range(LOOKBACK_HOURS):
        hours = span[start - lag : stop - lag]
        inside = hours <= LOOKBACK_HOURS - lag  # it begins within the window, too
        total += np.multiply(returns[start - lag : stop - lag], inside, out=part)
        covered += hours * inside
        count += inside
    mean = total / np.maximum(count, 1)
    for lag in range(LOOKBACK_HOURS):
        np.subtract(returns[start - lag : stop - lag], mean, out=part)
        part *= part
        part *= span[start - lag : stop - lag] <= LOOKBACK_HOURS - lag
        squares += part
    enough = (count >= MIN_RETURNS) & (covered >= MIN_COVERED_HOURS)
    std: FloatArray = np.sqrt(squares / np.where(enough, count - 1.0, np.nan))
    return std


def _blocks(rows: IntArray) -> Iterator[tuple[int, int]]:
    """Runs of consecutive `rows`, at most `_BLOCK_HOURS` long: first and last position of each."""
    first = 0
    for position in range(1, len(rows) + 1):
        whole = position - first == _BLOCK_HOURS
        if position == len(rows) or whole or rows[position] != rows[position - 1] + 1:
            yield first, position - 1
            first = position


def _lagged(values: FloatArray, rows: IntArray, lag: int) -> FloatArray:
    """The values `lag` hours before `rows`; NaN before the panel begins."""
    earlier = rows - lag
    lagged: FloatArray = values.take(np.maximum(earlier, 0), axis=0)
    lagged[earlier < 0] = np.nan
    return lagged
