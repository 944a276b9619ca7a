"""What is usual in the training rows of a model: the background of its reasons. It needs no scikit-learn."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Usual:
    """What is usual in a model's training rows, frozen in its bundle.

    Attributes:
        medians: Of each feature.
        spreads: Of each feature: the robust deviation, or the standard deviation where that is zero.
    """

    medians: Values
    spreads: Values


def learned(baseline: Any) -> Usual:
    """The medians and spreads that the baseline of every bundle has learned from the training rows.

    Args:
        baseline: Its fitted pipeline of imputation, scaling and robust z-score.
    """
    impute, scale, detector = (step for _, step in baseline.steps)
    robust = np.where(np.isfinite(detector.scale_), detector.scale_, 1.0)
    return Usual(np.asarray(impute.statistics_, dtype=np.float64), np.asarray(scale.scale_ * robust, dtype=np.float64))
