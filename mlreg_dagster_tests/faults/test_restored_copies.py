"""An older copy is put back: what it lacks is found, said and made again, and nothing that a run made is given up."""

import shutil
import sqlite3

import pandas as pd
import pytest

from mlreg_dagster import jobs
from mlreg_dagster.automation.common import ACTOR
from mlreg_dagster.core.hours import HOUR, hour_key
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.models.registration import next_version
from mlreg_dagster.operations.doctor.doctor import examine
from mlreg_dagster.operations.doctor.materializations import ClocksDisagree
from mlreg_dagster.operations.retention.jobs import all_tasks, made_by_runs
from mlreg_dagster.orchestration.instance.audit_anchors import witnessed_heads
from mlreg_dagster.orchestration.partitions import MODEL_VERSIONS
from mlreg_dagster.outcomes.schema import MODEL_PERFORMANCE, PREDICTION_OUTCOMES, PREDICTION_REASONS, PREDICTIONS
from mlreg_dagster.runner import RunFailed
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster_tests.automation.conftest import reopen
from mlreg_dagster_tests.faults import wording
from mlreg_dagster_tests.first_day import SECOND_DAY_OVER
from mlreg_dagster_tests.lifecycle import LIVE_HOURS
from mlreg_dagster_tests.location import Location
from mlreg_dagster_tests.operations.conftest import home_of

pytestmark = pytest.mark.slow

__all__ = ["reopen"]

LATER = pd.Timestamp.now(tz="UTC") + pd.Timedelta(days=1)
TABLES = (MARKET_SNAPSHOT, PREDICTIONS, PREDICTION_OUTCOMES, MODEL_PERFORMANCE)


def _found(location, now=LATER):
    world, made = location.world, made_by_runs(location.instance)
    return {finding.name: finding for finding in examine(home_of(world), world.settings, now, made)}


def _missed(found):
    return {name for name, finding in found.items() if finding.state == "miss"} - {"disk"}


def test_after_two_days_nothing_is_missed(made_second_day, tmp_path):
    location = Location(shutil.copytree(made_second_day, tmp_path / "location"), SECOND_DAY_OVER)
    assert location.champions() == [("v1", ACTOR), ("v2", ACTOR)]
    assert _missed(_found(location)) == set()


@pytest.fixture
def put_back(made_second_day, made_first_day, tmp_path):
    """Open a copy of the second day whose file, named from the location's folder, is that of the first day."""

    def open_copy(file):
        folder = tmp_path / "location"
        shutil.copytree(made_second_day, folder)
        (folder / file).unlink()
        shutil.copy(made_first_day / file, folder / file)
        return Location(folder, SECOND_DAY_OVER)

    return open_copy


# --- tables ----------------------------------------------------------------------------------------------------


@pytest.fixture
def old_tables(made_second_day, put_back):
    """A location two days after its start that gets back the tables of its first day; what it held before that."""
    tables = DuckDBWarehouse(made_second_day / "home" / "warehouse.duckdb")
    held = {each.name: tables.read(each).sort_values(list(each.key), ignore_index=True) for each in TABLES}
    return put_back("home/warehouse.duckdb"), held


def test_older_tables_are_found_and_made_again_without_a_hand(old_tables):
    location, held = old_tables
    found = _found(location)["hours that runs made"]
    assert found.state == "miss"
    assert "24 hours of market_snapshot (2026-01-02 00:00 to 2026-01-02 23:00)" in found.seen
    selected = (
        "--select market_snapshot,market_features,predictions,prediction_outcomes,prediction_reasons,feature_sketch"
    )
    assert f"{selected} --partition-range 2026-01-02-00:00...2026-01-02-23:00" in found.advice
    location.settle()
    assert _missed(_found(location)) == set()
    for table in TABLES:
        pd.testing.assert_frame_equal(location.table(table), held[table.name])


def test_nothing_is_deleted_meanwhile(old_tables):
    location, _ = old_tables
    with pytest.raises(ClocksDisagree, match=rf"{wording.LOST_HOURS}: 24 hours of market_snapshot.*--partition-range"):
        list(all_tasks(home_of(location.world), location.world.settings, location.instance, LATER))


def test_all_hours_of_tables_that_are_gone_are_asked_for_again(old_tables):
    location, _ = old_tables
    location.world.warehouse.path.unlink()
    assert "48 hours of market_snapshot" in _found(location)["hours that runs made"].seen
    (request,) = location.ask("catch_up_sensor").run_requests
    ends = [request.tags[f"dagster/asset_partition_range_{end}"] for end in ("start", "end")]
    assert ends == ["2026-01-01-00:00", "2026-01-02-23:00"]


def test_no_dataset_is_frozen_from_what_is_left(old_tables):
    location, _ = old_tables
    location.thaw("training_dataset", "eval_holdout")
    assert [each.job_name for each in location.ask("days_sensor").run_requests or []].count(jobs.DATASETS) == 1
    assert {each.partition_key for each in location.ask("days_sensor").run_requests} == {"2026-01-01"}


def test_hours_in_which_nothing_was_there_are_not_asked_for_again(reopen):
    location = reopen()
    assert location.ask("catch_up_sensor").run_requests == []  # hours without a flag have no reasons
    assert len(location.world.warehouse.partitions(PREDICTION_REASONS)) < 24


def test_hours_that_the_event_log_does_not_know_are_found(reopen):
    location = reopen()
    world = location.world
    hour = pd.Timestamp("2026-01-02", tz="UTC")
    rows = world.warehouse.read(MARKET_SNAPSHOT, hour - HOUR).assign(hour=hour)
    world.warehouse.write(MARKET_SNAPSHOT, rows.astype({"hour": "datetime64[us, UTC]"}), [hour])
    found = _found(location)["hours on record"]
    assert (found.state, "1 hours of market_snapshot" in found.seen) == ("miss", True)
    assert "--select market_snapshot --partition-range 2026-01-02-00:00...2026-01-02-00:00" in found.advice


def test_a_replay_or_demo_does_not_take_for_made_what_was_lost(live):
    keys = list(map(hour_key, LIVE_HOURS))
    assert not live.has_made("market_snapshot", keys)
    live.run_hours(jobs.MARKET, LIVE_HOURS)
    assert live.has_made("market_snapshot", keys)
    live.warehouse.write(MARKET_SNAPSHOT, MARKET_SNAPSHOT.empty(), LIVE_HOURS[3:4])
    assert not live.has_made("market_snapshot", keys)


def test_a_process_that_keeps_the_tables_is_why_a_sensor_waits(reopen, monkeypatch):
    location = reopen(SECOND_DAY_OVER)
    monkeypatch.setattr("mlreg_dagster.automation.ingestion.PATIENCE_S", 0.1)
    with location.world.warehouse.connect():
        for sensor in ("catch_up_sensor", "days_sensor"):
            answer = location.ask(sensor)
            assert not answer.run_requests
            assert "was kept by another process for more than 0.1 s" in answer.skip_message


# --- the registry ----------------------------------------------------------------------------------------------


@pytest.fixture
def old_registry(put_back):
    """A location whose second version is champion, and which gets back the registry of before it was trained."""
    return put_back("home/registry.sqlite")


def _restore(location, **config):
    config = {"reason": "the disk broke", "actor": "anna", **config}
    location.world.run(jobs.RESTORE, {"ops": {"record_restore": {"config": config}}})


def test_a_restore_is_found_and_once_recorded_the_log_is_intact(old_registry):
    registry, witnessed = old_registry.world.registry, witnessed_heads(old_registry.instance)
    assert f'{wording.RESTORED}: mlreg restore --reason "…"' in registry.find_tampering(witnessed)
    found = _found(old_registry)
    assert _missed(found) == {"versions that runs made", "audit log"}
    assert wording.RESTORED in found["audit log"].seen
    assert found["versions that runs made"].advice.startswith("mlreg restore --reason ")
    _restore(old_registry)
    assert registry.find_tampering(witnessed_heads(old_registry.instance)) is None
    found = _found(old_registry)
    assert _missed(found) == set()
    assert "by anna (the disk broke). 4 records lost; versions among them: v2." in found["audit log"].seen
    (restored,) = registry.restores()
    assert (restored.actor, restored.facts["lost_versions"]) == ("anna", ["v2"])
    assert restored.facts["lost"] == 4  # the version, its evaluation, its promotion, a decision about drift
    with pytest.raises(RunFailed, match="Nothing is lost"):
        _restore(old_registry)
    forged = (registry.audit_head()[0], "f" * 64)
    assert "was witnessed" in registry.find_tampering({*witnessed, forged})


def test_no_advice_is_to_give_up_what_a_run_made(old_registry):
    for _ in range(2):
        found = _found(old_registry)
        assert found["bundles that were registered"].seen.startswith("Runs made v2 in ")
        assert "unregistered bundles" not in found
        assert not any("rm " in finding.advice or "/models/v2" in finding.advice for finding in found.values())
        if not old_registry.world.registry.restores():
            _restore(old_registry)


def test_a_name_that_was_lost_is_not_given_again(old_registry):
    world = old_registry.world
    _restore(old_registry)
    old_registry.thaw("models/v2")
    old_registry.instance.delete_dynamic_partition(str(MODEL_VERSIONS.name), "v2")
    assert next_version(world.registry, world.artifacts, old_registry.versions()) == "v3"


def test_training_and_promotion_go_on_by_themselves(old_registry):
    _restore(old_registry)
    assert old_registry.settle() == ["retrain v3", "promote None"]
    assert old_registry.champions() == [("v1", ACTOR), ("v3", ACTOR)]
    assert old_registry.world.registry.latest_evaluation("v3").id == 2  # the number that v2's had
    assert old_registry.world.registry.find_tampering(witnessed_heads(old_registry.instance)) is None


def test_a_promotion_is_not_used_up_by_one_that_was_lost(old_registry):
    """Neither by its number, which comes again, nor where a person trains what takes its place."""
    world = old_registry.world
    with pytest.raises(RunFailed, match="mlreg restore"):
        world.train({"model": "model", "actor": "tester"})
    _restore(old_registry)
    version = world.train({"model": "model", "actor": "tester"})
    world.run_partition(jobs.EVALUATE, version)
    assert world.registry.latest_evaluation(version).id == 2
    assert old_registry.tick("promote_sensor") == ["promote None"]


def test_a_log_that_is_broken_in_itself_is_no_restore(old_registry):

    with sqlite3.connect(home_of(old_registry.world).registry_file) as connection:
        connection.execute("DROP TRIGGER alias_events_no_update")
        connection.execute("UPDATE alias_events SET actor = 'mallory'")
    with pytest.raises(RunFailed, match="This is no sound copy"):
        _restore(old_registry)


def test_a_registry_that_is_gone_is_missed(old_registry):
    home_of(old_registry.world).registry_file.unlink()
    found = _found(old_registry)["registry"]
    assert (found.state, "runs made v1, v2" in found.seen) == ("miss", True)


def test_older_artifacts_are_found(reopen):
    location = reopen()
    location.thaw("eval_holdout")
    found = _found(location)["datasets that runs froze"]
    assert found.state == "miss"
    assert "--select eval_holdout --partition 2026-01-01" in found.advice
