import pandas as pd
import pytest

from mlreg_dagster.config import OutcomeSettings
from mlreg_dagster.outcomes.performance.metrics import performance, summary
from mlreg_dagster.outcomes.plots import confusion_picture, performance_picture, score_picture
from mlreg_dagster_tests.outcomes.frames import outcomes_of, predictions_of
from mlreg_dagster_tests.svg import words_of

pytestmark = [
    pytest.mark.pictures,
    pytest.mark.filterwarnings("error::RuntimeWarning", "error::UserWarning"),  # numpy's and matplotlib's
]

SETTINGS = OutcomeSettings(bootstrap_samples=100)


def outcomes(kinds, version="v1"):
    """Outcomes from (day, flagged, outcome)."""
    return outcomes_of(
        {
            "at": 24 * day,
            "instrument_id": f"{n}",
            "is_anomaly": flagged,
            "outcome": what,
            "model_version": version,
        }
        for n, (day, flagged, what) in enumerate(kinds)
    )


def test_the_confusion_picture_says_how_many_were_caught():
    counts = summary(
        outcomes([(0, True, "crash"), (0, False, "crash"), (0, True, "no_crash"), (0, True, "unresolved")]),
        SETTINGS,
    )
    words = words_of(confusion_picture(counts.iloc[0]))
    assert "1 of 2 crashes and 1 of 1 non-crashes were flagged" in words
    assert "unresolved (no price): 1" in words


@pytest.mark.parametrize("kinds", [[(0, False, "unresolved")], [(0, True, "no_crash")], [(0, False, "crash")]])
def test_pictures_are_drawn_where_rates_are_undefined(kinds):
    rows = performance(outcomes([*kinds, *((3, *kind[1:]) for kind in kinds)]))
    assert "2020-01-01 to 2020-01-04" in words_of(performance_picture(rows))
    assert words_of(confusion_picture(rows.iloc[0]))


def test_the_performance_picture_names_the_versions_in_their_order():
    days = [(0, True, "crash"), (0, False, "no_crash"), (1, False, "no_crash"), (3, True, "no_crash")]
    rows = performance(pd.concat([outcomes(days, version) for version in ("v10", "v2")]))
    assert "v2, v10" in words_of(performance_picture(rows))


def test_the_score_picture_says_how_many_are_flagged():
    rows = [{"instrument_id": f"{n}", "score": 0.1 * n, "is_anomaly": 0.1 * n > 1.0} for n in range(15)]
    other = [
        {**row, "model_version": "v2", "score": 1e6 * row["score"], "is_anomaly": True, "threshold": -1.0}
        for row in rows
    ]
    words = words_of(score_picture(predictions_of([*rows, *other])))
    assert "v1: 4 of 15 flagged; v2: 15 of 15 flagged" in words


@pytest.mark.parametrize("scores", [[1.0], [1.0, 1.0, 1.0], [-5.0, 80.0]])
def test_a_few_or_equal_scores_are_drawn(scores):
    rows = [{"instrument_id": f"{n}", "score": score} for n, score in enumerate(scores)]
    assert f"0 of {len(scores)} flagged" in words_of(score_picture(predictions_of(rows)))


def test_where_there_is_nothing_the_picture_says_so():
    nothing = outcomes_of([])
    assert words_of(score_picture(predictions_of([]))) == "No predictions."
    assert words_of(performance_picture(performance(nothing))) == "No prediction has fallen due."
    counts = dict.fromkeys(summary(nothing, SETTINGS).columns, 0)
    assert words_of(confusion_picture(counts)) == "No prediction has fallen due."
