"""What a run of the job `rollout` is asked to do: one value for the job, commands and sensors, with its run config.

Whether it is granted is decided in `control`.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import pandas as pd

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.hours import as_time
from mlreg_dagster.governance.promotion.request import require_reason
from mlreg_dagster.governance.rollout.states import ABTest
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.registry.errors import InvalidRecord

Action = Literal["start", "step", "pause", "resume", "abort"]
ACTIONS: tuple[Action, ...] = get_args(Action)

OP = "traffic"
"""The only op of the job."""


class NotARolloutRequest(MlregError):
    """A request that lacks what its action needs, or has what it does not take."""


@dataclass(frozen=True)
class RolloutAction:
    """What is to happen to the rollout of an alias.

    Attributes:
        action: `start` opens one, `step` looks and does what the decision table says, `pause` and `resume` stop and
            continue it, `abort` rolls it back.
        actor: Requested by.
        alias: Which alias.
        version: The candidate: `v7`, `latest` or an alias; to start alone.
        reason: Why; a step has its own.
        expected: To start: the holder that the requester saw. Else: the number of the newest change that they saw.
            None: the one at the time of the run.
        ab_weight: To start an A/B test: the candidate's share of the traffic, in per cent. None: no such test.
        ab_days: With it: after how many days it ends.
        effective_at: From when a start or a step counts (2017-12-20T00:00, UTC); None: now. The past is for replays.
    """

    action: str
    actor: str
    alias: str = CHAMPION
    version: str | None = None
    reason: str | None = None
    expected: str | None = None
    ab_weight: float | None = None
    ab_days: int | None = None
    effective_at: str | None = None

    @property
    def effective_time(self) -> pd.Timestamp | None:
        """`effective_at` as a time."""
        return None if self.effective_at is None else as_time(self.effective_at)

    @property
    def test(self) -> ABTest | None:
        """The A/B test that is asked for; None: none.

        Raises:
            InvalidRecord: It compares nothing.
        """
        if self.ab_weight is None or self.ab_days is None:
            return None
        if not math.isfinite(self.ab_weight):
            raise InvalidRecord(f"ab_weight: {self.ab_weight} is no share of the traffic. Name one in per cent.")
        return ABTest(round(100 * self.ab_weight), self.ab_days)

    def checked(self) -> "RolloutAction":
        """Itself, if it can be understood.

        Raises:
            NotARolloutRequest: It is incomplete, or says more than its action takes.
            NotAReason: The reason is a placeholder.
            InvalidRecord: The A/B test compares nothing.
        """
        if self.action not in ACTIONS:
            raise NotARolloutRequest(f"{self.action!r} is no action; actions are {', '.join(ACTIONS)}.")
        if self.action == "start" and self.version is None:
            raise NotARolloutRequest("start needs a version: the one that is to be rolled out.")
        if self.action != "start" and self.version is not None:
            raise NotARolloutRequest(f"{self.action} takes no version: it is that of the open rollout.")
        if (self.ab_weight is None) != (self.ab_days is None):
            raise NotARolloutRequest("An A/B test needs both ab_weight (in per cent) and ab_days.")
        if self.test is not None and self.action != "start":
            raise NotARolloutRequest(f"{self.action} takes no A/B test: only start does.")
        if self.action == "step":
            return self
        if self.reason is None:
            raise NotARolloutRequest(f"{self.action} needs a reason, which is kept for ever.")
        require_reason(self.reason)
        if self.action != "start" and self.expected is not None and not self.expected.isdecimal():
            raise NotARolloutRequest(f"expected: {self.expected!r} is not the number of a change (mlreg history).")
        return self

    @property
    def run_config(self) -> dict[str, Any]:
        """For the job `rollout`."""
        return {"ops": {OP: {"config": asdict(self)}}}

    def tags(self, candidate: str | None = None) -> dict[str, str]:
        """For its run, so that the list of runs shows what each was for.

        Args:
            candidate: That of the newest rollout, if there is one.
        """
        version = self.version or candidate
        named = {"mlreg/version": version} if version else {}
        return {**named, "mlreg/alias": self.alias, "mlreg/actor": self.actor, "mlreg/rollout": self.action}
