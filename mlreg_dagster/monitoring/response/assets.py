"""The asset `drift_decision`: what follows from the facts of each day, and what is recorded of it."""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import Any

import dagster as dg
import pandas as pd

from mlreg_dagster.config import FROZEN, ResponseSettings, Settings
from mlreg_dagster.core.hours import day_key
from mlreg_dagster.core.people import AUTOMATION
from mlreg_dagster.models.training_request import CAUSE_TAG
from mlreg_dagster.monitoring.response.decisions import Cause, Decision
from mlreg_dagster.monitoring.response.facts import DayFacts
from mlreg_dagster.monitoring.response.fold import fold
from mlreg_dagster.monitoring.response.stored import DRIFT_DECISIONS, facts_in, rows_of, trainings_in, unrecorded
from mlreg_dagster.monitoring.response.table import Training
from mlreg_dagster.monitoring.response.trainings import training_of
from mlreg_dagster.orchestration.instance.audit_anchors import require_intact
from mlreg_dagster.orchestration.instance.earlier_runs import EVERYTHING, wait_for_earlier_runs
from mlreg_dagster.orchestration.metadata import (
    AUDIT_HEAD,
    OWNERS,
    audit_head,
    report_partitions,
    result_of_range,
    table_metadata,
    table_view,
)
from mlreg_dagster.orchestration.partitions import Partitions, days_of
from mlreg_dagster.orchestration.resources import Clock, RegistryResource, WarehouseResource
from mlreg_dagster.orchestration.retries import retried
from mlreg_dagster.outcomes.names import PREDICTIONS_TABLE
from mlreg_dagster.registry import Attribution, DriftDecision, Registry
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

FactsOf = Callable[[Warehouse, Registry, pd.DatetimeIndex], Sequence[DayFacts]]
"""Reads the facts of days out of the four tables of drift; days without any are left out."""

_DAY, _REACH = pd.Timedelta(days=1), pd.Timedelta(days=14)
_SHOWN_DAYS = 90
_SHOWN = ("day", "state", "family", "action", "alerts", "reasons")
_URGENCY = {"info": 1.0, "ticket": 2.0, "page": 3.0}


def build_response_asset(
    settings: Settings, group: str, partitions: Partitions, upstream: Iterable[str], facts_of: FactsOf
) -> dg.AssetsDefinition:
    """The asset, by day.

    Args:
        settings: The configuration.
        group: Its group.
        partitions: Of the market.
        upstream: The assets that the facts are read from.
        facts_of: Reads them.
    """
    limits, read_from = settings.drift.response, tuple(upstream)

    @dg.asset(
        group_name=group,
        partitions_def=partitions.daily,
        backfill_policy=partitions.days_by_run,
        owners=OWNERS,
        kinds={"duckdb"},
        metadata=table_metadata(DRIFT_DECISIONS),
        deps=list(read_from),
        description="What follows from the drift of each day: its state, what is done, who is told, and why. Changes "
        "are records of the registry.",
    )
    @retried
    def drift_decision(
        context: dg.AssetExecutionContext,
        mlreg_warehouse: WarehouseResource,
        mlreg_registry: RegistryResource,
        mlreg_clock: Clock,
    ) -> dg.MaterializeResult:
        from mlreg_dagster.monitoring.response.plots import state_timeline

        # it may move a threshold, which no run of the same backfill has when the backfill is one run
        looks_back = dict.fromkeys((DRIFT_DECISIONS.name, *read_from), EVERYTHING)
        wait_for_earlier_runs(context, settings.automation, looks_back, whole=[PREDICTIONS_TABLE])
        days, tables, records = days_of(context), mlreg_warehouse.open(), mlreg_registry.open()
        require_intact(records, context.instance)
        with tables.session():
            stored = tables.read(DRIFT_DECISIONS)
            after = stored.loc[stored["day"].between(days[-1] + _DAY, days[-1] + _REACH), "day"]
            read = days.union(pd.DatetimeIndex(after))  # facts look some days back
            decisions = decide(stored, facts_of(tables, records, read), read, records, context.instance, limits)
            rows = rows_of(decisions)
            changed = rows[rows["day"].isin(days) | ~_is_stored(rows, stored)]
            tables.write(DRIFT_DECISIONS, changed, days.union(pd.DatetimeIndex(changed["day"])))
            recorded = _record(decisions, records, tables, mlreg_clock, limits, context.run.run_id)
        own = rows[rows["day"].isin(days)]
        _report(context, own, days)
        until = rows[rows["day"] <= days[-1]].tail(_SHOWN_DAYS)
        metadata: dict[str, Any] = {
            "days": len(days),
            "dagster/row_count": len(own),
            "decisions": table_view(until.iloc[::-1][list(_SHOWN)].to_dict("records")),
            "recorded": table_view([_shown(each) for each in recorded]),
            "states": dg.MetadataValue.md(state_timeline(until)),
            AUDIT_HEAD: audit_head(records),
        }
        if len(until):
            newest = until.iloc[-1]
            metadata |= {"state": newest["state"], "action": newest["action"], "reasons": newest["reasons"] or "none"}
        return result_of_range(context, day_key(days[-1]), metadata)

    return drift_decision


def decide(
    stored: pd.DataFrame,
    facts: Sequence[DayFacts],
    days: pd.DatetimeIndex,
    records: Registry,
    instance: dg.DagsterInstance,
    limits: ResponseSettings,
) -> list[Decision]:
    """The decisions of all days: those on record, of which `days` have new facts or none any more."""
    known = trainings_in(stored)

    def failed_runs(key: str) -> list[datetime]:
        statuses = [dg.DagsterRunStatus.FAILURE]
        found = instance.get_run_records(dg.RunsFilter(tags={CAUSE_TAG: key}, statuses=statuses))
        return [each.update_timestamp for each in found]

    def asked(cause: Cause, day: date) -> Training:
        return known.get((cause.key, day)) or training_of(records, failed_runs, cause, day)

    earlier = stored[~stored["day"].isin(days)]
    return list(fold([*facts_in(earlier), *facts], asked, limits))


def _record(
    decisions: Sequence[Decision],
    records: Registry,
    tables: Warehouse,
    clock: Clock,
    limits: ResponseSettings,
    run_id: str,
) -> list[DriftDecision]:
    """Add to the registry what it does not tell yet; a moved threshold counts from the next hour on."""
    from dataclasses import replace

    now = clock.now()
    judged = []
    for decision, judgement in unrecorded(decisions, records.drift_decisions()):
        end = pd.Timestamp(decision.facts.day, tz="UTC") + _DAY
        effective_at = end if clock.is_simulated else now.ceil("h")
        threshold = _threshold(decision, records, tables, effective_at, limits)
        reason = " ".join(decision.reasons) or "Nothing drifts."
        by = Attribution(AUTOMATION, now, reason[:1900], run_id)
        judged.append((replace(judgement, threshold=threshold), by, effective_at))
    return records.record_drift(judged)


def _threshold(
    decision: Decision, records: Registry, tables: Warehouse, since: pd.Timestamp, limits: ResponseSettings
) -> dict[str, Any] | None:
    """How the champion's threshold is moved by a decision; None: not, or the champion follows a flag budget."""
    from mlreg_dagster.models.manifests import flagging_in
    from mlreg_dagster.outcomes.predicting.moved_thresholds import moved, recent_scores

    champion = decision.facts.champion
    if decision.action != "adapt_threshold" or champion is None or not limits.threshold_share:
        return None
    manifest = records.version(champion).manifest
    if flagging_in(manifest).policy != FROZEN.policy:
        return None
    end = pd.Timestamp(decision.facts.day, tz="UTC") + _DAY
    until = end + limits.chronic_days * _DAY
    scores = recent_scores(tables, champion, end)
    frozen = float(manifest["threshold"])
    threshold = moved(frozen, scores, float(manifest["training_anomaly_rate"]), limits.threshold_share)
    if threshold == frozen or until <= since:
        return None
    return {"version": champion, "frozen": frozen, "threshold": threshold, "until": until.isoformat()}


def _is_stored(rows: pd.DataFrame, stored: pd.DataFrame) -> "pd.Series[bool]":
    """Of which days the same row is stored."""
    known = set(map(_content, stored.to_dict("records")))
    return pd.Series([_content(each) in known for each in rows.to_dict("records")], index=rows.index, dtype=bool)


def _content(row: dict[Any, Any]) -> tuple[Any, ...]:
    return tuple(None if pd.isna(value) else value for value in row.values())


def _report(context: dg.AssetExecutionContext, rows: pd.DataFrame, days: pd.DatetimeIndex) -> None:
    """To each day how urgent its alerts are and how large its largest z is, which the UI plots over time."""
    facts = [json.loads(each) for each in rows["facts"]]
    urgency = [max([0.0, *(_URGENCY[severity] for _, severity in json.loads(each))]) for each in rows["alerts"]]
    numbers = pd.DataFrame(
        {
            "urgency": urgency,
            "peak": [each["peak"] for each in facts],
            "persistent_days": [float(each["persistent_days"]) for each in facts],
        },
        index=pd.DatetimeIndex(rows["day"]),
        dtype="float64",
    ).reindex(days)
    counts = numbers["urgency"].notna().astype(int)
    report_partitions(context, list(map(day_key, days)), numbers.assign(**{"dagster/partition_row_count": counts}))


def _shown(record: DriftDecision) -> dict[str, Any]:
    return {
        "day": record.day,
        "state": record.state,
        "action": record.action,
        "cause": record.cause,
        "threshold": record.threshold["threshold"] if record.threshold else None,
        "effective_at": record.effective_at,
    }
