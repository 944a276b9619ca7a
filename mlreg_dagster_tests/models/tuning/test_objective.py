"""What trials are judged by."""

import pytest

from mlreg_dagster.config.sections.tuning import ObjectiveSettings
from mlreg_dagster.models.tuning.measuring import sentence
from mlreg_dagster.models.tuning.objective import Figures
from mlreg_dagster.models.tuning.record import Measured

EQUAL = ObjectiveSettings()


def test_the_objective_is_a_weighted_mean_of_what_is_known():
    assert Figures(0.6, 0.2).combined(EQUAL) == pytest.approx(0.4)
    assert Figures(0.6, 0.2).combined(ObjectiveSettings(planted=0.9, worth=0.1)) == pytest.approx(0.56)
    assert Figures(0.6, 0.2).combined(ObjectiveSettings(planted=0, worth=1)) == pytest.approx(0.2)
    assert Figures(0.6, None).combined(EQUAL) == pytest.approx(0.6)
    assert Figures(None, None).combined(EQUAL) == 0


def measured(figure="planted", verdict="not distinguishable"):
    return Measured(figure, 0.52, 0.5, 0.02, -0.01, 0.05, verdict, "of 24 instruments.")


@pytest.mark.parametrize(
    ("best", "found", "begins"),
    [
        (None, (), "No result: "),
        (0, (), "No gain: no trial was better than the default settings"),
        (3, (measured(), measured("worth")), "No gain can be told: trial 3 is not distinguishable"),
        (3, (measured(verdict="better"), measured("worth")), "A gain: trial 3 is better"),
        (3, (measured(verdict="worse"), measured("worth", "better")), "No gain: trial 3 is worse"),
        (3, (measured(), measured("worth", "better")), "A gain: trial 3 is better"),
    ],
)
def test_the_result_is_one_sentence_that_claims_no_more_than_the_interval(best, found, begins):
    said = sentence(best, found, EQUAL, "2 days")
    assert said.startswith(begins)
    assert said.endswith(".")


def test_a_figure_without_weight_is_not_spoken_of():
    only_planted = ObjectiveSettings(planted=1, worth=0)
    said = sentence(3, (measured(), measured("worth", "better")), only_planted, "2 days")
    assert said.startswith("No gain can be told")
