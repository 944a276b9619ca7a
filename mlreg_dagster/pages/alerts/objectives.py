"""How the service level objectives stand, by the tables and the registry, and how often an alert told of a miss."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mlreg_dagster.monitoring.alerts.decisions import decided_levels, newest_decision
from mlreg_dagster.monitoring.metrics.slos import HOUR, OBJECTIVES, Level, outcomes_level, predictions_level
from mlreg_dagster.outcomes.names import OUTCOMES_TABLE, PREDICTIONS_TABLE
from mlreg_dagster.pages.source import records
from mlreg_dagster.pages.view import View
from mlreg_dagster.storage.warehouse.reader import Tables

ENDED = "The market has ended: nothing is to come."


@dataclass(frozen=True)
class ObjectiveFacts:
    """An objective, once for each thing that it is measured of.

    Attributes:
        name: Of the objective.
        about: What is measured.
        at_most_hours: What is promised.
        state: met, missed or unknown.
        subject: Of what it is measured.
        measured_hours: How old or late that is; None: there is nothing to measure.
        text: In a sentence.
        rule: Of its alerts.
        alerts: How many alerts told of a miss so far.
    """

    name: str
    about: str
    at_most_hours: float
    state: str
    subject: str | None
    measured_hours: float | None
    text: str
    rule: str
    alerts: int


def objectives_of(view: View, fired: Iterable[str]) -> tuple[ObjectiveFacts, ...]:
    """All objectives.

    Args:
        view: What is asked about.
        fired: The rule of each alert so far.
    """
    rules, ended = list(fired), view.settings.ingest.has_ended(view.as_of)
    levels = [] if ended else _levels(view)
    found = []
    for objective in OBJECTIVES:
        own: list[Level | None] = [each for each in levels if each.objective is objective]
        for level in own or [None]:
            found.append(
                ObjectiveFacts(
                    name=objective.name.replace("_", " "),
                    about=objective.about,
                    at_most_hours=objective.at_most / HOUR,
                    state=level.state if level else "unknown",
                    subject=level.subject if level else None,
                    measured_hours=level.measured / HOUR if level and level.measured is not None else None,
                    text=level.text if level else ENDED if ended else "There is nothing to measure.",
                    rule=objective.rule,
                    alerts=rules.count(objective.rule),
                )
            )
    return tuple(found)


def _levels(view: View) -> list[Level]:
    predicted, determined = (_newest(view.tables, name, view.as_of) for name in (PREDICTIONS_TABLE, OUTCOMES_TABLE))
    horizon = timedelta(hours=view.settings.outcomes.horizon_hours)
    decided = newest_decision(view.tables, view.until)
    return [
        predictions_level(predicted, view.as_of),
        outcomes_level(determined, horizon, view.as_of),
        *decided_levels(decided, records(view), view.as_of),
    ]


def _newest(tables: Tables, table: str, until: datetime) -> datetime | None:
    """The newest hour of a table's rows; an hour that was made without rows is not known here."""
    if not tables.has(table, ("hour",)):
        return None
    sql = f"SELECT CAST(epoch(max(hour)) AS BIGINT) FROM {table} WHERE epoch(hour) <= {until.timestamp():.0f}"  # noqa: S608
    ((newest,),) = tables.rows(sql)
    return None if newest is None else datetime.fromtimestamp(newest, UTC)
