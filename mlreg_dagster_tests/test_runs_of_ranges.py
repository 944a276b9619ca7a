"""`hours_per_run` and `trainings_at_once` of automation.yaml: what they change, and what is so without them."""

import dagster as dg
import pytest

from mlreg_dagster import jobs
from mlreg_dagster.automation.ingestion import Requests
from mlreg_dagster.core.hours import HOUR, day_key, hour_key
from mlreg_dagster.models.assets import POOL
from mlreg_dagster.orchestration.instance.earlier_runs import TOGETHER
from mlreg_dagster.runner import TrainingUnderWay
from mlreg_dagster_tests.lifecycle import LIVE, MARKET_HOURS

DAYS = (LIVE, LIVE + 72 * HOUR)


@pytest.fixture
def world_with(make_world):
    return lambda **automation: make_world(None, configs={"automation": automation})


@pytest.mark.parametrize(("hours", "by_hour", "by_day"), [(None, None, None), (6, 6, 1), (24, 24, 1), (60, 60, 2)])
def test_every_hourly_and_daily_asset_is_cut_alike(world_with, hours, by_hour, by_day):
    graph = world_with(hours_per_run=hours).definitions.resolve_asset_graph()
    policies = {
        (node.partitions_def.fmt, node.backfill_policy.max_partitions_per_run)
        for node in map(graph.get, graph.get_all_asset_keys())
        if isinstance(node.partitions_def, dg.TimeWindowPartitionsDefinition) and node.backfill_policy
    }
    assert policies == {("%Y-%m-%d-%H:%M", by_hour), ("%Y-%m-%d", by_day)}


@pytest.mark.slow
def test_a_range_in_the_terminal_is_runs_one_after_the_other(world_with):
    world = world_with(hours_per_run=2)
    world.run_hours(jobs.MARKET, MARKET_HOURS[:5])
    assert list(reversed(list(map(_range, world.instance.get_runs())))) == [
        ("2026-01-01-00:00", "2026-01-01-01:00"),
        ("2026-01-01-02:00", "2026-01-01-03:00"),
        ("2026-01-01-04:00", "2026-01-01-04:00"),
    ]


def test_automation_asks_for_runs_of_so_many_hours_the_oldest_first(world_with):
    world = world_with(hours_per_run=24)
    requests = Requests(world.instance, world.settings)
    requests.add(jobs.HOURLY, [(LIVE, LIVE + 49 * HOUR)], hour_key)
    assert list(map(_range, requests.runs)) == [
        ("2026-01-05-00:00", "2026-01-05-23:00"),
        ("2026-01-06-00:00", "2026-01-06-23:00"),
        ("2026-01-07-00:00", "2026-01-07-01:00"),
    ]
    assert len({run.tags[TOGETHER] for run in requests.runs}) == 1
    days = Requests(world.instance, world.settings)
    days.add(jobs.PERFORMANCE, [DAYS], day_key)
    assert len(days.runs) == 4


def test_without_the_key_automation_asks_for_one_run(world_with):
    world = world_with()
    requests = Requests(world.instance, world.settings)
    requests.add(jobs.HOURLY, [(LIVE, LIVE + 49 * HOUR)], hour_key)
    requests.add(jobs.PERFORMANCE, [DAYS], day_key)
    assert list(map(_range, requests.runs)) == [("2026-01-05-00:00", "2026-01-07-01:00"), ("2026-01-05", "2026-01-08")]
    assert all(TOGETHER not in run.tags for run in requests.runs)


@pytest.mark.parametrize(("at_once", "pools"), [(None, set()), (2, {POOL})])
def test_as_many_versions_are_trained_at_once_as_is_configured(world_with, at_once, pools):
    world = world_with(trainings_at_once=at_once)
    job = world.definitions.resolve_job_def(jobs.RETRAIN)
    assert {node.definition.pool for node in job.nodes} - {None} == pools
    for _ in range(at_once or 1):
        assert "trained at a time" not in _refusal(world)
        world.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert "trained at a time: wait until it has ended" in _refusal(world)


def _refusal(world):
    """Nothing is there to train on, so that a training that may begin is refused, too."""
    with pytest.raises(Exception) as refused:  # noqa: PT011 - one of two, which the caller tells apart
        world.retrain({"actor": "tester"})
    assert isinstance(refused.value, TrainingUnderWay) or "dataset" in str(refused.value)
    return str(refused.value)


def _range(run):
    return run.tags["dagster/asset_partition_range_start"], run.tags["dagster/asset_partition_range_end"]
