"""The picture of what was answered."""

import numpy as np
import pandas as pd

from mlreg_dagster.core.display.plotting import ACCENT, ANOMALY, MUTED, NORMAL, as_markdown, label, new_figure

_COLOURS = (NORMAL, ACCENT, MUTED)


def served_picture(by_hour: pd.DataFrame) -> str:
    """Rows answered by hour and version, and the share of them that was flagged.

    Args:
        by_hour: hour, model_version, rows, flagged.

    Returns:
        A Markdown image.
    """
    if by_hour.empty:
        figure = new_figure(5.2, 1.2)
        figure.text(0.5, 0.5, "Nothing was answered.", ha="center", va="center", color=MUTED)
        return as_markdown(figure, "Nothing was answered.")
    hours = pd.date_range(by_hour["hour"].min(), by_hour["hour"].max(), freq="h")
    figure = new_figure(7.0, 3.6, margins=(0.7, 0.5, 0.1, 0.3))
    above, below = figure.subplots(2, 1, sharex=True, gridspec_kw={"hspace": 0.25, "height_ratios": [2, 1]})
    at, base = np.arange(len(hours)), np.zeros(len(hours))
    versions = sorted(by_hour["model_version"].unique())
    for number, version in enumerate(versions):
        own = by_hour[by_hour["model_version"] == version].set_index("hour")["rows"].reindex(hours, fill_value=0)
        above.bar(at, own, bottom=base, color=_COLOURS[number % len(_COLOURS)], label=label(version))
        base = base + own.to_numpy()
    total = by_hour.groupby("hour")[["rows", "flagged"]].sum().reindex(hours)
    below.plot(at, total["flagged"] / total["rows"], color=ANOMALY, marker=".")
    above.set_ylabel("rows")
    below.set_ylabel("flagged")
    below.yaxis.set_major_formatter("{x:.0%}")
    above.legend(frameon=False, fontsize=8, ncols=4, loc="lower right", bbox_to_anchor=(1, 1))
    step = -(-len(hours) // 8)
    below.set_xticks(at[::step], [f"{hour:%d %b %Hh}" for hour in hours[::step]], fontsize=8)
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
    rows, flagged = int(total["rows"].sum()), int(total["flagged"].sum())
    period = f"{hours[0]:%Y-%m-%d %Hh} to {hours[-1]:%Y-%m-%d %Hh}"
    return as_markdown(
        figure, f"{rows} rows answered from {period}, {flagged} of them flagged, by {', '.join(map(label, versions))}."
    )
