"""Boosted trees as plain arrays: what a model file holds of them, so that it needs no type of scikit-learn's boosting.

How trees are grown is scikit-learn's affair; they are walked here.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

Matrix = NDArray[np.float64]

_BINS = 255
_DEEPEST = 32  # turns of a path; what looks at model files allows 64

Trees = dict[str, NDArray[Any]]
"""Nodes of all trees, one tree after the other.

feature, split: of each inner node; a row whose feature is at most the split goes left.
left, right: the children of each node, -1 of a leaf.
value: of each leaf, in log-odds.
roots: the first node of each tree.
"""


def grow(X: Matrix, y: NDArray[np.bool_], **params: Any) -> tuple[Trees, float]:
    """Grow the trees of a classifier whose two classes weigh alike, and say where their sum begins.

    Features are cut into bins of equal numbers of rows before scikit-learn sees them. By itself it takes the weights
    into its bins, one percentile after the other, which takes longer than the trees; and samples large sets for them.

    Args:
        X: rows x features, without nulls.
        y: The class of each row; both occur.
        params: Of HistGradientBoostingClassifier.
    """
    levels = np.linspace(0, 1, _BINS + 1)[1:-1]
    edges = [np.unique(np.quantile(column, levels, method="inverted_cdf")) for column in X.T]
    binned = np.column_stack([np.searchsorted(edge, column) for edge, column in zip(edges, X.T, strict=True)])
    boosting = HistGradientBoostingClassifier(
        class_weight="balanced", early_stopping=False, max_depth=_DEEPEST, random_state=0, **params
    )
    return _in_arrays(boosting.fit(binned.astype(np.float64), y), edges)


def _in_arrays(fitted: HistGradientBoostingClassifier, edges: list[Matrix]) -> tuple[Trees, float]:
    """A row lies in bin n where it is at most edge n and above the one before."""
    nodes = [predictors[0].nodes for predictors in fitted._predictors]
    roots = np.cumsum([0, *(len(each) for each in nodes)])
    first_of_its_tree = np.repeat(roots[:-1], [len(each) for each in nodes])
    fields = ("is_leaf", "feature_idx", "num_threshold", "left", "right", "value")
    found = {name: np.concatenate([each[name] for each in nodes]) for name in fields}
    leaf = found["is_leaf"].astype(bool)
    feature = np.where(leaf, 0, found["feature_idx"].astype(np.int64))
    bins = np.floor(np.where(leaf, 0, found["num_threshold"])).astype(np.int64)
    return {
        "feature": feature,
        "split": np.array(
            [0.0 if ends else edges[at][bin_] for ends, at, bin_ in zip(leaf, feature, bins, strict=True)]
        ),
        "left": np.where(leaf, -1, found["left"].astype(np.int64) + first_of_its_tree),
        "right": np.where(leaf, -1, found["right"].astype(np.int64) + first_of_its_tree),
        "value": np.where(leaf, found["value"], 0.0),
        "roots": roots[:-1].astype(np.int64),
    }, float(np.ravel(fitted._baseline_prediction)[0])


def log_odds(trees: Trees, X: Matrix) -> Matrix:
    """The sum over the trees of the leaf that each row ends in.

    Args:
        trees: Sound ones, see `artifacts.soundness`.
        X: rows x features, without nulls.
    """
    left, right, feature, split = (trees[name] for name in ("left", "right", "feature", "split"))
    rows = np.arange(len(X))[:, np.newaxis]
    at = np.tile(trees["roots"], (len(X), 1))
    while True:
        turn = np.where(X[rows, feature[at]] <= split[at], left[at], right[at])
        if not (turn != -1).any():
            break
        at = np.where(turn == -1, at, turn)
    return np.asarray(trees["value"][at].sum(axis=1))
