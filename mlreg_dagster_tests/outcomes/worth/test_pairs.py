"""The same hour of the same instrument, predicted by both, known to neither."""

import pytest

from mlreg_dagster.outcomes.worth.pairs import paired
from mlreg_dagster.storage.warehouse.tables import InvalidRows
from mlreg_dagster_tests.outcomes.frames import at, outcomes_of

RANKING = "ranking:fall"


def both(**of_one):
    return [{"at": 24, **of_one}, {"at": 24, "model_version": RANKING, "role": "ranking"}]


def test_a_pair_holds_what_both_have_said():
    rows = [
        {"at": 25, "instrument_id": "b", "outcome": "crash", "is_anomaly": True, "score": 3.0},
        {"at": 25, "instrument_id": "b", "outcome": "crash", "model_version": RANKING, "score": 0.2},
        *both(),
    ]
    found = paired(outcomes_of(rows), "v1", RANKING)
    assert found["prediction_hour"].tolist() == [at(0), at(1)]
    assert found[["crash", "flag", "score", "opponent_flag", "opponent_score"]].values.tolist() == [
        [False, False, 0.5, False, 0.5],
        [True, True, 3.0, False, 0.2],
    ]


@pytest.mark.parametrize("change", [{"in_sample": True}, {"outcome": "unresolved"}, {"instrument_id": "other"}])
@pytest.mark.parametrize("row", [0, 1])
def test_what_one_of_them_has_not_predicted_or_knew_is_no_pair(change, row):
    rows = both()
    rows[row] |= change
    assert paired(outcomes_of(rows), "v1", RANKING).empty


@pytest.mark.parametrize("version", ["v1", RANKING])
def test_a_prediction_made_twice_is_refused(version):
    rows = [*both(), {"at": 24, "model_version": version, "in_sample": True}]
    with pytest.raises(InvalidRows, match=f"{version} has two predictions for coin at 2020-01-01 00:00:00"):
        paired(outcomes_of(rows), "v1", RANKING)


def test_two_outcomes_of_the_same_are_refused():
    with pytest.raises(InvalidRows, match="different outcomes for coin at 2020-01-01 00:00:00"):
        paired(outcomes_of(both(outcome="crash")), "v1", RANKING)
