"""Evidence from serving itself: errors, slow answers, the split of requests. It may be looked at every minute.

All of it is an e-value: 20 or more refutes "the candidate is no worse" at the level 5 %, at this look or any other
(Ville 1939). Requests come in bursts, so that bins of one second are counted, not requests.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.special import betaln

from mlreg_dagster.registry.records.traffic import WHOLE

_ODDS = np.array([1.5, 2.0, 4.0, 8.0, 16.0, 64.0])
"""By how much the odds of a bad second may be higher: the alternatives that the evidence is averaged over."""

_RATIO_PRIOR = 100.0
"""Weight of the expected split in the prior of the split, in requests: small departures are of interest."""

_LARGEST = 700.0
"""The largest logarithm of an e-value that is a number still."""


@dataclass(frozen=True)
class Period:
    """Seconds of a period in which a version answered, by version, and how many of them had something bad in them.

    Attributes:
        candidate: Seconds in which the candidate answered.
        champion: Seconds in which the champion did.
        candidate_bad: Of the candidate's, those with an error, or with more slow answers than the budget allows.
        champion_bad: Of the champion's.
    """

    candidate: int
    champion: int
    candidate_bad: int
    champion_bad: int


def worse_rate(periods: Iterable[Period]) -> float:
    """Evidence (an e-value) that bad seconds are more frequent with the candidate than with the champion.

    Given how many seconds of a period were bad, those of the candidate are hypergeometric where both are equally good,
    and at most as spread as a binomial number with the share of the candidate's seconds; raising the odds to a
    candidate's bad second then gives a supermartingale. Lindon and Malek, "Anytime-valid inference for multinomial
    count data", NeurIPS 2022, arXiv 2011.03567, in its binomial form, with a mixture of fixed odds as prior, so that
    shares may change from period to period.

    Args:
        periods: In the order of time.
    """
    logs = np.zeros(len(_ODDS))
    for each in periods:
        seconds, bad = each.candidate + each.champion, each.candidate_bad + each.champion_bad
        if not (each.candidate and each.champion and bad):
            continue  # with one version alone there is nothing to compare
        share = each.candidate / seconds
        logs += each.candidate_bad * np.log(_ODDS) - bad * np.log1p(share * (_ODDS - 1))
    return float(np.exp(np.minimum(logs, _LARGEST)).mean())


def above_rate(bad: int, seconds: int, allowed: float) -> float:
    """Evidence (an e-value) that bad seconds are more frequent than a budget allows; the champion does not count.

    Args:
        bad: Seconds with something bad in them.
        seconds: All seconds in which the candidate answered.
        allowed: The share that may be bad, above 0 and below 1.
    """
    rates = allowed * _ODDS / (1 - allowed + allowed * _ODDS)
    logs = bad * np.log(rates / allowed) + (seconds - bad) * np.log((1 - rates) / (1 - allowed))
    return float(np.exp(np.minimum(logs, _LARGEST)).mean())


def split_differs(candidate: int, champion: int, weight: int) -> float:
    """Evidence (an e-value) that requests are not split as they should be.

    Lindon and Malek (2022), with the prior Beta(c w, c (1 - w)) around the wanted share w.

    Args:
        candidate: Routing keys that the candidate got.
        champion: Routing keys that the champion got.
        weight: Share that the candidate should get, in basis points, above 0 and below 10,000.
    """
    share = weight / WHOLE
    a, b = _RATIO_PRIOR * share, _RATIO_PRIOR * (1 - share)
    log = betaln(a + candidate, b + champion) - betaln(a, b)
    log -= candidate * np.log(share) + champion * np.log(1 - share)
    return float(np.exp(min(log, _LARGEST)))
