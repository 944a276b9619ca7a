"""The numbers that are exported, read from the registry and the tables: plain samples of declared metrics."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlreg_dagster.config import EvaluationSettings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.monitoring.metrics.declared import METRICS, MOST_SERIES
from mlreg_dagster.monitoring.metrics.slos import Level
from mlreg_dagster.monitoring.names import CONCEPT_TABLE, FEATURE_TABLE, QUALITY_TABLE
from mlreg_dagster.outcomes.performance.flagged_share import flagged_share_in
from mlreg_dagster.outcomes.worth.newest import newest_worth
from mlreg_dagster.registry import Registry
from mlreg_dagster.registry.database.schema import SCHEMA_VERSION
from mlreg_dagster.storage.warehouse.reader import Tables

_ALIASES, _FEATURES = 10, 60  # at most, of each
_STATES = ("unknown", "stable", "watch", "confirmed", "responding", "cooldown")


@dataclass(frozen=True)
class Sample:
    """One value.

    Attributes:
        metric: The name of a declared metric.
        value: In its unit.
        labels: The values of its labels, in their order.
    """

    metric: str
    value: float
    labels: tuple[str, ...] = ()


Part = Callable[[], Iterable[Sample]]


def collect(parts: Mapping[str, Part], now: datetime) -> list[Sample]:
    """All samples; a part that can't be read is said to be so, and costs none of the others.

    Args:
        parts: By name.
        now: The current time.
    """
    found: list[Sample] = [Sample("mlreg_export_timestamp_seconds", now.timestamp())]
    for name, part in parts.items():
        try:
            read, failed = list(part()), 0.0
        except MlregError:
            read, failed = [], 1.0
        found += [*read, Sample("mlreg_part_unreadable", failed, (name,))]
    for each in found:
        if len(each.labels) != len(METRICS[each.metric].labels):
            raise ValueError(f"{each.metric} has the labels {METRICS[each.metric].labels}, not {each.labels}.")
    return list({(each.metric, each.labels): each for each in found}.values())[:MOST_SERIES]


def registry_samples(registry: Registry, now: datetime, release: str) -> Iterator[Sample]:
    """Versions, aliases, and what happened to alerts."""
    yield Sample("mlreg_build_info", 1, (release, str(SCHEMA_VERSION)))
    versions = {each.version: each for each in registry.versions()}
    statuses = Counter(registry.status(name) for name in versions)
    for status in ("candidate", "evaluated", "rejected"):
        yield Sample("mlreg_versions", statuses[status], (status,))
    suspended = registry.suspended(now)
    for alias in list(registry.aliases())[:_ALIASES]:
        yield Sample("mlreg_suspended", alias in suspended, (alias,))
        yield Sample("mlreg_alias_moves_total", len(registry.history(alias)), (alias,))
        if (holder := registry.holder(alias, now)) is not None:
            detector = versions[holder.version].detector if holder.version in versions else "unknown"
            yield Sample("mlreg_champion_info", 1, (alias, holder.version, detector))
            yield Sample("mlreg_champion_since_timestamp_seconds", holder.effective_at.timestamp(), (alias,))


def alert_samples(registry: Registry) -> Iterator[Sample]:
    """Open alerts and the outbox."""
    opened = Counter((each.event.rule, each.event.severity, each.event.state) for each in registry.open_alerts())
    for labels, count in opened.items():
        yield Sample("mlreg_alerts", count, labels)
    happened = Counter(each.event for each in registry.alert_events())
    for kind in ("firing", "escalated", "reminded", "acknowledged", "resolved"):
        yield Sample("mlreg_alert_events_total", happened[kind], (kind,))
    waiting: dict[str, list[float]] = {}
    for message in registry.undelivered_messages():
        waiting.setdefault(message.channel, []).append(message.event.recorded_at.timestamp())
    for channel, times in waiting.items():
        yield Sample("mlreg_alert_messages_waiting", len(times), (channel,))
        yield Sample("mlreg_alert_oldest_waiting_timestamp_seconds", min(times), (channel,))


def champion_samples(tables: Tables, limits: EvaluationSettings) -> Iterator[Sample]:
    """What the champion flags, and how right it was."""
    share = flagged_share_in(tables, limits)
    if share.share is not None:
        yield Sample("mlreg_flagged_ratio", share.share)
    yield Sample("mlreg_scored_rows", share.rows)
    yield Sample("mlreg_flagged_limit_ratio", limits.min_anomaly_rate, ("least",))
    yield Sample("mlreg_flagged_limit_ratio", limits.max_anomaly_rate, ("most",))
    for row in newest_worth(tables):
        if row["model_version"] != "champion":
            continue
        for name in ("precision", "recall"):
            for of, value in (("champion", row[name]), ("best_ranking", row[f"opponent_{name}"])):
                if value is not None and value == value:
                    yield Sample(f"mlreg_champion_{name}_ratio", value, (of,))


def drift_samples(tables: Tables) -> Iterator[Sample]:
    """The state of drift, and what it was judged by, on the newest day."""
    for day, state in _newest(tables, "drift_decision", ("state",)):
        yield Sample("mlreg_drift_day_timestamp_seconds", day + 86400)
        yield from (Sample("mlreg_drift_state", float(state == each), (each,)) for each in _STATES)
    columns = ("feature", "location_z", "spread_z", "null_share")
    for _, feature, location, spread, nulls in _newest(tables, FEATURE_TABLE, columns)[:_FEATURES]:
        for of, value in (("location", location), ("spread", spread)):
            if value is not None:
                yield Sample("mlreg_drift_feature_zscore", value, (feature, of))
        if nulls is not None:
            yield Sample("mlreg_drift_feature_null_ratio", nulls, (feature,))
    for _, measure, value, bad, severe in _newest(tables, QUALITY_TABLE, ("measure", "value", "bad", "severe")):
        yield Sample("mlreg_drift_quality", value, (measure,))
        yield Sample("mlreg_drift_quality_limit", bad, (measure, "bad"))
        yield Sample("mlreg_drift_quality_limit", severe, (measure, "severe"))
    for _, kind, decides, difference in _newest(tables, CONCEPT_TABLE, ("kind", "decides", "difference")):
        if decides and difference is not None:
            yield Sample("mlreg_drift_concept_difference", difference, (kind,))


def slo_samples(levels: Iterable[Level]) -> Iterator[Sample]:
    """Each objective that can be measured; of several measurements of one the worst."""
    worst: dict[str, Level] = {}
    for level in levels:
        known = worst.get(level.objective.name)
        if level.measured is not None and (known is None or level.measured > (known.measured or level.measured)):
            worst[level.objective.name] = level
    for name, level in worst.items():
        assert level.measured is not None  # noqa: S101 - it was looked at above
        yield Sample("mlreg_slo_seconds", level.measured.total_seconds(), (name,))
        yield Sample("mlreg_slo_limit_seconds", level.objective.at_most.total_seconds(), (name,))
        yield Sample("mlreg_slo_met", float(level.state == "met"), (name,))


def _newest(tables: Tables, table: str, columns: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """The rows of a table's newest day: the day in seconds since 1970, then these columns."""
    if not tables.has(table, ("day", *columns)):
        return []
    return tables.rows(
        f"SELECT CAST(epoch(day) AS BIGINT), {', '.join(columns)} FROM {table} "  # noqa: S608 - names of ours
        f"WHERE day = (SELECT max(day) FROM {table}) ORDER BY ALL"
    )
