"""Pictures of the datasets room."""

import pandas as pd

from mlreg_dagster.datasets.windows import Window
from mlreg_dagster.pictures import NORMAL, as_markdown, new_figure


def coverage_picture(rows: pd.DataFrame, window: Window) -> str:
    """Rows an hour over the whole window, as Markdown; hours without rows stand out as holes."""
    counts = rows["hour"].value_counts().reindex(window.hours, fill_value=0)
    figure = new_figure(height=2.2)
    axes = figure.subplots()
    axes.bar(counts.index, counts, width=1 / 24, align="edge", color=NORMAL)
    axes.set_title(f"Rows an hour, {window}", fontsize=9)
    axes.tick_params(labelsize=7)
    axes.set_xlim(window.first, window.end)  # type: ignore[arg-type]
    axes.set_ylim(0, max(1.0, 1.05 * counts.max()))
    return as_markdown(figure, "Rows of the dataset by hour")
