"""The facts of a look at a rollout, and the figures behind them, which are kept with each change of the traffic.

Pure functions of values. What is read stands in `looking`; what the table makes of the facts, in `table`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from mlreg_dagster.config import RolloutPolicy, RolloutSettings
from mlreg_dagster.governance.rollout.budgets import Budgets
from mlreg_dagster.governance.rollout.labels import Comparison, Verdict
from mlreg_dagster.governance.rollout.states import STEPS, ABTest, State, following, is_split
from mlreg_dagster.governance.rollout.table import Facts

_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Flags:
    """Predictions by the hour that a version made since the rollout was opened, and how many it flagged."""

    rows: int = 0
    flagged: int = 0


@dataclass(frozen=True)
class Outcomes:
    """What matured outcomes and hourly predictions say.

    Attributes:
        comparison: Of the two versions; None where the base rate is not known yet.
        pairs: Rows with a known outcome that both scored.
        candidate: Its flags.
        champion: Those of the other, over the same time.
        base_rate: Of crashes, as it was fixed for this rollout; None: not yet.
        next_base_rate: The one that the next change fixes where there is none.
        problem: Why outcomes can't be compared; None: they can.
    """

    comparison: Comparison | None
    pairs: int
    candidate: Flags
    champion: Flags
    base_rate: float | None
    next_base_rate: float | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Permission:
    """What the registry and the policy say.

    Attributes:
        invalid: Why the candidate may not serve any more.
        blocked: Why the next state may not be entered now.
        approved_by: Who approved since the rollout was opened; their approvals count.
        approvals_asked: How many of them the next state asks for.
        tier_approved: The approvals of the risk tier are there, or the next state moves no alias.
        suspended: A suspension stands in the way; `blocked` says which.
    """

    invalid: str | None
    blocked: tuple[str, ...]
    approved_by: tuple[str, ...]
    approvals_asked: int
    tier_approved: bool
    suspended: bool = False


@dataclass(frozen=True)
class Standing:
    """Where a rollout is.

    Attributes:
        state: Its state.
        since: When it entered it.
        now: The time of the look.
        paused: A person paused it.
        test: The A/B test; None: a rollout into serving.
    """

    state: State
    since: datetime
    now: datetime
    paused: bool
    test: ABTest | None = None


def approvals_asked(state: State, policy: RolloutPolicy, *, ab: bool = False) -> int:
    """How many approvals since the opening the state after this one asks for; an A/B test asks for a canary's."""
    after = following(state, policy.steps, ab=ab)
    if after == "full":
        return policy.full_approvals
    return policy.canary_approvals if is_split(after) and not is_split(state) else 0


def facts_of(
    standing: Standing,
    policy: RolloutPolicy,
    settings: RolloutSettings,
    budgets: Budgets,
    outcomes: Outcomes,
    permission: Permission,
) -> tuple[Facts, dict[str, Any]]:
    """The facts for the table, and the figures behind them as plain JSON."""
    state = standing.state
    hours = (standing.now - standing.since) / _HOUR
    in_step = state in STEPS
    dwell = policy.watch_hours if state == "full" else policy.dwell_hours if in_step else 0.0
    if state == "ab" and standing.test is not None:
        dwell = 24.0 * standing.test.days
    flagged_out, flagged = _flagged(budgets, outcomes, settings)
    labels: Verdict = outcomes.comparison.verdict if outcomes.comparison else "undecided"
    enough_approvals = len(permission.approved_by) >= permission.approvals_asked
    blocked = (
        *(["paused by a person"] if standing.paused else []),
        *permission.blocked,
        *([outcomes.problem] if outcomes.problem else []),
        *budgets.blocked,
    )
    facts = Facts(
        state=state,
        steps=policy.steps,
        invalid=permission.invalid,
        breaches=budgets.breaches,
        labels=labels,
        flagged_out=flagged_out is not None,
        split_is_off=budgets.split_is_off,
        blocked=blocked,
        held_too_long=hours > policy.max_hold_hours,
        dwelled=hours >= dwell,
        enough_requests=not in_step or budgets.requests >= policy.min_requests,
        enough_pairs=not in_step or outcomes.pairs >= policy.min_pairs,
        approved=enough_approvals and permission.tier_approved,
        requires_not_worse=policy.require_not_worse,
        ab=standing.test is not None,
        suspended=permission.suspended,
    )
    figures = {
        "looked_at": standing.now.isoformat(),
        "state_since": standing.since.isoformat(),
        "hours_in_state": round(hours, 4),
        "dwell_hours": dwell,
        "paused": standing.paused,
        "suspended": permission.suspended,
        "invalid": permission.invalid,
        "breaches": list(budgets.breaches),
        "blocked": list(blocked),
        "serving": dict(budgets.figures),
        "flagged": flagged | {"outside": flagged_out},
        "labels": _labels(outcomes),
        "base_rate": outcomes.base_rate if outcomes.base_rate is not None else outcomes.next_base_rate,
        "approvals": {
            "asked": permission.approvals_asked,
            "by": list(permission.approved_by),
            "of_the_tier": permission.tier_approved,
        },
        "policy": policy.model_dump(mode="json"),
        "budgets": settings.model_dump(mode="json"),
    }
    return facts, figures


def _labels(outcomes: Outcomes) -> dict[str, Any]:
    found = asdict(outcomes.comparison) if outcomes.comparison else {"verdict": "undecided", "blocks": 0}
    return found | {"all_pairs": outcomes.pairs, "fixed_base_rate": outcomes.base_rate, "problem": outcomes.problem}


def _flagged(budgets: Budgets, outcomes: Outcomes, settings: RolloutSettings) -> tuple[str | None, dict[str, Any]]:
    """Which of the two shares is out of its limits, in words; and both.

    A share that the champion leaves on the same side, on the same traffic, is that of the market, or of a client that
    asks for one instrument again and again: it says nothing of the candidate.
    """
    outside = None
    figures: dict[str, Any] = {}
    for name, own, others in (
        ("answers", Flags(*budgets.rows), Flags(*budgets.champion_rows)),
        ("hours", outcomes.candidate, outcomes.champion),
    ):
        side, champions = _side(own, settings), _side(others, settings)
        figures[name] = {"candidate": _share(own), "champion": _share(others)}
        if side is not None and side != champions and outside is None:
            outside = f"{name}: {own.flagged:,} of {own.rows:,} rows flagged, {side}"
    return outside, figures


def _side(flags: Flags, settings: RolloutSettings) -> str | None:
    if flags.rows < settings.flagged_rows:
        return None
    share = flags.flagged / flags.rows
    if share > settings.flagged_at_most:
        return f"above {settings.flagged_at_most:.2%}"
    return f"below {settings.flagged_at_least:.2%}" if share < settings.flagged_at_least else None


def _share(flags: Flags) -> Mapping[str, Any]:
    return {
        "rows": flags.rows,
        "flagged": flags.flagged,
        "share": flags.flagged / flags.rows if flags.rows else None,
    }
