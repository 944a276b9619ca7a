"""The state of a home as of a time: what `mlreg status` and the overview rest on, and whether it is healthy.

Everything is read once; how aliases and versions stand is asked of `governance.standing`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from mlreg_dagster.config import Settings
from mlreg_dagster.governance.standing import Standings, standings
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.monitoring.alerts.decisions import DecidedDay, newest_decision
from mlreg_dagster.monitoring.metrics.slos import Level, predictions_level
from mlreg_dagster.outcomes.names import PREDICTIONS_TABLE
from mlreg_dagster.outcomes.performance.flagged_share import FlaggedShare, flagged_share_in, of_champion
from mlreg_dagster.outcomes.worth.newest import newest_worth
from mlreg_dagster.registry import AlertEvent, Incident, Registry
from mlreg_dagster.storage.warehouse.reader import Tables, moment

HealthState = Literal["good", "unsure", "bad"]

_DRIFTING = ("watch", "confirmed", "responding")


@dataclass(frozen=True)
class HomeState:
    """A home as of a time.

    Attributes:
        as_of: The time that was asked about.
        standings: How aliases and versions stand.
        flagged: What the champion flags.
        worth: The newest verdict on each version, as `newest_worth` gives it.
        incidents: Those that go on, each with its events until then.
        alerts: The newest event of each alert that is not resolved.
        drift: The newest decision; None: no day was judged.
        predictions: How old the predictions are.
        has_ended: Whether no hour is to come, so that nothing is late.
    """

    as_of: datetime
    standings: Standings
    flagged: FlaggedShare
    worth: list[dict[str, Any]]
    incidents: tuple[Incident, ...]
    alerts: tuple[AlertEvent, ...]
    drift: DecidedDay | None
    predictions: Level
    has_ended: bool


@dataclass(frozen=True)
class Health:
    """Whether a home is healthy.

    Attributes:
        state: The worst of what is known.
        headline: In one sentence.
        against: What speaks against it, the worst first.
        unknown: What is not known.
    """

    state: HealthState
    headline: str
    against: tuple[str, ...]
    unknown: tuple[str, ...]


def home_state(
    registry: Registry, tables: Tables, settings: Settings, as_of: datetime, *, is_past: bool = False
) -> HomeState:
    """Read the state of a home.

    Args:
        registry: Its registry.
        tables: Its tables, or their mirror.
        settings: All settings.
        as_of: The time that is asked about.
        is_past: Whether rows of the tables that were known later are left out.
    """
    until, found = as_of if is_past else None, standings(registry, as_of)
    flagged, champion = flagged_share_in(tables, settings.evaluation, until), found.aliases.get(CHAMPION)
    return HomeState(
        as_of=as_of,
        standings=found,
        flagged=of_champion(flagged, champion.move.version) if champion and champion.move else flagged,
        worth=newest_worth(tables, until),
        incidents=tuple(open_incidents(registry.incidents(), as_of)),
        alerts=tuple(
            open_alerts(registry.alert_events(), as_of) if is_past else (each.event for each in registry.open_alerts())
        ),
        drift=newest_decision(tables, until),
        predictions=predictions_level(newest_hour(tables, PREDICTIONS_TABLE, until), as_of),
        has_ended=settings.ingest.has_ended(as_of),
    )


def health_of(state: HomeState, failed_checks: Iterable[str] = (), not_known: Iterable[str] = ()) -> Health:
    """Whether a home is healthy: good only where nothing speaks against it and everything is known.

    Args:
        state: As of a time.
        failed_checks: Checks of Dagster that failed last, in words.
        not_known: What else is not known, in words.
    """
    against = [*_against(state), *failed_checks]
    unknown = [*_unknown(state), *not_known]
    if against:
        more = f" And {len(against) - 1} more." if len(against) > 1 else ""
        return Health("bad", f"Not healthy: {against[0]}{more}", tuple(against), tuple(unknown))
    if unknown:
        return Health("unsure", f"Not known to be healthy: {unknown[0]}", (), tuple(unknown))
    return Health("good", "Healthy: nothing on record speaks against it.", (), ())


def newest_hour(tables: Tables, table: str, until: datetime | None = None) -> datetime | None:
    """The newest hour of which an hourly table holds rows; None where there is none.

    Args:
        tables: Where it is.
        table: Its name, one of ours.
        until: Later hours do not count; None: all do.
    """
    if not tables.has(table, ("hour",)):
        return None
    known = "" if until is None else f" WHERE hour <= {moment(until)}"
    ((newest,),) = tables.rows(f"SELECT CAST(epoch(max(hour)) AS BIGINT) FROM {table}{known}")  # noqa: S608 - ours
    return None if newest is None else datetime.fromtimestamp(newest, UTC)


def open_incidents(incidents: Iterable[Incident], as_of: datetime) -> Iterator[Incident]:
    """The incidents that went on at a time, each with what was written down by then."""
    for each in incidents:
        known = tuple(event for event in each.events if event.recorded_at <= as_of)
        if known and (then := Incident(known)).is_open:
            yield then


def open_alerts(events: Iterable[AlertEvent], as_of: datetime) -> list[AlertEvent]:
    """The newest event of each alert that was not resolved at a time."""
    newest: dict[str, AlertEvent] = {}
    for each in events:
        if each.recorded_at <= as_of:
            newest[each.fingerprint] = each
    return [each for each in newest.values() if each.state != "resolved"]


def _against(state: HomeState) -> Iterator[str]:
    """What speaks against it, the worst first."""
    for stopped in state.standings.suspended:
        yield f"{stopped.in_words}. No holder of it scores."
    for incident in state.incidents:
        yield f"Incident {incident.number} goes on since {incident.began:%Y-%m-%d %H:%M}: {incident.newest.title}."
    if state.flagged.state == "outside":
        yield f"The flagged share is beyond its limits: {state.flagged.text}"
    if state.predictions.state == "missed" and not state.has_ended:
        yield state.predictions.text
    if state.drift is not None and state.drift.state in _DRIFTING:
        yield f"Drift: {state.drift.state} since the end of {state.drift.day:%Y-%m-%d}."
    for alert in state.alerts:
        if alert.severity != "info":
            yield f"Alert {alert.name} ({alert.rule.replace('_', ' ')}, {alert.severity}): {alert.message}"
    yield from _champion_against(state)


def _champion_against(state: HomeState) -> Iterator[str]:
    champion = state.standings.aliases.get(CHAMPION)
    if champion is None or champion.move is None:
        return
    standing = state.standings.of(champion.move.version)
    if standing is not None and standing.status == "rejected":
        yield f"{champion.move.version} is champion and failed its latest evaluation."
    worth = worth_of_champions(state.worth)
    if worth is not None and worth["worth"] == "worse":
        yield f"The champions are worse than the best simple ranking: {worth['sentence']}"


def _unknown(state: HomeState) -> Iterator[str]:
    champion = state.standings.aliases.get(CHAMPION)
    if champion is None or champion.move is None:
        yield "no version is champion."
    if state.flagged.state == "unknown":
        yield state.flagged.text.removeprefix("Not known: ")
    if state.predictions.state == "unknown":
        yield state.predictions.text
    if state.drift is None:
        yield "drift: no day was judged yet."
    elif state.drift.state == "unknown":
        yield f"drift, at the end of {state.drift.day:%Y-%m-%d}."
    worth = worth_of_champions(state.worth)
    if worth is None:
        yield "what the champions are worth: no verdict was asked yet."
    elif worth["worth"] == "unknown":
        yield f"what the champions are worth. {worth['sentence']}"


def worth_of_champions(worth: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The newest verdict on whichever version was champion; None: none was asked yet."""
    return next((each for each in worth if each["model_version"] == CHAMPION), None)
