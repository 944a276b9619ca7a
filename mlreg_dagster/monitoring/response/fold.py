"""The decisions that follow from the facts of all days, in their order.

The facts of a day that were corrected replace those of before, and the fold begins again: the same facts always give
the same decisions. Who trains, and with what result, is asked of others.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date, timedelta

from mlreg_dagster.config.sections.drift import ResponseSettings
from mlreg_dagster.monitoring.response.decisions import Cause, Decision, Memory
from mlreg_dagster.monitoring.response.facts import DayFacts
from mlreg_dagster.monitoring.response.table import TRAINS, Alert, Ruling, Situation, Training, judge

_BAD_DAYS_KEPT = timedelta(days=60)


def fold(
    days: Iterable[DayFacts], training_of: Callable[[Cause, date], Training], settings: ResponseSettings
) -> Iterator[Decision]:
    """The decisions of all days.

    Args:
        days: Their facts, in any order; of a day that is there twice the last facts count.
        training_of: What had happened to the training of a cause at the end of a day.
        settings: What the states go by.
    """
    memory = Memory()
    for _, facts in sorted({each.day: each for each in days}.items()):
        waiting = memory.waits_for
        training = training_of(waiting, facts.day) if waiting is not None else "none"
        memory, decision = step(memory, facts, training, settings)
        yield decision


def step(memory: Memory, facts: DayFacts, training: Training, settings: ResponseSettings) -> tuple[Memory, Decision]:
    """Judge one day, and remember it.

    Args:
        memory: Of the days before.
        facts: Of the day.
        training: What had happened to the training that is waited for.
        settings: What the states go by.
    """
    day = facts.day
    memory = _counted(memory, facts, settings)
    if memory.asked_on is not None and day - memory.asked_on >= timedelta(days=settings.deadline_days):
        training = "failed" if training in ("none", "under_way") else training
    situation = _situation(memory, facts, training, settings)
    ruling = judge(situation, settings)
    cause = _cause(ruling, memory, facts)
    after = _remembered(memory, facts, ruling, cause)
    is_over = ruling.state in ("stable", "unknown")
    decision = Decision(
        facts=facts,
        waited_for=memory.waits_for.key if memory.waits_for is not None else None,
        training=training,
        row=ruling.row,
        state=ruling.state,
        family=None if is_over else ruling.family or after.family,
        action=ruling.action,
        alerts=_alerts(ruling, memory, after, facts),
        protects=ruling.protects,
        cause=cause,
        leave_out=memory.bad_days if ruling.action in TRAINS else (),
        reasons=(*((ruling.reason,) if ruling.reason else ()), *facts.reasons),
    )
    return replace(after, alerts=memory.alerts if ruling.row == 1 else decision.alerts), decision


def _alerts(ruling: Ruling, memory: Memory, after: Memory, facts: DayFacts) -> tuple[Alert, ...]:
    """What people are told; of a drift they go on being told on days that are unknown, and of a failed training."""
    if ruling.row == 1:
        same = memory.watch is not None and memory.watch.champion == facts.champion
        kept = tuple(each for each in memory.alerts if each.rule != "data_quality") if same else ()
        return (*kept, *ruling.alerts)
    failed = (after.failed,) if after.failed is not None and after.failed not in ruling.alerts else ()
    return (*ruling.alerts, *failed)


def _counted(memory: Memory, facts: DayFacts, settings: ResponseSettings) -> Memory:
    """The memory with what the day adds to its counts."""
    is_unknown = not facts.enough and facts.quality == "ok"
    follows = memory.last is not None and facts.day - memory.last == timedelta(days=1)
    severe_days = (memory.severe_days if follows else 0) + 1 if facts.quality == "severe" else 0
    broken_on = memory.broken_on
    if severe_days == 2:
        broken_on = broken_on or memory.last
    bad_days = tuple(each for each in memory.bad_days if facts.day - each <= _BAD_DAYS_KEPT)
    if broken_on is not None and broken_on not in bad_days:
        broken_on = None  # too long ago for its rows to be in use
    memory = replace(memory, broken_on=broken_on, last=facts.day)
    if is_unknown:
        return replace(memory, unknown_days=memory.unknown_days + 1, severe_days=0, bad_since=None)
    is_calm = (
        facts.quality == "ok"
        and not (facts.fast or facts.slow or facts.concept == "worse")
        and facts.peak is not None
        and facts.peak < settings.calm_z
    )
    return replace(
        memory,
        unknown_days=0,
        severe_days=severe_days,
        bad_since=None if facts.quality == "ok" else memory.bad_since or facts.day,
        bad_days=(*bad_days, facts.day) if facts.quality == "severe" else bad_days,
        calm_days=memory.calm_days + 1 if is_calm else 0,
    )


def _situation(memory: Memory, facts: DayFacts, training: Training, settings: ResponseSettings) -> Situation:
    days = (facts.day - memory.since).days if memory.since is not None else 0
    budget_left = budget_of(memory.trained, facts.day, settings) > 0
    would_train = _would_train(memory, facts, settings)
    had_one = would_train is not None and would_train.key in dict(memory.trained)
    waits = memory.asked_on is not None and memory.state in ("responding", "confirmed", "watch")
    return Situation(
        memory.state,
        facts,
        is_drift=memory.watch is not None,
        is_repaired=memory.broken_on is not None and memory.severe_days == 0 and not waits,
        is_over=_is_over(memory, days, settings),
        days=days,
        training=training,
        is_asked=waits and memory.state != "responding",
        may_train=budget_left and (memory.state == "responding" or not had_one),
        unknown_days=memory.unknown_days,
    )


def _is_over(memory: Memory, days: int, settings: ResponseSettings) -> bool:
    """Whether a watch or a drift is over; one of quality alone is after days in a row of which none was bad."""
    is_long = memory.state == "confirmed" or days >= settings.watch_days
    return is_long and (memory.watch is None or memory.calm_days >= settings.calm_days)


def budget_of(trained: Iterable[tuple[str, date]], day: date, settings: ResponseSettings) -> int:
    """How many trainings automation may still start for causes on a day."""
    since = day - timedelta(days=settings.budget_days)
    return settings.trainings - sum(since < asked <= day for _, asked in trained)


def _would_train(memory: Memory, facts: DayFacts, settings: ResponseSettings) -> Cause | None:
    """The cause that a training on this day would be for."""
    if memory.broken_on is not None and facts.quality == "ok" and facts.differs_from_training:
        return Cause("quality", "severe", memory.broken_on, facts.champion)
    if memory.state == "confirmed":
        return memory.cause
    if memory.watch is None:
        return None
    if memory.state == "watch" and facts.concept == "worse" and facts.episodes >= settings.min_episodes:
        return replace(memory.watch, family="concept", kind="worse")
    return memory.watch


def _cause(ruling: Ruling, memory: Memory, facts: DayFacts) -> Cause | None:
    """What the state after a ruling is about."""
    row = ruling.row
    if row == 2 and memory.broken_on is not None:
        return Cause("quality", "severe", memory.broken_on, facts.champion)
    if row in (3, 4):
        return Cause("quality", facts.quality, memory.bad_since or facts.day, facts.champion)
    if row == 5:
        data = facts.fast or facts.slow
        kind = ("sudden" if facts.fast else "gradual") if data else "worse"
        return Cause("data" if data else "concept", kind, facts.day, facts.champion)
    if row == 6 and memory.watch is not None:
        return replace(memory.watch, family="concept", kind="worse")
    if row == 7:
        return memory.watch
    return memory.cause or memory.watch


def _remembered(memory: Memory, facts: DayFacts, ruling: Ruling, cause: Cause | None) -> Memory:
    """The memory after a ruling."""
    day, row, state = facts.day, ruling.row, ruling.state
    if row == 1:
        return memory
    if row in (3, 4) and memory.state in ("responding", "cooldown"):
        return replace(memory, calm_days=0)  # which go on once the data are in order
    goes_on = state == memory.state and row not in (3, 4, 5)
    after = replace(memory, state=state, since=memory.since if goes_on else day, family=ruling.family or memory.family)
    if row in (3, 4):
        family = memory.watch.family if memory.watch else ruling.family
        return replace(after, family=family, cause=memory.waits_for)
    if row == 5:
        after = replace(after, watch=cause)
    if row == 2:
        after = replace(after, broken_on=None)
    if state in ("confirmed", "responding") and cause is not None and not (row == 2 and state == "confirmed"):
        after = replace(after, cause=cause)
    if ruling.action in TRAINS and cause is not None:
        trained = (*memory.trained, (cause.key, day))
        after = replace(after, asked_on=day, trained=trained, failed=None)
    if row == 14:
        failed = next((each for each in ruling.alerts if each.rule == "training_failed"), None)
        family = memory.watch.family if memory.watch else memory.family
        after = replace(after, cause=None, asked_on=None, family=family, failed=failed)
    if row in (8, 13, 16):
        after = replace(after, family=None, watch=None, cause=None, asked_on=None, failed=None, calm_days=0)
    return after
