"""Anomalies of known kind and place, planted into a copy of the market.

A detector has no labels to be judged by, so they are made: events are planted into the snapshots of the
holdout, features are computed from the edited snapshots by the same code as ever, and the detector is judged
by the average precision at finding the planted rows. The same seed plants the same events, so detectors are
compared on the same rows.

Prices are edited by a factor over time, f(t); a price change over k hours becomes (1 + change) f(t) / f(t - k).
What no event touched stays as the source reported it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlreg_dagster.config import InjectionSettings
from mlreg_dagster.hours import HOUR
from mlreg_dagster.market.schema import CHANGES

_VOLATILITY_HOURS = 168


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


def plant_rounds(snapshots: pd.DataFrame, first: pd.Timestamp, settings: InjectionSettings) -> Iterator[Injection]:
    """Plant each kind of event `rounds` times, each time into a fresh copy.

    Args:
        snapshots: Rows of `market_snapshot`: the holdout and the history its features look back on.
        first: First hour of the holdout; no event begins before it.
        settings: Seed, sizes and numbers.

    Yields:
        Rounds in a fixed order. A kind that can't be planted (no instrument has enough hours) yields nothing.
    """
    snapshots = snapshots.sort_values(["instrument_id", "hour"], ignore_index=True)
    blocks = {str(name): np.asarray(rows) for name, rows in snapshots.groupby("instrument_id").indices.items()}
    for number, (kind, plant) in enumerate(_KINDS.items()):
        for round_ in range(settings.rounds):
            rng = np.random.default_rng([settings.seed, number, round_])
            editor = _Editor(snapshots, blocks, first)
            plant(editor, rng, settings)
            if editor.planted.any():
                yield Injection(kind, editor.frame(), editor.planted, editor.touched)


class _Editor:
    """A copy of the snapshots under edit, by instrument and hour."""

    def __init__(self, snapshots: pd.DataFrame, blocks: dict[str, NDArray[np.intp]], first: pd.Timestamp) -> None:
        self._original = snapshots
        self.blocks = blocks
        self.hour = ((snapshots["hour"] - first) // HOUR).to_numpy()  # hours since the holdout began
        self.values = {
            name: snapshots[name].to_numpy(dtype=np.float64, copy=True)
            for name in ("price", "market_cap", "volume_24h", "all_time_high", "volatility_7d_pct", *CHANGES)
        }
        self.planted = np.zeros(len(snapshots), dtype=bool)
        self.touched = np.zeros(len(snapshots), dtype=bool)

    def frame(self) -> pd.DataFrame:
        return self._original.assign(**self.values)

    def choose(
        self, rng: np.random.Generator, settings: InjectionSettings, each: int = 1, room: int = 0
    ) -> Iterator[tuple[str, int]]:
        """The instruments of a round's events (`each` for one event), with the row at which it begins.

        `room` is the number of further observed rows that the event needs.
        """
        wanted = each * max(1, round(settings.instrument_share * len(self.blocks)))
        for name in rng.permutation(sorted(self.blocks)):
            rows = self.blocks[name]
            onsets = rows[self.hour[rows] >= 0][: -room or None]
            onsets = onsets[onsets > rows[0]]  # a change needs a row before it
            if wanted and len(onsets):
                wanted -= 1
                yield name, int(rng.choice(onsets))

    def after(self, name: str, onset: int) -> NDArray[np.intp]:
        """Rows of an instrument from `onset` on."""
        rows = self.blocks[name]
        return rows[rows >= onset]

    def multiply_price(self, name: str, rows: NDArray[np.intp], factor: NDArray[np.float64]) -> None:
        """Multiply the prices of `rows` by `factor` and carry it through all that is derived from prices."""
        block = self.blocks[name]
        path = pd.Series(1.0, index=self.hour[block])
        path.loc[pd.Index(self.hour[rows])] = factor
        old_prices = pd.Series(self.values["price"][block], index=path.index)
        from_onset = block[self.hour[block] >= self.hour[rows[0]]]
        at = self.hour[from_onset]
        for change, lag in CHANGES.items():
            ratio = path.loc[at].to_numpy() / path.reindex(at - lag, fill_value=1.0).to_numpy()
            self.values[change][from_onset] = ((1 + self.values[change][from_onset] / 100) * ratio - 1) * 100
        self._update_volatility(from_onset, old_prices, old_prices * path)
        self.values["price"][rows] *= factor
        self.values["market_cap"][rows] *= factor
        highest = np.maximum.accumulate(self.values["price"][from_onset])
        self.values["all_time_high"][from_onset] = np.fmax(self.values["all_time_high"][from_onset], highest)
        self.touched[from_onset] = True

    def _update_volatility(self, rows: NDArray[np.intp], old: pd.Series, new: pd.Series) -> None:
        """Exchange the edited hourly returns within the variance of the last 168 h."""
        added = _hourly_returns(new) ** 2 - _hourly_returns(old) ** 2
        for row in rows:
            window = added[(added.index > self.hour[row] - _VOLATILITY_HOURS) & (added.index <= self.hour[row])]
            variance = (self.values["volatility_7d_pct"][row] / 100) ** 2 + window.sum() / (_VOLATILITY_HOURS - 1)
            self.values["volatility_7d_pct"][row] = np.sqrt(max(variance, 0.0)) * 100


def _hourly_returns(prices: pd.Series) -> pd.Series:
    """Log returns between observations exactly one hour apart; 0 elsewhere."""
    ratio = prices.to_numpy() / prices.reindex(prices.index - 1).to_numpy()
    return pd.Series(np.log(ratio), index=prices.index).fillna(0.0)


def _plant_shocks(editor: _Editor, rng: np.random.Generator, settings: InjectionSettings) -> None:
    """The price jumps up or down and stays there."""
    for name, onset in editor.choose(rng, settings):
        rows = editor.after(name, onset)
        factor = 1 + rng.choice([-1, 1]) * settings.shock_pct / 100
        editor.multiply_price(name, rows, np.full(len(rows), factor))
        editor.planted[onset] = True


def _plant_swaps(editor: _Editor, rng: np.random.Generator, settings: InjectionSettings) -> None:
    """Two instruments show each other's data, as after a mix-up of keys."""
    chosen = [name for name, _ in editor.choose(rng, settings, each=2)]
    for left, right in zip(chosen[::2], chosen[1::2], strict=False):
        common = np.intersect1d(editor.hour[editor.blocks[left]], editor.hour[editor.blocks[right]])
        common = common[common >= 0]
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
    """The price stands still, as when a feed repeats itself; planted is the last frozen hour."""
    for name, onset in editor.choose(rng, settings, room=settings.frozen_hours - 1):
        rows = editor.after(name, onset)[: settings.frozen_hours]
        before = editor.values["price"][onset - 1]
        editor.multiply_price(name, rows, before / editor.values["price"][rows])
        editor.planted[rows[-1]] = True


def _plant_volume_bursts(editor: _Editor, rng: np.random.Generator, settings: InjectionSettings) -> None:
    """Volume multiplies while the price does nothing."""
    for name, onset in editor.choose(rng, settings):
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
