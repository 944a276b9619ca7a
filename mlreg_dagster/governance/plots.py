"""Pictures of the governance room."""

from collections.abc import Sequence

import pandas as pd

from mlreg_dagster.core.display.plotting import ACCENT, NORMAL, as_markdown, label, new_figure
from mlreg_dagster.registry import AliasEvent, TrafficEvent


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


def traffic_timeline(changes: Sequence[TrafficEvent], now: pd.Timestamp) -> str:
    """The candidate's share of the traffic over time, as Markdown.

    Args:
        changes: Of the rollouts of one candidate, the oldest first.
        now: Until when an open rollout is drawn.
    """
    from matplotlib.dates import date2num

    if not changes:
        return "_No rollout was ever started._"
    last = changes[-1]
    times = [each.effective_at for each in changes]
    end = max(now, last.effective_at) if last.is_open else last.effective_at + (last.effective_at - times[0]) / 20
    figure = new_figure(height=2.0)
    axes = figure.subplots()
    weights = [each.weight / 100 for each in changes]
    at = date2num([*times, end])  # type: ignore[no-untyped-call]
    axes.step(at, [*weights, weights[-1]], where="post", color=ACCENT if last.is_open else NORMAL)
    axes.xaxis_date()
    axes.set_ylim(-5, 105)
    axes.set_ylabel("traffic, %", fontsize=8)
    axes.tick_params(labelsize=7)
    axes.set_title(f"Share of {label(last.candidate)} in the traffic of {label(last.alias)}", fontsize=9)
    return as_markdown(figure, f"Share of {label(last.candidate)} in the traffic over time")
