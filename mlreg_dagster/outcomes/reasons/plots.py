"""The picture of reasons: which families come first."""

import numpy as np
import pandas as pd

from mlreg_dagster.core.display.plotting import ACCENT, MUTED, NORMAL, as_markdown, label, new_figure
from mlreg_dagster.outcomes.reasons.summary import by_family

_MOST = 12


def reasons_picture(reasons: pd.DataFrame) -> str:
    """Of how many flags each family is the first reason, and a further one.

    Args:
        reasons: Rows of PREDICTION_REASONS, of one hour or more.

    Returns:
        A Markdown image.
    """
    rows = by_family(reasons)[:_MOST]
    if not rows:
        figure = new_figure(5.2, 1.2)
        figure.text(0.5, 0.5, "Nothing was flagged.", ha="center", va="center", color=MUTED)
        return as_markdown(figure, "Nothing was flagged.")
    names = [label(row["family"]) for row in rows]
    first = np.array([row["first reason"] for row in rows])
    further = np.array([row["among the reasons"] for row in rows]) - first
    figure = new_figure(7.0, 0.9 + 0.26 * len(rows), margins=(1.6, 0.5, 0.1, 0.1))
    axes = figure.subplots()
    axes.barh(names, first, color=ACCENT, label="first reason")
    axes.barh(names, further, left=first, color=NORMAL, alpha=0.5, label="further reason")
    axes.invert_yaxis()
    axes.locator_params(axis="x", nbins=6, integer=True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    start, end = (f"{hour:%Y-%m-%d %Hh}" for hour in (reasons["hour"].min(), reasons["hour"].max()))
    axes.set_xlabel(f"flags, {start} to {end}")
    words = ", ".join(f"{name} {number}" for name, number in zip(names, first, strict=True) if number)
    return as_markdown(figure, f"First reasons of the flags from {start} to {end}: {words}.")
