"""Whether one version is worse than another, as far as their common outcomes go, by a method that holds at every look.

A sensor asks it at each tick. The contest that is shown once, and holds for one look, is in `champion_challenger`.
"""

import numpy as np
import pandas as pd

from mlreg_dagster.config.sections.evaluation import ComparisonSettings
from mlreg_dagster.governance.rollout.labels import BLOCK_HOURS, BURN_IN, Comparison, Weights, compare
from mlreg_dagster.governance.rollout.outcomes import rows_of
from mlreg_dagster.outcomes.worth.pairs import paired


def compare_sequentially(outcomes: pd.DataFrame, version: str, other: str, settings: ComparisonSettings) -> Comparison:
    """Compare a version's flags with another's, from the first hour that both scored; the result holds at every look.

    Nothing was opened, at which the weights of the loss could have been fixed: they are those of the blocks of the
    burn-in, or of those up to the first crash where they are more. Before there is no verdict, and later rows can't
    move them.

    Args:
        outcomes: Rows of PREDICTION_OUTCOMES; those of other versions don't matter.
        version: The version that a verdict of `worse` is about.
        other: The version that it is compared with.
        settings: Confidence and fewest pairs.

    Raises:
        InvalidRows: One of them has predicted the same twice, or the two have different outcomes for the same.
    """
    rows = rows_of(paired(outcomes, version, other))
    if len(rows.hours) < settings.min_pairs or not rows.crashes.any():
        return Comparison("undecided", 0, len(rows.hours), None, None, None)
    opened, until = int(rows.hours.min()), int(rows.hours.max()) + 1
    blocks = np.unique((rows.hours - opened) // BLOCK_HOURS)
    crashed = (rows.hours[rows.crashes].min() - opened) // BLOCK_HOURS
    last = max(crashed, blocks[min(BURN_IN, len(blocks)) - 1])
    fixed = rows.before(opened + (int(last) + 1) * BLOCK_HOURS)
    base_rate = float(fixed.crashes.mean())
    if base_rate == 1:
        return Comparison("undecided", 0, len(rows.hours), None, None, None)
    weights = Weights.of(base_rate)
    return compare(rows, opened=opened, until=until, weights=weights, margin=0.0, alpha=1 - settings.confidence)
