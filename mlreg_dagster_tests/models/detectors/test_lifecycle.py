"""Detectors beyond the default one pass through the graph like any version: trained, evaluated, reproduced, scoring."""

import pytest

from mlreg_dagster import jobs
from mlreg_dagster.core.hours import hour_key
from mlreg_dagster.evidence.reproduction import reproduce
from mlreg_dagster.models.detectors.names import SCORERS
from mlreg_dagster.models.gates import GATES
from mlreg_dagster.runner import asset_config
from mlreg_dagster_tests.lifecycle import LIVE, failure, metadata

FEW_TREES = {"n_estimators": 10}
CHOICES = {
    "nearest neighbors": {"detector": "nearest_neighbors", "params": {"n_neighbors": 10}},
    "ensemble": {
        "detector": "ensemble",
        "params": {},
        "members": [
            {"detector": "isolation_forest", "params": FEW_TREES, "whiten": True},
            {"detector": "local_outlier_factor", "whiten": False},
            {"detector": "robust_z_score", "whiten": True},
        ],
    },
}


@pytest.mark.parametrize("choice", CHOICES.values(), ids=CHOICES)
def test_a_version_is_trained_evaluated_reproduced_and_a_challenger(trained, choice):
    version = trained.train({"overrides": choice, "actor": "tester"})
    registered = trained.registry.version(version)
    assert (
        registered.manifest["settings"].items() >= {"detector": choice["detector"], "params": choice["params"]}.items()
    )
    assert registered.manifest["graph"].startswith("labels the ")
    trained.run_partition(jobs.EVALUATE, version, asset_config("evaluated_model", {"actor": "tester"}))
    gates = trained.registry.evaluations(version)[-1].gates
    assert [gate.name for gate in gates] == list(GATES)
    assert all(gate.value is not None for gate in gates)
    assert reproduce(registered, trained.artifacts).is_exact
    assert trained.registry.status(version) == "evaluated", [gate for gate in gates if not gate.passed]
    trained.promote("v1", LIVE)
    trained.promote(version, LIVE, alias="challenger")
    predicted = metadata(trained.attempt("predictions", key=hour_key(LIVE)), "predictions")
    assert SCORERS[choice["detector"]] in str(predicted)


def test_an_ensemble_of_one_member_is_refused_before_a_version_is_used_up(trained):
    trained.add_version("v4")
    config = {"overrides": {"detector": "ensemble", "params": {}, "members": [{"detector": "robust_z_score"}]}}
    message = failure(trained.attempt("candidate_model", key="v4", config=config))
    assert "the detector ensemble needs at least two members" in message
    assert len(trained.registry.versions()) == 3
