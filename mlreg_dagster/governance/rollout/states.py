"""The states of a rollout, their order and the share of traffic that each gives to the candidate."""

from collections.abc import Sequence
from typing import Literal

from mlreg_dagster.config.sections.rollout import ROLLOUT_STEPS, RolloutStep
from mlreg_dagster.registry.records.traffic import CLOSED, ROLLED_BACK, WHOLE

State = Literal["staging", "shadow", "canary_5", "canary_25", "canary_50", "full", "closed", "rolled_back"]
Step = RolloutStep
STEPS = ROLLOUT_STEPS
OPEN: tuple[State, ...] = ("staging", *STEPS, "full")
ENDED: tuple[State, ...] = (CLOSED, ROLLED_BACK)

WEIGHTS: dict[State, int] = {
    "staging": 0,
    "shadow": 0,
    "canary_5": 500,
    "canary_25": 2_500,
    "canary_50": 5_000,
    "full": WHOLE,
    "closed": WHOLE,
    "rolled_back": 0,
}
"""Share of the candidate, in basis points. In `shadow` it scores what the champion answers."""


def following(state: State, steps: Sequence[Step]) -> State:
    """The state after an open one.

    Args:
        state: An open state.
        steps: The steps of the policy, in the order of `STEPS`.
    """
    if state == "full":
        return "closed"
    wanted: list[State] = ["staging", *(step for step in STEPS if step in steps or step == state), "full"]
    return wanted[wanted.index(state) + 1]


def is_canary(state: State) -> bool:
    """Whether a state gives some, but not all traffic to the candidate."""
    return 0 < WEIGHTS[state] < WHOLE
