"""A manifest holds the flag policy and the training scores; earlier ones mean the frozen threshold, byte for byte."""

import json
from dataclasses import replace

import numpy as np
import pytest

from mlreg_dagster.config import FROZEN, FlaggingSettings
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.artifacts.trust import UntrustedModel
from mlreg_dagster.models.manifests import (
    TRAINING_SCORES,
    USUAL,
    flagging_in,
    recorded_settings,
    settings_in,
    start_up_in,
)
from mlreg_dagster.models.training import retrain
from mlreg_dagster_tests.models.builders import settings_of


def earlier(model):
    """A model as releases without flag policies made it."""
    manifest = {name: value for name, value in model.manifest.items() if name not in {TRAINING_SCORES, USUAL}}
    settings = {name: value for name, value in manifest["settings"].items() if name != "flagging"}
    return replace(model, manifest={**manifest, "settings": settings})


@pytest.mark.parametrize("detector", ["isolation_forest", "local_outlier_factor"])
def test_an_earlier_version_trains_again_to_the_same_manifest_and_scores(world, model_of, detector):
    then = earlier(model_of(detector))
    again = retrain(dict(then.manifest), world.training)
    assert json.dumps(again.manifest, sort_keys=True) == json.dumps(dict(then.manifest), sort_keys=True)
    rows = world.holdout.rows[then.features]
    assert again.score(rows).tobytes() == then.score(rows).tobytes()


def test_an_earlier_version_flags_by_its_frozen_threshold(world, model_of):
    then = earlier(model_of("isolation_forest"))
    assert flagging_in(then.manifest) == settings_in(then.manifest).flagging == FROZEN
    assert start_up_in(then.manifest) is None
    scores = then.score(then.select(world.holdout.rows))
    assert set(then.thresholds(world.holdout.rows["hour"], scores)) == {then.threshold}


def test_a_frozen_policy_is_recorded_as_before_there_were_policies(world):
    model = world.train(flagging={"policy": "frozen"})
    assert "flagging" not in model.manifest["settings"]
    assert TRAINING_SCORES not in model.manifest
    assert retrain(dict(model.manifest), world.training).manifest == model.manifest


def test_a_new_version_holds_its_policy_and_its_training_scores(world, model_of):
    model = model_of("isolation_forest")
    assert flagging_in(model.manifest) == FlaggingSettings()
    assert settings_in(model.manifest) == settings_of("isolation_forest")
    assert recorded_settings(settings_in(model.manifest)) == model.manifest["settings"]
    rows = world.training.rows[model.features]
    for start, score in (
        (start_up_in(model.manifest), model.score),
        (start_up_in(model.manifest, baseline=True), model.baseline_score),
    ):
        assert start.rows_an_hour == len(rows) / len(world.training.window.hours)
        np.testing.assert_allclose(start.quantiles[[0, 100, 200]], np.quantile(score(rows), [0, 0.5, 1]))
    assert retrain(dict(model.manifest), world.training).manifest == model.manifest


@pytest.mark.parametrize(
    "change",
    [
        {TRAINING_SCORES: {"quantiles": [0.0, float("inf")], "baseline_quantiles": [0, 1], "rows_an_hour": 1.0}},
        {TRAINING_SCORES: {"quantiles": [0.0], "baseline_quantiles": [0, 1], "rows_an_hour": 1.0}},
        {TRAINING_SCORES: {"baseline_quantiles": [0, 1], "rows_an_hour": 1.0}},
        {TRAINING_SCORES: [1, 2]},
        {"settings": {"detector": "isolation_forest", "flagging": {"policy": "guess"}}},
        {"settings": {"detector": "isolation_forest", "flagging": 5}},
    ],
)
def test_a_manifest_with_another_policy_or_no_quantiles_is_no_manifest(model_of, change):
    content = json.dumps({**model_of("isolation_forest").manifest, **change}).encode()
    with pytest.raises(UntrustedModel, match="has no manifest of a model"):
        artifact._read_manifest(content, "v1")


def test_the_gates_judge_what_serving_would_flag(world, model_of):
    """The holdout's hours one after the other, from the training scores on."""
    model = model_of("isolation_forest")
    rows = world.holdout.rows
    scores = model.score(model.select(rows))
    found = model.thresholds(rows["hour"], scores)
    assert len(set(found)) > 1
    first = rows["hour"] == rows["hour"].min()
    assert (found[first] == model.thresholds(rows["hour"][first], scores[first])).all()
