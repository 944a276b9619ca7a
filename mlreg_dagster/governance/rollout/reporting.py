"""Reads what the report of a rollout needs: its changes, matured outcomes, and the counts of servers."""

from dataclasses import dataclass
from datetime import datetime

from mlreg_dagster.config import Settings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.governance.rollout.ab import Report, make_report
from mlreg_dagster.governance.rollout.labels import Weights
from mlreg_dagster.governance.rollout.outcomes import fixed_base_rate, read_matured
from mlreg_dagster.registry import Registry, TrafficEvent
from mlreg_dagster.registry.records.traffic import of_rollout
from mlreg_dagster.storage.rollout_counts import ArmCounts, Counted
from mlreg_dagster.storage.warehouse.warehouse import Warehouse


class NoRollout(MlregError):
    """A rollout that is asked for was never started."""


@dataclass(frozen=True)
class Answers:
    """What servers counted of one version.

    Attributes:
        version: Its name.
        what: `answers`, or `shadow answers`: what the candidate scored after the champion had answered.
        requests: Answered or failed.
        rows: Scored.
        flagged: Of these, those above the threshold.
        errors: Requests that failed by a defect.
        slow: Answers that took longer than the budget.
        cpu_ms_per_1000: Processor time of 1,000 rows; None without a row.
    """

    version: str
    what: str
    requests: int
    rows: int
    flagged: int
    errors: int
    slow: int
    cpu_ms_per_1000: float | None


def changes_of(registry: Registry, alias: str, number: int | None = None) -> list[TrafficEvent]:
    """The changes of a rollout, the opening first.

    Args:
        registry: Where they are.
        alias: Whose traffic it is about.
        number: The sequence at which the rollout was opened; None: the newest one.

    Raises:
        NoRollout: There is none.
    """
    history = registry.traffic_history(alias)
    if not history:
        raise NoRollout(f"No rollout of {alias} was ever started. `mlreg rollout start VERSION --reason …` starts one.")
    if changes := of_rollout(history, number):
        return changes
    known = ", ".join(str(each) for each in dict.fromkeys(each.rollout for each in history))
    raise NoRollout(f"{alias} has no rollout {number}. The numbers of its rollouts are {known}.")


def report_on(tables: Warehouse, changes: list[TrafficEvent], settings: Settings, now: datetime) -> Report:
    """The report of a rollout, as far as outcomes are known.

    Args:
        tables: Where outcomes are.
        changes: Of the rollout, the opening first.
        settings: Horizon, margin and error rate.
        now: The current time.

    Raises:
        InvalidRows: A version has predicted the same twice, or the two have different outcomes for the same.
    """
    matured, rate = read_matured(tables, changes, settings, now), fixed_base_rate(changes)
    return make_report(
        changes,
        matured.rows,
        opened=matured.opened,
        until=matured.until,
        weights=None if rate is None else Weights.of(rate),
        margin=settings.rollout.margin,
        alpha=settings.rollout.alpha,
    )


def answers_of(counted: Counted, changes: list[TrafficEvent]) -> list[Answers]:
    """What servers counted for a rollout; nothing where none has followed it.

    Args:
        counted: All that they have.
        changes: Of the rollout, the opening first.
    """
    champion, candidate = changes[0].champion, changes[0].candidate
    arms = [
        (candidate, "answers", [each.candidate for each in counted.periods]),
        (candidate, "shadow answers", [each.shadow for each in counted.periods]),
        (champion, "answers", [each.champion for each in counted.periods]),
    ]
    return [_answers(version, what, sum(each, ArmCounts())) for version, what, each in arms if each]


def _answers(version: str, what: str, counts: ArmCounts) -> Answers:
    cost = 1e6 * counts.cpu_seconds / counts.rows if counts.rows else None
    return Answers(version, what, counts.requests, counts.rows, counts.flagged, counts.errors, counts.slow, cost)
