"""Precision at a budget: of as many rows as may be flagged, the share that a crash followed."""

import numpy as np
from numpy.typing import NDArray


def precision_at_budget(scores: NDArray[np.float64], crashed: NDArray[np.bool_], budget: float) -> float:
    """The share of crashes among the rows with the highest scores; equal scores at the end of the budget share it.

    Args:
        scores: Of each row; at least one.
        crashed: Whether a crash followed each.
        budget: Share of the rows that is flagged; one row at least.
    """
    wanted = max(1, round(budget * len(scores)))
    lowest = np.partition(scores, -wanted)[-wanted]
    above, tied = scores > lowest, scores == lowest
    share = (wanted - above.sum()) / tied.sum()
    return float((crashed[above].sum() + share * crashed[tied].sum()) / wanted)
