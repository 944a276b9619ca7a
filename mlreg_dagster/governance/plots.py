"""Pictures of the governance room."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pandas as pd

from mlreg_dagster.core.display.plotting import ACCENT, ANOMALY, NORMAL, as_markdown, label, new_figure
from mlreg_dagster.registry import AliasEvent, TrafficEvent

Span = tuple[str, datetime, datetime, float]
"""A version, from when until when, and its share of the traffic, 0 to 1."""


def alias_timeline(history: Sequence[AliasEvent], now: pd.Timestamp) -> str:
    """Who held an alias when, as Markdown."""
    if not history:
        return "_Nobody has held this alias yet._"
    ends = [event.effective_at for event in history[1:]] + [now]
    held = ((event.version, event.effective_at, end, 1.0) for event, end in zip(history, ends, strict=True))
    return reigns_timeline(history[-1].alias, history[-1].version, tuple(held))


def reigns_timeline(
    alias: str, holder: str, spans: tuple[Span, ...], stops: tuple[tuple[datetime, datetime], ...] = ()
) -> str:
    """Who held an alias when, with which share of its traffic, as Markdown.

    Args:
        alias: Which alias.
        holder: The version that holds it at the end.
        spans: In the order of their begin.
        stops: When it was suspended.
    """
    from matplotlib.dates import date2num

    versions = list(dict.fromkeys(version for version, *_ in spans))
    figure = new_figure(height=0.9 + 0.3 * len(versions))
    axes = figure.subplots()
    for first, last in stops:
        axes.axvspan(*date2num([first, last]), color=ANOMALY, alpha=0.3, linewidth=0)  # type: ignore[no-untyped-call]
    begin, end = spans[0][1], max(last for _, _, last, _ in spans)
    for version, first, last, weight in spans:
        colour = ACCENT if version == holder and last == end else NORMAL
        at, row = date2num([first, last]), versions.index(version)  # type: ignore[no-untyped-call]
        axes.hlines(row, at[0], at[1], colour, linewidth=1 + 8 * weight)
        axes.plot(at[0], row, "|", color=colour, markersize=16 * weight)
    margin = max((end - begin) / 50, timedelta(hours=1))
    axes.set_xlim(*date2num([begin - margin, end + margin]))  # type: ignore[no-untyped-call]
    axes.xaxis_date()
    axes.set_yticks(range(len(versions)), [label(version) for version in versions], fontsize=8)
    axes.set_ylim(-0.6, len(versions) - 0.4)
    axes.tick_params(axis="x", labelsize=7)
    axes.set_title(f"Holders of {label(alias)}, effective times", fontsize=9)
    return as_markdown(figure, f"Timeline of {label(alias)}")


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
