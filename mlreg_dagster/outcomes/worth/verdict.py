"""Holds a version against simple rankings and other versions, and says what its outcomes say of it.

What a verdict claims is said in `judgement`; what each number is made of in `counts` and `difference`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mlreg_dagster.config import WorthSettings
from mlreg_dagster.market.episodes import episodes_of, independent
from mlreg_dagster.market.names import CRASH, UNRESOLVED
from mlreg_dagster.outcomes.names import RANKING, WorthVerdict
from mlreg_dagster.outcomes.worth.blocks import MIN_WEEKS, Counts, summed, week_of
from mlreg_dagster.outcomes.worth.counts import COLUMNS, counts_by_day, day_numbers, known_until
from mlreg_dagster.outcomes.worth.difference import MEASURES, PairedDifference, paired_difference
from mlreg_dagster.outcomes.worth.judgement import Evidence, judge, weigh
from mlreg_dagster.outcomes.worth.pairs import KEY
from mlreg_dagster.outcomes.worth.sequential import detectable, lower_end, swapped
from mlreg_dagster.outcomes.worth.words import sentence_of


@dataclass(frozen=True)
class Comparison:
    """A version held against one opponent, over complete weeks; over complete days where weeks are few.

    Attributes:
        opponent: A ranking (`ranking:<name>`) or another version.
        verdict: On the version, by this opponent alone.
        evidence: Behind it, and what is missing for one.
        pairs: Rows that both predicted, resolved, in-sample for neither.
        left_out: Predictions of the version, of days that both predicted, that are no pair.
        first: First day of the pairs; None without a pair.
        last: The last day.
        weeks: Complete weeks with pairs.
        episodes: Crash episodes of instruments in these days.
        independent_episodes: The most of them of which no two overlap.
        precision: At the same flag budget.
        recall: At the same flag budget.
        average_precision: Within the flag budget of each day.
        flagged_share: What the version has flagged of the pairs, as recorded; None without a pair.
        opponent_flagged_share: The same of the opponent.
        surely_above: The difference in precision lies above it, at every look.
        surely_below: The difference in precision lies below it, at every look.
        detectable: The least difference in precision for which as many weeks like these would give the verdict in 80 of
            100 cases; None: there is none, or it is too early to tell.
    """

    opponent: str
    verdict: WorthVerdict
    evidence: Evidence
    pairs: int
    left_out: int
    first: pd.Timestamp | None
    last: pd.Timestamp | None
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

    @property
    def is_ranking(self) -> bool:
        """Whether the opponent is a simple ranking."""
        return self.opponent.startswith(f"{RANKING}:")


@dataclass(frozen=True)
class Worth:
    """What the matured outcomes of a version say of it.

    Attributes:
        version: The version in question.
        verdict: Against the simple rankings; `unknown` where there is none to be held against.
        best: The ranking against which the version stands worst in precision, on the rows that both predicted.
        comparisons: With each opponent, in the order asked; those with versions are no part of the verdict.
        sentence: All of it in words that a person can act on.
    """

    version: str
    verdict: WorthVerdict
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
        InvalidRows: A version has predicted the same twice, or two have different outcomes for the same.
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
    verdict = judge([each.evidence for each in rankings], settings)
    return Worth(version, verdict, best, found, sentence_of(version, verdict, best, settings))


def complete_weeks(counts: pd.DataFrame, until: pd.Timestamp | None) -> pd.DataFrame:
    """The days of weeks that have ended by `until`."""
    if until is None:
        return counts[:0]
    now = week_of(day_numbers(pd.DatetimeIndex([until])))[0]
    complete: pd.DataFrame = counts.loc[week_of(day_numbers(counts.index)) < now]
    return complete


def by_week(counts: pd.DataFrame) -> Counts:
    """What `judgement.weigh` weighs: hits and held flags of both, week by week."""
    return summed(counts[list(MEASURES["precision"])].to_numpy(dtype=float), week_of(day_numbers(counts.index)))[1]


def _standing(comparison: Comparison) -> tuple[bool, float]:
    difference = comparison.precision.difference
    return difference is None, difference or 0.0


def _compared(
    opponent: str, counts: pd.DataFrame, crashes: pd.DataFrame, until: pd.Timestamp | None, settings: WorthSettings
) -> Comparison:
    complete = complete_weeks(counts, until)
    weeks, rate = by_week(complete), settings.max_false_positive_rate
    days = complete if len(weeks) >= MIN_WEEKS else counts
    events = episodes_of(crashes[crashes["prediction_hour"].dt.floor("D").isin(days.index)])
    apart = independent(events)
    evidence = weigh(weeks, apart, settings)
    total = days[list(COLUMNS)].sum()
    pairs = int(total["pairs"])
    return Comparison(
        opponent=opponent,
        verdict=judge([evidence], settings),
        evidence=evidence,
        pairs=pairs,
        left_out=int(total["left_out"]),
        first=days.index[0] if pairs else None,
        last=days.index[-1] if pairs else None,
        weeks=len(weeks),
        episodes=len(events),
        independent_episodes=apart,
        **{name: paired_difference(days, name, settings) for name in MEASURES},
        flagged_share=float(total["flagged"] / pairs) if pairs else None,
        opponent_flagged_share=float(total["opponent_flagged"] / pairs) if pairs else None,
        surely_above=lower_end(weeks, rate),
        surely_below=-lower_end(swapped(weeks), rate),
        detectable=None if evidence.missing else _known(detectable(weeks, rate)),
    )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
