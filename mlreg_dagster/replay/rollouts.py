"""Rollouts of a replay: each midnight the decision table is asked, as the sensor asks it, on what was known by then.

There are no servers in the past, so that steps ask for no requests; hours are replayed day by day while one is open.
"""

from collections.abc import Iterator

import pandas as pd

from mlreg_dagster.core.hours import as_hour
from mlreg_dagster.governance.policy.track_record import governance_by
from mlreg_dagster.governance.rollout.looking import look, policy_in_force, rows_of_open_rollout
from mlreg_dagster.governance.rollout.request import RolloutAction
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.replay.plan import ACTOR, CannotReplay, OnStep
from mlreg_dagster.runner import Runner

_DAY = pd.Timedelta(days=1)


def require_playable(runner: Runner) -> None:
    """Refuse a policy by which no rollout of the past could go on.

    Raises:
        CannotReplay: It asks for requests that servers answered.
    """
    now = runner.clock.now()
    policy = policy_in_force(runner.registry, governance_by(runner.settings, runner.warehouse), now)
    if policy.min_requests:
        raise CannotReplay(
            f"The rollout policy asks for {policy.min_requests:,} requests in each step, and no server answered in the "
            f"past. Write `rollout: {{min_requests: 0}}` for the risk tier in promotion.yaml."
        )


def stretches(runner: Runner, first: pd.Timestamp, end: pd.Timestamp) -> Iterator[tuple[pd.Timestamp, pd.Timestamp]]:
    """The hours of a period in parts: days while a rollout is open, else all that is left at once.

    Args:
        runner: Whose registry it is; asked again after each part.
        first: The midnight that begins the period.
        end: The midnight after its last day.
    """
    while first < end:
        following = min(first + _DAY, end) if is_open_at(runner, first) else end
        yield first, following
        first = following


def is_open_at(runner: Runner, at: pd.Timestamp) -> bool:
    """Whether a rollout was open at a replayed time, also where it has ended since."""
    event = runner.registry.traffic(CHAMPION, at)
    return event is not None and event.is_open


def start(runner: Runner, version: str, reason: str, at: pd.Timestamp, on_step: OnStep) -> None:
    """Roll a version out from a replayed time on, unless a rollout is open, or was started in an earlier attempt."""
    registry = runner.registry
    if any(each.candidate == version for each in registry.traffic_history(CHAMPION)) or rows_of_open_rollout(registry):
        return
    holder = registry.holder(CHAMPION)
    on_step(f"{version} is rolled out", at)
    expected = holder.version if holder else None
    runner.roll_out(RolloutAction("start", ACTOR, CHAMPION, version, reason, expected, effective_at=at.isoformat()))


def step(runner: Runner, at: pd.Timestamp, on_step: OnStep) -> None:
    """Make all steps that the decision table calls for at a replayed midnight."""
    while rows := rows_of_open_rollout(runner.registry):
        if at <= as_hour(rows[0].effective_at) or at < as_hour(rows[-1].effective_at):
            return  # opened or decided in an earlier attempt at this replay
        found = look(
            runner.registry,
            runner.warehouse,
            runner.home,
            runner.settings,
            CHAMPION,
            runner.clock.now(),
            store=runner.artifacts,
            as_of=at,
        )
        if found is None or not found.calls_for_step:
            return
        on_step(f"{found.event.candidate}: {found.decision.state}", at)
        expected = str(found.event.sequence)
        runner.roll_out(RolloutAction("step", ACTOR, CHAMPION, expected=expected, effective_at=at.isoformat()))
