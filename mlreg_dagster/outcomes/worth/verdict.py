"""The verdict on a version by its matured outcomes: better, not worse or worse than simple rankings, or unknown.

What each of them claims, and how often it may be wrong over all looks together (`max_false_positive_rate`):

- `better`: its precision at the same flag budget exceeds that of every ranking. Each of them must be refuted, so the best
  one, whichever it is, was: choosing the best in hindsight can only make this harder (an intersection-union test: Berger,
  Technometrics 24, 1982).
- `worse`: it is below at least one ranking. There the choice of the best in hindsight would help, so the evidence against
  all of them is averaged, which keeps its meaning however they depend on each other (Vovk and Wang, "E-values:
  calibration, combination and applications", Ann. Statist. 49, 2021).
- `not worse`: it is below no ranking by more than the margin, relative to that ranking's precision.
- `unknown`: too few weeks or episodes, or evidence for none of these.

A verdict is what all evidence says now: one that was reached lapses where later weeks contradict it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from mlreg_dagster.config import WorthSettings
from mlreg_dagster.market.names import CRASH, UNRESOLVED
from mlreg_dagster.outcomes.names import RANKING
from mlreg_dagster.outcomes.worth.blocks import Counts, summed, week_of
from mlreg_dagster.outcomes.worth.counts import COLUMNS, counts_by_day, known_until
from mlreg_dagster.outcomes.worth.difference import MEASURES, PairedDifference, day_numbers, paired_difference
from mlreg_dagster.outcomes.worth.episodes import episodes_of, independent
from mlreg_dagster.outcomes.worth.pairs import KEY
from mlreg_dagster.outcomes.worth.sequential import detectable, evidence, lower_end, swapped
from mlreg_dagster.outcomes.worth.words import sentence_of

Verdict = Literal["better", "not worse", "worse", "unknown"]


@dataclass(frozen=True)
class Comparison:
    """A version held against one opponent.

    Attributes:
        opponent: A ranking (`ranking:<name>`) or another version.
        verdict: On the version, by this opponent alone.
        reason: Why it is unknown; empty otherwise.
        pairs: Rows that both predicted, resolved, in-sample for neither.
        left_out: Predictions of the version, of days that both predicted, that are no pair.
        weeks: Complete weeks with pairs.
        episodes: Crash episodes of instruments among the pairs' days.
        independent_episodes: The most of them of which no two overlap.
        precision: At the same flag budget.
        recall: At the same flag budget.
        average_precision: Within the flag budget of each day.
        flagged_share: What the version has flagged of the pairs, as recorded; None without a pair.
        opponent_flagged_share: The same of the opponent.
        surely_above: The difference in precision lies above it, at every look.
        surely_below: The difference in precision lies below it, at every look.
        detectable: The least difference in precision that the verdict shows in 80 of 100 cases with as many weeks like
            these; None: not any, or too few to tell.
        evidence_better: E-value for a higher precision than the opponent's.
        evidence_not_worse: For one that is not below it by more than the margin.
        evidence_worse: For a lower one.
    """

    opponent: str
    verdict: Verdict
    reason: str
    pairs: int
    left_out: int
    weeks: int
    episodes: int
    independent_episodes: int
    precision: PairedDifference
    recall: PairedDifference
    average_precision: PairedDifference
    flagged_share: float | None
    opponent_flagged_share: float | None
    surely_above: float
    surely_below: float
    detectable: float | None
    evidence_better: float
    evidence_not_worse: float
    evidence_worse: float

    @property
    def is_ranking(self) -> bool:
        """Whether the opponent is a simple ranking."""
        return self.opponent.startswith(f"{RANKING}:")


@dataclass(frozen=True)
class Worth:
    """What the matured outcomes of a version say of it.

    Attributes:
        version: The version in question.
        verdict: Against the simple rankings; `unknown` where none is to be held against.
        best: The ranking against which the version stands worst in precision on the rows that both predicted.
        comparisons: With each opponent, in the order asked; that with a champion is no part of the verdict.
        sentence: All of it in words that a person can act on.
    """

    version: str
    verdict: Verdict
    best: Comparison | None
    comparisons: tuple[Comparison, ...]
    sentence: str

    def against(self, opponent: str) -> Comparison | None:
        """The comparison with one opponent; None where it was not asked for."""
        return next((each for each in self.comparisons if each.opponent == opponent), None)


def worth_of(outcomes: pd.DataFrame, version: str, opponents: Iterable[str], settings: WorthSettings) -> Worth:
    """Hold a version against its opponents, on the outcomes that are due.

    Args:
        outcomes: Rows of PREDICTION_OUTCOMES of all of them, up to the hour as of which is asked.
        version: The version in question.
        opponents: Rankings (`ranking:<name>`), and versions such as the champion; the version itself is passed over.
        settings: What a verdict needs.

    Raises:
        InvalidRows: A version has predicted the same twice.
    """
    others = [each for each in dict.fromkeys(opponents) if each != version]
    counts = {each: counts_by_day(outcomes, version, each, settings.budget) for each in others}
    return worth_of_counts(version, counts, crashes_of(outcomes, version), known_until(outcomes), settings)


def crashes_of(outcomes: pd.DataFrame, version: str) -> pd.DataFrame:
    """The crashes among the outcomes of a version, as `worth_of_counts` takes them: few rows, which can be stored."""
    known = (outcomes["model_version"] == version) & ~outcomes["in_sample"] & (outcomes["outcome"] != UNRESOLVED)
    return outcomes.loc[known & (outcomes["outcome"] == CRASH), KEY]


def worth_of_counts(
    version: str,
    counts: Mapping[str, pd.DataFrame],
    crashes: pd.DataFrame,
    until: pd.Timestamp | None,
    settings: WorthSettings,
) -> Worth:
    """As `worth_of`, from days that were counted and stored.

    Args:
        version: The version in question.
        counts: Of each opponent the rows of `counts_by_day`.
        crashes: Of the version, as `crashes_of` returns them.
        until: The end of the last day whose outcomes are all due (`known_until`): weeks that end later are incomplete.
        settings: What a verdict needs.
    """
    found = tuple(_compared(each, days, crashes, until, settings) for each, days in counts.items())
    rankings = [each for each in found if each.is_ranking]
    best = min(rankings, key=_standing, default=None)
    verdict = _overall(rankings, settings)
    return Worth(version, verdict, best, found, sentence_of(version, verdict, best, found, settings))


def _standing(comparison: Comparison) -> tuple[bool, float]:
    difference = comparison.precision.difference
    return difference is None, difference or 0.0


def _overall(rankings: list[Comparison], settings: WorthSettings) -> Verdict:
    judged = [each for each in rankings if not each.reason]
    if not judged:
        return "unknown"
    enough = 1 / settings.max_false_positive_rate
    if min(each.evidence_better for each in judged) >= enough:
        return "better"
    if np.mean([each.evidence_worse for each in judged]) >= enough:
        return "worse"
    return "not worse" if min(each.evidence_not_worse for each in judged) >= enough else "unknown"


def _compared(
    opponent: str, counts: pd.DataFrame, crashes: pd.DataFrame, until: pd.Timestamp | None, settings: WorthSettings
) -> Comparison:
    days = day_numbers(pd.DatetimeIndex(counts.index))
    complete = week_of(days) < (week_of(day_numbers(pd.DatetimeIndex([until])))[0] if until is not None else -(2**31))
    _, weeks = summed(counts.loc[complete, list(MEASURES["precision"])].to_numpy(dtype=float), week_of(days[complete]))
    events = episodes_of(crashes[crashes["prediction_hour"].dt.floor("D").isin(counts.index)])
    apart = independent(events)
    totals = dict(zip(COLUMNS, counts[list(COLUMNS)].sum(), strict=True))
    differences = {name: paired_difference(counts, name, settings) for name in MEASURES}
    reason = _too_little(weeks, apart, differences["precision"], settings)
    rate = settings.max_false_positive_rate
    margin = settings.margin * (differences["precision"].opponent or 0.0)
    values = [float(evidence(each, above)) for each, above in ((weeks, 0.0), (weeks, -margin), (swapped(weeks), 0.0))]
    return Comparison(
        opponent=opponent,
        verdict="unknown" if reason else _single(*values, 1 / rate),
        reason=reason,
        pairs=int(totals["pairs"]),
        left_out=int(totals["left_out"]),
        weeks=len(weeks),
        episodes=len(events),
        independent_episodes=apart,
        **differences,
        flagged_share=totals["flagged"] / totals["pairs"] if totals["pairs"] else None,
        opponent_flagged_share=totals["opponent_flagged"] / totals["pairs"] if totals["pairs"] else None,
        surely_above=lower_end(weeks, rate),
        surely_below=-lower_end(swapped(weeks), rate),
        detectable=None if reason else _known(detectable(weeks, rate)),
        evidence_better=values[0],
        evidence_not_worse=values[1],
        evidence_worse=values[2],
    )


def _single(better: float, not_worse: float, worse: float, enough: float) -> Verdict:
    if better >= enough:
        return "better"
    if worse >= enough:
        return "worse"
    return "not worse" if not_worse >= enough else "unknown"


def _too_little(weeks: Counts, apart: int, precision: PairedDifference, settings: WorthSettings) -> str:
    """What is missing for a verdict; empty: nothing."""
    if len(weeks) < settings.min_blocks:
        return f"{len(weeks)} complete weeks, {settings.min_blocks} are asked"
    if apart < settings.min_episodes:
        return f"{apart} independent crash episodes, {settings.min_episodes} are asked"
    return "no flag of one of the two counts" if precision.difference is None else ""


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
