"""Judges the servers' counts of a candidate: budgets that it breaks, the split of requests, and the age of the counts.

Pure functions of counts and settings. The table that acts on them is `table`; outcomes are judged in `labels`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from msgspec.structs import asdict

from mlreg_dagster.config import RolloutSettings
from mlreg_dagster.governance.rollout.operations import Period, above_rate, split_differs, worse_rate
from mlreg_dagster.registry.records.traffic import WHOLE
from mlreg_dagster.storage.rollout_counts import ArmCounts, Counted, CountedPeriod

_LOOP = timedelta(minutes=10)
_COST_ROWS = 1_000
_LARGEST = 1e12
"""The largest e-value that is written down: JSON knows no infinity."""


@dataclass(frozen=True)
class Context:
    """What of a rollout its counts are judged by.

    Attributes:
        weights: By sequence of the traffic: the share of the candidate, in basis points.
        current: The sequences of the present state.
        settings: The budgets.
        now: The current time; counts that were written later do not count.
        needs_server: Whether nothing goes on without counts.
    """

    weights: Mapping[int, int]
    current: frozenset[int]
    settings: RolloutSettings
    now: datetime
    needs_server: bool


@dataclass(frozen=True)
class Budgets:
    """What the counts say.

    Attributes:
        breaches: Budgets that the candidate breaks, each with its figures.
        blocked: Why nothing may go on.
        split_is_off: Requests are not split by the weights.
        requests: That the candidate answered or shadowed in the present state.
        rows: Rows that the candidate scored, and how many of them it flagged.
        champion_rows: The same of the champion.
        figures: All of it, as plain JSON.
    """

    breaches: tuple[str, ...]
    blocked: tuple[str, ...]
    split_is_off: bool
    requests: int
    rows: tuple[int, int]
    champion_rows: tuple[int, int]
    figures: Mapping[str, Any]


def measure(counted: Counted, context: Context) -> Budgets:
    """Judge the counts of a rollout by its budgets.

    Args:
        counted: By all servers, since the rollout was opened.
        context: What they are judged by.
    """
    periods, settings = [each for each in counted.periods if each.last <= context.now], context.settings
    champion = _total(each.champion for each in periods)
    candidate = _total(each.candidate for each in periods)
    shadow = _total(each.shadow for each in periods)
    scored = _total((candidate, shadow))
    errors, errors_evidence = _errors(periods, scored, settings)
    slow, slow_evidence = _slow(periods, candidate, settings)
    costly, cost = _cost(candidate, shadow, champion, settings)
    unavailable, starts = _availability(periods, context)
    here = [each for each in periods if each.sequence in context.current]
    split = _split(here, context)
    blocked, log = _knowledge(periods, here, context)
    if counted.problem is not None:
        blocked.append(counted.problem)
    in_state = _total(arm for each in here for arm in (each.candidate, each.shadow))
    return Budgets(
        breaches=(*errors, *slow, *_not_finite(scored, champion), *costly, *unavailable),
        blocked=tuple(blocked),
        split_is_off=split["evidence"] is not None and split["evidence"] >= context.settings.split_evidence,
        requests=in_state.requests,
        rows=(scored.rows, scored.flagged),
        champion_rows=(champion.rows, champion.flagged),
        figures={
            "requests_in_state": in_state.requests,
            "champion": _plain(champion),
            "candidate": _plain(candidate),
            "shadow": _plain(shadow),
            "shadow_dropped": sum(each.shadow_dropped for each in periods),
            "evidence": {"errors": errors_evidence, "slow": slow_evidence},
            "cpu_ms_per_1000": cost,
            "starts_within_10_minutes": starts,
            "split": split,
            "log": log,
            "newest": periods[-1].last.isoformat() if periods else None,
            "processes": len({each.process for each in periods}),
            "unreadable_lines": counted.torn + counted.foreign,
        },
    )


def _total(arms: Iterable[ArmCounts]) -> ArmCounts:
    return sum(arms, start=ArmCounts())


def _plain(arm: ArmCounts) -> dict[str, Any]:
    return {name: value for name, value in asdict(arm).items() if name != "keys"}


def _errors(
    periods: Sequence[CountedPeriod], scored: ArmCounts, settings: RolloutSettings
) -> tuple[list[str], dict[str, float]]:
    """Shadow answers count like answers: an error is one wherever it happens."""
    by_period = (
        Period(
            each.candidate.seconds + each.shadow.seconds,
            each.champion.seconds,
            each.candidate.error_seconds + each.shadow.error_seconds,
            each.champion.error_seconds,
        )
        for each in periods
    )
    return _bad_seconds("errors", by_period, (scored.error_seconds, scored.seconds), settings.error_share, settings)


def _slow(
    periods: Sequence[CountedPeriod], candidate: ArmCounts, settings: RolloutSettings
) -> tuple[list[str], dict[str, float]]:
    """Answers alone: the time of a shadow answer is the queue's."""
    by_period = (
        Period(each.candidate.seconds, each.champion.seconds, each.candidate.slow_seconds, each.champion.slow_seconds)
        for each in periods
    )
    what, counts = f"slow answers (over {settings.slow_ms:g} ms)", (candidate.slow_seconds, candidate.seconds)
    return _bad_seconds(what, by_period, counts, settings.slow_share, settings)


def _bad_seconds(
    what: str, periods: Iterable[Period], counts: tuple[int, int], allowed: float, settings: RolloutSettings
) -> tuple[list[str], dict[str, float]]:
    """The seconds in which the candidate did badly, of all, against the champion's and against what is allowed."""
    bad, seconds = counts
    against, beyond = worse_rate(periods), above_rate(bad, seconds, allowed)
    breaches = []
    if seconds >= settings.min_seconds and max(against, beyond) >= settings.evidence:
        breaches.append(
            f"{what} in {bad:,} of {seconds:,} seconds, allowed are {allowed:.2%} (evidence {_bounded(against):.3g} "
            f"against the champion, {_bounded(beyond):.3g} against the budget)"
        )
    return breaches, {"against_champion": _bounded(against), "against_budget": _bounded(beyond)}


def _bounded(value: float) -> float:
    """An e-value that JSON can hold."""
    return min(float(value), _LARGEST)


def _not_finite(scored: ArmCounts, champion: ArmCounts) -> list[str]:
    """One is too many, unless the champion has as many in its share of the requests."""
    if scored.not_finite * max(champion.requests, 1) > champion.not_finite * max(scored.requests, 1):
        return [f"scores that are no finite numbers in {scored.not_finite:,} of {scored.requests:,} requests"]
    return []


def _cost(
    candidate: ArmCounts, shadow: ArmCounts, champion: ArmCounts, settings: RolloutSettings
) -> tuple[list[str], dict[str, float | None]]:
    """Of answers, once there are enough; of shadow answers before."""
    own = _cpu(candidate) if candidate.rows >= _COST_ROWS else _cpu(shadow)
    others, breaches = _cpu(champion), []
    if own is not None and settings.cpu_ms_per_1000 is not None and own > settings.cpu_ms_per_1000:
        breaches.append(f"{own:.3g} ms of CPU for 1,000 rows, allowed are {settings.cpu_ms_per_1000:g}")
    if own is not None and others and own > settings.cpu_ratio * others:
        breaches.append(
            f"{own:.3g} ms of CPU for 1,000 rows against {others:.3g} of the champion, allowed is "
            f"{settings.cpu_ratio:g} times as much"
        )
    return breaches, {"candidate": own, "champion": others}


def _cpu(arm: ArmCounts) -> float | None:
    """Milliseconds for 1,000 rows; None for too few rows."""
    return arm.cpu_seconds * 1e6 / arm.rows if arm.rows >= _COST_ROWS else None


def _availability(periods: Sequence[CountedPeriod], context: Context) -> tuple[list[str], int]:
    """A crash loop while the candidate answers, or a server that can't load it; and the most starts in ten minutes."""
    breaches = []
    starts = sorted(each.first for each in periods if each.started and context.weights.get(each.sequence, 0) > 0)
    most = max((sum(first <= each < first + _LOOP for each in starts) for first in starts), default=0)
    if most >= context.settings.restarts:
        breaches.append(
            f"servers started {most} times within 10 minutes while it answered, fewer than {context.settings.restarts} "
            f"are allowed"
        )
    for process in dict.fromkeys(each.process for each in periods):
        own = [each for each in periods if each.process == process]
        failing = list(takewhile(lambda each: each.unloadable, reversed(own)))  # the newest one first
        if failing and (failing[0].last - failing[-1].first).total_seconds() >= context.settings.min_seconds:
            breaches.append(f"a server can't load it: {failing[0].unloadable}")
            break
    return breaches, most


def _split(here: Sequence[CountedPeriod], context: Context) -> dict[str, Any]:
    """Distinct routing keys of each version in the present state, against its weight."""
    candidate = frozenset[str]().union(*(each.candidate.keys for each in here))
    champion = frozenset[str]().union(*(each.champion.keys for each in here))
    weight = context.weights[max(context.current)]
    found: float | None = None
    if 0 < weight < WHOLE and (candidate or champion):
        found = _bounded(split_differs(len(candidate), len(champion), weight))
    return {"weight": weight, "candidate_keys": len(candidate), "champion_keys": len(champion), "evidence": found}


def _knowledge(
    periods: Sequence[CountedPeriod], here: Sequence[CountedPeriod], context: Context
) -> tuple[list[str], dict[str, Any]]:
    """Whether the counts are fresh, and the prediction log whole."""
    blocked = []
    if not periods:
        if context.needs_server:
            blocked.append(
                "no server has written counts of this rollout: start one (`mlreg serve`), or let the policy "
                "ask for none (min_requests: 0)"
            )
    elif (age := (context.now - periods[-1].last).total_seconds()) > context.settings.stale_seconds:
        blocked.append(
            f"the newest counts of a server are {age:,.0f} s old, allowed are {context.settings.stale_seconds:g}: "
            "start the server again (`mlreg serve`)"
        )
    dropped, answers = sum(each.log_dropped for each in here), sum(each.answers for each in here)
    share = dropped / max(answers, dropped, 1)
    if share > context.settings.log_dropped_share:
        blocked.append(
            f"{dropped:,} of {answers:,} answers are not in the prediction log, allowed are "
            f"{context.settings.log_dropped_share:.2%}"
        )
    return blocked, {"answers": answers, "dropped": dropped}
