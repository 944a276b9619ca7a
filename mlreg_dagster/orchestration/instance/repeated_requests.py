"""When work whose run was cancelled is asked for again: after a pause, so many times, then only by hand.

Dagster starts one run for a run key, ever, and says nothing when a key comes again. A further try therefore needs a key
of its own: `key`, then `key~2`, `key~3`, …. Ranges of hours or days have no keys, since they follow from what is
missing; their cancelled runs are found by the range.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count, takewhile

import dagster as dg
import pandas as pd

from mlreg_dagster.config import AutomationSettings
from mlreg_dagster.orchestration.instance import runs

RUN_KEY = "dagster/run_key"
UNTIL_DONE = "mlreg/until_done"
"""Tag of runs whose work must not be left undone."""

_BY_HAND = "Re-execute it in the UI to have it done"
_SUFFIX = re.compile(r"~\d+$")
_DOUBLED = 10  # times at most, so that no number overflows
_LONGEST_PAUSE = pd.Timedelta(hours=1)
_AUTOMATIC = ("dagster/sensor_name", "dagster/schedule_name", RUN_KEY)


@dataclass(frozen=True)
class Turn:
    """Whether a piece of work may be asked for now.

    Attributes:
        run_key: The key under which it is asked for; None: not now.
        reason: Why not, in a sentence; empty where it may be.
    """

    run_key: str | None
    reason: str = ""


def next_turn(
    instance: dg.DagsterInstance, key: str, settings: AutomationSettings, *, until_done: bool = False
) -> Turn:
    """Whether work that is to be done once may be asked for, and under which run key.

    One that failed is not asked for again. One that a run has done and that is asked about all the same is missing: a
    backup was restored, or files were removed.

    Work that must not be left undone is asked for again whatever its runs came to, after ever longer pauses.

    Args:
        instance: Whose runs count, those of a person's re-execution among them.
        key: What the work is: the run key of its first run.
        settings: How often it is asked for again after a cancellation, and how long after.
        until_done: It must not be left undone; its runs carry the tag `UNTIL_DONE`.
    """
    cancelled = done = 0
    for number in count(1):
        run_key = key if number == 1 else f"{key}~{number}"
        newest = instance.get_run_records(dg.RunsFilter(tags={RUN_KEY: run_key}), limit=1)
        if not newest:
            return Turn(run_key)
        run = newest[0].dagster_run
        if run.status in runs.UNDER_WAY:
            return Turn(None, f"{runs.named(run)} is under way.")
        if until_done:
            if waiting := _after_ever_longer(newest[0], number):
                return Turn(None, waiting)
        elif run.status == dg.DagsterRunStatus.FAILURE:
            return Turn(None, f"{runs.named(run)} failed; it is not tried again by itself. {_BY_HAND}.")
        elif run.status == dg.DagsterRunStatus.CANCELED:
            cancelled += 1
            if waiting := _after_cancellation(newest[0], cancelled, settings):
                return Turn(None, waiting)
        else:
            done += 1
            if done > settings.ask_again:
                return Turn(None, f"{runs.named(run)} has done it, and it is missing again. {_BY_HAND}.")
    raise AssertionError("keys have no end")  # pragma: no cover


def held_back(
    instance: dg.DagsterInstance, job: str, first: str, last: str, settings: AutomationSettings
) -> str | None:
    """Why a range of partitions is not asked for now, in words; None where it may be.

    Args:
        instance: Whose runs count.
        job: The job that would make them.
        first: The first partition key.
        last: The last partition key.
        settings: How often it is asked for again after a cancellation, and how long after.
    """
    cancelled = _cancelled_from(instance, job, first, settings)
    if cancelled and (waiting := _after_cancellation(cancelled[0], len(cancelled), settings)):
        return waiting
    since = (runs._now() - settings.pause).to_pydatetime()
    recent = dg.RunsFilter(job_name=job, statuses=[dg.DagsterRunStatus.CANCELED], updated_after=since)
    for record in instance.get_run_records(recent):  # those of other ranges that overlap with this one
        begin, end = _range_of(record.dagster_run.tags)
        if begin <= last and first <= end and (waiting := _after_cancellation(record, 1, settings)):
            return waiting
    return None


def outlook(instance: dg.DagsterInstance, run: dg.DagsterRun, settings: AutomationSettings) -> str:
    """What happens next to the work of a run that was cancelled, in a sentence or two."""
    if not any(tag in run.tags for tag in _AUTOMATIC):
        return f"It was started by hand, so it is not asked for again. {_BY_HAND}."
    if key := run.tags.get(RUN_KEY):
        turn = next_turn(instance, base_of(key), settings, until_done=UNTIL_DONE in run.tags)
        return turn.reason or "It is asked for again now."
    if "dagster/sensor_name" in run.tags:
        return held_back(instance, run.job_name, *_range_of(run.tags), settings) or "It is asked for again now."
    return f"Its schedule does not ask for it again; where hours are missing, catch-up does. {_BY_HAND} now."


def base_of(run_key: str) -> str:
    """The key of the first run of the same work."""
    return _SUFFIX.sub("", run_key)


def _after_ever_longer(record: dg.RunRecord, number: int) -> str | None:
    """Why work that was asked for `number` times in vain has to wait; None where it has not."""
    pause = min(runs.PAUSE_AFTER_A_FAILURE * 2 ** min(number - 1, _DOUBLED), _LONGEST_PAUSE)
    ended = runs.ended_at(record)
    if abs(runs._now() - ended) < pause:
        again = f"it is asked for again at {ended + pause:%Y-%m-%d %H:%M} UTC"
        return f"{runs.named(record.dagster_run)} did not do it; {again}."
    return None


def _after_cancellation(record: dg.RunRecord, number: int, settings: AutomationSettings) -> str | None:
    """Why work whose run was cancelled, for the `number`th time, has to wait; None where it has not."""
    what = f"{runs.named(record.dagster_run)} was cancelled"
    if number > settings.ask_again:
        return f"{what}, number {number} in a row; it is not asked for again by itself. {_BY_HAND}."
    ended = runs.ended_at(record)
    if abs(runs._now() - ended) < settings.pause:
        return f"{what}; it is asked for again at {ended + settings.pause:%Y-%m-%d %H:%M} UTC. {_BY_HAND} now."
    return None


def _cancelled_from(
    instance: dg.DagsterInstance, job: str, first: str, settings: AutomationSettings
) -> list[dg.RunRecord]:
    """The newest runs of a job from a partition on, as far as they were cancelled one after the other."""
    found = [
        record
        for tag in ("dagster/asset_partition_range_start", "dagster/partition")
        for record in instance.get_run_records(
            dg.RunsFilter(job_name=job, tags={tag: first}), limit=settings.ask_again + 1
        )
    ]
    found.sort(key=lambda record: record.storage_id, reverse=True)
    return list(takewhile(lambda record: record.dagster_run.status == dg.DagsterRunStatus.CANCELED, found))


def _range_of(tags: Mapping[str, str]) -> tuple[str, str]:
    """The first and the last partition key of a run; keys of hours and days are ordered as texts."""
    one = tags.get("dagster/partition", "")
    return tags.get("dagster/asset_partition_range_start", one), tags.get("dagster/asset_partition_range_end", one)
