"""What the overview shows; each part is asked of the room that commands ask, too."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from mlreg_dagster.evidence.state import Health, HomeState, health_of, home_state, newest_hour, worth_of_champions
from mlreg_dagster.governance.standing import AliasStanding, Badge, Standings, alias_standing
from mlreg_dagster.governance.waiting import WaitingVersion, pending_refusals
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.outcomes.names import PREDICTIONS_TABLE
from mlreg_dagster.outcomes.performance.flagged_share import FlaggedShare
from mlreg_dagster.pages.overview.drift import FamilyState, families_of
from mlreg_dagster.pages.overview.waiting import waiting_of
from mlreg_dagster.pages.view import View
from mlreg_dagster.verification.answers import CheckExecution

_CHECKED = ("market_snapshot", "market_features", "predictions", "prediction_outcomes", "champion_model")
_FAILED = ("FAILED", "EXECUTION_FAILED")
_HOUR = timedelta(hours=1)
_SHOWN = 10


@dataclass(frozen=True)
class AliasFacts:
    """An alias as of a time: the same as `mlreg champion` says.

    Attributes:
        alias: Which.
        sentence: Who holds it, since when, on whose request and why.
        remarks: What else readers must know, in sentences.
        weights: The share of each version in the traffic, in basis points.
        badges: Of its holder.
        standing: As plain facts: what `mlreg champion --json` prints.
    """

    alias: str
    sentence: str
    remarks: tuple[str, ...]
    weights: Mapping[str, int]
    badges: tuple[Badge, ...]
    standing: Mapping[str, Any]


@dataclass(frozen=True)
class NewestHour:
    """The newest hour of a table.

    Attributes:
        what: Of what.
        hour: The hour; None: there is none.
        age_hours: Since its end.
    """

    what: str
    hour: datetime | None
    age_hours: float | None


@dataclass(frozen=True)
class EvaluationFacts:
    """The last evaluation.

    Attributes:
        version: Of which version.
        recorded_at: When.
        passed: Whether all gates passed.
        failed_gates: Those that did not.
        is_experiment: Whether it admits nothing.
        average_precision: At finding planted anomalies.
    """

    version: str
    recorded_at: datetime
    passed: bool
    failed_gates: tuple[str, ...]
    is_experiment: bool
    average_precision: float | None


@dataclass(frozen=True)
class Item:
    """Something that is open.

    Attributes:
        name: What people call it.
        text: What it is, in words.
        since: Since when.
        severity: How urgent it is.
        owner: Who is to act.
    """

    name: str
    text: str
    since: datetime
    severity: str
    owner: str


@dataclass(frozen=True)
class RefusalFacts:
    """A promotion that was refused or has to wait.

    Attributes:
        alias: For which alias.
        version: Which version.
        outcome: `hold` or `refuse`.
        because: What stood in the way.
        by: Who asked.
        recorded_at: When.
    """

    alias: str
    version: str
    outcome: str
    because: str
    by: str
    recorded_at: datetime


@dataclass(frozen=True)
class Overview:
    """A home as of a time.

    Attributes:
        health: Whether it is healthy.
        champion: The alias of the champion.
        aliases: The other aliases that a version holds.
        versions: How many versions there are, by status.
        hours: The newest hours.
        has_ended: Whether the market has ended, so that none is to come.
        evaluation: The last evaluation; None: there was none.
        flagged: What the champion flags.
        worth: Verdict and sentence on the champions against the best simple ranking; None: none was asked yet.
        drift_state: Of the newest decision; None: no day was judged.
        drift_action: What is done.
        drift_day: The day that was judged.
        families: How the families of drift stand.
        alerts: Open alerts, the most urgent first.
        alert_count: How many there are.
        incidents: Incidents that go on.
        waiting: Versions that passed their gates and wait for a promotion.
        waiting_unknown: Why it is not known which wait; None: it is.
        refusals: Promotions that were refused or wait, and have not gone through since.
        failed_checks: Checks that failed last, in words.
        checks_unknown: Why checks are not known; None: they are.
    """

    health: Health
    champion: AliasFacts
    aliases: tuple[AliasFacts, ...]
    versions: Mapping[str, int]
    hours: tuple[NewestHour, ...]
    has_ended: bool
    evaluation: EvaluationFacts | None
    flagged: FlaggedShare
    worth: tuple[str, str] | None
    drift_state: str | None
    drift_action: str | None
    drift_day: datetime | None
    families: tuple[FamilyState, ...]
    alerts: tuple[Item, ...]
    alert_count: int
    incidents: tuple[Item, ...]
    waiting: tuple[WaitingVersion, ...]
    waiting_unknown: str | None
    refusals: tuple[RefusalFacts, ...]
    failed_checks: tuple[str, ...]
    checks_unknown: str | None


def facts(view: View) -> Overview:
    """A home as of the time of the request."""
    until = view.until
    named = view.registry.directory().in_words
    state = home_state(view.registry, view.tables, view.settings, view.as_of, is_past=view.is_past)
    checks = [each for asset in _CHECKED for each in view.dagster.checks(asset)]
    failed = tuple(map(_in_words, (each for each in checks if each.status in _FAILED)))
    families = families_of(view.tables, state.drift, until)
    health = health_of(state, failed, (f"drift of {each.family}." for each in families if each.is_good is None))
    standing = state.standings
    champion = standing.aliases.get(CHAMPION) or alias_standing(view.registry, CHAMPION, view.as_of)
    waiting, waiting_unknown = waiting_of(view, state)
    worth = worth_of_champions(state.worth)
    return Overview(
        health=Health(
            health.state, named(health.headline), tuple(map(named, health.against)), tuple(map(named, health.unknown))
        ),
        champion=_alias(champion, state, named),
        aliases=tuple(
            _alias(each, state, named) for each in standing.aliases.values() if each.alias != CHAMPION and each.move
        ),
        versions={
            status: sum(each.status == status for each in standing.versions)
            for status in ("candidate", "evaluated", "rejected")
        },
        hours=(
            _newest("market", newest_hour(view.tables, MARKET_SNAPSHOT.name, until), view.as_of),
            _newest("predictions", newest_hour(view.tables, PREDICTIONS_TABLE, until), view.as_of),
        ),
        has_ended=state.has_ended,
        evaluation=_last_evaluation(standing),
        flagged=state.flagged,
        worth=None if worth is None else (str(worth["worth"]), str(worth["sentence"])),
        drift_state=state.drift.state if state.drift else None,
        drift_action=state.drift.action.replace("_", " ") if state.drift else None,
        drift_day=state.drift.day if state.drift else None,
        families=families,
        alerts=_alerts(state)[:_SHOWN],
        alert_count=len(state.alerts),
        incidents=tuple(
            Item(str(each.number), each.newest.title, each.began, each.newest.severity, named(each.newest.owner))
            for each in state.incidents
        ),
        waiting=tuple(
            replace(
                each,
                reasons=tuple(map(named, each.reasons)),
                approved_by=tuple(map(named, each.approved_by)),
                may_approve=named(each.may_approve),
            )
            for each in waiting
        ),
        waiting_unknown=waiting_unknown,
        refusals=tuple(
            RefusalFacts(
                each.alias, each.version, each.outcome, named(each.because), named(each.actor), each.recorded_at
            )
            for each in pending_refusals(view.registry, standing)
        ),
        failed_checks=failed,
        checks_unknown=view.dagster.why,
    )


def _alias(found: AliasStanding, state: HomeState, named: Callable[[str], str]) -> AliasFacts:
    holder = state.standings.of(found.move.version) if found.move else None
    return AliasFacts(
        found.alias,
        named(found.in_words),
        tuple(map(named, found.remarks)),
        found.weights,
        holder.badges if holder else (),
        found.facts,
    )


def _newest(what: str, hour: datetime | None, now: datetime) -> NewestHour:
    return NewestHour(what, hour, None if hour is None else (now - hour - _HOUR) / _HOUR)


def _last_evaluation(found: Standings) -> EvaluationFacts | None:
    recorded = [each.last for each in found.versions if each.last is not None]
    if not recorded:
        return None
    last = max(recorded, key=lambda each: (each.recorded_at, each.id))
    failed = tuple(gate.name for gate in last.gates if not gate.passed)
    precision = last.metrics.get("average_precision")
    return EvaluationFacts(last.version, last.recorded_at, last.passed, failed, last.is_experiment, precision)


def _alerts(state: HomeState) -> tuple[Item, ...]:
    urgency = {"page": 0, "ticket": 1, "info": 2}
    found = sorted(state.alerts, key=lambda each: (urgency[each.severity], each.onset))
    return tuple(
        Item(each.name, f"{each.rule.replace('_', ' ')}: {each.message}", each.onset, each.severity, each.owner)
        for each in found
    )


def _in_words(check: CheckExecution) -> str:
    of = f" of {check.partition}" if check.partition else ""
    return f"The check {check.name} of {check.asset}{of} failed: {check.text}"
