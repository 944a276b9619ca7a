"""How decisions are kept: a row a day in the warehouse with all facts, and a record in the registry of each change."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any, get_args

import pandas as pd

from mlreg_dagster.monitoring.response.decisions import Cause, Decision
from mlreg_dagster.monitoring.response.facts import DayFacts
from mlreg_dagster.monitoring.response.table import Action, Family, State, Training
from mlreg_dagster.outcomes.schema import MIDNIGHT
from mlreg_dagster.registry import DriftDecision, DriftJudgement
from mlreg_dagster.storage.warehouse.column_checks import NOT_EMPTY
from mlreg_dagster.storage.warehouse.tables import UTC, Check, Table, column


def _one_of(kind: Any) -> Check:
    return Check(lambda s: s.isin(get_args(kind)), error=f"must be one of {', '.join(get_args(kind))}")


DRIFT_DECISIONS = Table(
    name="drift_decision",
    description="What was decided about drift at the end of a day.",
    key=("day",),
    columns={
        "day": column(UTC, "The day that was judged, UTC.", MIDNIGHT),
        "state": column(str, "From this day on.", _one_of(State)),
        "family": column(str, "What drifts: quality, data or concept.", _one_of(Family), nullable=True),
        "action": column(str, "What is done.", _one_of(Action)),
        "table_row": column(int, "The row of the decision table; 0 where none fits and the state stays."),
        "champion": column(str, "The champion at the end of the day.", NOT_EMPTY, nullable=True),
        "cause": column(str, "The key of what the state and a training are about.", NOT_EMPTY, nullable=True),
        "onset": column(UTC, "The first day of that cause.", MIDNIGHT, nullable=True),
        "alerts": column(str, 'What people are told: rule and severity, as JSON: [["drift_watch", "ticket"]].'),
        "protects": column(bool, "Whether the champion is compared with the version before it."),
        "leave_out": column(str, "Days that no training may take, as JSON."),
        "waited_for": column(str, "The cause whose training was waited for.", NOT_EMPTY, nullable=True),
        "training": column(str, "What had happened to it at the end of the day.", _one_of(Training)),
        "reasons": column(str, "Why: one sentence a line."),
        "facts": column(str, "What it was decided on, as JSON."),
    },
)


def rows_of(decisions: Iterable[Decision]) -> pd.DataFrame:
    """Decisions as rows of DRIFT_DECISIONS."""
    empty = DRIFT_DECISIONS.empty()
    rows = [
        {
            "day": _midnight(each.facts.day),
            "state": each.state,
            "family": each.family,
            "action": each.action,
            "table_row": each.row,
            "champion": each.facts.champion,
            "cause": each.cause.key if each.cause else None,
            "onset": _midnight(each.cause.onset) if each.cause else None,
            "alerts": json.dumps([[told.rule, told.severity] for told in each.alerts]),
            "protects": each.protects,
            "leave_out": json.dumps([f"{day:%Y-%m-%d}" for day in each.leave_out]),
            "waited_for": each.waited_for,
            "training": each.training,
            "reasons": "\n".join(each.reasons),
            "facts": json.dumps(facts_as_json(each.facts), sort_keys=True),
        }
        for each in decisions
    ]
    return pd.DataFrame(rows, columns=list(DRIFT_DECISIONS.columns)).astype(empty.dtypes.to_dict())


def facts_in(rows: pd.DataFrame) -> list[DayFacts]:
    """The facts of the days, out of rows of DRIFT_DECISIONS."""
    return [facts_from_json(json.loads(each)) for each in rows["facts"]]


def trainings_in(rows: pd.DataFrame) -> dict[tuple[str, date], Training]:
    """What was known of trainings, by cause and day, out of rows of DRIFT_DECISIONS."""
    known = rows[rows["waited_for"].notna()]
    return {
        (str(cause), day.date()): training
        for cause, day, training in zip(known["waited_for"], known["day"], known["training"], strict=True)
    }


def facts_as_json(facts: DayFacts) -> dict[str, Any]:
    """Facts as plain JSON."""
    return {**asdict(facts), "day": f"{facts.day:%Y-%m-%d}", "reasons": list(facts.reasons)}


def facts_from_json(content: Mapping[str, Any]) -> DayFacts:
    """Facts as they were kept; keys that a later release added are left out."""
    known = {name: content[name] for name in DayFacts.__dataclass_fields__}
    return DayFacts(**{**known, "day": date.fromisoformat(content["day"]), "reasons": tuple(content["reasons"])})


def unrecorded(
    decisions: Sequence[Decision], records: Iterable[DriftDecision]
) -> list[tuple[Decision, DriftJudgement]]:
    """The decisions that the registry is to record: changes of state or action, and days of which it tells otherwise.

    Args:
        decisions: Of all days, in their order.
        records: What is on record.

    Returns:
        Each with what is to be recorded, but for the threshold.
    """
    on_record = {each.day: each for each in records}  # the newest of a day is the last one
    found = []
    before: tuple[Any, ...] = ("stable", None, "none", None, None)
    for each in decisions:
        judged = _judgement(each)
        adapts = judged.champion if judged.action == "adapt_threshold" else None
        content = (judged.state, judged.family, judged.action, judged.cause, adapts)
        known = on_record.get(judged.day)
        if (content != before) if known is None else _differs(judged, known):
            found.append((each, judged))
        before = content
    return found


def _judgement(decision: Decision) -> DriftJudgement:
    facts = facts_as_json(decision.facts) | {"training": decision.training, "waited_for": decision.waited_for}
    return DriftJudgement(
        day=f"{decision.facts.day:%Y-%m-%d}",
        champion=decision.facts.champion,
        state=decision.state,
        family=decision.family,
        action=decision.action,
        table_row=decision.row,
        cause=decision.cause.key if decision.cause else None,
        leave_out=tuple(f"{day:%Y-%m-%d}" for day in decision.leave_out),
        facts=facts,
    )


def _differs(judged: DriftJudgement, known: DriftDecision) -> bool:
    names = ("champion", "state", "family", "action", "table_row", "cause", "leave_out")
    return any(getattr(judged, name) != getattr(known, name) for name in names)


def cause_of(key: str) -> Cause:
    """The cause that a key names.

    Raises:
        ValueError: It names none.
    """
    family, kind, year, month, day, champion = key.split("-", 5)
    onset = date(int(year), int(month), int(day))
    return Cause(family, kind, onset, None if champion == "nobody" else champion)  # type: ignore[arg-type]


def _midnight(day: date) -> pd.Timestamp:
    return pd.Timestamp(day, tz="UTC")
