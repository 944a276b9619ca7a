"""A run config changes what it names, checked like a file."""

import pytest

from mlreg_dagster.config import ConfigError, EvaluationSettings, ModelSettings, OutcomeSettings


def test_override_changes_what_it_names_and_leaves_the_original():
    outcomes = OutcomeSettings()
    assert outcomes.override({"crash_pct": -5}) == OutcomeSettings(crash_pct=-5.0)
    assert outcomes == OutcomeSettings()
    evaluation = EvaluationSettings().override({"injection": {"rounds": 2}})
    assert (evaluation.injection.rounds, evaluation.injection.seed) == (2, 20)
    assert ModelSettings().override({"params": {"n_neighbors": 5}}).params == {"n_neighbors": 5}


def test_override_keeps_what_is_said_but_left_out_of_records():
    given = {"injection": {"seeds": 1, "days": 1}, "comparison": {"refits": 0}}
    evaluation = EvaluationSettings.model_validate(given)
    assert evaluation.override({}) == evaluation
    assert evaluation.override({"injection": {"days": 2}}).injection.seeds == 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"crash": -5}, r"run config: crash: unknown key; allowed are .*crash_pct"),
        ({"crash_pct": "-5"}, r"run config: crash_pct: .*number"),
        ({"crash_pct": 5}, r"run config: crash_pct: .*less than 0"),
        ({"horizon_hours": 4, "price_tolerance_hours": 4}, r"run config: as a whole: price_tolerance_hours"),
    ],
)
def test_override_is_checked_like_a_file(values, message):
    with pytest.raises(ConfigError, match=message):
        OutcomeSettings().override(values)
