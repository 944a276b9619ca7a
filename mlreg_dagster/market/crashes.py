"""What a crash is: what the price of an instrument does within the horizon after an hour, and did just before it.

The clock decides, never the row count: prices lie on a dense hour x instrument grid, so a missing hour shifts nothing.
Nothing is read from after the horizon. Which predictions this is asked for is not known here.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlreg_dagster.config import OutcomeSettings
from mlreg_dagster.core.hours import hours_since_epoch
from mlreg_dagster.market.names import CRASH, NO_CRASH, UNRESOLVED
from mlreg_dagster.storage.warehouse.tables import InvalidRows

Grid = npt.NDArray[np.float64]
"""Hours down, instruments across; NaN = no price."""

FALL_HOURS = 6
"""Hours before a prediction of which the highest price shows whether the fall has begun already."""

Places = npt.NDArray[np.int64]
"""Row or column of the grid, of each row that is asked about; column -1: never priced."""

_OUTCOMES = pd.array([UNRESOLVED, CRASH, NO_CRASH], dtype="str")


def outcomes_of(rows: pd.DataFrame, prices: pd.DataFrame, settings: OutcomeSettings) -> pd.DataFrame:
    """Look up what the price did within the horizon after each row.

    The outcome is read from the price at exactly the horizon or, if that hour is missing, from the newest one
    at most `price_tolerance_hours` older. Without either the row is `unresolved`. Where the target is `touch`, a row is
    a crash as soon as a price within the horizon is low enough, whatever comes after it.

    Args:
        rows: hour, instrument_id and price at that hour.
        prices: hour, instrument_id and price of MARKET_SNAPSHOT, from FALL_HOURS before the first hour of `rows` to the
            last plus the horizon; those after a row's horizon don't change its outcome.
        settings: Horizon and tolerance in hours, the change in % from which a fall is a crash, and of which price.

    Returns:
        outcome_price, outcome_price_hour, change_pct, worst_drop_pct, outcome, crossed_at and fall_6h_pct, as
        PREDICTION_OUTCOMES describes them, with the index of `rows`.

    Raises:
        InvalidRows: An instrument has two prices for one hour.
    """
    horizon = settings.horizon_hours
    made = hours_since_epoch(rows["hour"])
    seen = hours_since_epoch(prices["hour"])
    before = FALL_HOURS + 1  # the first window of `_lowest` begins after the first row
    first, last = (made.min() - before, made.max() + horizon) if len(made) else (0, before + horizon)
    instruments, codes = _instruments(prices["instrument_id"], rows["instrument_id"])
    read = (seen >= first) & (seen <= last)
    grid = np.full((last - first + 1, len(instruments) + 1), np.nan)  # the last column: instruments without a price
    grid[seen[read] - first, codes[: len(prices)][read]] = prices["price"].to_numpy()[read]
    _refuse_two_prices(grid, prices[read])

    down, across = made - first, codes[len(prices) :]
    newest, age = _newest(grid, horizon, settings.price_tolerance_hours)
    price = rows["price"].to_numpy()
    outcome_price, hours_older = newest[down, across], age[down, across]
    change_pct = _change_pct(outcome_price, price)
    worst_drop_pct = _change_pct(_lowest(grid, horizon)[down, across], price)
    resolved = ~np.isnan(outcome_price)
    crash = (change_pct if settings.target == "close" else worst_drop_pct) <= settings.crash_pct
    price_hour = rows["hour"] + pd.to_timedelta(horizon - hours_older, unit="h").as_unit("us")
    crossing = np.flatnonzero(worst_drop_pct <= settings.crash_pct)  # few of a market
    waited = _hours_until(grid, down[crossing], across[crossing], price[crossing], settings)
    crossed_at = pd.Series(pd.NaT, index=rows.index, dtype=rows["hour"].dtype)
    crossed_at.iloc[crossing] = rows["hour"].iloc[crossing] + pd.to_timedelta(waited, unit="h").as_unit("us")
    return pd.DataFrame(
        {
            "outcome_price": outcome_price,
            "outcome_price_hour": price_hour.where(resolved),
            "change_pct": change_pct,
            "worst_drop_pct": worst_drop_pct,
            "outcome": _OUTCOMES.take(np.where(crash, 1, np.where(resolved, 2, 0))),
            "crossed_at": crossed_at,
            "fall_6h_pct": _fall_pct(grid, down, across, price),
        },
        index=rows.index,
        copy=False,
    )


def _instruments(priced: "pd.Series[str]", asked: "pd.Series[str]") -> tuple[pd.Index, npt.NDArray[np.int64]]:
    """The instruments that have a price, and for each row of both the number of its own; -1: it has none."""
    codes, instruments = pd.factorize(pd.concat([priced, asked], ignore_index=True))
    known = codes[: len(priced)].max(initial=-1) + 1  # those that are met first
    return instruments[:known], np.where(codes < known, codes, -1)


def _refuse_two_prices(grid: Grid, prices: pd.DataFrame) -> None:
    if np.count_nonzero(~np.isnan(grid)) < prices["price"].count():
        twice = prices[prices.duplicated(["hour", "instrument_id"])].iloc[0]
        raise InvalidRows(
            f"prices: {twice['instrument_id']} has more than one price at {twice['hour']}. No outcome was made. "
            f"Materialize market_snapshot for that hour again."
        )


def _newest(grid: Grid, horizon: int, tolerance: int) -> tuple[Grid, npt.NDArray[np.int64]]:
    """For each hour the price at its horizon, or the newest one at most `tolerance` hours older; and how much older."""
    newest = grid[horizon:].copy()
    older = np.zeros(newest.shape, dtype=np.int64)
    for hours in range(1, tolerance + 1):
        missing = np.isnan(newest)
        np.copyto(newest, grid[horizon - hours : len(grid) - hours], where=missing)
        older[missing] = hours
    return newest, older


def _lowest(grid: Grid, horizon: int) -> Grid:
    """The lowest price in the hours after each, up to its horizon; NaN where there was none."""
    lowest = np.where(np.isnan(grid[1:]), np.inf, grid[1:])  # of as many hours as `covered`, from each on
    covered = 1
    while covered < horizon:
        more = min(covered, horizon - covered)  # two stretches that overlap are as good as two that meet
        lowest = np.minimum(lowest[:-more], lowest[more:])
        covered += more
    lowest[np.isinf(lowest)] = np.nan
    return lowest


def _hours_until(
    grid: Grid, down: Places, across: Places, price: npt.NDArray[np.float64], settings: OutcomeSettings
) -> Places:
    """After how many hours the price of each row first fell enough for a crash; 0 where it did not."""
    waited = np.zeros(len(price), dtype=np.int64)
    cells, instruments = grid.ravel(), grid.shape[1]
    left = np.arange(len(price))
    at = down * instruments + across % instruments
    for hours in range(1, settings.horizon_hours + 1):
        at = at + instruments
        fell = _change_pct(cells[at], price) <= settings.crash_pct
        waited[left[fell]] = hours
        left, at, price = left[~fell], at[~fell], price[~fell]
    return waited


def _fall_pct(grid: Grid, down: Places, across: Places, price: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Price against the highest of the FALL_HOURS before and itself, %; NaN where none was seen before."""
    highest = -_lowest(-grid, FALL_HOURS)[down - FALL_HOURS - 1, across]
    return _change_pct(price, np.maximum(highest, price))


def _change_pct(later: npt.NDArray[np.float64], price: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Change in %, rounded so that a fall from 1.00 to 0.85 is -15 % and not -14.999999999999998 %."""
    return np.round(100 * (later - price) / price, 9)
