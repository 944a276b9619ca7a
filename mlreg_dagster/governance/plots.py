"""Pictures of the governance room."""

from collections.abc import Sequence

import pandas as pd

from mlreg_dagster.core.display.plotting import ACCENT, NORMAL, as_markdown, label, new_figure
from mlreg_dagster.registry import AliasEvent


def alias_timeline(history: Sequence[AliasEvent], now: pd.Timestamp) -> str:
    """Who held an alias when, as Markdown."""
    from matplotlib.dates import date2num

    if not history:
        return "_Nobody has held this alias yet._"
    versions = list(dict.fromkeys(event.version for event in history))
    figure = new_figure(height=0.9 + 0.3 * len(versions))
    axes = figure.subplots()
    ends = [event.effective_at for event in history[1:]] + [now]
    for event, end in zip(history, ends, strict=True):
        colour = ACCENT if event is history[-1] else NORMAL
        first, last = date2num([event.effective_at, end])  # type: ignore[no-untyped-call]
        axes.hlines(versions.index(event.version), first, last, colour, linewidth=9)
        axes.plot(first, versions.index(event.version), "|", color=colour, markersize=16)
    margin = max((ends[-1] - history[0].effective_at) / 50, pd.Timedelta(hours=1))
    axes.set_xlim(*date2num([history[0].effective_at - margin, ends[-1] + margin]))  # type: ignore[no-untyped-call]
    axes.xaxis_date()
    axes.set_yticks(range(len(versions)), [label(version) for version in versions], fontsize=8)
    axes.set_ylim(-0.6, len(versions) - 0.4)
    axes.tick_params(axis="x", labelsize=7)
    axes.set_title(f"Holders of {label(history[-1].alias)}, effective times", fontsize=9)
    return as_markdown(figure, f"Timeline of {label(history[-1].alias)}")
