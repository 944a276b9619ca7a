"""An empty home, left alone: from the first hours to a champion that predicts."""

import pytest

from mlreg_dagster.core.hours import as_hour, hour_range
from mlreg_dagster.models.gates import GATES
from mlreg_dagster_tests.deployment import Deployment, rows_of_versions
from mlreg_dagster_tests.svg import words_of

pytestmark = pytest.mark.slow

DAY = sorted(hour_range(as_hour("2026-01-01"), as_hour("2026-01-01T23:00")).strftime("%Y-%m-%d-%H:%M"))
FOLLOWING = [f"2026-01-02-0{hour}:00" for hour in range(4)]


def test_cold_start_trains_promotes_and_predicts_with_no_hand_on_it(deployment_folder, verified):
    with Deployment(deployment_folder, "2026-01-02T00:30", runs="spawned") as deployment:
        code, findings = verified(deployment)
        assert (code, findings["champion"][0], findings["predictions"][0]) == (0, "waiting", "waiting")
        assert (deployment.badges(), deployment.page("/")["champion"]["weights"]) == ({}, {})

        deployment.wait_for("champion", lambda: deployment.client.materializations("champion_model"))
        _the_first_day_is_there(deployment)
        _the_first_version_is_champion(deployment)
        _the_pages_show_both(deployment)

        deployment.set_clock("2026-01-02T04:30")
        deployment.wait_for("predictions", lambda: deployment.newest("predictions", FOLLOWING[-1]))
        rows = {hour: rows_of_versions(each) for hour, each in deployment.newest("predictions", *FOLLOWING).items()}
        assert rows["2026-01-02-00:00"] == 0  # nobody was champion yet
        assert all(rows[hour] > 0 for hour in FOLLOWING[1:])

        deployment.wait_for("end of the last run", deployment.all_ended)
        jobs = ("datasets", "hourly", "hourly", "performance", "promote", "retrain")
        assert sorted(deployment.runs()) == [(job, "SUCCESS") for job in jobs]
        code, findings = verified(deployment)
        assert (code, findings["flagged share"][0]) == (0, "waiting")  # three hours tell too little
        unsure = {name for name, (state, _) in findings.items() if state != "ok"}
        assert unsure <= {"flagged share", "checks", "freshness"}, findings


def _the_first_day_is_there(deployment):
    for asset, picture in (("market_snapshot", "price_changes"), ("market_features", "distributions")):
        hours = deployment.newest(asset)
        assert sorted(hours) == DAY
        assert {each.rows for each in hours.values()} <= set(range(9, 13))
        assert words_of(hours[DAY[-1]].metadata[picture])
    for asset in ("predictions", "prediction_outcomes"):
        assert {rows_of_versions(each) for each in deployment.newest(asset, *DAY).values()} == {0}
    assert deployment.newest("training_dataset")["2026-01-01"].rows > 100
    assert deployment.newest("eval_holdout")["2026-01-01"].rows > 50


def _the_first_version_is_champion(deployment):
    (champion,) = deployment.client.materializations("champion_model")
    assert champion.metadata["champion"] == "v1"
    assert champion.metadata["moved"] == "champion: nobody → v1"
    assert champion.metadata["actor"] == "automation"
    assert champion.metadata["reason"] == "the first version whose gates passed"
    assert words_of(champion.metadata["history"]) == "Timeline of champion"

    evaluated = deployment.newest("evaluated_model")
    assert {version: each.metadata["status"] for version, each in evaluated.items()} == {"v1": "evaluated"}
    assert words_of(evaluated["v1"].metadata["gate_summary"]).count("passed") == len(GATES)
    assert deployment.gates("v1") == dict.fromkeys(GATES, "SUCCEEDED")


def _the_pages_show_both(deployment):
    assert deployment.badges() == {"v1": ("evaluated", ["champion"])}
    overview = deployment.page("/")
    assert overview["champion"]["weights"] == {"v1": 10000}
    assert overview["champion"]["standing"]["moves"][0]["reason"] == "the first version whose gates passed"
    assert deployment.page("/versions/champion")["version"] == "v1"
    drawn = {card["asset"] for card in deployment.page("/cards")["cards"]}
    assert {"market_snapshot", "market_features", "training_dataset", "evaluated_model", "champion_model"} <= drawn
    (day,) = deployment.page("/hours")["days"]
    assert [hour["held"] for hour in day["hours"]] == ["rows"] * 24
