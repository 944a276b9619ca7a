"""Renders the report on a replay as one HTML file with its pictures inside."""

from typing import Any

import numpy as np
import pandas as pd

from mlreg_dagster.config import OutcomeSettings
from mlreg_dagster.core.plotting import ACCENT, ANOMALY, MUTED, NORMAL, as_html, label, new_figure
from mlreg_dagster.core.untrusted.text import html_text, visible
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.outcomes.metrics import summary
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES
from mlreg_dagster.registry import AliasEvent, Registry
from mlreg_dagster.replay.run import Replay
from mlreg_dagster.runner import Runner

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 84rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0; font-size: 13px } th, td { padding: .3rem .7rem; text-align: right }
th { border-bottom: 2px solid #999 } td { border-bottom: 1px solid #ddd }
td { white-space: nowrap } td:first-child, th:first-child { text-align: left }
td:last-child { white-space: normal; min-width: 11rem }
img { max-width: 100% } .note { color: #666 }
"""
_NOTHING_DUE = ("<p>No prediction of a champion has come to an outcome.</p>",)
_RATES = ("recall", "precision", "false_alarm_rate", "base_rate", "lift")


def monthly(outcomes: pd.DataFrame, settings: OutcomeSettings) -> pd.DataFrame:
    """How right the champions were, by month of the outcome and over all (month `all`).

    All versions that were champion are taken together: the question is how the policy did.
    """
    champions = outcomes[outcomes["role"] == CHAMPION].assign(model_version=CHAMPION)
    months = champions["hour"].dt.strftime("%Y-%m")
    parts = [summary(part, settings).assign(month=str(month)) for month, part in champions.groupby(months)]
    parts.append(summary(champions, settings).assign(month="all"))
    table = pd.concat(parts, ignore_index=True).drop(columns="model_version")
    return table[["month", *(name for name in table.columns if name != "month")]]


def make_report(runner: Runner, replay: Replay) -> str:
    """The report on what was replayed."""
    first, end = replay.first, replay.end
    outcomes = runner.warehouse.read(PREDICTION_OUTCOMES, first, end - pd.Timedelta(hours=1))
    months = monthly(outcomes, runner.settings.outcomes)
    versions = pd.DataFrame(_versions(runner.registry))
    history = [event for event in runner.registry.history(CHAMPION) if event.effective_at < end]
    title = f"Replay of {first:%Y-%m-%d} to {end - pd.Timedelta(days=1):%Y-%m-%d}"
    parts = [
        f"<!doctype html><meta charset=utf-8><title>{title}</title><style>{_STYLE}</style><h1>{title}</h1>",
        f"<p>{html_text(_in_words(replay, versions, months))}</p>",
        f"<p class=note>Source {html_text(runner.settings.ingest.source)}; a crash is a change of at most "
        f"{runner.settings.outcomes.crash_pct:g} % within {runner.settings.outcomes.horizon_hours} h. Intervals of "
        f"{runner.settings.outcomes.confidence:.0%}; those of the shares take overlapping hours as independent and are "
        f"too narrow, that of the lift resamples instruments.</p>",
        "<h2>Champions</h2>",
        _champions_picture(history, first, end) if history else "<p>There was no champion.</p>",
        _table(pd.DataFrame([_move(event) for event in history])),
        "<h2>Outcomes by month</h2>",
        *(
            [_months_picture(months[months["month"] != "all"]), _table(_readable(months))]
            if len(months)
            else _NOTHING_DUE
        ),
        "<h2>Versions</h2>",
        _table(versions),
    ]
    return "\n".join(parts)


def _in_words(replay: Replay, versions: pd.DataFrame, months: pd.DataFrame) -> str:
    """Summarize the replay in two sentences."""
    statuses = list(versions["status"]) if len(versions) else []
    promoted = int(versions["champion"].ne("").sum()) if len(versions) else 0
    return (
        f"{', '.join(replay.models)} trained every {replay.period_days} days, promoted by the policy "
        f"{replay.policy.automatic!r}: {len(versions)} versions trained, {statuses.count('rejected')} rejected by "
        f"their gates, {promoted} promoted. {_outcomes_in_words(months)}"
    )


def _outcomes_in_words(months: pd.DataFrame) -> str:
    if months.empty:
        return "No prediction of a champion has come to an outcome."
    whole = months[months["month"] == "all"].iloc[0]
    return (
        f"The champions made {whole['predictions']:,} predictions; "
        f"{whole['resolved']:,} could be held against a price, {whole['crashes']:,} were crashes, "
        f"{whole['flagged']:,} had been flagged, {whole['true_positives']:,} were both."
    )


def _move(event: AliasEvent) -> dict[str, Any]:
    return {
        "champion": event.version,
        "effective from": f"{event.effective_at:%Y-%m-%d %H:%M}",
        "before": event.previous_version or "nobody",
        "by": event.actor,
        "reason": event.reason,
    }


def _versions(registry: Registry) -> list[dict[str, Any]]:
    rows = []
    promoted = {event.version: event for event in registry.history(CHAMPION)}
    for version in registry.versions():
        evaluation, move = registry.latest_evaluation(version.version), promoted.get(version.version)
        failed = [gate for gate in evaluation.gates if not gate.passed] if evaluation else []
        rows.append(
            {
                "version": version.version,
                "detector": version.detector,
                "dataset": version.dataset_day,
                "status": registry.status(version.version),
                "champion": f"from {move.effective_at:%Y-%m-%d}" if move else "",
                "failed gates": "; ".join(
                    f"{gate.name}: {gate.value:.3g}" if gate.value is not None else gate.name for gate in failed
                ),
            }
        )
    return rows


def _readable(months: pd.DataFrame) -> pd.DataFrame:
    """Counts and, for each rate, its value with its interval in one cell."""
    counts = ("predictions", "resolved", "unresolved", "crashes", "flagged", "true_positives")
    shown = months[["month", *counts]].copy()
    for rate in _RATES:
        form = "{:.2f}" if rate == "lift" else "{:.1%}"
        shown[rate.replace("_", " ")] = [
            "undefined"
            if pd.isna(row[rate])
            else form.format(row[rate])
            + (
                ""
                if pd.isna(row[f"{rate}_low"])
                else f" ({form.format(row[f'{rate}_low'])} to {form.format(row[f'{rate}_high'])})"
            )
            for row in months.to_dict("records")
        ]
    return shown


def _table(frame: pd.DataFrame) -> str:
    shown = frame.map(lambda cell: visible(cell) if isinstance(cell, str) else cell)
    return "" if frame.empty else shown.to_html(index=False, border=0)


def _champions_picture(history: list[AliasEvent], first: pd.Timestamp, end: pd.Timestamp) -> str:
    from matplotlib.dates import date2num

    figure = new_figure(width=10, height=1.6)
    axes = figure.subplots()
    ends = [event.effective_at for event in history[1:]] + [end]
    terms = [(max(event.effective_at, first), min(until, end)) for event, until in zip(history, ends, strict=True)]
    served = [(event.version, date2num(term)) for event, term in zip(history, terms, strict=True) if term[0] < term[1]]  # type: ignore[no-untyped-call]
    for number, (version, (left, right)) in enumerate(served):
        axes.barh(0, right - left, left=left, color=NORMAL if number % 2 else ACCENT)
        axes.text((left + right) / 2, 0, label(version), ha="center", va="center", fontsize=8, color="white")
    axes.xaxis_date()
    axes.set_xlim(*date2num([first, end]))  # type: ignore[no-untyped-call]
    axes.set_yticks([])
    return as_html(figure, "Who was champion when")


def _months_picture(months: pd.DataFrame) -> str:
    figure = new_figure(width=10, height=3.2)
    axes = figure.subplots()
    positions = np.arange(len(months))
    for offset, (rate, colour) in zip(
        (-0.15, 0, 0.15), (("recall", NORMAL), ("precision", ANOMALY), ("base_rate", MUTED)), strict=True
    ):
        values = months[rate].to_numpy()
        spread = np.abs(months[[f"{rate}_low", f"{rate}_high"]].to_numpy().T - values)
        axes.errorbar(
            positions + offset, values, yerr=spread, fmt="o", color=colour, capsize=3, label=rate.replace("_", " ")
        )
    axes.set_xticks(positions, months["month"])
    axes.set_ylim(0, 1)
    axes.legend(frameon=False)
    return as_html(figure, "Recall, precision and base rate by month")
