"""From the weeks of a comparison to a verdict: better, not worse, worse, or unknown.

What each of them claims, and how often it may be wrong over all looks together (`max_false_positive_rate`):

- `better`: its precision at the same flag budget exceeds that of every ranking. Each of them must be surpassed, so the
  best one, whichever it is, was: choosing the best in hindsight can only make this harder (an intersection-union test:
  Berger, "Multiparameter hypothesis testing and acceptance sampling", Technometrics 24, 1982).
- `worse`: it is below at least one ranking. There the choice of the best in hindsight would help, so the evidence for
  all of them is averaged, which keeps its meaning however they depend on each other (Vovk and Wang, "E-values:
  calibration, combination and applications", Ann. Statist. 49, 2021).
- `not worse`: it is below no ranking by more than the margin, relative to that ranking's precision.
- `unknown`: too few weeks or episodes, or evidence for none of these.

A verdict is what all evidence says now: one that was reached lapses where later weeks contradict it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlreg_dagster.config import WorthSettings
from mlreg_dagster.outcomes.names import WorthVerdict
from mlreg_dagster.outcomes.worth.blocks import Counts
from mlreg_dagster.outcomes.worth.sequential import evidence, swapped


@dataclass(frozen=True)
class Evidence:
    """E-values on the precision of a version against that of one opponent, and what is missing for a verdict.

    Attributes:
        better: For a higher one.
        not_worse: For one that is not below the opponent's by more than the margin.
        worse: For a lower one.
        missing: Why it is too early for a verdict; empty: it is not.
    """

    better: float
    not_worse: float
    worse: float
    missing: str


def weigh(weeks: Counts, independent_episodes: int, settings: WorthSettings) -> Evidence:
    """Weigh what complete weeks say.

    Args:
        weeks: hits, held, opponent_hits, opponent_held of each, in the order of time.
        independent_episodes: Within them.
        settings: The margin, and the weeks and episodes that a verdict needs.
    """
    totals = weeks.sum(axis=0)
    margin = settings.margin * float(totals[2] / totals[3]) if totals[3] > 0 else 0.0
    missing = ""
    if len(weeks) < settings.min_blocks:
        missing = f"complete weeks so far: {len(weeks)}, asked are {settings.min_blocks}"
    elif independent_episodes < settings.min_episodes:
        missing = f"{independent_episodes} independent crash episodes, {settings.min_episodes} are asked"
    elif not (totals[1] > 0 and totals[3] > 0):
        missing = "no flag of one of the two counts"
    return Evidence(
        better=float(evidence(weeks)),
        not_worse=float(evidence(weeks, -margin)),
        worse=float(evidence(swapped(weeks))),
        missing=missing,
    )


def judge(evidences: Sequence[Evidence], settings: WorthSettings) -> WorthVerdict:
    """The verdict against all opponents together; those that it is too early for are no part of it."""
    judged = [each for each in evidences if not each.missing]
    if not judged:
        return "unknown"
    enough = 1 / settings.max_false_positive_rate
    if min(each.better for each in judged) >= enough:
        return "better"
    if np.mean([each.worse for each in judged]) >= enough:
        return "worse"
    return "not worse" if min(each.not_worse for each in judged) >= enough else "unknown"
