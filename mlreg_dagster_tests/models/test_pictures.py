import numpy as np
import pandas as pd
import pytest

from mlreg_dagster.models.names import GATES
from mlreg_dagster.models.pictures import alias_timeline, gate_summary, score_distribution
from mlreg_dagster.storage.registry import AliasEvent, GateResult
from mlreg_dagster_tests.seeing import is_a_sentence, words_of

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning", "error::UserWarning")  # numpy's and matplotlib's

START = pd.Timestamp("2020-01-01", tz="UTC")


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


def moves(*holders):
    """Moves of champion from (version, hours since START)."""
    times = [(version, START + pd.Timedelta(hours=hours)) for version, hours in holders]
    return [
        AliasEvent(n, "champion", n, version, None, "0" * 64, 1, time, time, "ann", "better", None)
        for n, (version, time) in enumerate(times, start=1)
    ]


@pytest.mark.parametrize("holders", [[("v1", 0)], [("v1", 0), ("v2", 20), ("v1", 40)], [("v1", 48), ("v2", 48)]])
def test_the_holders_of_an_alias_are_drawn(holders):
    assert words_of(alias_timeline(moves(*holders), START + pd.Timedelta(hours=48))) == "Timeline of champion"


def test_where_nobody_held_an_alias_a_sentence_says_so():
    assert is_a_sentence(alias_timeline([], START))
