"""What people are told of drift: plain functions from stored decisions to alerts and objectives."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mlreg_dagster.core.times import read_time
from mlreg_dagster.models.manifests import cause_in
from mlreg_dagster.monitoring.alerts.rules import RULES, Alert
from mlreg_dagster.monitoring.metrics.slos import Found, Level, Training, drift_level, found_levels, training_levels
from mlreg_dagster.monitoring.response.table import TRAINS
from mlreg_dagster.registry import DriftDecision, Registry, Severity
from mlreg_dagster.storage.warehouse.reader import Tables, moment

TABLE = "drift_decision"
DECISION_RULES = (
    *("data_quality", "drift_unknown", "drift_watch", "drift_confirmed", "training_failed", "champion_worse"),
)
_COLUMNS = ("day", "state", "family", "action", "table_row", "champion", "cause", "onset", "alerts", "training")
_TIMES = {"day", "onset"}
_SAYS_SO = {"drift_watch", "drift_confirmed"}
_ADVICE = {
    "data_quality": "No training takes these days. Repair the source, then materialize the hours again.",
    "drift_unknown": "Look at which hours, instruments or quiet days are missing.",
    "drift_watch": "Nothing is trained yet: look at drift_decision and what it reads. If the champion flags what it "
    "should not, roll it back (mlreg rollback) or train (mlreg train).",
    "drift_confirmed": "Look at drift_decision for what is done. If a person is asked, train (mlreg train) or roll "
    "back (mlreg rollback).",
    "training_failed": "The champion stays. See the run or the gates of the version: mlreg status.",
    "champion_worse": "Compare it with the version before it (mlreg compare), and roll back (mlreg rollback) where "
    "that one is better.",
}


@dataclass(frozen=True)
class DecidedDay:
    """The decision of a day, as the table of the asset keeps it; the fields are its columns.

    Attributes:
        alerts: Rule and severity of each.
        reasons: Why, one sentence a line.
    """

    day: datetime
    state: str
    family: str | None
    action: str
    table_row: int
    champion: str | None
    cause: str | None
    onset: datetime | None
    alerts: tuple[tuple[str, Severity], ...]
    training: str
    reasons: str

    @property
    def tells_of_drift(self) -> bool:
        """Whether an alert of it says that something drifts."""
        return any(rule in _SAYS_SO for rule, _ in self.alerts)


def newest_decision(tables: Tables, until: datetime | None = None) -> DecidedDay | None:
    """The decision of the newest day; None where none was made.

    Args:
        tables: Where it is.
        until: Days that ended later do not count; None: all do.
    """
    if not tables.has(TABLE, (*_COLUMNS, "reasons")):
        return None
    columns = ", ".join(f"CAST(epoch({name}) AS BIGINT)" if name in _TIMES else name for name in _COLUMNS)
    known = "" if until is None else f"WHERE day + INTERVAL 24 HOUR <= {moment(until)}"
    rows = tables.rows(
        f"SELECT {columns}, reasons FROM {TABLE} {known} ORDER BY day DESC LIMIT 1"  # noqa: S608 - our own names
    )
    if not rows:
        return None
    values: dict[str, Any] = dict(zip((*_COLUMNS, "reasons"), rows[0], strict=True))
    values |= {name: None if values[name] is None else datetime.fromtimestamp(values[name], UTC) for name in _TIMES}
    return DecidedDay(**values | {"alerts": tuple((rule, severity) for rule, severity in json.loads(values["alerts"]))})


def drift_alerts(decided: DecidedDay | None) -> list[Alert]:
    """The alerts of the newest decision, which holds until a later one says otherwise.

    The onset is that of the cause; where the cause of the day is another one than that of an alert, the alert goes on
    as it is.
    """
    if decided is None:
        return []
    of_quality = (decided.cause or "").startswith("quality-")
    why = " ".join(decided.reasons.split("\n"))
    return [
        Alert(
            rule,
            "market data" if rule in {"data_quality", "drift_unknown"} else decided.champion or "predictions",
            decided.onset if of_quality == (rule == "data_quality") and rule != "drift_unknown" else None,
            f"{decided.day:%Y-%m-%d}: {why} {_ADVICE[rule]}",
            severity,
        )
        for rule, severity in decided.alerts
        if rule in RULES
    ]


def found_drifts(records: Iterable[DriftDecision], cause: str | None) -> list[Found]:
    """When the present drift was found: by the first record of its cause.

    Args:
        records: Of the registry, in their order.
        cause: Of the newest decision.
    """
    for each in records:
        if cause is not None and each.cause == cause and each.state == "watch" and each.family != "quality":
            return [Found(cause, read_time(each.day), each.recorded_at, bool(each.facts.get("fast")))]
    return []


def decided_levels(
    decided: DecidedDay | None, registry: Registry, now: datetime, *, only_pending: bool = False
) -> list[Level]:
    """How the objectives on drift and its trainings stood at a time.

    Args:
        decided: The newest decision then.
        registry: Where decisions, versions and evaluations are, as of the time.
        now: The time.
        only_pending: Leave out trainings that are done, however long they took.
    """
    found = [drift_level(decided.day if decided else None, now)]
    if decided is None:
        return found
    records = registry.drift_decisions()
    asked = trainings(records, registry, decided.training in {"failed", "rejected"})
    asked = [each for each in asked if each.evaluated_at is None or not only_pending]
    return [*found, *found_levels(found_drifts(records, decided.cause)), *training_levels(asked, now)]


def trainings(records: Sequence[DriftDecision], registry: Registry, failed: bool) -> list[Training]:
    """The newest training that a decision asked for.

    Args:
        records: Of the registry, in their order.
        registry: Where versions and evaluations are.
        failed: Whether the newest decision knows that it failed.
    """
    asked = [each for each in records if each.action in TRAINS and each.cause is not None]
    if not asked:
        return []
    newest = asked[-1]
    evaluated: datetime | None = None
    for version in registry.versions():
        cause = cause_in(version.manifest)
        if cause is not None and cause["key"] == newest.cause and version.created_at >= newest.recorded_at:
            evaluation = registry.latest_evaluation(version.version)
            evaluated = evaluation.recorded_at if evaluation else None
    return [Training(str(newest.cause), newest.recorded_at, evaluated, failed)]
