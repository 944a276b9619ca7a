import numpy as np
import pytest

from mlreg_dagster.models.gates import GATES
from mlreg_dagster.models.plots import gate_summary, score_distribution
from mlreg_dagster.registry import GateResult
from mlreg_dagster_tests.svg import words_of

pytestmark = [
    pytest.mark.pictures,
    pytest.mark.filterwarnings("error::RuntimeWarning", "error::UserWarning"),  # numpy's and matplotlib's
]


@pytest.mark.parametrize(
    ("scores", "threshold"),
    [
        (np.random.default_rng(0).gamma(2, size=3000), 5.0),
        ([0.5], 0.4),
        ([2.0, 2.0, 2.0], 2.0),
        ([0.0, 0.0], 0.0),
        ([-3.0, -2.0, -1.0], -5.0),
        ([1.0, 2.0, 3.0], 100.0),
        ([1.0] * 2000 + [1e12], 1.5),
    ],
    ids=["many", "one", "equal", "zero", "negative", "below", "far"],
)
def test_scores_of_any_kind_are_drawn(scores, threshold):
    words = words_of(score_distribution(np.array(scores, dtype=float), threshold, "holdout rows"))
    assert words == "Distribution of the anomaly scores of holdout rows"


def test_where_nothing_was_scored_a_sentence_says_so():
    assert score_distribution(np.empty(0), 1.0, "holdout rows") == "_There are no holdout rows to score._"


def test_the_gates_are_said_in_words_too():
    gates = [GateResult(name, name != "silhouette", 0.1, "at least 0", "") for name in GATES]
    words = words_of(gate_summary(gates))
    assert "silhouette FAILED" in words
    assert words.count("passed") == len(GATES) - 1
    assert words_of(gate_summary([GateResult("score_gap", False, None, "at least 0.05", "Not computable")]))


def test_the_interval_of_a_gate_is_said_beside_its_result():
    interval = {"low": -0.05, "high": 0.03, "seeds": {"20": 0.1}, "days": {}}
    words = words_of(gate_summary([GateResult("injection_average_precision", True, 0.011, "at least 0", "", interval)]))
    assert "injection_average_precision passed (-0.050 to 0.030)" in words
