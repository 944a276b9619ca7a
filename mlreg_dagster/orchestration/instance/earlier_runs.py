"""A run waits for the runs of earlier hours that it reads: chunks of one range run side by side, on several hosts.

Dagster starts all chunks of a range at once, and its dependencies are on the same hour (docs/decisions/0009). What
looks back would be made from hours that another run has not written yet, and nothing would tell: the run that is late
may record its hours before the one that has read too early. So a step waits, before it reads, until no run of earlier
hours has the assets left to make that it looks back on. Runs wait for earlier ones alone: none wait for each other.
See docs/decisions/0056.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import dagster as dg
import pandas as pd

from mlreg_dagster.config import AutomationSettings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.hours import DAY_KEY_FORMAT, HOUR, as_hour, hour_range
from mlreg_dagster.orchestration.instance.runs import UNDER_WAY, is_alive, named

TOGETHER = "mlreg/asked_together"
"""Tag of the runs that automation asked for at once: chunks of one range."""
BACKFILL = "dagster/backfill"
EVERYTHING = None
"""Of how far an asset looks back: all earlier hours."""

_LOOKS_EVERY_S = 2.0
_SAYS_SO_EVERY = timedelta(minutes=10)  # a run that is silent is taken for dead by those that wait for it
_PAGE = 500


class EarlierHoursMissing(MlregError):
    """Hours that a run of the same range should have made first, and has not."""


class EarlierHoursLate(MlregError):
    """Runs of earlier hours that have not ended in time."""


@dataclass
class _Found:
    """What one look found: runs to wait for, and hours by asset that nobody makes any more."""

    pending: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def wait_for_earlier_runs(
    context: dg.AssetExecutionContext,
    settings: AutomationSettings,
    looks_back: Mapping[str, int | None],
    whole: Iterable[str] = (),
) -> None:
    """Return once no run of earlier hours, or days, is left that makes what the step is about to read.

    Without `hours_per_run` a range is one run, and nothing is waited for.

    Args:
        context: Of the step that is about to begin; its last partition may be any.
        settings: Whether ranges are cut into runs, and how long to wait.
        looks_back: Assets that are read, and how many hours before the first of this run; EVERYTHING: all.
        whole: Assets of which all runs of the same backfill come first, also those of later hours.

    Raises:
        EarlierHoursMissing: A run of the same backfill, or of the same request of automation, should have made them
            and failed; nothing is stored.
        EarlierHoursLate: They were not made in time; nothing is stored.
    """
    if settings.hours_per_run is None:
        return
    waits_until = time.monotonic() + 60 * settings.earlier_hours_minutes
    said_at = None
    while True:
        found = _look(context, looks_back, frozenset(whole))
        name = context.asset_key.to_user_string()
        if not found.pending and found.missing:
            raise EarlierHoursMissing(
                f"{name}: {found.missing[0]}. Nothing was stored. Run the earlier hours again, then these."
            )
        if not found.pending:
            return
        if time.monotonic() > waits_until:
            raise EarlierHoursLate(
                f"{name}: {found.pending[0]} has not made the earlier hours within {settings.earlier_hours_minutes} "
                f"minutes (earlier_hours_minutes in automation.yaml). Nothing was stored. Run these hours again once "
                f"it has."
            )
        if said_at is None or time.monotonic() - said_at > _SAYS_SO_EVERY.total_seconds():
            context.log.info(f"{name} reads earlier hours, and waits for {len(found.pending)}: {found.pending[0]}.")
            said_at = time.monotonic()
        time.sleep(_LOOKS_EVERY_S)


def _look(context: dg.AssetExecutionContext, looks_back: Mapping[str, int | None], whole: frozenset[str]) -> _Found:
    instance, begins = context.instance, as_hour(context.partition_key_range.start)
    group = _group_of(context.run.tags)
    together = {} if group is None else {each.dagster_run.run_id: each for each in _records(instance, tags=group)}
    others = {each.dagster_run.run_id: each for each in _records(instance, statuses=UNDER_WAY)}
    found = _Found()
    for run_id, record in (others | together).items():
        hours = _hours_of(record.dagster_run.tags)
        if run_id == context.run.run_id or hours is None:
            continue
        steps = _steps_of(instance, record.dagster_run)
        for asset in steps & (looks_back.keys() | whole):
            is_whole = asset in whole and run_id in together
            read = hours if is_whole else _read(hours, begins, looks_back.get(asset, 0))
            if len(read) and not _has_made(instance, run_id, asset):
                _judge(instance, record, asset, read, run_id in together, found)
    if group is not None and (backfill := context.run.tags.get(BACKFILL)):
        found.pending += _not_submitted(instance, backfill, begins, looks_back, whole, together.values())
    return found


def _judge(
    instance: dg.DagsterInstance,
    record: dg.RunRecord,
    asset: str,
    hours: pd.DatetimeIndex,
    is_together: bool,
    found: _Found,
) -> None:
    """Whether a run that has not made what is read is going to, and else whether somebody has."""
    run = record.dagster_run
    if run.status in UNDER_WAY and is_alive(instance, record):
        found.pending.append(f"{named(run)}, which makes {asset}")
        return
    if run.tags.get("dagster/will_retry") == "true" and "dagster/auto_retry_run_id" not in run.tags:
        found.pending.append(f"the next attempt of {named(run)}, which makes {asset}")
        return
    if is_together and (left := len(hours) - len(_made_since(instance, asset, record, hours))):
        found.missing.append(
            f"{named(run)} was to make {asset} for {left} earlier hours or days ({hours[0]:%Y-%m-%d %H:%M} to "
            f"{hours[-1]:%Y-%m-%d %H:%M}) and did not, and nobody has since"
        )


def _read(hours: pd.DatetimeIndex, begins: pd.Timestamp, reach: int | None) -> pd.DatetimeIndex:
    """Of the hours of a run that began earlier those that are read: others than its own ones are in a chain."""
    if hours[0] >= begins:
        return hours[:0]
    return hours[(hours < begins) & ((hours >= begins - reach * HOUR) if reach is not None else True)]


def _group_of(tags: Mapping[str, str]) -> dict[str, str] | None:
    return next(({tag: tags[tag]} for tag in (BACKFILL, TOGETHER) if tag in tags), None)


def _records(instance: dg.DagsterInstance, **wanted: object) -> Iterable[dg.RunRecord]:
    return instance.get_run_records(dg.RunsFilter(**wanted))  # type: ignore[arg-type]


def _hours_of(tags: Mapping[str, str]) -> pd.DatetimeIndex | None:
    """The hours of a run, or the midnights of its days; None: it is for neither."""
    first = tags.get("dagster/partition") or tags.get("dagster/asset_partition_range_start")
    last = tags.get("dagster/partition") or tags.get("dagster/asset_partition_range_end")
    try:
        begin, end = as_hour(first or ""), as_hour(last or "")
    except (MlregError, ValueError):
        return None
    if _is_day(str(first)):
        return pd.date_range(begin, end, freq="D", unit="us")
    return hour_range(begin, end)


def _is_day(key: str) -> bool:
    try:
        datetime.strptime(key, DAY_KEY_FORMAT)
    except ValueError:
        return False
    return True


def _steps_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> frozenset[str]:
    """The steps of a run: an asset's has the asset's name."""
    if run.execution_plan_snapshot_id is None:
        return frozenset()
    return frozenset(instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id).step_keys_to_execute)


def _has_made(instance: dg.DagsterInstance, run_id: str, asset: str) -> bool:
    events = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_SUCCESS).records
    return any(each.event_log_entry.step_key == asset for each in events)


def _made_since(
    instance: dg.DagsterInstance, asset: str, record: dg.RunRecord, hours: pd.DatetimeIndex
) -> set[pd.Timestamp]:
    """Those of `hours` that any run has recorded since a run was asked for."""
    since = record.create_timestamp.timestamp()
    wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), after_timestamp=since)
    made, cursor = set[pd.Timestamp](), None
    while True:
        page = instance.fetch_materializations(wanted, limit=_PAGE, cursor=cursor)
        keys = (each.partition_key for each in page.records)
        made.update(as_hour(key) for key in keys if key is not None)
        if not page.has_more:
            return made & set(hours)
        cursor = page.cursor


def _not_submitted(
    instance: dg.DagsterInstance,
    backfill_id: str,
    begins: pd.Timestamp,
    looks_back: Mapping[str, int | None],
    whole: frozenset[str],
    submitted: Iterable[dg.RunRecord],
) -> Iterator[str]:
    """What a backfill is still going to ask a run for: Dagster submits its runs one after the other."""
    backfill = instance.get_backfill(backfill_id)
    if backfill is None or backfill.status.value != "REQUESTED":
        return
    runs = [(each.dagster_run, _hours_of(each.dagster_run.tags)) for each in submitted]
    steps = {run.run_id: _steps_of(instance, run) for run, _ in runs}
    for asset in looks_back.keys() | whole:
        read = _targets(backfill, asset, any(asset in each for each in steps.values()))
        if len(read) and asset not in whole:
            read = _read(read, begins, looks_back[asset])
        for run, hours in runs:
            if hours is not None and asset in steps[run.run_id]:
                read = read.difference(hours)
        if len(read):
            yield f"backfill {backfill_id}, which has not asked for {asset} of {len(read)} earlier hours or days yet"


def _targets(backfill: object, asset: str, is_of_job: bool) -> pd.DatetimeIndex:
    """The hours, or days, of an asset that a backfill is for, ascending."""
    data = getattr(backfill, "asset_backfill_data", None)
    keys: Iterable[str] = ()
    if data is not None:
        subset = data.target_subset.partitions_subsets_by_asset_key.get(dg.AssetKey(asset))
        keys = () if subset is None else subset.get_partition_keys()
    elif is_of_job:
        keys = getattr(backfill, "partition_names", None) or ()
    return pd.DatetimeIndex(sorted(map(as_hour, keys)), dtype="datetime64[us, UTC]")
