"""The decision table of a rollout: from the facts of a look to going on, waiting or going back.

Twelve rows, the first that fits decides; the last is for A/B tests alone, which rows 5 to 11 do not hold up, but for
a suspension in row 6. Facts are
read, and moves are made, elsewhere.
"""

from dataclasses import dataclass
from typing import Literal

from mlreg_dagster.governance.rollout.labels import Verdict
from mlreg_dagster.governance.rollout.states import ENDED, State, Step, following, is_split
from mlreg_dagster.registry.records.traffic import FINISHED, ROLLED_BACK

Ruling = Literal["advance", "hold", "roll_back", "finish"]

SUSPENDED = 6
"""The row that holds whatever a suspension, a freeze or a pause stops; of A/B tests a suspension alone."""

NEEDS_APPROVAL = 9
"""The row that waits for people."""


@dataclass(frozen=True)
class Facts:
    """What a rollout is judged by, at one look.

    Attributes:
        state: Where it is.
        steps: Which steps the policy asks for.
        invalid: Why the candidate may not serve any more: aborted by a person, rejected or failed since, other bytes.
        breaches: Budgets that the candidate breaks, each with its figures: errors, slow answers, availability, cost,
            scores that are no numbers. Each has had its least number of requests.
        labels: What matured outcomes say.
        flagged_out: The candidate flags a share outside of its limits.
        split_is_off: Requests are not split as they should be.
        blocked: Why nothing may go on now: paused, a freeze, old metrics, a log that loses lines.
        held_too_long: It has waited in this state for longer than it may.
        dwelled: It has been in this state for long enough.
        enough_requests: The candidate has answered, or shadowed, enough of them in this state.
        enough_pairs: Enough rows were scored by both.
        approved: It has the approvals that the next state asks for; True where it asks for none.
        requires_not_worse: Policy: outcomes must have shown that it is not worse before it gets all traffic.
        suspended: The alias or the champion is suspended: A/B tests wait, too. `blocked` says which and why.
        ab: It is an A/B test: from `staging` it goes to `ab`, and no policy's step follows. In `ab`, `dwelled` means
            that the days of the test are over.
    """

    state: State
    steps: tuple[Step, ...]
    invalid: str | None = None
    breaches: tuple[str, ...] = ()
    labels: Verdict = "undecided"
    flagged_out: bool = False
    split_is_off: bool = False
    blocked: tuple[str, ...] = ()
    held_too_long: bool = False
    dwelled: bool = False
    enough_requests: bool = False
    enough_pairs: bool = False
    approved: bool = False
    requires_not_worse: bool = False
    ab: bool = False
    suspended: bool = False


@dataclass(frozen=True)
class Decision:
    """What the table says.

    Attributes:
        row: Which row decided; 0: the rollout has ended.
        ruling: What is done.
        state: The state from now on.
        reason: Why, in a sentence.
    """

    row: int
    ruling: Ruling
    state: State
    reason: str


def judge(facts: Facts) -> Decision:
    """The first row that fits."""
    if facts.state in ENDED:
        return Decision(0, "hold", facts.state, "The rollout has ended.")
    if facts.invalid is not None:
        return _back(1, facts.invalid)
    if facts.breaches:
        return _back(2, f"The candidate breaks its budget: {'; '.join(facts.breaches)}.")
    if facts.labels == "worse" and facts.state == "ab":
        return _finish(3, "Matured outcomes show that the candidate is worse than the champion.")
    if facts.labels == "worse":
        return _back(3, "Matured outcomes show that the candidate is worse than the champion.")
    if facts.flagged_out and facts.state != "staging":
        return _back(4, "The candidate flags a share of the rows outside of its limits.")
    if facts.state == "ab":
        if facts.suspended:
            return Decision(SUSPENDED, "hold", "ab", f"It waits: {'; '.join(facts.blocked)}.")
        if facts.dwelled:
            return _finish(12, "The days of the A/B test are over.")
        return Decision(12, "hold", "ab", "The A/B test goes on until its days are over.")
    row, wait = _wait(facts)
    if wait is None:
        state = following(facts.state, facts.steps, ab=facts.ab)
        return Decision(11, "advance", state, f"Nothing speaks against {state}.")
    if facts.held_too_long:
        return _back(row, f"It has waited for too long. {wait}")
    return Decision(row, "hold", facts.state, wait)


def _back(row: int, reason: str) -> Decision:
    return Decision(row, "roll_back", ROLLED_BACK, reason)


def _finish(row: int, reason: str) -> Decision:
    return Decision(row, "finish", FINISHED, reason)


def _wait(facts: Facts) -> tuple[int, str | None]:
    """The first row that asks to wait, and why; None: none does."""
    after = following(facts.state, facts.steps, ab=facts.ab)
    if facts.split_is_off and is_split(facts.state):
        return 5, "Requests are not split by the weights: no comparison of them counts."
    if facts.blocked:
        return 6, f"It waits: {'; '.join(facts.blocked)}."
    if not facts.dwelled:
        return 7, "It has not been in this state for long enough."
    if not (facts.enough_requests and facts.enough_pairs):
        missing = "requests" if not facts.enough_requests else "rows that both have scored"
        return 8, f"There are not enough {missing} yet."
    if not facts.approved and after != "closed":
        return NEEDS_APPROVAL, f"{after} needs an approval."
    if after == "full" and facts.requires_not_worse and facts.labels != "not_worse":
        return 10, "Outcomes have not shown yet that the candidate is not worse."
    return 11, None
