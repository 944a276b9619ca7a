"""The report of a rollout as one HTML file, with its pictures inside; it needs neither network nor JavaScript."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from mlreg_dagster.core.display.plotting import ACCENT, ANOMALY, MUTED, NORMAL, as_markdown, label, new_figure
from mlreg_dagster.evidence import templating
from mlreg_dagster.governance.plots import traffic_timeline
from mlreg_dagster.governance.rollout.ab import Look, Report
from mlreg_dagster.governance.rollout.reporting import Answers
from mlreg_dagster.governance.rollout.wording import split_in_words
from mlreg_dagster.registry import TrafficEvent

_IS_GOOD = {"worse": False, "better": True, "not worse": True}


def render(report: Report, answers: Sequence[Answers], changes: Sequence[TrafficEvent], now: datetime) -> str:
    """The page.

    Args:
        report: What it says.
        answers: What servers counted.
        changes: Of the traffic, the opening first.
        now: When it is made.
    """
    what = "A/B test" if report.test else "Rollout"
    return templating.render(
        "rollout.html.jinja",
        title=f"{what} {report.rollout} of {report.alias}: {report.candidate} against {report.champion}",
        made=now,
        report=report,
        is_good=_IS_GOOD.get(report.finding),
        state=split_in_words(changes[-1]),
        interval=interval_over_time(report),
        traffic=traffic_timeline(changes, pd.Timestamp(now)),
        looks=[_row(each) for each in report.looks],
        arms=[asdict(each) for each in report.arms],
        answers=[asdict(each) for each in answers],
        changes=[
            {
                "from": f"{each.effective_at:%Y-%m-%d %H:%M}",
                "state": each.state,
                "weight, %": each.weight / 100,
                "by": each.actor,
                "reason": each.reason,
            }
            for each in changes
        ],
    )


def interval_over_time(report: Report) -> str:
    """The difference in mean loss with its confidence sequence at each look, as Markdown."""
    from matplotlib.dates import date2num

    if not report.looks:
        return "_No block of two days has known outcomes yet._"
    figure = new_figure(height=3.0)
    axes = figure.subplots()
    at = date2num([each.until for each in report.looks])  # type: ignore[no-untyped-call]
    difference, low, high = (
        np.array([getattr(each, name) for each in report.looks], dtype=float) for name in ("difference", "low", "high")
    )
    axes.fill_between(at, low, high, color=NORMAL, alpha=0.25, linewidth=0)
    axes.plot(at, difference, "o-", color=NORMAL, markersize=3)
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.axhline(report.margin, color=ACCENT, linewidth=0.8, linestyle="--")
    if report.stopped is not None:
        axes.axvline(at[report.stopped - 1], color=ANOMALY, linewidth=1)
    axes.xaxis_date()
    axes.tick_params(labelsize=7)
    axes.set_ylabel("difference in mean loss", fontsize=8)
    names = f"{label(report.candidate)} minus {label(report.champion)}"
    axes.set_title(f"{names}: above 0 it is worse; dashed: the margin", fontsize=9)
    return as_markdown(figure, f"Mean loss of {names} with its {1 - report.alpha:.0%} confidence sequence over time")


def _row(look: Look) -> dict[str, Any]:
    return {
        "until": f"{look.until:%Y-%m-%d %H:%M}",
        "blocks": look.blocks,
        "rows": look.pairs,
        "difference": look.difference,
        "low": look.low,
        "high": look.high,
        "finding": look.finding,
    }
