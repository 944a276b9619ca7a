"""An evaluation that departs from what is in force is an experiment, and says how it departs."""

import pytest

from mlreg_dagster.config import EvaluationSettings
from mlreg_dagster.models.evaluation import experiments

IN_FORCE = EvaluationSettings().model_dump(mode="json")


def departures(**changes):
    usual = {"thresholds": IN_FORCE, "in_force": IN_FORCE, "holdout_day": "2026-01-14", "dataset_day": "2026-01-14"}
    return experiments.departures(**{**usual, "code": experiments.code_sha256(), **changes})


def test_an_evaluation_as_configured_is_none():
    assert departures() == ()
    assert departures(holdout_day=None, code=None) == ()  # an older release did not record them


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"max_anomaly_rate": 1.0}, "max_anomaly_rate was 1.0 instead of 0.2"),
        ({"injection": {"seed": 21}}, "injection.seed was 21 instead of 20"),
        ({"strict": {"min_improvement": 0.0}}, "strict.min_improvement was 0.0 instead of 0.1"),
        ({"comparison": {"confidence": 0.6}}, "comparison.confidence was 0.6 instead of 0.95"),
        ({"stability": {"refits": 2}}, "stability.refits was 2 instead of 5"),
    ],
)
def test_every_other_setting_is_named(changes, said):
    assert departures(thresholds=EvaluationSettings(**changes).model_dump(mode="json")) == (said,)


def test_another_holdout_and_other_code_are_named():
    assert departures(holdout_day="2026-01-13") == ("the holdout was 2026-01-13 instead of 2026-01-14",)
    assert departures(code="c" * 64) == ("the gates' code was another",)


def test_settings_that_are_missing_or_unknown_depart():
    fewer = {key: value for key, value in IN_FORCE.items() if key != "min_silhouette"}
    assert departures(thresholds=fewer) == ("min_silhouette was unset instead of 0.0",)
    assert departures(thresholds={**IN_FORCE, "luck": 1}) == ("luck was 1 instead of unset",)
