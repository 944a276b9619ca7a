"""The best of a study as a training."""

import dataclasses

import pytest

from mlreg_dagster.models.tuning.best import NothingToTrain, request_for
from mlreg_dagster.models.tuning.record import write_study
from mlreg_dagster_tests.models.tuning.studies import a_study


def test_a_study_says_what_is_trained_and_nothing_else_does(store):
    write_study(store, a_study())
    request, origin = request_for(store, "forest", {})
    assert (request["model"], request["dataset"]) == ("model", "2017-12-14")
    assert request["overrides"]["params"] == {"n_estimators": 100, "max_samples": 0.1}
    assert origin == {"study": {"name": "forest", "trial": 1}}
    with pytest.raises(NothingToTrain, match="Leave model and overrides out"):
        request_for(store, "forest", {"model": "model_lof", "overrides": {"seed": 1}})
    write_study(store, dataclasses.replace(a_study("plain"), best=0))
    with pytest.raises(NothingToTrain, match=r"The best of study plain is model\.yaml as it was"):
        request_for(store, "plain", {})
