"""From the log-odds that a classifier gives a row to the probability of a crash, learned from rows it did not see."""

from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

Vector = NDArray[np.float64]
Kind = Literal["platt", "isotonic"]
KINDS: tuple[Kind, ...] = ("platt", "isotonic")

TIE_BREAK = 1e-6
"""How much of an isotonic probability is the plain one: rows on one step keep their order."""

_LEAST_SLOPE = 1e-3
_UNBOUND = 1e6  # the inverse of the penalty: none to speak of


def calibrate(kind: Kind, margins: Vector, crashed: NDArray[np.bool_]) -> dict[str, Vector]:
    """Learn a calibration.

    Platt, "Probabilistic Outputs for Support Vector Machines", 1999; isotonic: Zadrozny and Elkan, "Transforming
    Classifier Scores into Accurate Multiclass Probability Estimates", KDD 2002. Where rows that crashed got no higher
    margins than others, nearly the base rate is given to all, in their order: a calibration never turns it round.

    Args:
        kind: Which.
        margins: Log-odds of rows that the classifier was not fitted to.
        crashed: Which of them a crash followed; some did, and some did not.

    Returns:
        The arrays that `probabilities` takes: of Platt's the slope and the intercept, of the isotonic one its corners.
    """
    if kind == "isotonic":
        found = IsotonicRegression(out_of_bounds="clip").fit(margins, crashed)
        return {"margins": found.X_thresholds_, "probabilities": found.y_thresholds_}
    line = LogisticRegression(C=_UNBOUND, max_iter=1000).fit(margins[:, np.newaxis], crashed)
    slope, intercept = float(line.coef_[0, 0]), float(line.intercept_[0])
    if slope < _LEAST_SLOPE:
        slope = _LEAST_SLOPE
        intercept = float(logit(crashed.mean())) - slope * float(margins.mean())
    return {"line": np.array([slope, intercept])}


def probabilities(calibration: dict[str, Vector], margins: Vector) -> Vector:
    """The probability of a crash by the log-odds of rows."""
    if "line" in calibration:
        slope, intercept = calibration["line"]
        return cast("Vector", expit(slope * margins + intercept))
    stepped = np.interp(margins, calibration["margins"], calibration["probabilities"])
    return np.asarray((1 - TIE_BREAK) * stepped + TIE_BREAK * expit(margins))
