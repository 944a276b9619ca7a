"""The pictures of drift: how far features stand from quiet days, and measures against their limits."""

import numpy as np
import pandas as pd

from mlreg_dagster.core.display.plotting import ACCENT, ANOMALY, MUTED, NORMAL, as_markdown, label, new_figure

_MOST_FEATURES = 16


def nothing(words: str) -> str:
    """A picture that says that there is nothing to draw."""
    figure = new_figure(5.2, 1.2)
    figure.text(0.5, 0.5, words, ha="center", va="center", color=MUTED)
    return as_markdown(figure, words)


def feature_heat_map(rows: pd.DataFrame, slow: float) -> str:
    """Days across, features down, coloured by the larger |z| of location and spread.

    Args:
        rows: Rows of FEATURE_DRIFT.
        slow: The limit of the slow arm.

    Returns:
        A Markdown image.
    """
    if rows.empty or rows[["location_z", "spread_z"]].isna().all(axis=None):
        return nothing("Not known: too few quiet days.")
    sizes = rows.assign(size=rows[["location_z", "spread_z"]].abs().max(axis=1))
    grid = sizes.pivot_table(index="feature", columns="day", values="size", dropna=False)
    grid = grid.loc[grid.max(axis=1).nlargest(_MOST_FEATURES).index]
    figure = new_figure(7.0, 0.9 + 0.24 * len(grid), margins=(2.0, 0.5, 0.5, 0.3))
    axes = figure.subplots()
    image = axes.imshow(grid.to_numpy(), aspect="auto", cmap="OrRd", vmin=0, vmax=slow)
    axes.set_yticks(range(len(grid)), [label(name) for name in grid.index])
    places = np.unique(np.linspace(0, len(grid.columns) - 1, 6).astype(int))
    axes.set_xticks(places, [f"{grid.columns[place]:%m-%d}" for place in places])
    axes.set_title("largest |z| against quiet days", loc="left", fontsize=9)
    figure.colorbar(image, ax=axes, pad=0.02, fraction=0.04)
    row, column = np.unravel_index(int(np.nanargmax(grid.to_numpy())), grid.shape)
    feature, day = grid.index[int(row)], grid.columns[int(column)]
    alt = f"|z| of features, {grid.columns[0]:%Y-%m-%d} to {grid.columns[-1]:%Y-%m-%d}; the largest is "
    return as_markdown(figure, f"{alt}{np.nanmax(grid.to_numpy()):.1f}, {label(feature)} on {day:%Y-%m-%d}.")


def measures_picture(rows: pd.DataFrame) -> str:
    """Measures of data quality, day by day, as parts of the limit beyond which a day is bad."""
    if rows.empty:
        return nothing("No day was measured.")
    names = sorted(rows["measure"].unique())
    figure = new_figure(7.0, 0.5 + 0.8 * len(names), margins=(0.6, 0.4, 0.1, 0.3))
    panels = np.atleast_1d(figure.subplots(len(names), 1, sharex=True, gridspec_kw={"hspace": 0.7}))
    for axes, name in zip(panels, names, strict=True):
        own = rows[rows["measure"] == name].sort_values("day")
        axes.plot(own["day"], own["value"], color=NORMAL, marker=".", markersize=3)
        for limit, colour in (("bad", ACCENT), ("severe", ANOMALY)):
            axes.axhline(own[limit].iloc[-1], color=colour, linewidth=0.8, linestyle="--")
        axes.set_title(label(name), loc="left", fontsize=8)
        axes.locator_params(axis="y", nbins=3)
        axes.spines[["top", "right"]].set_visible(False)
    worst = rows[rows["quality"] != "ok"]
    words = ", ".join(f"{name} on {number} days" for name, number in worst["measure"].value_counts().items())
    return as_markdown(figure, f"Data quality against its limits: {words or 'no measure is beyond them'}.")


def share_picture(rows: pd.DataFrame) -> str:
    """The flagged share of the champion, day by day, between its limits."""
    own = rows[rows["is_newest"]].sort_values("day")
    if own["flagged_share"].notna().sum() == 0:
        return nothing("No champion has scored out of sample.")
    figure = new_figure(7.0, 2.4, margins=(0.6, 0.4, 0.1, 0.3))
    axes = figure.subplots()
    axes.plot(own["day"], 100 * own["flagged_share"], color=NORMAL, marker=".", label="of the day")
    axes.plot(own["day"], 100 * own["window_share"], color=ACCENT, label="of the policy's days")
    for name in ("least", "most"):
        axes.plot(own["day"], 100 * own[name], color=ANOMALY, linewidth=0.8, linestyle="--")
    axes.set_ylabel("flagged, %")
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    newest = own.iloc[-1]
    return as_markdown(figure, f"Flagged share of the champion; {newest['sentence']}: {newest['state']}.")


def difference_picture(rows: pd.DataFrame) -> str:
    """The difference in recall from the opponent that decides, with its interval, day by day."""
    own = rows[rows["decides"] & rows["difference"].notna()].sort_values("day")
    if own.empty:
        return nothing("Not known: no outcomes to compare.")
    figure = new_figure(7.0, 2.4, margins=(0.6, 0.4, 0.1, 0.3))
    axes = figure.subplots()
    axes.fill_between(own["day"], 100 * own["low"], 100 * own["high"], color=NORMAL, alpha=0.2, linewidth=0)
    axes.plot(own["day"], 100 * own["difference"], color=NORMAL, marker=".")
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.set_ylabel("recall, points")
    axes.spines[["top", "right"]].set_visible(False)
    return as_markdown(figure, str(own.iloc[-1]["sentence"]))
