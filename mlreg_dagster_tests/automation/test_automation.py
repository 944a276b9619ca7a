"""Schedule and sensors as the daemon calls them; what they ask for is run in this process until they are quiet."""

import shutil

import dagster as dg
import pandas as pd
import pytest
import sqlalchemy

from mlreg_dagster import jobs
from mlreg_dagster.automation import notification
from mlreg_dagster.automation.common import ACTOR
from mlreg_dagster.core.hours import HOUR, as_hour, hour_key, hour_range
from mlreg_dagster.datasets.freezing import HOLDOUT, TRAINING
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.market.sources.base import MalformedPayload, SourceUnavailable
from mlreg_dagster.market.sources.simulated.source import SimulatedMarket
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.orchestration import retries
from mlreg_dagster.orchestration.instance import runs
from mlreg_dagster.orchestration.partitions import MODEL_VERSIONS
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES, PREDICTIONS
from mlreg_dagster_tests.automation.receiver import Receiver
from mlreg_dagster_tests.lifecycle import CONFIGS as LIFECYCLE
from mlreg_dagster_tests.lifecycle import START, _made_once
from mlreg_dagster_tests.location import CONFIGS, EASILY_TOLD_APART, SENSORS, Location

pytestmark = pytest.mark.slow

SETTLED = "2026-01-02T00:30"
STRICT = {"evaluation": {"min_score_gap": 50.0, "injection": {"rounds": 2}}}


@pytest.fixture(autouse=True, scope="module")
def hasty_sqlite():
    """No test has to survive a power cut, so nothing waits for the disk."""

    def hurry(connection, _) -> None:
        if type(connection).__module__ == "sqlite3":
            connection.execute("PRAGMA synchronous=OFF")

    sqlalchemy.event.listen(sqlalchemy.Engine, "connect", hurry)
    yield
    sqlalchemy.event.remove(sqlalchemy.Engine, "connect", hurry)


@pytest.fixture(scope="session")
def settled_folder(tmp_path_factory):
    """A location that was started on an empty home a day after the market's start and came to rest."""
    with _made_once(tmp_path_factory, "settled") as (folder, made):
        if not made:
            (folder.with_name("settled.txt")).write_text("\n".join(Location(folder, SETTLED).settle()))
    return folder


@pytest.fixture
def reopen(settled_folder, tmp_path):
    """A copy of the settled location, at a later time or with other settings; the same copy under the same name."""

    def open_copy(now: str = SETTLED, configs: dict | None = None, name: str = "location", **resources) -> Location:
        if not (tmp_path / name).exists():
            shutil.copytree(settled_folder, tmp_path / name)
        return Location(tmp_path / name, now, configs, **resources)

    return open_copy


@pytest.fixture
def later(monkeypatch):
    """Turn the machine's clock forward, as the sensors see it."""

    def turn(**by: int) -> None:
        monkeypatch.setattr(runs, "_now", lambda: pd.Timestamp.now(tz="UTC") + pd.Timedelta(**by))

    return turn


# --- left alone -------------------------------------------------------------------------------------------------


def test_a_cold_start_needs_no_hand(settled_folder, reopen):
    done = settled_folder.with_name("settled.txt").read_text().splitlines()
    assert done == [
        "hourly 2026-01-01-00:00...2026-01-01-23:00",  # all hours in one run
        "datasets 2026-01-01",
        "performance 2026-01-01...2026-01-01",
        "retrain v1",
        "promote None",
    ]
    location = reopen()
    assert location.failed_runs() == []
    assert location.world.registry.status("v1") == "evaluated"
    assert location.champions() == [("v1", ACTOR)]
    assert location.settle() == []


def test_two_trainings_and_promotions_need_no_hand(reopen):
    location = reopen("2026-01-03T00:30")
    assert location.settle() == [
        "hourly 2026-01-02-00:00...2026-01-02-23:00",
        "datasets 2026-01-02",
        "performance 2026-01-02...2026-01-02",
        "retrain v2",
        "promote None",
    ]
    assert location.champions() == [("v1", ACTOR), ("v2", ACTOR)]
    assert [version.dataset_day for version in location.world.registry.versions()] == ["2026-01-01", "2026-01-02"]
    predictions = location.table(PREDICTIONS)
    assert set(predictions["model_version"]) == {"v1"}
    reigned = hour_range(as_hour("2026-01-02T01:00"), as_hour("2026-01-02T23:00"))
    assert sorted(predictions["hour"].unique()) == list(reigned)
    assert len(location.table(PREDICTION_OUTCOMES)) > 0
    assert location.failed_runs() == []


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


def test_everything_is_on_by_default(reopen):
    repository = reopen().repository
    assert {each.name for each in repository.sensor_defs} == {
        *SENSORS,
        "failure_sensor",
        "cancellation_sensor",
        "never_started_sensor",
        "check_sensor",
    }
    assert {each.default_status for each in repository.sensor_defs} == {dg.DefaultSensorStatus.RUNNING}
    on = {each.name for each in repository.schedule_defs if each.default_status == dg.DefaultScheduleStatus.RUNNING}
    assert on == {"hourly_schedule"}  # the other one deletes


# --- hours ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("time", ["2026-01-02T07:05", "2026-01-02T07:59"])
def test_the_schedule_asks_for_the_hour_that_has_just_ended(reopen, time):
    (request,) = reopen("2026-01-02T08:00").at_schedule(time).run_requests
    assert request.partition_key == "2026-01-02-06:00"


ENDING = {"ingest": {"start": START.isoformat(), "end": "2026-01-02T06:00", "universe": 12}}


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        ("2026-01-01T00:05", "2025-12-31-23:00 lies before the first hour, 2026-01-01-00:00 (`start` in ingest.yaml)."),
        ("2026-01-02T05:05", "can't be asked about 2026-01-02-04:00, only about 2026-01-01-00:00 to 2026-01-02-03:00."),
        ("2026-01-02T07:05", "The market ended with 2026-01-02-05:00 (`end` in ingest.yaml): no hour is to come."),
    ],
)
def test_the_schedule_says_why_it_does_not_ask_for_an_hour(reopen, time, reason):
    answer = reopen("2026-01-02T04:05", ENDING).at_schedule(time)
    assert not answer.run_requests
    assert reason in answer.skip_message


def test_the_newest_hour_is_left_to_the_schedule_for_a_while(reopen):
    assert not reopen("2026-01-02T01:15").ask("catch_up_sensor").run_requests
    (request,) = reopen("2026-01-02T01:20").ask("catch_up_sensor").run_requests
    assert request.tags["dagster/asset_partition_range_start"] == "2026-01-02-00:00"


@pytest.mark.parametrize("now", ["2025-12-24T00:00", "2026-01-01T00:10", "2026-01-01T01:10"])
def test_before_the_first_hour_has_ended_nothing_is_asked_for(tmp_path, now):
    location = Location(tmp_path / "young", now)
    assert {name: bool(location.ask(name).run_requests) for name in SENSORS} == dict.fromkeys(SENSORS, False)


FEW = {"ingest": {"start": START.isoformat(), "universe": 12, "catch_up_hours": 5}}


def test_an_empty_home_begins_so_many_hours_back(tmp_path):
    location = Location(tmp_path / "new", "2026-01-03T00:30", FEW)
    assert location.tick("catch_up_sensor") == ["hourly 2026-01-02-19:00...2026-01-02-23:00"]
    assert "All 5 hours from 2026-01-02-19:00 to 2026-01-02-23:00 are up to date." in (
        location.ask("catch_up_sensor").skip_message
    )


def test_an_outage_that_was_longer_leaves_no_hole(reopen):
    """The hours after the newest one come in forward; what is recent does not wait for them."""
    location = reopen("2026-01-02T12:30", FEW)
    (request,) = location.at_schedule("2026-01-02T12:05").run_requests
    location.start(request, jobs.HOURLY)
    assert location.tick("catch_up_sensor") == [
        "hourly 2026-01-02-00:00...2026-01-02-04:00",
        "hourly 2026-01-02-07:00...2026-01-02-10:00",
    ]
    location.settle()
    hours = pd.DatetimeIndex(location.table(MARKET_SNAPSHOT)["hour"].unique())
    assert list(hours) == list(hour_range(START, as_hour("2026-01-02T11:00")))
    assert len(location.table(features_table(location.world.settings.features))) == len(location.table(MARKET_SNAPSHOT))
    assert location.settle() == []


def test_hours_that_are_lost_for_good_are_told(reopen):
    class Forgetful(SimulatedMarket):
        def span(self, now):
            return now.floor("h") - 3 * HOUR, now.floor("h") - HOUR

    settings = reopen().world.settings.ingest
    source = Forgetful(settings.simulated, settings.universe)
    location = reopen("2026-01-02T12:30", source=source)
    assert location.tick("catch_up_sensor") == ["hourly 2026-01-02-09:00...2026-01-02-11:00"]
    assert location.ask("catch_up_sensor").skip_message == (
        "9 hours are missing for good: simulated can't be asked about hours before 2026-01-02-09:00. "
        "All 27 hours from 2026-01-01-00:00 to 2026-01-02-11:00 are up to date."
    )


def test_a_market_that_has_ended_comes_to_rest_and_says_so(reopen):
    location = reopen("2026-11-25T12:30", ENDING)
    assert location.settle()[0] == "hourly 2026-01-02-00:00...2026-01-02-05:00"
    ended = "The market ended with 2026-01-02-05:00 (`end` in ingest.yaml): no hour is to come."
    assert location.ask("catch_up_sensor").skip_message == (
        f"{ended} All 30 hours from 2026-01-01-00:00 to 2026-01-02-05:00 are up to date."
    )
    assert location.failed_runs() == []


def test_an_outage_leaves_no_trace(reopen):
    """Two hours are missed while the schedule goes on; after catch-up all tables equal those of an unbroken run."""
    unbroken = reopen("2026-01-02T07:30", name="unbroken")
    unbroken.world.run_hours(jobs.HOURLY, hour_range(as_hour("2026-01-02"), as_hour("2026-01-02T06:00")))

    broken = reopen("2026-01-02T07:30")
    broken.world.run_hours(jobs.HOURLY, hour_range(as_hour("2026-01-02"), as_hour("2026-01-02T03:00")))
    (request,) = broken.at_schedule("2026-01-02T07:05").run_requests
    assert broken.start(request, jobs.HOURLY) == "hourly 2026-01-02-06:00"
    tables = (MARKET_SNAPSHOT, features_table(broken.world.settings.features), PREDICTIONS, PREDICTION_OUTCOMES)
    for table in tables:
        assert len(broken.table(table)) > 0
        assert not broken.table(table).equals(unbroken.table(table)), table.name

    assert broken.tick("catch_up_sensor") == ["hourly 2026-01-02-04:00...2026-01-02-05:00"]
    assert broken.tick("catch_up_sensor") == ["follow_up 2026-01-02-06:00...2026-01-02-06:00"]
    assert broken.tick("catch_up_sensor") == []
    for table in tables:
        pd.testing.assert_frame_equal(broken.table(table), unbroken.table(table), check_exact=True)


def test_what_follows_from_a_late_hour_leaves_frozen_datasets_alone(reopen):
    location = reopen()
    frozen = {kind: location.world.artifacts.find(kind, "2026-01-01").sha256 for kind in (TRAINING, HOLDOUT)}
    location.materialize("market_snapshot", "2026-01-01-21:00")
    assert location.settle() == [
        "follow_up 2026-01-01-21:00...2026-01-01-23:00",
        "performance 2026-01-01...2026-01-01",
    ]
    for kind in (TRAINING, HOLDOUT):
        assert location.world.artifacts.keys(kind) == ["2026-01-01"]
        assert location.world.artifacts.find(kind, "2026-01-01").sha256 == frozen[kind]


def test_outcomes_alone_are_redone_where_only_earlier_predictions_are_new(reopen):
    location = reopen()
    location.materialize("predictions", "2026-01-01-07:00")
    horizon = location.world.settings.outcomes.horizon_hours
    due = hour_key(as_hour("2026-01-01T07:00") + horizon * HOUR)
    assert location.tick("catch_up_sensor") == [f"outcomes_only {due}...{due}"]
    assert location.tick("catch_up_sensor") == []


# --- failures ---------------------------------------------------------------------------------------------------


class BrokenMarket(SimulatedMarket):
    """A simulated market that can't be had at some hours."""

    broken = hour_range(as_hour("2026-01-02T06:00"), as_hour("2026-01-02T07:00"))
    error = MalformedPayload

    def _rows(self, hours, now):
        if hours.isin(self.broken).any():
            raise self.error("the payload of coin 7 lacks its price")
        return super()._rows(hours, now)


class SilentMarket(BrokenMarket):
    error = SourceUnavailable


@pytest.fixture
def broken_market(reopen):
    settings = reopen().world.settings.ingest
    return BrokenMarket(settings.simulated, settings.universe)


def test_a_failed_run_is_tried_again_after_ten_minutes(reopen, broken_market, later):
    location = reopen("2026-01-02T08:30", source=broken_market)
    assert location.tick("catch_up_sensor") == ["hourly 2026-01-02-00:00...2026-01-02-07:00 failed"]
    assert "failed" in location.ask("catch_up_sensor").skip_message
    later(minutes=9)
    assert location.tick("catch_up_sensor") == []
    later(minutes=11)
    reopened = reopen("2026-01-02T08:30")
    assert reopened.settle() == ["hourly 2026-01-02-00:00...2026-01-02-07:00"]


def test_hours_that_can_t_be_had_hold_up_neither_others_nor_days(reopen, broken_market, later):
    location = reopen("2026-01-02T10:30", source=broken_market)
    location.world.run_hours(jobs.HOURLY, hour_range(as_hour("2026-01-02"), as_hour("2026-01-02T05:00")))
    location.world.run_hours(jobs.HOURLY, hour_range(as_hour("2026-01-02T08:00"), as_hour("2026-01-02T09:00")))
    location.materialize("market_snapshot", "2026-01-02-09:00")  # repaired by a person
    location.thaw(TRAINING, HOLDOUT)
    gap = "hourly 2026-01-02-06:00...2026-01-02-07:00 failed"
    assert location.tick("catch_up_sensor") == [gap, "follow_up 2026-01-02-09:00...2026-01-02-09:00"]
    assert [request.job_name for request in location.ask("days_sensor").run_requests] == [jobs.DATASETS]
    later(minutes=11)
    assert location.tick("catch_up_sensor") == [gap]


def test_while_a_run_is_under_way_no_other_is_started(reopen, later):
    location = reopen("2026-01-03T00:30")
    job = location.world.definitions.resolve_job_def(jobs.HOURLY)
    location.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    for name in ("catch_up_sensor", "days_sensor"):
        assert location.ask(name).skip_message.endswith(" of hourly is under way.")
    later(minutes=29)
    assert not location.ask("catch_up_sensor").run_requests
    later(minutes=31)  # its process was killed
    assert location.ask("catch_up_sensor").run_requests


def test_a_long_run_that_gives_signs_of_life_is_not_dead(reopen):
    location = reopen("2026-01-03T00:30")
    job = location.world.definitions.resolve_job_def(jobs.HOURLY)
    run = location.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    with location.instance.run_storage.connect() as connection:
        connection.execute(sqlalchemy.text("UPDATE runs SET create_timestamp = datetime('now', '-2 hours')"))
    location.instance.report_engine_event("still here", run)
    assert not location.ask("catch_up_sensor").run_requests


# --- days and trainings -----------------------------------------------------------------------------------------


def test_a_young_location_waits_until_there_is_enough_history(reopen):
    datasets = {"history_hours": 24, "holdout_hours": 8, "min_training_hours": 16, "min_holdout_hours": 8}
    location = reopen(configs={"datasets": datasets})
    location.thaw(TRAINING, HOLDOUT)
    assert location.ask("days_sensor").run_requests
    location = reopen(configs={"datasets": {**datasets, "history_hours": 25, "min_training_hours": 17}})
    assert not location.ask("days_sensor").run_requests


def test_a_dataset_waits_for_the_follow_up_of_repaired_hours(reopen):
    location = reopen()
    location.thaw(TRAINING, HOLDOUT)
    location.materialize("market_snapshot", "2026-01-01-22:00")
    assert location.tick("days_sensor") == []
    assert location.tick("catch_up_sensor") == ["follow_up 2026-01-01-22:00...2026-01-01-23:00"]
    assert "datasets 2026-01-01" in location.tick("days_sensor")


@pytest.mark.parametrize("half", [TRAINING, HOLDOUT])
def test_a_dataset_of_which_one_half_is_frozen_is_asked_for(reopen, half):
    location = reopen()
    location.thaw(half)
    (request,) = location.ask("days_sensor").run_requests
    assert (request.job_name, request.partition_key) == (jobs.DATASETS, "2026-01-01")


def test_a_dataset_is_asked_for_again_only_when_its_hours_have_changed(reopen):
    location = reopen()
    location.thaw(TRAINING)
    asked = location.ask("days_sensor").run_requests[0].run_key
    for asset in ("market_snapshot", "market_features"):
        location.materialize(asset, "2026-01-02-00:00")
    assert location.ask("days_sensor").run_requests[0].run_key == asked
    location.materialize("market_features", "2026-01-01-23:00")
    assert location.ask("days_sensor").run_requests[0].run_key != asked


NOT_TRAINABLE = {"model": {"detector": "local_outlier_factor", "params": {"n_neighbors": 10**6}}}


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


# --- promotions -------------------------------------------------------------------------------------------------


@pytest.fixture
def candidates(trained_home, tmp_path):
    """v1 and v2 passed their gates, v3 failed one; nobody is champion yet."""

    def make(automatic: str = "passed") -> Location:
        shutil.copytree(trained_home, tmp_path / "candidates" / "home")
        as_evaluated = {"evaluation": LIFECYCLE["evaluation"]}
        configs = {"promotion": {"automatic": automatic}, **as_evaluated}
        return Location(tmp_path / "candidates", "2026-01-05T00:30", configs)

    return make


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


def test_where_promotions_are_left_to_people_nothing_is_promoted(candidates):
    location = candidates("never")
    answer = location.ask("promote_sensor")
    assert not answer.run_requests
    assert "leaves promotions to people" in answer.skip_message


@pytest.mark.parametrize("automatic", ["passed", "better"])
def test_a_rollback_by_a_person_is_not_undone(candidates, automatic):
    location = candidates(automatic)
    location.world.promote("v1")
    location.world.run_partition(jobs.EVALUATE, "v2")  # compared with v1, the champion after the rollback
    location.world.promote("v2")
    location.world.promote("v1", reason="v2 was a mistake")
    assert not location.ask("promote_sensor").run_requests


def test_a_promotion_is_refused_when_someone_else_was_faster(candidates):
    location = candidates()
    (request,) = location.ask("promote_sensor").run_requests
    location.world.promote("v1")
    assert location.start(request, jobs.PROMOTE) == "promote None failed"
    assert location.champions() == [("v1", "tester")]


# --- notices ----------------------------------------------------------------------------------------------------


def notices(location: Location, fail, receiver: Receiver) -> list[dict]:
    """What the receiver is told of one failure; nothing of those before the sensor was on."""
    cursor = location.ask("failure_sensor").cursor
    fail()
    location.ask("failure_sensor", cursor)
    return [body for _, _, body in receiver.requests]


def test_people_are_told_which_run_failed_and_why(reopen, broken_market):
    with Receiver(200) as receiver:
        webhook = {"notifications": {"webhook_url": receiver.url}}
        location = reopen("2026-01-02T08:30", webhook, source=broken_market)
        (notice,) = notices(location, lambda: location.tick("catch_up_sensor"), receiver)
    assert notice["job"] == "hourly"
    assert notice["partition"] == "2026-01-02-00:00...2026-01-02-07:00"
    assert notice["run_id"] == location.instance.get_runs(limit=1)[0].run_id
    assert notice["message"] == "the payload of coin 7 lacks its price"


def test_the_reason_is_told_after_the_last_retry(reopen, monkeypatch):
    monkeypatch.setattr(retries, "WAIT_S", 0)
    settings = reopen().world.settings.ingest
    with Receiver(200) as receiver:
        webhook = {"notifications": {"webhook_url": receiver.url}}
        source = SilentMarket(settings.simulated, settings.universe)
        location = reopen("2026-01-02T08:30", webhook, source=source)
        (notice,) = notices(location, lambda: location.tick("catch_up_sensor"), receiver)
    assert "the payload of coin 7 lacks its price" in notice["message"]


def test_a_failed_training_names_its_version(reopen):
    with Receiver(200) as receiver:
        location = reopen(configs={**NOT_TRAINABLE, "notifications": {"webhook_url": receiver.url}})
        (notice,) = notices(location, lambda: location.tick("retrain_sensor"), receiver)
    assert (notice["job"], notice["partition"]) == ("retrain", "v2")
    assert "n_neighbors" in notice["message"]


def test_a_notice_that_can_t_be_delivered_is_in_the_log_and_the_sensor_fails(reopen, monkeypatch, caplog):
    monkeypatch.setattr(notification, "WAIT_S", 0.0)
    with Receiver(500) as receiver:
        location = reopen(configs={**NOT_TRAINABLE, "notifications": {"webhook_url": receiver.url}})
        cursor = location.ask("failure_sensor").cursor
        location.tick("retrain_sensor")
        (reaction,) = location.ask("failure_sensor", cursor).dagster_run_reactions
    assert "did not take the notice" in reaction.error.to_string()
    assert any("job retrain of v2 failed" in message for message in caplog.messages)


LIMITS = {"evaluation": {**CONFIGS["evaluation"], "min_anomaly_rate": 0.9}}


def _check_is_told(location: Location, cursor: str | None) -> tuple[str, str]:
    location.world.attempt(checks="predictions")
    answer = location.ask("check_sensor", cursor)
    return answer.cursor, answer.skip_message


def test_people_are_told_once_that_a_check_fails_and_again_after_it_has_passed(reopen):
    check = "flagged_share_within_limits of predictions"
    with Receiver(200) as receiver:
        webhook = {"notifications": {"webhook_url": receiver.url}}
        reopen("2026-01-02T12:30").settle()  # half a day of predictions by v1
        cursor = None
        for limits, told in ((LIMITS, 1), (LIMITS, 1), ({}, 1), (LIMITS, 2)):
            location = reopen("2026-01-02T12:30", {**webhook, **limits})
            cursor, said = _check_is_told(location, cursor)
            assert len(receiver.requests) == told
            assert said.startswith(f"Failing: {check}." if limits else "Failing: none.")
        notice = receiver.requests[0][2]
    assert (notice["check"], notice["job"]) == (check, "__ASSET_JOB")
    assert notice["message"].startswith("v1 flagged ")
    assert notice["text"] == f"Check {check} failed:\n```\n{notice['message']}\n```"


def test_a_failing_check_that_can_t_be_told_is_in_the_log_and_tried_again(reopen, monkeypatch, caplog):
    monkeypatch.setattr(notification, "WAIT_S", 0.0)
    reopen("2026-01-02T12:30").settle()
    cursor = None
    for status, requests in ((500, notification.ATTEMPTS), (200, 1), (200, 0)):
        with Receiver(status) as receiver:
            webhook = {"notifications": {"webhook_url": receiver.url}}
            cursor, said = _check_is_told(reopen("2026-01-02T12:30", {**webhook, **LIMITS}), cursor)
            assert len(receiver.requests) == requests
            assert ("to be tried again" in said) == (status == 500)
    assert any("Check flagged_share_within_limits of predictions failed" in message for message in caplog.messages)


def test_without_a_webhook_the_log_is_told(reopen, caplog):
    location = reopen(configs=NOT_TRAINABLE)
    cursor = location.ask("failure_sensor").cursor
    location.tick("retrain_sensor")
    location.ask("failure_sensor", cursor)
    assert any("job retrain of v2 failed" in message for message in caplog.messages)
