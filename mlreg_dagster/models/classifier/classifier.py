"""The estimator: boosted trees or a logistic regression, calibrated by a purged walk-forward.

Which rows it may learn from is in `labels`.
"""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from mlreg_dagster.models.classifier.calibration import KINDS, calibrate, probabilities
from mlreg_dagster.models.classifier.folds import Hours, walk_forward
from mlreg_dagster.models.classifier.trees import Trees, grow, log_odds
from mlreg_dagster.models.detectors.robust_z_score import RobustZScore

Matrix = NDArray[np.float64]
Crashed = NDArray[np.bool_]


class CrashClassifier(OutlierMixin, BaseEstimator):  # type: ignore[misc]
    """The probability that a crash follows a row, in %.

    Crashes are few: their rows weigh as much as all others together (`class_weight="balanced"`). The calibration takes
    that back: it is learned from walk-forward folds, whose crashes are as rare as they are. Nothing is random.

    Args:
        kind: `logistic`, or `boosting` (HistGradientBoostingClassifier: Ke et al., "LightGBM", NeurIPS 2017).
        calibration: `platt` or `isotonic`.
        folds: Of the walk-forward.
        max_iter: Trees of the boosting.
        learning_rate: Of the boosting.
        max_leaf_nodes: Of each tree.
        min_samples_leaf: Rows in each leaf.
        C: The inverse of the penalty of the logistic regression.
    """

    def __init__(
        self,
        kind: str = "logistic",
        calibration: str = "platt",
        folds: int = 5,
        max_iter: int = 100,
        learning_rate: float = 0.05,
        max_leaf_nodes: int = 15,
        min_samples_leaf: int = 100,
        C: float = 0.01,
    ) -> None:
        self.kind = kind
        self.calibration = calibration
        self.folds = folds
        self.max_iter = max_iter
        self.learning_rate = learning_rate
        self.max_leaf_nodes = max_leaf_nodes
        self.min_samples_leaf = min_samples_leaf
        self.C = C

    def fit(self, X: Matrix, y: Crashed | None = None, *, hours: Hours | None = None, gap_hours: int = 0) -> Self:
        """Learn which rows of `X` (rows x features, no nulls) crashes follow.

        Args:
            X: The rows.
            y: Whether a crash followed each.
            hours: The hour of each.
            gap_hours: From a row to the first one that shares no price with its label.

        Raises:
            ValueError: There are no labels, or the folds hold no crash or nothing else; or a parameter is wrong.
        """
        if y is None or hours is None:
            raise ValueError("it learns from labels")
        if self.kind not in _KINDS or self.calibration not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(_KINDS)}, calibration one of {', '.join(KINDS)}")
        margins, judged, baseline = self._out_of_fold(X, y, hours, gap_hours)
        crashed = y[judged]
        if not crashed.any() or crashed.all():
            raise ValueError(
                f"its {self.folds} walk-forward folds hold {int(crashed.sum())} crashes in {len(crashed)} rows, after "
                f"rows with crashes to learn from: nothing can be calibrated"
            )
        self.calibration_ = calibrate(self.calibration, margins, crashed)
        self.training_scores_ = 100 * probabilities(self.calibration_, margins)
        self.walk_forward_ = {
            "rows": len(crashed),
            "crashes": int(crashed.sum()),
            "average_precision": float(average_precision_score(crashed, margins)),
            "baseline_average_precision": float(average_precision_score(crashed, baseline)),
        }
        self.model_, self.begin_ = self._grown(X, y)
        self.n_features_in_ = X.shape[1]
        return self

    def score_samples(self, X: Matrix) -> Matrix:
        """Minus the probability of a crash after each row, in %: higher is more normal, as in scikit-learn."""
        return -100 * probabilities(self.calibration_, _margins(self.model_, self.begin_, X))

    def _out_of_fold(
        self, X: Matrix, y: Crashed, hours: Hours, gap_hours: int
    ) -> tuple[Matrix, NDArray[np.intp], Matrix]:
        """The log-odds of the rows of each fold by what was known before it; which rows; and the baseline's scores."""
        parts = [(np.empty(0), np.empty(0, dtype=np.intp), np.empty(0))]
        for before, judged in walk_forward(hours, self.folds, gap_hours):
            if not y[before].any() or y[before].all():
                continue  # nothing to tell apart yet
            baseline = -RobustZScore().fit(X[before]).score_samples(X[judged])
            parts.append((_margins(*self._grown(X[before], y[before]), X[judged]), judged, baseline))
        margins, judged_rows, baselines = (np.concatenate(each) for each in zip(*parts, strict=True))
        return margins, judged_rows, baselines

    def _grown(self, X: Matrix, y: Crashed) -> tuple[Trees, float]:
        """The fitted arrays, and where their sum begins."""
        if self.kind == "logistic":
            line = LogisticRegression(C=self.C, class_weight="balanced", max_iter=2000).fit(X, y)
            return {"weights": line.coef_[0]}, float(line.intercept_[0])
        names = ("learning_rate", "max_iter", "max_leaf_nodes", "min_samples_leaf")
        return grow(X, y, **{name: getattr(self, name) for name in names})


_KINDS = ("boosting", "logistic")


def _margins(model: dict[str, NDArray[Any]], begin: float, X: Matrix) -> Matrix:
    if "weights" in model:
        parts = np.ascontiguousarray(X * model["weights"])  # a matrix product rounds by the number of rows
        return np.asarray(parts.sum(axis=1) + begin)
    return np.asarray(log_odds(model, X) + begin)
