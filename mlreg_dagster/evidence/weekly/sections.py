"""What the weekly report says of the registry, the worth of the champions, and what they flagged.

What it says of drift, alerts and objectives stands in `watch`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from mlreg_dagster.config import Settings
from mlreg_dagster.core.display.plotting import ANOMALY, MUTED, NORMAL, as_markdown, new_figure
from mlreg_dagster.evidence.card.elements import when
from mlreg_dagster.evidence.weekly.week import Week
from mlreg_dagster.governance.rollout.wording import share, state_in_words
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.outcomes.schema import PREDICTIONS
from mlreg_dagster.outcomes.worth.record import worth_on_record
from mlreg_dagster.outcomes.worth.verdict import Comparison
from mlreg_dagster.registry import Registry, Suspension, TrafficEvent
from mlreg_dagster.storage.warehouse.warehouse import Warehouse


@dataclass(frozen=True)
class Section:
    """One part of the report.

    Attributes:
        title: Its heading.
        text: What it comes to, in sentences.
        rows: A table; each row names the same columns.
        picture: A picture, as a Markdown image; empty: none.
        is_good: Whether nothing in it asks for a person; None: it is not known.
    """

    title: str
    text: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    picture: str = ""
    is_good: bool | None = True

    @property
    def state(self) -> str:
        """`in order`, `needs attention` or `unknown`."""
        return {True: "in order", False: "needs attention", None: "unknown"}[self.is_good]


def records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame as cells of a table: each by its column's name; what is not known is None."""
    known = rows.astype(object).where(rows.notna(), None)
    return [{str(name): value for name, value in row.items()} for row in known.to_dict("records")]


def rounded(value: float | None) -> float | None:
    """A number as tables show it."""
    return None if value is None else round(float(value), 3)


def versions(registry: Registry, week: Week) -> Section:
    """Which versions were trained in the week, and which changes of aliases, traffic and suspensions were in it."""
    trained = [each for each in registry.versions() if week.first <= each.created_at < week.end]
    moves = [
        event
        for alias in registry.aliases()
        for event in registry.history(alias)
        if week.first <= event.effective_at < week.end
    ]
    changes = [
        event
        for alias in registry.aliases()
        for event in registry.traffic_history(alias)
        if week.first <= event.effective_at < week.end
    ]
    stops = [each for each in registry.suspensions() if week.first <= each.effective_at < week.end]
    suspended = registry.suspended(week.end.to_pydatetime())
    holder = registry.holder(CHAMPION, week.end.to_pydatetime())
    text = (
        f"Champion at the end of the week: {holder.version if holder else 'none'}. Versions trained: {len(trained)}. "
        f"Moves of aliases: {len(moves)}. {_rollouts_in_words(changes)}{_suspended_in_words(suspended)}"
    )
    rows = (
        [
            {
                "when": when(event.effective_at),
                "what": f"{event.alias}: {event.previous_version or 'none'} to {event.version}",
                "by": event.actor,
                "why": event.reason,
            }
            for event in moves
        ]
        + [
            {
                "when": when(event.effective_at),
                "what": f"rollout of {event.candidate}: {state_in_words(event)}, {share(event)} of {event.alias}",
                "by": event.actor,
                "why": event.reason,
            }
            for event in changes
        ]
        + [
            {
                "when": when(each.effective_at),
                "what": f"{each.alias} {each.event}, held by {each.version}",
                "by": each.actor,
                "why": each.reason,
            }
            for each in stops
        ]
        + [
            {
                "when": when(each.created_at),
                "what": f"{each.version} trained ({each.detector}), {registry.status(each.version)}",
                "by": each.created_by,
                "why": "; ".join(_failed_gates(registry, each.version)),
            }
            for each in trained
        ]
    )
    is_good = holder is not None and not suspended
    return Section("Versions", text, sorted(rows, key=lambda row: row["when"]), is_good=is_good)


def _suspended_in_words(suspended: Mapping[str, Suspension]) -> str:
    """What is suspended at the end of the week; empty where nothing is."""
    return "".join(f" At its end {each.in_words}." for each in suspended.values())


def _rollouts_in_words(changes: Sequence[TrafficEvent]) -> str:
    """The last state in the week of each rollout that changed in it."""
    last = {(event.alias, event.rollout): f"{event.candidate} {state_in_words(event)}" for event in changes}
    return f"Rollouts: {', '.join(last.values()) or 'none'}."


def _failed_gates(registry: Registry, version: str) -> Iterator[str]:
    evaluation = registry.latest_evaluation(version)
    for gate in evaluation.gates if evaluation is not None else ():
        if not gate.passed:
            yield f"failed {gate.name}: {gate.detail}"


def worth(tables: Warehouse, week: Week, settings: Settings) -> Section:
    """Whether the champions, as one, were worth having by all outcomes that were due at the end of the week."""
    found = worth_on_record(tables, CHAMPION, week.end, settings.outcomes)
    known = {"better": True, "not worse": True, "worse": False}
    return Section(
        "Worth", found.sentence, [_compared(each) for each in found.comparisons], is_good=known.get(found.verdict)
    )


def _compared(found: Comparison) -> dict[str, Any]:
    each = found.precision
    interval = f" ({each.low:+.1%} to {each.high:+.1%})" if each.low is not None and each.high is not None else ""
    return {
        "opponent": found.opponent,
        "verdict": found.verdict,
        "precision": _share(each.value),
        "of the opponent": _share(each.opponent),
        "difference": "-" if each.difference is None else f"{each.difference:+.1%}{interval}",
        "weeks": found.weeks,
        "independent episodes": found.independent_episodes,
    }


def flags(tables: Warehouse, week: Week, settings: Settings) -> Section:
    """What the champions flagged, day by day, against the limits of the gate that they passed."""
    tables.newest(PREDICTIONS)  # the table is there from now on
    rows = tables.query(
        f"SELECT date_trunc('day', hour) AS day, model_version, count(*) AS rows, "  # noqa: S608 - names of ours
        f"count(*) FILTER (is_anomaly) AS flagged FROM {PREDICTIONS.name} WHERE role = $role AND NOT in_sample "
        f"AND hour >= $first AND hour < $end GROUP BY day, model_version ORDER BY day, model_version",
        {"role": CHAMPION, "first": week.first, "end": week.end},
    )
    low, high = settings.evaluation.min_anomaly_rate, settings.evaluation.max_anomaly_rate
    title = "Flagged share"
    if rows.empty:
        return Section(title, "No champion scored an hour of the week.", is_good=None)
    share = float(rows["flagged"].sum() / rows["rows"].sum())
    rows["share"] = rows["flagged"] / rows["rows"]
    outside = ~rows["share"].between(low, high)
    text = (
        f"The champions flagged {share:.1%} of {rows['rows'].sum():,} predictions. Allowed are {low:.1%} to {high:.1%} "
        f"(evaluation.yaml); {outside.sum()} of {len(rows)} days lie outside."
    )
    shown = [
        {
            "day": f"{row['day']:%Y-%m-%d}",
            "version": row["model_version"],
            "predictions": row["rows"],
            "flagged": row["flagged"],
            "share": _share(row["share"]),
            "limits": "within" if low <= row["share"] <= high else "OUTSIDE",
        }
        for row in records(rows)
    ]
    return Section(title, text, shown, _flags_picture(rows, low, high), is_good=not outside.any())


def _flags_picture(rows: pd.DataFrame, low: float, high: float) -> str:
    figure = new_figure(7.0, 2.4)
    axes = figure.subplots()
    inside = rows["share"].between(low, high)
    axes.bar(rows["day"], 100 * rows["share"], color=[NORMAL if each else ANOMALY for each in inside], width=0.6)
    for limit in (low, high):
        axes.axhline(100 * limit, color=MUTED, linewidth=1, linestyle="--")
    axes.set_ylabel("flagged, %")
    axes.set_xticks(rows["day"].unique(), [f"{day:%a %d}" for day in rows["day"].unique()])
    return as_markdown(figure, "Share of rows flagged by the champions, by day")


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
