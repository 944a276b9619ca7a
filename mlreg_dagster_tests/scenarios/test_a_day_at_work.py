"""A deployment at work, through all that may happen in a day: an outage, people at the launchpad, a backfill.

The source gives no answer about six hours, and the hours after them arrive before it does. A person compares detectors,
and takes a champion back. A person asks for one day of the whole graph: that day is made, and no other.
"""

import pytest

from mlreg_dagster.core.hours import as_hour, hour_key, hour_range
from mlreg_dagster.models.gates import GATES
from mlreg_dagster.verification import state
from mlreg_dagster_tests.deployment import Deployment, rows_of_versions
from mlreg_dagster_tests.location import SENSORS, Location
from mlreg_dagster_tests.svg import words_of

pytestmark = pytest.mark.slow

DAY = "2026-01-02"
HOURS = list(map(hour_key, hour_range(as_hour(DAY), as_hour(f"{DAY}T23:00"))))
LOST, NEXT, AFTER_THE_ROLLBACK = HOURS[:6], HOURS[6], HOURS[8]
HOURLY = ("market_snapshot", "market_features", "predictions", "prediction_outcomes")
DAILY = ("training_dataset", "eval_holdout", "model_performance")
POLICY = {"promotion": {"automatic": "better"}}  # a dozen instruments are too few to tell two versions apart
FOREST = {"detector": "isolation_forest", "params": {"n_estimators": 50}}
CLOSE_NEIGHBOURS = {"params": {"n_neighbors": 5}}


def test_outages_people_and_backfills_get_along(first_day, verified, monkeypatch):
    Location(first_day, f"{DAY}T00:30", POLICY)  # puts the policy in force
    with Deployment(first_day, f"{DAY}T00:30", POLICY) as deployment:
        assert verified(deployment)[0] == 0
        _six_lost_hours_are_filled_in_as_one_range_and_what_followed_is_made_again(deployment, verified)
        _detectors_are_compared_by_override_and_a_champion_is_rolled_back_by_name(deployment, verified)
        deployment.stop(*SENSORS)
        _a_backfill_of_a_day_materializes_that_day_alone(deployment)
        _an_older_hour_that_is_made_later_is_not_taken_for_the_newest(deployment, verified, monkeypatch)


# --- an outage ---------------------------------------------------------------------------------------------------


def _six_lost_hours_are_filled_in_as_one_range_and_what_followed_is_made_again(deployment, verified):
    deployment.break_source(f"{DAY}T00:00", f"{DAY}T05:00")
    deployment.set_clock(f"{DAY}T06:30")
    failed = _the_run_of_the_lost_hours_fails(deployment, verified)
    deployment.set_clock(f"{DAY}T07:30")
    _the_next_hour_comes_all_the_same(deployment)
    deployment.repair_source()
    _the_lost_hours_come_in(deployment)
    _the_next_hour_is_made_again(deployment)
    deployment.wait_for("rest", lambda: deployment.says("catch_up_sensor").endswith("are up to date."))
    code, findings = verified(deployment)
    assert (code, findings["predictions"][0], findings["runs"][0]) == (0, "ok", "ok"), findings
    told = f"Run {failed.id} of job hourly of {LOST[0]}...{LOST[-1]} failed: simulated: the source does not answer"
    deployment.wait_for("notice of the failure", lambda: told in deployment.log.read_text())


def _the_run_of_the_lost_hours_fails(deployment, verified):
    run = deployment.wait_for("failed run", lambda: deployment.client.runs(1, statuses=["FAILURE"]))[0]
    assert (run.job, _range_of(run)) == ("hourly", (LOST[0], LOST[-1]))
    assert "simulated: the source does not answer" in deployment.failure(run)
    assert deployment.newest("market_snapshot", *LOST) == {}
    code, findings = verified(deployment)
    assert (code, findings["runs"][0]) == (1, "miss")
    assert "hourly" in findings["runs"][1]
    assert findings["market_snapshot"] == ("ok", "12 rows in 2026-01-01-23:00.")
    assert {each["held"] for each in deployment.page(f"/hours/{LOST[0]}")["stored"]} == {"never computed"}
    return run


def _the_next_hour_comes_all_the_same(deployment):
    run = deployment.ended(deployment.launch("hourly", {}, NEXT))  # as the schedule does, by the machine's clock
    assert run.status == "SUCCESS"
    assert rows_of_versions(deployment.newest("predictions", NEXT)[NEXT]) > 0


def _the_lost_hours_come_in(deployment):
    deployment.wait_for("lost hours", lambda: len(deployment.newest("prediction_outcomes", *LOST)) == len(LOST))
    made = {asset: deployment.newest(asset, *LOST) for asset in HOURLY}
    assert {each["held"] for each in deployment.page(f"/hours/{LOST[0]}")["stored"][:2]} == {"rows"}
    (run_id,) = {each.run_id for hours in made.values() for each in hours.values()}
    assert _range_of(deployment.ended(run_id)) == (LOST[0], LOST[-1])
    assert all(made["market_snapshot"][hour].rows == made["market_features"][hour].rows > 0 for hour in LOST)
    assert [rows_of_versions(made["predictions"][hour]) > 0 for hour in LOST] == [False, True, True, True, True, True]
    assert words_of(made["market_snapshot"][LOST[-1]].metadata["price_changes"])


def _the_next_hour_is_made_again(deployment):
    follow_up = deployment.wait_for("follow-up", lambda: deployment.client.runs(pipelineName="follow_up"))
    assert _range_of(deployment.ended(follow_up[0].id)) == (NEXT, NEXT)
    times_made = {asset: len(deployment.client.materializations(asset, partitions=[NEXT])) for asset in HOURLY}
    assert times_made == dict.fromkeys(HOURLY, 2) | {"market_snapshot": 1}


def _range_of(run):
    return run.tags["dagster/asset_partition_range_start"], run.tags["dagster/asset_partition_range_end"]


# --- people ------------------------------------------------------------------------------------------------------


def _detectors_are_compared_by_override_and_a_champion_is_rolled_back_by_name(deployment, verified):
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

    deployment.set_clock(f"{DAY}T09:30")
    hour = AFTER_THE_ROLLBACK
    predictions = deployment.wait_for("predictions", lambda: deployment.newest("predictions", hour))[hour]
    assert predictions.rows > 0
    assert [row["version"] for row in predictions.metadata["models"]] == ["v1"]
    assert len(deployment.client.materializations("champion_model")) == 3
    deployment.wait_for("end of the last run", deployment.all_ended)


# --- a backfill --------------------------------------------------------------------------------------------------


def _a_backfill_of_a_day_materializes_that_day_alone(deployment):
    before = {asset: deployment.newest(asset) for asset in (*HOURLY, *DAILY)}
    deployment.set_clock("2026-01-03T00:30")
    assert deployment.backfill((*HOURLY, *DAILY), HOURS) == "COMPLETED_SUCCESS"
    for asset, known in before.items():
        made = {key for key, each in deployment.newest(asset).items() if each != known.get(key)}
        assert made == (set(HOURS) if asset in HOURLY else {DAY}), asset
    assert all(each.rows == 12 for each in deployment.newest("market_features", *HOURS).values())
    assert deployment.all_ended()
    days = {each["day"][:10]: each["hours"] for each in deployment.page("/hours")["days"]}
    assert [hour["features"] for hour in days[DAY]] == [12] * 24


def _an_older_hour_that_is_made_later_is_not_taken_for_the_newest(deployment, verified, monkeypatch):
    monkeypatch.setattr(state, "_RECENT", 1)
    assert deployment.ended(deployment.launch("hourly", {}, "2026-01-01-05:00")).status == "SUCCESS"
    _, findings = verified(deployment)
    for asset in HOURLY:
        assert findings[asset] == ("ok", "12 rows in 2026-01-02-23:00."), asset
    assert findings["flagged share"][0] in ("ok", "miss")
    assert f"in the day up to {DAY} 23:00" in findings["flagged share"][1]
