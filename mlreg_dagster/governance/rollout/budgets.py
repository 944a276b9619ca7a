"""What the servers' counts say of a candidate: budgets that it breaks, the split of requests, and their own age.

Pure functions of counts and settings. The table that acts on them is `table`; outcomes are judged in `labels`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import asdict

from mlreg_dagster.config import RolloutSettings
from mlreg_dagster.governance.rollout.operations import Period, above_rate, split_differs, worse_rate
from mlreg_dagster.registry.records.traffic import WHOLE
from mlreg_dagster.storage.rollout_counts import ArmCounts, Counted, CountedPeriod

_LOOP = timedelta(minutes=10)
_COST_ROWS = 1_000
_MOST = 1e12
"""The largest e-value that is written down: JSON knows no infinity."""


@dataclass(frozen=True)
class State:
    """What of a rollout the counts are held against.

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


def measure(counted: Counted, state: State) -> Budgets:
    """Hold the counts of a rollout against the budgets.

    Args:
        counted: By all servers, since the rollout was opened.
        state: What they are held against.
    """
    periods = [each for each in counted.periods if each.last <= state.now]
    champion = _total(each.champion for each in periods)
    candidate = _total(each.candidate for each in periods)
    shadow = _total(each.shadow for each in periods)
    scored = _total((candidate, shadow))
    breaches: list[str] = []
    evidence = {
        "errors": _errors(periods, scored, state.settings, breaches),
        "slow": _slow(periods, candidate, state.settings, breaches),
    }
    _not_finite(scored, champion, breaches)
    cost = _cost(candidate, shadow, champion, state.settings, breaches)
    starts = _availability(periods, state, breaches)
    here = [each for each in periods if each.sequence in state.current]
    split = _split(here, state)
    blocked, log = _knowledge(periods, here, state)
    if counted.problem is not None:
        blocked.append(counted.problem)
    in_state = _total(arm for each in here for arm in (each.candidate, each.shadow))
    return Budgets(
        breaches=tuple(breaches),
        blocked=tuple(blocked),
        split_is_off=split["evidence"] is not None and split["evidence"] >= state.settings.split_evidence,
        requests=in_state.requests,
        rows=(scored.rows, scored.flagged),
        champion_rows=(champion.rows, champion.flagged),
        figures={
            "requests_in_state": in_state.requests,
            "champion": _plain(champion),
            "candidate": _plain(candidate),
            "shadow": _plain(shadow),
            "shadow_dropped": sum(each.shadow_dropped for each in periods),
            "evidence": evidence,
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
    periods: Sequence[CountedPeriod], scored: ArmCounts, settings: RolloutSettings, breaches: list[str]
) -> dict[str, float]:
    """Shadow answers count like answers: an error is one wherever it happens."""
    against = worse_rate(
        Period(
            each.candidate.seconds + each.shadow.seconds,
            each.champion.seconds,
            each.candidate.error_seconds + each.shadow.error_seconds,
            each.champion.error_seconds,
        )
        for each in periods
    )
    beyond = above_rate(scored.error_seconds, scored.seconds, settings.error_share)
    if scored.seconds >= settings.min_seconds and max(against, beyond) >= settings.evidence:
        breaches.append(
            f"errors in {scored.error_seconds:,} of {scored.seconds:,} seconds, allowed are {settings.error_share:.2%} "
            f"(evidence {_e(against):.3g} against the champion, {_e(beyond):.3g} against the budget)"
        )
    return {"against_champion": _e(against), "against_budget": _e(beyond)}


def _slow(
    periods: Sequence[CountedPeriod], candidate: ArmCounts, settings: RolloutSettings, breaches: list[str]
) -> dict[str, float]:
    """Answers alone: the time of a shadow answer is the queue's."""
    against = worse_rate(
        Period(each.candidate.seconds, each.champion.seconds, each.candidate.slow_seconds, each.champion.slow_seconds)
        for each in periods
    )
    beyond = above_rate(candidate.slow_seconds, candidate.seconds, settings.slow_share)
    if candidate.seconds >= settings.min_seconds and max(against, beyond) >= settings.evidence:
        breaches.append(
            f"slow answers (over {settings.slow_ms:g} ms) in {candidate.slow_seconds:,} of {candidate.seconds:,} "
            f"seconds, allowed are {settings.slow_share:.2%} (evidence {_e(against):.3g} against the champion, "
            f"{_e(beyond):.3g} against the budget)"
        )
    return {"against_champion": _e(against), "against_budget": _e(beyond)}


def _e(value: float) -> float:
    return min(float(value), _MOST)


def _not_finite(scored: ArmCounts, champion: ArmCounts, breaches: list[str]) -> None:
    """One is too many, unless the champion has as many in its share of the requests."""
    if scored.not_finite * max(champion.requests, 1) > champion.not_finite * max(scored.requests, 1):
        breaches.append(f"scores that are no finite numbers in {scored.not_finite:,} of {scored.requests:,} requests")


def _cost(
    candidate: ArmCounts, shadow: ArmCounts, champion: ArmCounts, settings: RolloutSettings, breaches: list[str]
) -> dict[str, float | None]:
    """Of answers, once there are enough; of shadow answers before."""
    own = _cpu(candidate) if candidate.rows >= _COST_ROWS else _cpu(shadow)
    others = _cpu(champion)
    if own is not None and settings.cpu_ms_per_1000 is not None and own > settings.cpu_ms_per_1000:
        breaches.append(f"{own:.3g} ms of CPU for 1,000 rows, allowed are {settings.cpu_ms_per_1000:g}")
    if own is not None and others and own > settings.cpu_ratio * others:
        breaches.append(
            f"{own:.3g} ms of CPU for 1,000 rows against {others:.3g} of the champion, allowed is "
            f"{settings.cpu_ratio:g} times as much"
        )
    return {"candidate": own, "champion": others}


def _cpu(arm: ArmCounts) -> float | None:
    """Milliseconds for 1,000 rows; None for too few rows."""
    return arm.cpu_seconds * 1e6 / arm.rows if arm.rows >= _COST_ROWS else None


def _availability(periods: Sequence[CountedPeriod], state: State, breaches: list[str]) -> int:
    starts = sorted(each.first for each in periods if each.started and state.weights.get(each.sequence, 0) > 0)
    most = max((sum(first <= each < first + _LOOP for each in starts) for first in starts), default=0)
    if most >= state.settings.restarts:
        breaches.append(
            f"servers started {most} times within 10 minutes while it answered, fewer than {state.settings.restarts} "
            f"are allowed"
        )
    for process in dict.fromkeys(each.process for each in periods):
        own = [each for each in periods if each.process == process]
        failing = own[-_trailing(own) :] if own[-1].unloadable else []
        if failing and (failing[-1].last - failing[0].first).total_seconds() >= state.settings.min_seconds:
            breaches.append(f"a server can't load it: {failing[-1].unloadable}")
            break
    return most


def _trailing(periods: Sequence[CountedPeriod]) -> int:
    """How many of the newest periods could not load the candidate, without a break."""
    length = 0
    for each in reversed(periods):
        if not each.unloadable:
            break
        length += 1
    return length


def _split(here: Sequence[CountedPeriod], state: State) -> dict[str, Any]:
    """Distinct routing keys of each version in the present state, against its weight."""
    candidate = frozenset[str]().union(*(each.candidate.keys for each in here))
    champion = frozenset[str]().union(*(each.champion.keys for each in here))
    weight = state.weights[max(state.current)]
    found: float | None = None
    if 0 < weight < WHOLE and (candidate or champion):
        found = _e(split_differs(len(candidate), len(champion), weight))
    return {"weight": weight, "candidate_keys": len(candidate), "champion_keys": len(champion), "evidence": found}


def _knowledge(
    periods: Sequence[CountedPeriod], here: Sequence[CountedPeriod], state: State
) -> tuple[list[str], dict[str, Any]]:
    """Whether the counts are fresh, and the prediction log whole."""
    blocked = []
    if not periods:
        if state.needs_server:
            blocked.append(
                "no server has written counts of this rollout: start one (`mlreg serve`), or let the policy "
                "ask for none (min_requests: 0)"
            )
    elif (age := (state.now - periods[-1].last).total_seconds()) > state.settings.stale_seconds:
        blocked.append(
            f"the newest counts of a server are {age:,.0f} s old, allowed are {state.settings.stale_seconds:g}: start "
            f"the server again (`mlreg serve`)"
        )
    dropped, answers = sum(each.log_dropped for each in here), sum(each.answers for each in here)
    share = dropped / max(answers, dropped, 1)
    if share > state.settings.log_dropped_share:
        blocked.append(
            f"{dropped:,} of {answers:,} answers are not in the prediction log, allowed are "
            f"{state.settings.log_dropped_share:.2%}"
        )
    return blocked, {"answers": answers, "dropped": dropped}
