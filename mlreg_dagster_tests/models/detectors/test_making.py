"""The pipeline that a model file asks for: what its detector sees."""

import numpy as np
import pytest
from pydantic import ValidationError

from mlreg_dagster.config import ConfigError, MemberSettings, ModelSettings
from mlreg_dagster.extensions import detector, isolated
from mlreg_dagster.models.detectors.making import make_pipeline
from mlreg_dagster.models.detectors.names import SCORERS
from mlreg_dagster.models.detectors.scoring import own_space
from mlreg_dagster.models.training import retrain
from mlreg_dagster_tests.models.builders import MEMBERS, settings_of
from mlreg_dagster_tests.testing.planted import Sound

ALONE = sorted(SCORERS.keys() - {"ensemble"})
ROWS = np.random.default_rng(0).normal(size=(500, 4)) @ np.random.default_rng(1).normal(size=(4, 4))


def sees_white_space(settings):
    pipeline = make_pipeline(settings)
    pipeline[:-1].fit(ROWS)  # what the detector itself learns from is its own affair
    seen = own_space(pipeline, ROWS)
    return np.allclose(np.cov(seen.T), np.eye(4), atol=1e-9)


@pytest.mark.parametrize("name", ALONE)
def test_whiten_decides_what_a_detector_sees(name):
    assert sees_white_space(settings_of(name, whiten=True))
    assert not sees_white_space(settings_of(name, whiten=False))
    assert sees_white_space(settings_of(name, whiten=None)) == (name not in {"robust_z_score", "crash_classifier"})


def test_whiten_decides_for_a_detector_of_a_plug_in_too():
    with isolated():
        detector("plain", whitened=False)(Sound)
        assert [sees_white_space(settings_of("plain", whiten=whiten)) for whiten in (None, True, False)] == [0, 1, 0]


@pytest.mark.parametrize("name", ALONE)
def test_a_model_file_that_says_nothing_of_whitening_is_written_as_before_there_was_the_setting(name, model_of, world):
    written = model_of(name).manifest["settings"]
    assert not {"whiten", "members"} & written.keys()
    assert ModelSettings.model_validate(written) == settings_of(name)
    plain = world.train(name, whiten=False)
    assert plain.manifest["settings"] == written | {"whiten": False}
    rows = world.holdout.rows[plain.features]
    np.testing.assert_array_equal(retrain(plain.manifest, world.training).score(rows), plain.score(rows))


def test_each_member_of_an_ensemble_has_its_own_space():
    members = make_pipeline(settings_of("ensemble", members=MEMBERS))[-1].members
    assert [[name for name, _ in member.steps] for member in members] == [["whiten", "detector"], ["detector"]]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"detector": "ensemble", "members": MEMBERS[:1]}, "at least two members"),
        ({"detector": "ensemble", "members": MEMBERS * 6}, "at most 10 items"),
        ({"detector": "ensemble", "whiten": True}, "whiten belongs to each member"),
        ({"detector": "isolation_forest", "members": MEMBERS}, "members belong to the detector ensemble"),
    ],
)
def test_settings_that_make_no_ensemble_are_refused(settings, said):
    with pytest.raises(ValidationError, match=said):
        ModelSettings(**settings)


@pytest.mark.parametrize("name", ["ensemble", "no_such_detector", "plain"])
def test_members_are_detectors_of_the_package(name):
    with isolated():
        detector("plain")(Sound)
        members = (*MEMBERS, MemberSettings(detector=name))
        with pytest.raises(ConfigError, match=rf"can't have the member {name}; allowed are isolation_forest, local"):
            make_pipeline(settings_of("ensemble", members=members))
