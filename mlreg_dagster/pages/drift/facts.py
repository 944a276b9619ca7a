"""The states of drift over weeks, the newest decision and what it led to, and the four families, each by itself."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from mlreg_dagster.core.hours import day_key
from mlreg_dagster.evidence.weekly import drift as families
from mlreg_dagster.evidence.weekly.sections import Section, records
from mlreg_dagster.evidence.weekly.week import Days
from mlreg_dagster.models.manifests import cause_in
from mlreg_dagster.monitoring.alerts.decisions import DECISION_RULES
from mlreg_dagster.monitoring.drift.schema import CONCEPT_DRIFT, DATA_QUALITY_DRIFT, FEATURE_DRIFT, PREDICTION_DRIFT
from mlreg_dagster.monitoring.response.stored import DRIFT_DECISIONS
from mlreg_dagster.pages import source
from mlreg_dagster.pages.drift.pictures import states_picture
from mlreg_dagster.pages.paging import list_page
from mlreg_dagster.pages.pictures import drawn
from mlreg_dagster.pages.view import View
from mlreg_dagster.registry import Registry
from mlreg_dagster.storage.warehouse.read_only import ReadOnlyWarehouse
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

DAYS = 28
"""On a page."""

STATISTICS = ("location_z", "spread_z", "location_innovation", "spread_innovation")
_DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class DayLine:
    """A day of the list; what is None was not judged.

    Attributes:
        day: Its midnight.
        state: Of drift, by the decision of the day; `unknown` is not stable.
        family: What drifts; None: nothing, or no decision.
        action: What was done.
        champion: The champion at its end.
        alerts: Rule and severity of what people are told.
        reasons: Why, in sentences.
        quality: Of its data: ok, bad or severe.
        features: The largest statistic of a feature, in standard deviations of quiet days; None: too little evidence.
        feature: Which feature that is.
        predictions: Whether the flagged share was within its limits: within, outside or unknown.
        concept: Whether the champion became worse: same, worse or unknown.
    """

    day: pd.Timestamp
    state: str | None
    family: str | None
    action: str | None
    champion: str | None
    alerts: tuple[tuple[str, str], ...]
    reasons: str
    quality: str | None
    features: float | None
    feature: str | None
    predictions: str | None
    concept: str | None


@dataclass(frozen=True)
class DecisionFacts:
    """A decision, and what it led to.

    Attributes:
        decision: The row of its table, its facts apart.
        facts: What it was decided on.
        recorded_at: When a change was recorded; None: the day changed nothing.
        actor: By whom.
        threshold: How the champion's threshold was moved; None: not.
        run_id: The Dagster run; None: not known.
        trained: The versions that were trained for its cause.
        alerts: Alerts of drift since the onset of its cause: name, rule, severity and state.
    """

    decision: Mapping[str, Any]
    facts: Mapping[str, Any]
    recorded_at: datetime | None
    actor: str | None
    threshold: Mapping[str, Any] | None
    run_id: str | None
    trained: tuple[str, ...]
    alerts: tuple[Mapping[str, str], ...]


@dataclass(frozen=True)
class DriftFacts:
    """Drift over some weeks.

    Attributes:
        days: The newest first.
        page: Which page, from 1 on.
        pages: How many there are.
        newest: The newest decision; None: none was made.
        families: The four families over the days of the page.
        picture: The states of these days.
    """

    days: tuple[DayLine, ...]
    page: int
    pages: int
    newest: DecisionFacts | None
    families: tuple[Section, ...]
    picture: str


def facts(view: View) -> DriftFacts:
    """Drift over the weeks that the query asks for.

    Raises:
        Unclear: The list has no such page.
    """
    tables = tables_of(view)
    ends = tables.query(f"SELECT min(day) AS first, max(day) AS last FROM {ensured(tables).name}")  # noqa: S608
    if pd.isna(last := ends["last"].iloc[0]):
        return DriftFacts((), 1, 1, None, (), "")
    pages = -(-((last - ends["first"].iloc[0]).days + 1) // DAYS)
    _, page = list_page(range(pages), view.query.get("page"), 1)
    end = last - (page.number - 1) * DAYS * _DAY
    days = pd.date_range(max(end - (DAYS - 1) * _DAY, ends["first"].iloc[0]), end, freq="D", unit="us")
    decided = tables.read(DRIFT_DECISIONS, days[0], days[-1])
    newest = records(tables.read(DRIFT_DECISIONS, last, last))
    lines = tuple(_lines(tables, decided, days))
    drawn_days = tuple((each.day, each.state, each.action or "none") for each in lines[::-1] if each.state)
    return DriftFacts(
        lines, page.number, pages, decision_of(source.records(view), newest[0]), _families(tables, days),
        drawn(states_picture, drawn_days),
    )  # fmt: skip


def tables_of(view: View) -> ReadOnlyWarehouse:
    """The tables as of the time that is asked about."""
    return ReadOnlyWarehouse(view.tables, view.until)


def ensured(tables: Warehouse) -> Any:
    """The table of decisions, which can be asked from now on, empty where none was made."""
    tables.newest(DRIFT_DECISIONS)
    return DRIFT_DECISIONS


def decision_of(registry: Registry, row: Mapping[str, Any]) -> DecisionFacts:
    """A row of the table of decisions, with what the registry knows of it.

    Args:
        registry: As of the time that is asked about.
        row: Of DRIFT_DECISIONS.
    """
    day, cause = day_key(row["day"]), row["cause"]
    recorded = [each for each in registry.drift_decisions() if each.day == day]
    record = recorded[-1] if recorded else None
    trained = [
        each.version
        for each in registry.versions()
        if cause and (found := cause_in(each.manifest)) is not None and found["key"] == cause
    ]
    since = row["onset"] if row["onset"] is not None else row["day"]
    newest = {
        each.fingerprint: each
        for each in registry.alert_events()
        if each.rule in DECISION_RULES and each.recorded_at >= since
    }
    alerts = [
        {"alert": each.name, "rule": each.rule, "severity": each.severity, "state": each.state}
        for each in newest.values()
    ]
    return DecisionFacts(
        decision={name: value for name, value in row.items() if name != "facts"},
        facts=json.loads(row["facts"]),
        recorded_at=record.recorded_at if record else None,
        actor=record.actor if record else None,
        threshold=record.threshold if record else None,
        run_id=record.run_id if record else None,
        trained=tuple(trained),
        alerts=tuple(alerts),
    )


def _families(tables: Warehouse, days: pd.DatetimeIndex) -> tuple[Section, ...]:
    span = Days(days)
    return (
        families.data_quality(tables, span),
        families.features(tables, span, drawn=False),
        families.predictions(tables, span),
        families.concept(tables, span),
    )


def _lines(tables: Warehouse, decided: pd.DataFrame, days: pd.DatetimeIndex) -> Iterable[DayLine]:
    first, last = days[0], days[-1]
    decisions = {each["day"]: each for each in records(decided)}
    quality = _worst(tables.read(DATA_QUALITY_DRIFT, first, last), "quality", ("severe", "bad", "ok"))
    flagged = tables.read(PREDICTION_DRIFT, first, last)
    concepts = tables.read(CONCEPT_DRIFT, first, last)
    predictions = _worst(flagged[flagged["is_newest"].astype(bool)], "state", ("outside", "unknown", "within"))
    concept = _worst(concepts[concepts["decides"].astype(bool)], "verdict", ("worse", "unknown", "same"))
    peaks = _peaks(tables.read(FEATURE_DRIFT, first, last))
    for day in days[::-1]:
        made: Mapping[str, Any] = decisions.get(day, {})
        size, feature = peaks.get(day, (None, None))
        yield DayLine(
            day=day,
            state=made.get("state"),
            family=made.get("family"),
            action=made.get("action"),
            champion=made.get("champion"),
            alerts=tuple((rule, severity) for rule, severity in json.loads(made.get("alerts", "[]"))),
            reasons=" ".join(made.get("reasons", "").split("\n")),
            quality=quality.get(day),
            features=size,
            feature=feature,
            predictions=predictions.get(day),
            concept=concept.get(day),
        )


def _worst(rows: pd.DataFrame, column: str, order: tuple[str, ...]) -> dict[pd.Timestamp, str]:
    found: dict[Any, str] = {}
    for day, own in rows.groupby("day")[column]:
        found[day] = next((each for each in order if each in set(own)), order[0])
    return found


def _peaks(rows: pd.DataFrame) -> dict[pd.Timestamp, tuple[float, str]]:
    """Of each day that has enough evidence, the largest statistic and its feature."""
    judged = rows[rows["enough"].astype(bool)]
    sizes = judged[list(STATISTICS)].abs().max(axis=1).dropna()
    found: dict[Any, tuple[float, str]] = {}
    for day, own in sizes.groupby(judged.loc[sizes.index, "day"]):
        found[day] = (float(own.max()), str(judged.at[own.idxmax(), "feature"]))
    return found
