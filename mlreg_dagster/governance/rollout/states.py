"""The states of a rollout, their order and the share of traffic that each gives to the candidate.

There are two plans. A rollout into serving goes from `staging` by the policy's steps to `full` and `closed`. An A/B
test goes from `staging` to `ab`, where its weight stays, and to `finished`; the champion keeps its alias.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from mlreg_dagster.config.sections.rollout import ROLLOUT_STEPS, RolloutStep
from mlreg_dagster.registry.errors import InvalidRecord
from mlreg_dagster.registry.records.traffic import CLOSED, FINISHED, ROLLED_BACK, WHOLE

State = Literal[
    "staging", "shadow", "canary_5", "canary_25", "canary_50", "full", "closed", "rolled_back", "ab", "finished"
]
Step = RolloutStep
STEPS = ROLLOUT_STEPS
INTO_SERVING: tuple[State, ...] = ("staging", *STEPS, "full")
OPEN: tuple[State, ...] = (*INTO_SERVING, "ab")
ENDED: tuple[State, ...] = (CLOSED, ROLLED_BACK, FINISHED)

SHADOWED: tuple[State, ...] = (*STEPS, "ab")
"""Where the candidate scores what the champion answers, and, as challenger, every hour."""

WEIGHTS: dict[State, int] = {
    "staging": 0,
    "shadow": 0,
    "canary_5": 500,
    "canary_25": 2_500,
    "canary_50": 5_000,
    "full": WHOLE,
    "closed": WHOLE,
    "rolled_back": 0,
    "finished": 0,
}
"""Share of the candidate, in basis points; for `ab` see `weight_in`."""

LONGEST_TEST = 365
"""Days of an A/B test: each rollout ends."""


@dataclass(frozen=True)
class ABTest:
    """An A/B test as it was asked for; kept in the facts of the row that opens it.

    Attributes:
        weight: Share of the candidate while the test runs, in basis points.
        days: After how many days in `ab` it ends; at most a year.
    """

    weight: int
    days: int

    def __post_init__(self) -> None:
        """Refuse a test that compares nothing.

        Raises:
            InvalidRecord: The weight gives all traffic to one version, no day is asked for, or more than a year is.
        """
        if not (0 < self.weight < WHOLE and 1 <= self.days <= LONGEST_TEST):
            raise InvalidRecord(
                f"An A/B test of {self.days:,} days with {self.weight / 100:g} % for the candidate compares nothing, "
                f"or does not end: ask for 1 to {LONGEST_TEST} days, and for a weight above 0 % and below 100 %."
            )

    @property
    def facts(self) -> dict[str, Any]:
        """What the opening row keeps of it."""
        return {"ab": asdict(self)}

    @classmethod
    def of(cls, opening: Mapping[str, Any]) -> "ABTest | None":
        """The test that the facts of an opening row ask for; None: a rollout into serving."""
        asked = opening.get("ab")
        return None if asked is None else cls(**asked)


def weight_in(state: State, test: ABTest | None = None) -> int:
    """Share of the candidate in a state, in basis points.

    Args:
        state: Any state.
        test: The A/B test, if the rollout is one.

    Raises:
        ValueError: The state is that of an A/B test, and there is none.
    """
    if state != "ab":
        return WEIGHTS[state]
    if test is None:
        raise ValueError("a rollout in the state ab has no A/B test in the facts of its opening row")
    return test.weight


def following(state: State, steps: Sequence[Step], *, ab: bool = False) -> State:
    """The state after an open one.

    Args:
        state: An open state.
        steps: The steps of the policy, in the order of `STEPS`.
        ab: Whether the rollout is an A/B test, which has no such steps.
    """
    if state == "ab":
        return FINISHED
    if state == "full":
        return CLOSED
    if ab:
        return "ab"
    wanted: list[State] = ["staging", *(step for step in STEPS if step in steps or step == state), "full"]
    return wanted[wanted.index(state) + 1]


def is_split(state: State) -> bool:
    """Whether a state gives some, but not all traffic to the candidate."""
    return state == "ab" or 0 < WEIGHTS[state] < WHOLE
