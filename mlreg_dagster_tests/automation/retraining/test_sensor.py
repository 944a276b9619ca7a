"""Trainings for a cause, as the sensor asks for them and the daemon starts them: one a cause, told by its version."""

import dagster as dg
import pytest

from mlreg_dagster.models.training_request import CAUSE_TAG
from mlreg_dagster.registry import Attribution, DriftJudgement
from mlreg_dagster_tests.automation.failing import NOT_TRAINABLE

pytestmark = pytest.mark.slow

RARELY = {"retraining": {"every_days": 30}}
CAUSE = "data-sudden-2026-01-01-v1"


def decide(location, day="2026-01-01", action="retrain", cause=CAUSE, leave_out=()):
    """What `drift_decision` records of a day."""
    judged = DriftJudgement(day, "v1", "responding", "data", action, 10, cause, leave_out, {})
    by = Attribution("automation", location.world.clock.now(), "it drifts", None)
    location.world.registry.record_drift([(judged, by, location.world.clock.now())])


def cause_in(location, version):
    return location.world.registry.version(version).manifest.get("cause")


def test_a_drift_that_asks_for_a_training_has_one(reopen):
    location = reopen(configs=RARELY)
    assert location.settle() == []
    decide(location)
    asked = [location.ask("retrain_sensor").run_requests[0] for _ in range(2)]
    assert asked[0].run_key == asked[1].run_key == f"cause-{CAUSE}"  # a daemon that dies in between starts one run
    assert location.settle() == ["retrain v2", "promote None"]
    assert cause_in(location, "v2") == {"trigger": "drift", "key": CAUSE, "reason": "it drifts"}
    assert cause_in(location, "v1") is None
    decide(location, day="2026-01-02")  # which says it again
    assert location.settle() == []
    (run,) = location.instance.get_runs(filters=runs_of(CAUSE))
    assert run.tags["mlreg/trigger"] == "drift"


def runs_of(cause):
    return dg.RunsFilter(tags={CAUSE_TAG: cause})


def test_a_champion_that_is_worse_is_a_trigger_of_its_own(reopen):
    location = reopen(configs=RARELY)
    decide(location, cause="concept-worse-2026-01-01-v1")
    assert location.tick("retrain_sensor") == ["retrain v2"]
    assert cause_in(location, "v2")["trigger"] == "performance"


def test_a_training_waits_for_data_that_will_do(reopen):
    location = reopen(configs=RARELY)
    decide(location, day="2026-01-02")
    assert f"The training for {CAUSE}: it waits for the dataset of 2026-01-02" in (
        location.ask("retrain_sensor").skip_message
    )
    decide(location, leave_out=("2026-01-01",), cause="quality-severe-2026-01-01-v1")
    assert "days of severe quality, which no training takes: 2026-01-01" in location.ask("retrain_sensor").skip_message


def test_a_training_that_failed_leaves_the_champion_and_is_not_begun_again(reopen, later):
    location = reopen(configs={**RARELY, **NOT_TRAINABLE})
    decide(location)
    assert location.tick("retrain_sensor") == ["retrain v2 failed"]
    later(minutes=11)
    assert location.tick("retrain_sensor") == ["retrain v3 failed"]  # on schedule: the file was changed
    later(minutes=22)
    assert location.tick("retrain_sensor") == []
    assert f"The training for {CAUSE}: " in location.ask("retrain_sensor").skip_message
    assert len(location.instance.get_runs(filters=runs_of(CAUSE))) == 1
    assert [version for version, _ in location.champions()] == ["v1"]


def test_the_budget_is_kept(reopen):
    location = reopen(configs={**RARELY, "drift": {"response": {"trainings": 0}}})
    decide(location)
    assert "the 0 trainings of 30 days (drift.yaml) have been started" in location.ask("retrain_sensor").skip_message


def test_much_new_data_is_a_trigger_where_it_is_asked_for(reopen):
    wanted = {"retraining": {"every_days": 30, "volume": {"rows": 1}}, "drift": {"response": {"cooldown_days": 1}}}
    location = reopen("2026-01-04T00:30", configs=wanted)
    location.freeze_another_day("2026-01-03")
    (request,) = location.ask("retrain_sensor").run_requests
    assert request.run_key == "cause-volume-v1"
    config = request.run_config["ops"]["candidate_model"]["config"]
    assert (config["trigger"], config["dataset"]) == ("volume", "2026-01-03")
    assert location.tick("retrain_sensor") == ["retrain v2 failed"]  # Dagster does not know that dataset
    assert cause_in(location, "v1") is None


def test_a_person_trains_for_a_reason_that_is_shown_and_may_not_speak_for_a_sensor(reopen):
    location = reopen(configs=RARELY)
    version = location.world.retrain({"model": "model", "reason": "many new coins", "actor": "ada"})
    assert cause_in(location, version)["trigger"] == "manual"
    (run,) = location.instance.get_runs(filters=runs_of(cause_in(location, version)["key"]))
    assert run.tags["mlreg/trigger"] == "manual"
    event = location.instance.get_latest_materialization_event(dg.AssetKey("candidate_model"))
    shown = event.asset_materialization.metadata["cause"].value
    assert shown == f"manual: many new coins ({cause_in(location, version)['key']})"
    with pytest.raises(Exception, match="for runs of sensors only"):
        location.world.train({"model": "model", "trigger": "drift", "cause": "x", "reason": "y"})
