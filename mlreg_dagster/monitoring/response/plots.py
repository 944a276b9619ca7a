"""The picture of the states over time."""

import pandas as pd

from mlreg_dagster.core.display.plotting import ACCENT, ANOMALY, MUTED, NORMAL, as_markdown, new_figure

_LEVELS = ("unknown", "stable", "cooldown", "watch", "confirmed", "responding")
_COLOURS = {
    "unknown": MUTED,
    "stable": NORMAL,
    "cooldown": NORMAL,
    "watch": ACCENT,
    "confirmed": ANOMALY,
    "responding": ANOMALY,
}
_MARKED = {"adapt_threshold": ".", "resolve": "v", "ask_a_person": "x"}


def state_timeline(rows: pd.DataFrame) -> str:
    """The state of each day as a line of days, with the days on which something was done, as Markdown.

    Args:
        rows: Rows of DRIFT_DECISIONS in the order of the days.
    """
    from matplotlib.dates import date2num

    if rows.empty:
        return "_No day was judged yet._"
    figure = new_figure(height=2.4)
    axes = figure.subplots()
    day = pd.Timedelta(days=1)
    for number, state in enumerate(_LEVELS):
        begins = rows.loc[rows["state"] == state, "day"]
        if len(begins):
            first = date2num(begins.dt.to_pydatetime())  # type: ignore[no-untyped-call]
            axes.hlines([number] * len(begins), first, first + 1, _COLOURS[state], linewidth=9)
    done = rows[(rows["action"] != "none") & (rows["action"] != rows["action"].shift())]
    for noon, state, action in zip(done["day"] + day / 2, done["state"], done["action"], strict=True):
        place = date2num(noon.to_pydatetime())  # type: ignore[no-untyped-call]
        axes.plot(place, _LEVELS.index(state) + 0.35, _MARKED.get(action, "^"), color="black", markersize=5)
    axes.set_yticks(range(len(_LEVELS)), _LEVELS, fontsize=8)
    axes.set_ylim(-0.6, len(_LEVELS) - 0.2)
    axes.xaxis_date()
    axes.tick_params(axis="x", labelsize=7)
    axes.set_title(
        "State of each day; ^ a training begins, . thresholds follow, v over, x a person decides", fontsize=8
    )
    return as_markdown(
        figure, f"States of drift from {rows['day'].iloc[0]:%Y-%m-%d} to {rows['day'].iloc[-1]:%Y-%m-%d}"
    )
