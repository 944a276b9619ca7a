"""Anomalies of known kind and place, planted into a copy of the market.

A detector has no labels to be judged by, so they are made: events are planted into the snapshots of the
holdout, features are computed from the edited snapshots by the same code as ever, and the detector is judged
by the average precision at finding the planted rows. The same seed plants the same events, so detectors are
compared on the same rows.

Prices are edited by a factor over time, f(t); a price change over k hours becomes (1 + change) f(t) / f(t - k).
What no event touched stays as the source reported it, and what the source does not know stays unknown.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlreg_dagster.config import InjectionSettings
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.datasets.windows import Window
from mlreg_dagster.market.schema import CHANGES
from mlreg_dagster.market.sources.panel import LOOKBACK_HOURS


@dataclass(frozen=True)
class Injection:
    """One round of planting.

    Attributes:
        kind: What was planted.
        snapshots: The edited copy of the snapshots, same rows and order.
        planted: Per row of `snapshots`: the hour at which an event shows.
        touched: Per row: edited by an event in any way, so neither a planted row nor a normal one unless planted.
    """

    kind: str
    snapshots: pd.DataFrame
    planted: NDArray[np.bool_]
    touched: NDArray[np.bool_]


def plant_rounds(
    snapshots: pd.DataFrame, window: Window, settings: InjectionSettings, seed: int
) -> Iterator[Injection]:
    """Plant each kind of event `rounds` times, each time into a fresh copy.

    Args:
        snapshots: Rows of `market_snapshot`: the holdout and the history its features look back on.
        window: The holdout; events begin and end in it.
        settings: Sizes and numbers.
        seed: Plants the same events each time.

    Yields:
        Rounds in a fixed order. A kind that can't be planted (no instrument has what it needs) yields nothing.
    """
    snapshots = snapshots.sort_values(["instrument_id", "hour"], ignore_index=True)
    blocks = {str(name): np.asarray(rows) for name, rows in snapshots.groupby("instrument_id").indices.items()}
    for number, (kind, plant) in enumerate(_KINDS.items()):
        for round_ in range(settings.rounds):
            rng = np.random.default_rng([seed, number, round_])
            editor = _Editor(snapshots, blocks, window)
            plant(editor, rng, settings)
            if editor.planted.any():
                yield Injection(kind, editor.frame(), editor.planted, editor.touched)


class _Editor:
    """A copy of the snapshots under edit, by instrument and hour."""

    def __init__(self, snapshots: pd.DataFrame, blocks: dict[str, NDArray[np.intp]], window: Window) -> None:
        self._original = snapshots
        self.blocks = blocks
        self.hour = ((snapshots["hour"] - window.first) // HOUR).to_numpy()  # hours since the holdout began
        self.length = len(window.hours)
        same = (snapshots["instrument_id"] == snapshots["instrument_id"].shift()).to_numpy(dtype=bool)
        self.onsets = same & (self.hour >= 0) & (self.hour < self.length)  # a change needs a row before it
        self.next_hour = np.append(np.where(same, self.hour, self.length)[1:], self.length)
        self.values = {
            name: snapshots[name].to_numpy(dtype=np.float64, copy=True)
            for name in ("price", "market_cap", "volume_24h", "all_time_high", "volatility_7d_pct", *CHANGES)
        }
        self.planted = np.zeros(len(snapshots), dtype=bool)
        self.touched = np.zeros(len(snapshots), dtype=bool)

    def frame(self) -> pd.DataFrame:
        return self._original.assign(**self.values)

    def choose(
        self, rng: np.random.Generator, settings: InjectionSettings, onsets: NDArray[np.bool_], each: int = 1
    ) -> Iterator[tuple[str, int]]:
        """The instruments of a round's events (`each` for one event), with the row at which it begins.

        `onsets` says of each row whether an event may begin there.
        """
        wanted = each * max(1, round(settings.instrument_share * len(self.blocks)))
        for name in rng.permutation(sorted(self.blocks)):
            rows = self.blocks[name]
            possible = rows[onsets[rows]]
            if wanted and len(possible):
                wanted -= 1
                yield name, int(rng.choice(possible))

    def after(self, name: str, onset: int) -> NDArray[np.intp]:
        """Rows of an instrument from `onset` on."""
        rows = self.blocks[name]
        return rows[rows >= onset]

    def multiply_price(self, name: str, rows: NDArray[np.intp], factor: NDArray[np.float64]) -> None:
        """Multiply the prices of `rows` by `factor` and carry it through all that is derived from prices."""
        block = self.blocks[name]
        hours, prices = self.hour[block], self.values["price"][block]
        path = np.ones(len(block))
        path[np.isin(block, rows)] = factor
        onset = int(np.searchsorted(block, rows[0]))
        from_onset = block[onset:]
        for change, lag in CHANGES.items():
            # the newest row that is old enough: a source may know a change across a gap
            newest = np.searchsorted(hours, hours[onset:] - lag, side="right") - 1
            before = np.where(newest >= 0, path[newest], 1.0)
            ratio = path[onset:] / before
            self.values[change][from_onset] = ((1 + self.values[change][from_onset] / 100) * ratio - 1) * 100
        self._add_variance(from_onset, (_variance(hours, prices * path) - _variance(hours, prices))[onset:])
        self.values["price"][rows] *= factor
        self.values["market_cap"][rows] *= factor
        self._raise_highs(from_onset)
        self.touched[from_onset] = True

    def _add_variance(self, rows: NDArray[np.intp], difference: NDArray[np.float64]) -> None:
        added = np.nan_to_num(difference)  # no hourly return, none to exchange
        variance = (self.values["volatility_7d_pct"][rows] / 100) ** 2 + added
        self.values["volatility_7d_pct"][rows] = np.sqrt(np.maximum(variance, 0.0)) * 100

    def _raise_highs(self, rows: NDArray[np.intp]) -> None:
        """The high before the event, raised by the edited prices; an unknown high stays unknown."""
        highs = self.values["all_time_high"]
        before = highs[rows[0] - 1] if self.onsets[rows[0]] else np.nan
        reached = np.fmax.accumulate(np.append(before, self.values["price"][rows]))[1:]
        highs[rows] = np.where(np.isnan(highs[rows]), np.nan, reached)


def _variance(hours: NDArray[Any], prices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Variance of the hourly log returns of the last 168 h at each of `hours`, as `market.sources.panel` defines it."""
    returns = np.diff(np.log(prices)) / np.sqrt(np.diff(hours))
    sums = np.cumsum([np.append(0.0, returns), np.append(0.0, returns**2)], axis=1)
    oldest = np.searchsorted(hours, hours - LOOKBACK_HOURS)
    count, (total, squares) = np.arange(len(hours)) - oldest, sums - sums[:, oldest]
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = np.where(count >= 2, np.maximum(squares - total**2 / count, 0.0) / (count - 1), np.nan)
    return np.asarray(variance, dtype=np.float64)


def _plant_shocks(editor: _Editor, rng: np.random.Generator, settings: InjectionSettings) -> None:
    """The price jumps up or down and stays there."""
    for name, onset in editor.choose(rng, settings, editor.onsets):
        rows = editor.after(name, onset)
        factor = 1 + rng.choice([-1, 1]) * settings.shock_pct / 100
        editor.multiply_price(name, rows, np.full(len(rows), factor))
        editor.planted[onset] = True


def _plant_swaps(editor: _Editor, rng: np.random.Generator, settings: InjectionSettings) -> None:
    """Two instruments show each other's data, as after a mix-up of keys."""
    chosen = [name for name, _ in editor.choose(rng, settings, editor.onsets, each=2)]
    for left, right in zip(chosen[::2], chosen[1::2], strict=False):
        common = np.intersect1d(editor.hour[editor.blocks[left]], editor.hour[editor.blocks[right]])
        common = common[(common >= 0) & (common < editor.length)]
        if not len(common):
            continue
        common = common[common >= rng.choice(common)]
        rows = {name: editor.blocks[name][np.isin(editor.hour[editor.blocks[name]], common)] for name in (left, right)}
        shown = {name: {key: editor.values[key][rows[name]] for key in _SWAPPED} for name in rows}
        for name, other in ((left, right), (right, left)):
            editor.multiply_price(name, rows[name], shown[other]["price"] / shown[name]["price"])
            for key in _SWAPPED:
                editor.values[key][rows[name]] = shown[other][key]
            editor.planted[rows[name][0]] = True


_SWAPPED = ("price", "market_cap", "volume_24h", "all_time_high")


def _plant_frozen(editor: _Editor, rng: np.random.Generator, settings: InjectionSettings) -> None:
    """The price stands still, as when a feed repeats itself; planted is the last row of the frozen hours."""
    end = editor.hour + settings.frozen_hours
    lasting = editor.onsets & (end <= editor.length) & (editor.next_hour < end)  # one row alone does not stand still
    for name, onset in editor.choose(rng, settings, lasting):
        rows = editor.after(name, onset)
        rows = rows[editor.hour[rows] < end[onset]]
        before = editor.values["price"][onset - 1]
        editor.multiply_price(name, rows, before / editor.values["price"][rows])
        editor.values["price"][rows] = before
        editor.planted[rows[-1]] = True


def _plant_volume_bursts(editor: _Editor, rng: np.random.Generator, settings: InjectionSettings) -> None:
    """Volume multiplies while the price does nothing; where none is known there is nothing to multiply."""
    for name, onset in editor.choose(rng, settings, editor.onsets & (editor.values["volume_24h"] > 0)):
        rows = editor.after(name, onset)
        editor.values["volume_24h"][rows] *= settings.volume_factor
        editor.touched[rows] = True
        editor.planted[onset] = True


_KINDS: dict[str, Callable[[_Editor, np.random.Generator, InjectionSettings], None]] = {
    "shock": _plant_shocks,
    "swap": _plant_swaps,
    "frozen_price": _plant_frozen,
    "volume_burst": _plant_volume_bursts,
}
