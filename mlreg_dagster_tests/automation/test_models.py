"""Trainings and promotions, as their sensors ask for them."""

import shutil

import pytest

from mlreg_dagster import jobs
from mlreg_dagster.automation.common import ACTOR
from mlreg_dagster.cli.sweeping import planned_sweep
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.orchestration.partitions import MODEL_VERSIONS
from mlreg_dagster_tests.automation.failing import NOT_TRAINABLE
from mlreg_dagster_tests.location import EASILY_TOLD_APART

pytestmark = pytest.mark.slow

STRICT = {"evaluation": {"min_score_gap": 50.0, "injection": {"seeds": 1, "rounds": 2}, "comparison": {"refits": 0}}}


def test_where_trainings_are_rarer_than_datasets_none_is_due(reopen):
    location = reopen("2026-01-04T00:30", configs={"retraining": {"every_days": 2}})
    location.freeze_another_day("2026-01-02")
    assert "Nothing is due" in location.ask("retrain_sensor").skip_message
    location.freeze_another_day("2026-01-03")
    assert location.ask("retrain_sensor").run_requests


def neighbours(number: int) -> dict:
    return {"model": {"detector": "local_outlier_factor", "params": {"n_neighbors": number}}}


def test_a_version_that_is_told_apart_as_better_is_promoted(reopen):
    location = reopen(configs={**EASILY_TOLD_APART, "model": {"detector": "isolation_forest"}})
    assert location.settle() == ["retrain v2"]
    assert location.ask("promote_sensor").skip_message.startswith("v2 is worse than v1 at finding planted anomalies: ")
    location.world.promote("v2", reason="a person tries the forest")
    location = reopen(configs={**EASILY_TOLD_APART, **neighbours(10)})
    assert location.settle() == ["retrain v3", "promote None"]
    move = location.world.registry.holder(CHAMPION)
    assert (move.version, move.actor) == ("v3", ACTOR)
    assert move.reason.startswith("is better than v2 at finding planted anomalies: ")


def test_a_larger_average_alone_promotes_nobody(reopen):
    location = reopen(configs={"promotion": {"automatic": "better"}, **neighbours(60)})
    assert location.settle() == ["retrain v2"]
    mine, champions = location.world.registry.latest_evaluation("v2").metrics["versus_champion"]["average_precision"]
    assert mine > champions
    assert location.ask("promote_sensor").skip_message.startswith("v2 is not distinguishable from v1 at ")
    assert [version for version, _ in location.champions()] == ["v1"]


def test_a_version_that_failed_a_gate_is_not_promoted(reopen):
    location = reopen(configs={**STRICT, "model": {"seed": 5}})
    assert location.settle() == ["retrain v2"]
    assert location.world.registry.status("v2") == "rejected"
    assert "v2 failed: " in location.ask("promote_sensor").skip_message
    assert location.champions() == [("v1", ACTOR)]


def test_a_training_that_failed_is_left_alone_until_the_next_dataset(reopen, later):
    location = reopen(configs=NOT_TRAINABLE)
    assert location.tick("retrain_sensor") == ["retrain v2 failed"]
    assert "failed" in location.ask("retrain_sensor").skip_message
    later(minutes=11)
    for _ in range(3):
        assert location.tick("retrain_sensor") == []
    assert location.versions() == ["v1", "v2"]

    location.freeze_another_day("2026-01-02")
    assert location.tick("retrain_sensor") == ["retrain v3 failed"]
    assert location.versions() == ["v1", "v2", "v3"]


def test_several_models_are_trained_each_under_its_own_name(reopen):
    models = {"retraining": {"models": ["model", "model_lof", "model_forest"], "every_days": 9}}
    location = reopen(configs=models)
    answer = location.ask("retrain_sensor")
    assert [request.partition_key for request in answer.run_requests] == ["v2", "v3"]
    assert [request.run_config["ops"]["candidate_model"]["config"]["model"] for request in answer.run_requests] == [
        "model_lof",
        "model_forest",
    ]
    assert answer.dynamic_partitions_requests[0].partition_keys == ["v2", "v3"]


def test_names_of_all_kinds_that_are_taken_are_passed_over(reopen):
    location = reopen(configs={"model": {"seed": 5}})
    location.instance.add_dynamic_partitions(str(MODEL_VERSIONS.name), ["v4", "an-experiment"])
    models = location.folder / "home" / "artifacts" / "models"
    shutil.copytree(models / "v1", models / "v6")  # bytes that were frozen, and never registered
    (request,) = location.ask("retrain_sensor").run_requests
    assert request.partition_key == "v7"


def test_the_newest_version_that_may_is_promoted_once(candidates):
    location = candidates()
    asked = [location.ask("promote_sensor").run_requests[0] for _ in range(2)]
    assert asked[0].run_key == asked[1].run_key  # so that the daemon starts one run
    assert location.tick("promote_sensor") == ["promote None"]
    assert location.champions() == [("v2", ACTOR)]
    assert location.tick("promote_sensor") == []
    assert location.runs_with("run_key", asked[0].run_key) == 1


def test_each_evaluation_is_a_chance_of_its_own(candidates):
    location = candidates()
    (first,) = location.ask("promote_sensor").run_requests
    location.world.run_partition(jobs.EVALUATE, "v2")
    (second,) = location.ask("promote_sensor").run_requests
    assert first.run_key != second.run_key


def test_a_version_that_is_not_evaluated_yet_does_not_stand_in_the_way(candidates):
    location = candidates()
    assert location.world.train({"model": "model"}) == "v4"
    (request,) = location.ask("promote_sensor").run_requests
    assert request.run_config["ops"]["champion_model"]["config"]["version"] == "v2"


def test_a_version_of_a_sweep_is_for_a_person_to_choose(candidates):
    location = candidates()
    plan = planned_sweep(location.world, "grid: {seed: [7]}", "seeds.yaml", "seeds", None)
    location.world.run_partition(jobs.RETRAIN, plan.base.version)
    assert location.world.registry.status("v4") == "evaluated"
    (request,) = location.ask("promote_sensor").run_requests
    assert request.run_config["ops"]["champion_model"]["config"]["version"] == "v2"
    location.world.promote("v2")
    assert "v4 is of the sweep seeds: a person chooses" in location.ask("promote_sensor").skip_message


def test_where_promotions_are_left_to_people_nothing_is_promoted(candidates):
    location = candidates("never")
    answer = location.ask("promote_sensor")
    assert not answer.run_requests
    assert "leaves promotions to people" in answer.skip_message


def test_a_rollback_by_a_person_is_not_undone(candidates):
    location = candidates()
    location.world.promote("v1")
    location.world.promote("v2")
    location.world.promote("v1", reason="v2 was a mistake")
    assert not location.ask("promote_sensor").run_requests


def test_a_promotion_is_refused_when_someone_else_was_faster(candidates):
    location = candidates()
    (request,) = location.ask("promote_sensor").run_requests
    location.world.promote("v1")
    assert location.start(request, jobs.PROMOTE) == "promote None failed"
    assert location.champions() == [("v1", "tester")]
