"""Pictures of the market room."""

import numpy as np
import pandas as pd

from mlreg_dagster.core.display.plotting import MUTED, NORMAL, as_markdown, label, new_figure
from mlreg_dagster.market.features.built_in import BASE

_MOST_INSTRUMENTS, _MOST_HOURS, _COLOUR_LIMIT_PCT = 24, 336, 10.0
_BINS = 30
_NAMED = 5


def change_heat_map(rows: pd.DataFrame) -> str:
    """Hourly price changes, instruments down and hours across, as Markdown; gaps stay grey.

    Args:
        rows: hour, instrument_id, change_1h_pct. Only the last two weeks and the most volatile instruments
            are drawn.
    """
    if rows.empty:
        return "_No instrument was observed in these hours._"
    rows = rows[rows["hour"] > rows["hour"].max() - pd.Timedelta(hours=_MOST_HOURS)]
    wide = rows.pivot_table(index="instrument_id", columns="hour", values="change_1h_pct", dropna=False)
    if wide.notna().to_numpy().sum() == 0:
        return "_No price change is known for these hours: the hour before was not observed._"
    instruments = len(wide)
    busiest = wide.abs().max(axis=1).nlargest(_MOST_INSTRUMENTS).index
    wide = wide.loc[wide.index.isin(busiest)]
    if wide.shape[1] == 1:
        return _change_bars(wide.iloc[:, 0].dropna().sort_values())
    wide = wide.reindex(columns=pd.date_range(wide.columns[0], wide.columns[-1], freq="h"))
    figure = new_figure(height=0.9 + 0.13 * len(wide), margins=(0.75, 0.35, 0.0, 0.35))
    axes = figure.subplots()
    axes.set_facecolor("#dddddd")
    image = axes.imshow(
        wide,
        aspect="auto",
        cmap="RdBu",
        vmin=-_COLOUR_LIMIT_PCT,
        vmax=_COLOUR_LIMIT_PCT,
        interpolation="nearest",
    )
    ticks = np.linspace(0, wide.shape[1] - 1, min(8, wide.shape[1])).astype(int)
    axes.set_xticks(ticks, [f"{wide.columns[tick]:%m-%d %Hh}" for tick in ticks], fontsize=7)
    axes.set_yticks(range(len(wide)), [label(name) for name in wide.index], fontsize=6)
    axes.set_title(f"Price change within the hour, {len(wide)} of {instruments} instruments: the liveliest", fontsize=9)
    figure.colorbar(image, label="%", extend="both")
    return as_markdown(figure, "Heat map of hourly price changes")


def _change_bars(changes: pd.Series) -> str:
    figure = new_figure(height=2.4, margins=(0.6, 0.25, 0.15, 0.35))
    axes = figure.subplots()
    colours = ["#b2182b" if change < 0 else "#2166ac" for change in changes]
    axes.vlines(range(len(changes)), 0, changes, colours, linewidth=400 / max(len(changes), 10))
    axes.set_xlim(-0.8, max(len(changes), 10) - 0.2)
    axes.margins(y=0.1)
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.tick_params(labelsize=7)
    axes.set_xticks([])
    axes.locator_params(axis="y", nbins=5)
    axes.set_ylabel("%", fontsize=8)
    named = min(_NAMED, len(changes) // 2)
    axes.set_xlabel(f"most down: {_names(changes[:named])}   ·   most up: {_names(changes[::-1][:named])}", fontsize=7)
    axes.set_title(f"Price change within the hour, the {len(changes)} liveliest instruments", fontsize=9)
    return as_markdown(figure, "Bars of the price changes within the hour")


def _names(changes: pd.Series) -> str:
    return ", ".join(map(label, changes.index)) or "none"


def feature_distributions(features: pd.DataFrame) -> str:
    """Histograms of the base features, from their 1st to their 99th percentile, as Markdown."""
    if features.empty:
        return "_No instrument was observed in these hours._"
    figure = new_figure(height=3.0, margins=(0.15, 0.1, 0.15, 0.1))
    axes = figure.subplots()  # one for all six: axes and ticks cost more than histograms, and this is drawn every hour
    axes.set_axis_off()
    axes.set(xlim=(0, 3), ylim=(0, 2))
    for place, name in enumerate(BASE):
        left, base = place % 3, 1 - place // 3
        values = features[name].dropna()
        if values.empty:
            axes.text(left + 0.48, base + 0.74, f"{name}\nunknown", fontsize=8, ha="center")
            continue
        low, high = np.quantile(values, [0.01, 0.99])
        known = len(values) / len(features)
        title = f"{name}\n{low:.3g} to {high:.3g}, {known:.0%} known"
        axes.text(left + 0.48, base + 0.74, title, fontsize=8, ha="center")
        high = max(high, low + 1e-9 * max(1.0, abs(low)))  # bins have a width, even where all values are alike
        counts, edges = np.histogram(values.clip(low, high), bins=_BINS, range=(low, high))
        across = left + 0.96 * np.arange(len(edges)) / _BINS
        axes.stairs(base + 0.7 * counts / counts.max(), across, baseline=base, fill=True, color=NORMAL)
    return as_markdown(figure, "Histograms of the base features")
