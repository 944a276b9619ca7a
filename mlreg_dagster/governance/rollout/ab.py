"""The report of an A/B test: when it stopped, what matured outcomes said over time, and what each version did.

Plain values in, a report out; it covers rollouts into serving as well. `reporting` reads the values from tables and
registry, `evidence.rollout_report` draws the report.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mlreg_dagster.governance.rollout.labels import BURN_IN, Comparison, Rows, Weights, over_time
from mlreg_dagster.governance.rollout.states import ABTest
from mlreg_dagster.registry.records.traffic import TrafficEvent

Finding = Literal["too early", "worse", "better", "not worse", "no difference shown"]


@dataclass(frozen=True)
class Arm:
    """What one of the two versions did with the rows that both scored.

    Attributes:
        version: Its name.
        role: `candidate` or `champion`.
        flagged: Rows that it flagged.
        hits: Of these, those that a crash followed.
        recall: Of the crashes, the share flagged; None without a crash.
        precision: Of the flagged, the share that crashed; None without a flag.
        false_alarm_rate: Of the rows without a crash, the share flagged; None without such a row.
    """

    version: str
    role: str
    flagged: int
    hits: int
    recall: float | None
    precision: float | None
    false_alarm_rate: float | None


@dataclass(frozen=True)
class Look:
    """What was known at the end of a block of two days, once its outcomes were due.

    Attributes:
        until: Where the block ends.
        blocks: Complete blocks so far.
        pairs: Rows in them.
        difference: Mean loss of the candidate minus that of the champion; above 0: the candidate is worse.
        low: Lower end of the confidence sequence; None in the first blocks.
        high: Its upper end.
        finding: What that shows.
    """

    until: datetime
    blocks: int
    pairs: int
    difference: float | None
    low: float | None
    high: float | None
    finding: Finding


@dataclass(frozen=True)
class Report:
    """A rollout in figures.

    Attributes:
        alias: Whose traffic it is about.
        rollout: The sequence at which it was opened.
        champion: The version that held the alias.
        candidate: The version that is compared with it.
        test: The A/B test; None: a rollout into serving.
        state: Where it is, or how it ended.
        opened: When it was opened.
        ended: When it ended; None: it is open.
        reason: Why it is where it is.
        is_final: It has ended, and all its outcomes are due.
        finding: What the outcomes show at the look that stops the test, or else at the last one.
        sentence: The same with figures.
        looks: All looks, the first one first; one at which the test had stopped already is among them.
        stopped: Number of the look that stops the test, from 1; None: none did.
        rows: Rows that both scored, up to the look that counts.
        crashes: Of these, those that a crash followed.
        arms: Candidate and champion.
        margin: By how much the mean loss may be higher and still be `not worse`.
        alpha: How often the interval may miss the truth, at any look.
    """

    alias: str
    rollout: int
    champion: str
    candidate: str
    test: ABTest | None
    state: str
    opened: datetime
    ended: datetime | None
    reason: str
    is_final: bool
    finding: Finding
    sentence: str
    looks: tuple[Look, ...]
    stopped: int | None
    rows: int
    crashes: int
    arms: tuple[Arm, Arm]
    margin: float
    alpha: float


def last_look(looks: Sequence[Comparison]) -> Comparison | None:
    """The stopping rule of an A/B test: the look that counts is the first one that says `worse`, or else the last.

    The interval holds at every look, and so at the one that stops the test.

    Args:
        looks: As `labels.over_time` gives them, up to the end of the test.

    Returns:
        None where no block is complete yet.
    """
    return next((each for each in looks if each.verdict == "worse"), looks[-1] if looks else None)


def finding(look: Comparison | None, margin: float) -> Finding:
    """What a look says, in both directions; only `worse` stops a test.

    Args:
        look: The look; None: there was none.
        margin: By how much the mean loss may be higher and still be `not worse`.
    """
    if look is None or look.low is None or look.high is None:
        return "too early"
    if look.low > 0:
        return "worse"
    if look.high < 0:
        return "better"
    return "not worse" if look.high < margin else "no difference shown"


def in_words(look: Comparison | None, candidate: str, champion: str, *, margin: float, alpha: float) -> str:
    """What a look says, in a sentence with figures.

    Args:
        look: The look; None: there was none.
        candidate: The version that is compared.
        champion: The version that it is compared with.
        margin: By how much the mean loss may be higher and still be `not worse`.
        alpha: How often the interval may miss the truth, at any look.
    """
    if look is None or look.low is None or look.high is None or look.difference is None:
        blocks = 0 if look is None else look.blocks
        return f"Too early: {blocks} of {BURN_IN} blocks of two days have known outcomes."
    verdict = {
        "worse": f"{candidate} is worse than {champion}",
        "better": f"{candidate} is better than {champion}",
        "not worse": f"{candidate} is not worse than {champion} by more than {margin:g}",
        "no difference shown": f"No difference between {candidate} and {champion} is shown",
    }[finding(look, margin)]
    return (
        f"{verdict}: the mean loss differs by {look.difference:+.3f}, {1 - alpha:.0%} interval {look.low:+.3f} to "
        f"{look.high:+.3f}, valid at every look, on {look.pairs:,} rows of {look.blocks} blocks of two days."
    )


def make_report(
    events: Sequence[TrafficEvent],
    rows: Rows,
    *,
    opened: int,
    until: int,
    weights: Weights | None,
    margin: float,
    alpha: float,
) -> Report:
    """Report on a rollout.

    Args:
        events: Its changes, the first one first.
        rows: That both scored since it was opened; later ones than its end do not count.
        opened: The hour from which rows count, in whole hours since 1970.
        until: All outcomes of predictions before this hour are due.
        weights: Of the loss, as fixed when it was opened; None: not yet.
        margin: By how much the mean loss may be higher and still be `not worse`.
        alpha: How often the interval may miss the truth, at any look.
    """
    first, newest = events[0], events[-1]
    ended = None if newest.is_open else newest.effective_at
    last = None if ended is None else ceil(ended.timestamp() / 3600)  # the hour in which it ended still counts
    end = until if last is None else min(until, last)
    compared: list[Comparison] = []
    if weights is not None:
        compared = over_time(rows, opened=opened, until=end, weights=weights, margin=margin, alpha=alpha)
    counts = last_look(compared)
    measured = rows.before(end if counts is None or counts.until is None else counts.until)
    return Report(
        alias=newest.alias,
        rollout=newest.rollout,
        champion=newest.champion,
        candidate=newest.candidate,
        test=ABTest.of(first.facts),
        state=newest.state,
        opened=first.effective_at,
        ended=ended,
        reason=newest.reason,
        is_final=last is not None and until >= last,
        finding=finding(counts, margin),
        sentence=in_words(counts, newest.candidate, newest.champion, margin=margin, alpha=alpha),
        looks=tuple(_look(each, margin) for each in compared),
        stopped=counts.blocks if counts is not None and counts.verdict == "worse" else None,
        rows=len(measured.hours),
        crashes=int(measured.crashes.sum()),
        arms=(
            _arm(newest.candidate, "candidate", measured.candidate, measured.crashes),
            _arm(newest.champion, "champion", measured.champion, measured.crashes),
        ),
        margin=margin,
        alpha=alpha,
    )


def _look(compared: Comparison, margin: float) -> Look:
    until = datetime.fromtimestamp((compared.until or 0) * 3600, UTC)
    ends = (compared.low, compared.high)
    return Look(until, compared.blocks, compared.pairs, compared.difference, *ends, finding(compared, margin))


def _arm(version: str, role: str, flags: NDArray[np.bool_], crashes: NDArray[np.bool_]) -> Arm:
    flagged, crashed, hits = int(flags.sum()), int(crashes.sum()), int((flags & crashes).sum())
    quiet = len(crashes) - crashed
    return Arm(
        version=version,
        role=role,
        flagged=flagged,
        hits=hits,
        recall=hits / crashed if crashed else None,
        precision=hits / flagged if flagged else None,
        false_alarm_rate=(flagged - hits) / quiet if quiet else None,
    )
