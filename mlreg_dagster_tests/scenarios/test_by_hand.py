"""A person at the launchpad, next to the automation: comparing detectors, and taking a champion back."""

import pytest

from mlreg_dagster.models.gates import GATES
from mlreg_dagster_tests.deployment import Deployment
from mlreg_dagster_tests.location import Location
from mlreg_dagster_tests.svg import words_of

pytestmark = pytest.mark.slow

POLICY = {"promotion": {"automatic": "better"}}  # a dozen instruments are too few to tell two versions apart
FOREST = {"detector": "isolation_forest", "params": {"n_estimators": 50}}
CLOSE_NEIGHBOURS = {"params": {"n_neighbors": 5}}


def test_detectors_are_compared_by_override_and_a_champion_is_rolled_back_by_name(first_day, verified):
    Location(first_day, "2026-01-02T00:30", POLICY)  # puts the policy in force
    with Deployment(first_day, "2026-01-02T02:30", POLICY) as deployment:
        _an_isolation_forest_is_no_better(deployment)
        _closer_neighbours_take_over_by_hand(deployment)
        _the_champion_is_rolled_back_and_stays_so(deployment)
        assert verified(deployment)[0] == 0
        deployment.stop("catch_up_sensor")
        code, findings = verified(deployment)
        assert (code, findings["automation"][0]) == (1, "miss")
        assert "catch_up_sensor" in findings["automation"][1]


def _an_isolation_forest_is_no_better(deployment):
    run = deployment.retrain("v2", {"overrides": FOREST, "actor": "ada"})
    assert run.status == "SUCCESS", deployment.failure(run)
    candidates = deployment.newest("candidate_model")
    assert {version: each.metadata["detector"] for version, each in candidates.items()} == {
        "v1": "local_outlier_factor",
        "v2": "isolation_forest",
    }
    assert candidates["v2"].metadata["settings"]["params"] == FOREST["params"]
    assert candidates["v2"].metadata["trained_by"] == "ada"

    evaluated = deployment.newest("evaluated_model")["v2"]
    precision, flagged = evaluated.metadata["versus_champion"]  # rows of a table
    assert (precision["on the same rows"], flagged["on the same rows"]) == ("average precision", "flagged share")
    assert float(precision["v2"]) == pytest.approx(evaluated.metadata["average_precision"], abs=1e-3)
    forest, neighbours = (float(precision[version]) for version in ("v2", "v1"))
    assert forest < neighbours
    assert words_of(evaluated.metadata["scores"])
    assert (evaluated.metadata["status"], deployment.gates("v2")) == ("evaluated", dict.fromkeys(GATES, "SUCCEEDED"))
    refusal = "v2 is not distinguishable from v1 at finding planted anomalies: "
    deployment.wait_for("refusal", lambda: deployment.says("promote_sensor").startswith(refusal))
    assert deployment.newest("champion_model")[None].metadata["champion"] == "v1"
    assert deployment.badges() == {"v1": ("evaluated", ["champion"]), "v2": ("evaluated", [])}
    compared = deployment.page("/compare/v1/v2")["differences"]["manifests"]["settings"]
    assert ["settings.detector", "local_outlier_factor", "isolation_forest"] in compared


def _closer_neighbours_take_over_by_hand(deployment):
    assert deployment.retrain("v3", {"overrides": CLOSE_NEIGHBOURS, "actor": "ada"}).status == "SUCCESS"
    refusal = "v3 is not distinguishable from v1 at finding planted anomalies: "
    deployment.wait_for("refusal", lambda: deployment.says("promote_sensor").startswith(refusal))
    run = deployment.promote("v3", "to see it at work")
    assert run.status == "SUCCESS", deployment.failure(run)
    assert (run.tags["mlreg/version"], run.tags["mlreg/actor"]) == ("v3", "ada")
    champion = deployment.newest("champion_model")[None].metadata
    assert (champion["moved"], champion["reason"]) == ("champion: v1 → v3", "to see it at work")
    assert {version for version, (_, badges) in deployment.badges().items() if "champion" in badges} == {"v3"}


def _the_champion_is_rolled_back_and_stays_so(deployment):
    assert deployment.promote("v1", "too many false alarms").status == "SUCCESS"
    deployment.wait_for("tick", lambda: deployment.says("promote_sensor").startswith("No version is newer"))
    champion = deployment.newest("champion_model")[None].metadata
    assert champion["champion"] == "v1"
    assert champion["moved"] == "champion: v3 → v1"
    assert (champion["actor"], champion["reason"]) == ("ada", "too many false alarms")
    assert words_of(champion["history"]) == "Timeline of champion"
    assert {version for version, (_, badges) in deployment.badges().items() if "champion" in badges} == {"v1"}

    deployment.set_clock("2026-01-02T04:30")
    hour = "2026-01-02-03:00"
    predictions = deployment.wait_for("predictions", lambda: deployment.newest("predictions", hour))[hour]
    assert predictions.rows > 0
    assert [row["version"] for row in predictions.metadata["models"]] == ["v1"]
    assert len(deployment.client.materializations("champion_model")) == 3
    deployment.wait_for("end of the last run", deployment.all_ended)
