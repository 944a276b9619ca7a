"""Pictures of the datasets room."""

import pandas as pd

from mlreg_dagster.core.display.plotting import NORMAL, as_markdown, new_figure
from mlreg_dagster.datasets.windows import Window


def coverage_picture(rows: pd.DataFrame, window: Window) -> str:
    """Rows an hour over the whole window, as Markdown; hours without rows stand out as holes."""
    counts = rows["hour"].value_counts().reindex(window.hours, fill_value=0)
    figure = new_figure(height=2.2, margins=(0.5, 0.3, 0.15, 0.3))
    axes = figure.subplots()
    axes.stairs(counts, range(len(counts) + 1), fill=True, color=NORMAL)
    axes.set_title(f"Rows an hour, {window}", fontsize=9)
    axes.tick_params(labelsize=7)
    midnights = [place for place, hour in enumerate(window.hours) if hour.hour == 0]
    axes.set_xticks(midnights, [f"{window.hours[place]:%m-%d}" for place in midnights])
    axes.set_xlim(0, len(counts))
    axes.set_ylim(0, max(1.0, 1.05 * counts.max()))
    return as_markdown(figure, "Rows of the dataset by hour")
