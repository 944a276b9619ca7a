"""Days pass, left alone: too few hours, then a version that fails a gate, then one that becomes champion."""

import pytest

from mlreg_dagster.models.gates import ANOMALY_RATE, GATES
from mlreg_dagster_tests import location
from mlreg_dagster_tests.deployment import ENDED, Deployment, rows_of_versions
from mlreg_dagster_tests.lifecycle import CONFIGS as SMALL
from mlreg_dagster_tests.svg import words_of

pytestmark = [pytest.mark.slow, pytest.mark.pictures]  # `mlreg verify` looks at them

CONFIGS = {
    "datasets": {**location.CONFIGS["datasets"], "history_hours": 40, "min_training_hours": 30},
    # volatility that does not cluster: of the second day v1 flags 18 %, of the third v2 flags 8 %
    "ingest": {**SMALL["ingest"], "simulated": {**SMALL["ingest"]["simulated"], "clustering": {"enabled": False}}},
    "evaluation": {**location.CONFIGS["evaluation"], "max_anomaly_rate": 0.12},
}


def test_days_pass_until_there_is_enough_data_and_until_a_version_passes_its_gates(deployment_folder, verified):
    location.Location(deployment_folder, "2026-01-02T00:30", CONFIGS).settle()
    with Deployment(deployment_folder, "2026-01-02T00:30", CONFIGS) as deployment:
        _one_day_is_not_enough(deployment, verified)
        deployment.set_clock("2026-01-03T00:30")
        _the_first_version_is_rejected(deployment, verified)
        deployment.set_clock("2026-01-04T00:30")
        _the_next_day_is_not_blocked(deployment, verified)
        _nor_can_a_person_promote_what_was_rejected(deployment, verified)


def _one_day_is_not_enough(deployment, verified):
    assert deployment.runs() == [("hourly", "SUCCESS"), ("performance", "SUCCESS")]
    assert len(deployment.newest("market_features")) == 24
    assert deployment.newest("training_dataset") == {}

    predictions = deployment.newest("predictions")
    assert {rows_of_versions(each) for each in predictions.values()} == {0}
    assert words_of(predictions["2026-01-01-23:00"].metadata["scores"]) == "No predictions."
    (hourly,) = deployment.client.runs(pipelineName="hourly")
    assert "There was no champion as of 2026-01-01 00:00: no predictions." in deployment.warnings(hourly)
    code, findings = verified(deployment)
    assert code == 0
    assert {name for name, (state, _) in findings.items() if state == "waiting"} == {
        *(
            "predictions",
            "prediction_outcomes",
            "datasets",
            "versions",
            "champion",
            "champion's gates",
            "flagged share",
            "freshness",
        ),
        *("pictures of evaluated_model", "pictures of champion_model"),
    }


def _the_first_version_is_rejected(deployment, verified):
    deployment.wait_for("version", lambda: deployment.newest("evaluated_model") and deployment.all_ended())
    assert deployment.newest("training_dataset")["2026-01-02"].rows > 300
    assert deployment.newest("candidate_model")["v1"].metadata["dataset"].startswith("2026-01-02 ")
    evaluated = deployment.newest("evaluated_model")["v1"]
    assert evaluated.metadata["status"] == "rejected"
    assert f"{ANOMALY_RATE} FAILED" in words_of(evaluated.metadata["gate_summary"])
    assert deployment.gates("v1") == dict.fromkeys(GATES, "SUCCEEDED") | {ANOMALY_RATE: "FAILED"}

    refusal = f"v1 failed: {ANOMALY_RATE}."
    deployment.wait_for("refusal", lambda: deployment.says("promote_sensor") == refusal)
    assert deployment.newest("champion_model") == {}
    assert deployment.badges() == {"v1": ("rejected", [])}
    assert deployment.page("/")["champion"]["weights"] == {}
    code, findings = verified(deployment)  # a rejected version is a result, not a fault
    assert (code, findings["versions"], findings["champion"][0]) == (0, ("ok", "v1 rejected."), "waiting")


def _the_next_day_is_not_blocked(deployment, verified):
    deployment.wait_for("champion", lambda: deployment.newest("champion_model") and deployment.all_ended())
    assert sorted(deployment.newest("training_dataset")) == ["2026-01-02", "2026-01-03"]
    statuses = {version: each.metadata["status"] for version, each in deployment.newest("evaluated_model").items()}
    assert statuses == {"v1": "rejected", "v2": "evaluated"}
    assert deployment.gates("v2") == dict.fromkeys(GATES, "SUCCEEDED")
    champion = deployment.newest("champion_model")[None]
    assert (champion.metadata["champion"], champion.metadata["actor"]) == ("v2", "automation")
    assert deployment.badges() == {"v1": ("rejected", []), "v2": ("evaluated", ["champion"])}
    runs = deployment.runs()  # one look: sensors go on asking for runs
    assert (runs.count(("retrain", "SUCCESS")), runs.count(("promote", "SUCCESS"))) == (2, 1)
    assert {status for _, status in runs if status in ENDED} == {"SUCCESS"}
    assert verified(deployment)[0] == 0


def _nor_can_a_person_promote_what_was_rejected(deployment, verified):
    run = deployment.promote("v1", "I like it all the same")
    assert run.status == "FAILURE"
    error = deployment.failure(run)
    assert "GatesNotPassed: v1 failed" in error
    assert f"{ANOMALY_RATE} (" in error
    assert "17 of 96 rows flagged" in error
    assert len(deployment.client.materializations("champion_model")) == 1
    code, findings = verified(deployment)
    assert (code, findings["runs"][0], findings["champion"][0]) == (1, "miss", "ok")
    assert "promote" in findings["runs"][1]
