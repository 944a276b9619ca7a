"""Champion and challenger on the outcomes of their predictions: the same hours of the same instruments.

A challenger is scored in the champion's shadow every hour, so that by the time it may be promoted its outcomes have
matured. McNemar's test compares error rates; but crashes are rare: error rate alone rewards never flagging, and recall
alone rewards always flagging. What can't be gained by flagging more or less is recall minus false-alarm rate (Youden,
"Index for rating diagnostic tests", 1950): that decides, by a bootstrap over instruments, as hourly predictions of one
instrument share their crashes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlreg_dagster.config.sections.evaluation import ComparisonSettings
from mlreg_dagster.market.names import CRASH, UNRESOLVED
from mlreg_dagster.models.evaluation.statistics import Difference, Draws, Verdict, mcnemar, paired_bootstrap

_PAIR = ["prediction_hour", "instrument_id"]

_Counts = NDArray[np.float64]
_Rate = Callable[[_Counts, _Counts, _Counts, _Counts], _Counts]
"""Of hits, flags, crashes and the rest."""


@dataclass(frozen=True)
class Challenge:
    """The challenger, held against the champion; every difference is challenger minus champion.

    Attributes:
        challenger: Its version.
        champion: The other one.
        pairs: Predictions of both of the same hour and instrument, resolved and in-sample for neither.
        instruments: Of how many instruments.
        crashes: Pairs that a crash followed.
        first: Hour of the first pair; None without pairs.
        last: Hour of the last pair.
        informedness: Recall minus false-alarm rate.
        recall: Of the crashes, the share flagged.
        precision: Of the flagged, the share that crashed.
        error_rate: McNemar's test on right and wrong labels; positive when the challenger errs less.
        verdict: That of the informedness, where neither recall nor precision says the opposite.
    """

    challenger: str
    champion: str
    pairs: int
    instruments: int
    crashes: int
    first: pd.Timestamp | None
    last: pd.Timestamp | None
    informedness: Difference
    recall: Difference
    precision: Difference
    error_rate: Difference
    verdict: Verdict


def challenge(outcomes: pd.DataFrame, challenger: str, champion: str, settings: ComparisonSettings) -> Challenge:
    """Compare two versions on the outcomes that both have.

    Args:
        outcomes: Rows of PREDICTION_OUTCOMES; those of other versions don't matter.
        challenger: The version that wants to be promoted.
        champion: The version that it is held against.
        settings: Confidence, resamples, fewest instruments and pairs.
    """
    pairs = _paired(outcomes, challenger, champion)
    crash = (pairs["outcome"] == CRASH).to_numpy(dtype=bool)
    challenger_flag, champion_flag = (pairs[name].to_numpy(dtype=bool) for name in ("challenger_flag", "champion_flag"))
    marks = np.column_stack(
        [crash, ~crash, challenger_flag & crash, challenger_flag, champion_flag & crash, champion_flag]
    ).astype(np.float64)
    counts = pd.DataFrame(marks).groupby(pairs["instrument_id"].to_numpy()).sum().to_numpy()
    crashed, flagged = counts[:, 0] > 0, (counts[:, 3] > 0) | (counts[:, 5] > 0)
    informedness = _difference(counts, _informedness, crashed, settings)
    recall = _difference(counts, _recall, crashed, settings)
    precision = _difference(counts, _precision, flagged, settings)
    return Challenge(
        challenger=challenger,
        champion=champion,
        pairs=len(pairs),
        instruments=len(counts),
        crashes=int(crash.sum()),
        first=None if pairs.empty else pairs["prediction_hour"].min(),
        last=None if pairs.empty else pairs["prediction_hour"].max(),
        informedness=informedness,
        recall=recall,
        precision=precision,
        error_rate=mcnemar(challenger_flag == crash, champion_flag == crash, settings),
        verdict=_verdict(informedness, (recall, precision), len(pairs), settings),
    )


def _paired(outcomes: pd.DataFrame, challenger: str, champion: str) -> pd.DataFrame:
    """One row an hour and instrument that both predicted; its outcome is the same for both."""
    usable = outcomes[~outcomes["in_sample"] & (outcomes["outcome"] != UNRESOLVED)]
    of_challenger = usable.loc[usable["model_version"] == challenger, [*_PAIR, "outcome", "is_anomaly"]]
    of_champion = usable.loc[usable["model_version"] == champion, [*_PAIR, "is_anomaly"]]
    return of_challenger.rename(columns={"is_anomaly": "challenger_flag"}).merge(
        of_champion.rename(columns={"is_anomaly": "champion_flag"}), on=_PAIR, validate="one_to_one"
    )


def _recall(hits: _Counts, flags: _Counts, crashes: _Counts, rest: _Counts) -> _Counts:  # noqa: ARG001
    return hits / crashes


def _precision(hits: _Counts, flags: _Counts, crashes: _Counts, rest: _Counts) -> _Counts:  # noqa: ARG001
    return hits / flags


def _informedness(hits: _Counts, flags: _Counts, crashes: _Counts, rest: _Counts) -> _Counts:
    return hits / crashes - (flags - hits) / rest


def _difference(
    counts: _Counts, rate: _Rate, informative: NDArray[np.bool_], settings: ComparisonSettings
) -> Difference:
    """A rate of the challenger minus that of the champion, from counts by instrument."""

    def difference(draws: Draws) -> NDArray[np.float64]:
        crashes, rest, hits, flags, champion_hits, champion_flags = (draws @ counts).T
        with np.errstate(invalid="ignore", divide="ignore"):
            return rate(hits, flags, crashes, rest) - rate(champion_hits, champion_flags, crashes, rest)

    return paired_bootstrap(len(counts), int(informative.sum()), difference, settings)


def _verdict(
    deciding: Difference, objecting: tuple[Difference, ...], pairs: int, settings: ComparisonSettings
) -> Verdict:
    opposite = {"better": "worse", "worse": "better"}.get(deciding.verdict)
    if pairs < settings.min_pairs or any(each.verdict == opposite for each in objecting):
        return "not distinguishable"
    return deciding.verdict
