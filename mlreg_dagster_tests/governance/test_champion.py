"""champion_model as asset and job: who may hold an alias, and what is recorded of it."""

import json
import shutil
import subprocess
import sys

import dagster as dg
import pytest

from mlreg_dagster import jobs
from mlreg_dagster.core.hours import HOUR, as_hour, day_key
from mlreg_dagster.models.gates import AVERAGE_PRECISION, GATES, SILHOUETTE
from mlreg_dagster.runner import RunFailed, asset_config
from mlreg_dagster_tests.lifecycle import CONFIGS, DATASET_DAY, LIVE, NOW, START, Lifecycle, latest_verdict, metadata
from mlreg_dagster_tests.repository import PROJECT_DIR

EVALUATED = dg.DagsterEventType.ASSET_CHECK_EVALUATION
V3_FAILED = f"v3 failed its latest evaluation .*{AVERAGE_PRECISION}"


def test_a_promotion_says_who_put_which_version_there_and_why(trained):
    config = {"version": "v1", "reason": "first to pass", "actor": "anna", "effective_at": LIVE.isoformat()}
    result = trained.ask_for(config)
    said = metadata(result, "champion_model")
    event = trained.registry.holder("champion")
    assert (event.version, event.previous_version, event.reason, event.actor) == ("v1", None, "first to pass", "anna")
    assert (event.effective_at, event.recorded_at) == (LIVE, as_hour(NOW[:13] + ":00") + HOUR / 2)
    assert event.run_id == result.run_id
    assert event.artifact_sha256 == trained.registry.version("v1").artifact_sha256 == said["artifact_sha256"]
    assert (said["champion"], said["moved"]) == ("v1", "champion: nobody → v1")
    checks = [event.event_specific_data for event in result.all_events if event.event_type == EVALUATED]
    assert {each.check_name: each.passed for each in checks} == {
        "gates_passed": True,
        "artifact_intact": True,
        "frozen_hours_unchanged": True,
        "registry_intact": True,
    }


def test_a_promotion_keeps_how_many_hours_behind_the_version_were_repaired(trained):
    hours = {"first": START + 30 * HOUR, "last": START + 32 * HOUR}
    trained.promote("v1")
    with trained.warehouse.connect() as connection:
        connection.execute("UPDATE market_features SET change_1h_pct = 9 WHERE hour BETWEEN $first AND $last", hours)
    trained.promote("v2")
    told = [move.evidence["facts"]["changed_hours"] for move in trained.registry.history("champion")]
    assert told == [0, 3]
    shutil.rmtree(trained.home / "artifacts" / "training_dataset")
    trained.promote("v1", reason="the way back stays open")
    assert trained.registry.holder("champion").evidence["facts"]["changed_hours"] is None


def test_rollback_is_a_promotion_of_an_older_version(trained):
    for version, reason in (("v1", "the first"), ("latest-1", "the better"), ("v1", "it was not better")):
        trained.promote(version, reason=reason)
    history = trained.registry.history("champion")
    assert [event.version for event in history] == ["v1", "v2", "v1"]
    assert [event.previous_version for event in history] == [None, "v1", "v2"]
    assert trained.registry.holder("champion").reason == "it was not better"


def test_another_alias_leaves_the_champion_alone(trained):
    trained.promote("v1")
    trained.promote("v2", alias="challenger")
    assert {alias: event.version for alias, event in trained.registry.aliases().items()} == {
        "champion": "v1",
        "challenger": "v2",
    }


def _through_the_job(world, config):
    world.run(jobs.PROMOTE, asset_config("champion_model", config))


def _after_forged_events(world, config):
    key = dg.AssetKey("evaluated_model")
    world.instance.report_runless_asset_event(dg.AssetMaterialization(key, partition="v3"))
    for gate in GATES:
        forged = dg.AssetCheckEvaluation(asset_key=key, check_name=gate, passed=True, metadata={}, partition="v3")
        world.instance.report_runless_asset_event(forged)
        assert latest_verdict(world, gate, "v3")
    _through_the_job(world, config)


@pytest.mark.parametrize("how", [_through_the_job, _after_forged_events])
def test_a_version_that_failed_a_gate_is_refused_on_every_way(trained, how):
    with pytest.raises(RunFailed, match=V3_FAILED):
        how(trained, {"version": "v3", "reason": "it looks fine to me"})
    assert trained.registry.history("champion") == []


def test_a_failed_promotion_leaves_the_champion_in_place(live):
    before = live.registry.history("champion")
    with pytest.raises(RunFailed, match=V3_FAILED):
        live.promote("v3")
    assert live.registry.history("champion") == before


def test_an_evaluation_under_other_thresholds_is_an_experiment_and_changes_nothing(trained):
    result = trained.attempt("evaluated_model", key="v1", config={"overrides": {"min_silhouette": 1.0}})
    assert metadata(result, "evaluated_model")["experiment"] == "min_silhouette was 1.0 instead of 0.0"
    assert trained.registry.status("v1") == "evaluated"
    everything = {"min_average_precision_margin": -1.0, "min_anomaly_rate": 0.0, "max_anomaly_rate": 1.0}
    trained.attempt("evaluated_model", key="v3", config={"overrides": everything})
    assert trained.registry.status("v3") == "rejected"
    with pytest.raises(RunFailed, match=V3_FAILED):
        trained.promote("v3")
    trained.promote("v1")


def test_the_latest_evaluation_as_configured_counts(trained):
    strict = make_strict(trained)
    strict.attempt("evaluated_model", key="v1")
    with pytest.raises(RunFailed, match=rf"v1 failed its latest evaluation .*{SILHOUETTE}"):
        strict.promote("v1")


def make_strict(world):
    """The same home, where evaluation.yaml asks for more, and that is in force."""
    return Lifecycle(world.home, {**CONFIGS, "evaluation": {"min_silhouette": 1.0}}, world.instance)


def test_a_refused_promotion_leaves_state_and_checks_of_the_champion_alone(live):
    live.promote("v1")
    key, before = dg.AssetKey("champion_model"), live.registry.history("champion")
    checks = latest_checks(live, key)
    result = live.ask_for({"version": "v3", "reason": "it looks fine to me", "actor": "eve"})
    assert not result.success
    record = live.instance.get_run_record_by_id(result.run_id)
    assert record.dagster_run.tags["mlreg/refused"].startswith("v3 failed its latest evaluation")
    asset = live.instance.get_asset_records([key])[0].asset_entry
    assert asset.last_run_id != result.run_id
    assert asset.last_materialization_record.run_id != result.run_id
    assert latest_checks(live, key) == checks
    (seen,) = live.instance.fetch_observations(key, limit=1).records
    assert seen.asset_observation.description.startswith("champion did not move: v3 failed")
    assert live.registry.history("champion") == before
    assert [each.version for each in live.registry.refusals()] == ["v3"]


def latest_checks(world, key):
    keys = [each for each in world.definitions.resolve_asset_graph().asset_check_keys if each.asset_key == key]
    found = world.instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    return {each.name: (record.run_id, record.status) for each, record in found.items()}


def test_nobody_acts_as_automation_but_a_sensor(trained):
    with pytest.raises(RunFailed, match="automation acts in runs of sensors only"):
        trained.promote("v1", actor="automation")


def test_a_promotion_of_another_policy_than_the_one_in_force_is_refused(make_world, trained_home):
    configs = {**CONFIGS, "promotion": {"separation_of_duties": False}}
    world = make_world(trained_home, "other", configs=configs, adopts=False)
    with pytest.raises(RunFailed, match=r"promotion.separation_of_duties: True → False.*mlreg policy adopt"):
        world.promote("v1")
    world.adopt()
    world.promote("v1")


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ({"version": "v9"}, "v9 is not registered. Registered versions: v1, v2, v3."),
        ({"version": "latest-7"}, "There is no latest-7."),
        ({"version": "shadow"}, "'shadow' is no version, and no alias that anyone held."),
        ({"reason": "ok"}, "The reason 'ok' is too short; promotion.yaml asks for 5 characters."),
        ({"alias": "v2"}, "'v2' can't be an alias."),
        ({"expected": "v2"}, "it was expected with v2, but nobody holds it."),
        ({"effective_at": day_key(DATASET_DAY)}, "v1 may score from 2026-01-05 00:00 UTC on, the end of its dataset"),
        ({"effective_at": "2026-01-09"}, "that is after now"),
        ({"effective_at": "2026-01-06T00:30"}, "is not a whole hour"),
        ({"effective_at": "noon"}, "'noon' is not a time. Write it as 2017-12-20T00:00."),
    ],
)
def test_a_promotion_against_the_rules_says_which_and_moves_nothing(trained, config, complaint):
    with pytest.raises(RunFailed) as caught:
        _through_the_job(trained, {"version": "v1", "reason": "a test wants it", **config})
    assert complaint in str(caught.value)
    assert trained.registry.aliases() == {}


def test_history_is_written_forward(live):
    with pytest.raises(RunFailed, match=r"champion can't move as of .* its last move counts from"):
        live.promote("v1", LIVE)


def test_a_version_that_was_never_evaluated_is_refused(trained):
    version = trained.train({"actor": "anna"})
    with pytest.raises(RunFailed, match=f"{version} was never evaluated"):
        trained.promote(version)


def test_a_tampered_artifact_is_not_promoted(trained):
    trained.tamper("v1")
    with pytest.raises(RunFailed, match=r"is not what was frozen. manifest\.json: expected"):
        trained.promote("v1")
    assert trained.registry.aliases() == {}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_of_promotions_at_once_one_wins(trained):
    program = [sys.executable, "-W", "ignore", "-m", "mlreg_dagster_tests.governance.promotion.promoting"]
    answer = subprocess.run(
        [*program, trained.home, trained.config_dir], cwd=PROJECT_DIR, capture_output=True, text=True, timeout=1800
    )
    assert answer.returncode == 0, answer.stderr
    outcomes = json.loads(answer.stdout.splitlines()[-1])
    winners = [version for version, error in outcomes if not error]
    assert (len(outcomes), len(winners)) == (6, 1)
    assert all("champion did not move: it was expected with nobody, but v" in error for _, error in outcomes if error)
    (event,) = trained.registry.history("champion")
    assert event.version == winners[0]
