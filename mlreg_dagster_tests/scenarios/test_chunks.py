"""A backfill in chunks, whose runs go on side by side and begin in the wrong order, gives what one run gives."""

import json
import logging
import multiprocessing
import shutil
import time

import dagster as dg
import pandas as pd
import pytest
import yaml
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run
from dagster._daemon.backfill import execute_backfill_iteration

from mlreg_dagster import jobs
from mlreg_dagster.core.hours import HOUR, hour_key, hour_range
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.monitoring.sketches.schema import FEATURE_SKETCH
from mlreg_dagster.orchestration.resources import Clock
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES, PREDICTION_REASONS, PREDICTIONS
from mlreg_dagster.storage.homes import DAGSTER_YAML
from mlreg_dagster_tests.graphql import page_of
from mlreg_dagster_tests.lifecycle import DUE, LIVE, Lifecycle

pytestmark = pytest.mark.slow

CHUNK = 12
HOURS = hour_range(DUE, DUE + (4 * CHUNK - 1) * HOUR)
NOW = "2026-01-09T00:30:00"
CONFIGS = {"outcomes": {"bootstrap_samples": 100}}  # with the rankings, whose thresholds look back on a week
CHUNKED = {**CONFIGS, "automation": {"hours_per_run": CHUNK}}
KINDS = ["job", "assets"]


@pytest.fixture(scope="module")
def home(trained_home, tmp_path_factory):
    """The market of the first two chunks is there; the champion changes within a chunk, and again in another."""
    folder = tmp_path_factory.mktemp("chunks") / "home"
    shutil.copytree(trained_home, folder)
    world = _world(folder, CONFIGS)
    for version, since in (("v1", LIVE), ("v2", DUE + 6 * HOUR), ("v1", DUE + 30 * HOUR)):
        world.promote(version, since)
    return folder


@pytest.fixture(scope="module")
def of_one_run(home, tmp_path_factory):
    folder = tmp_path_factory.mktemp("one") / "home"
    shutil.copytree(home, folder)
    world = _world(folder, CONFIGS)
    world.run_hours(jobs.HOURLY, HOURS)
    assert world.instance.get_runs_count() == 1
    return _tables(world)


@pytest.mark.filterwarnings("ignore:.*AssetSelection.sources")  # by Dagster itself
@pytest.mark.parametrize("kind", KINDS)
def test_runs_side_by_side_in_any_order_make_what_one_run_makes(home, of_one_run, kind, tmp_path, monkeypatch):
    shutil.copytree(home, tmp_path / "world")
    world = _world(tmp_path / "world", CHUNKED, adopts=False)
    instance = _instance(tmp_path / "dagster")
    monkeypatch.setenv("MLREG_HOME", str(world.home))
    monkeypatch.setenv("MLREG_CONFIG_DIR", str(world.config_dir))
    with page_of(instance) as page:
        _launch(page, kind, jobs.HOURLY, [hour_key(hour) for hour in HOURS])
        failures = list(execute_backfill_iteration(page.workspace, logging.getLogger("test")))
        assert not any(failures), failures
    runs = sorted(instance.get_runs(), key=lambda run: run.tags["dagster/asset_partition_range_start"])
    assert [_range(run) for run in runs] == [
        (hour_key(HOURS[first]), hour_key(HOURS[first + CHUNK - 1])) for first in range(0, 4 * CHUNK, CHUNK)
    ]
    instance.dispose()
    _side_by_side([(run.run_id, world.home, tmp_path, jobs.HOURLY) for run in reversed(runs)])  # the last hours first
    again = _instance(tmp_path / "dagster")
    assert {run.status for run in again.get_runs()} == {dg.DagsterRunStatus.SUCCESS}
    again.dispose()
    for name, table in _tables(world).items():
        pd.testing.assert_frame_equal(table, of_one_run[name], obj=name)


def test_evaluations_of_several_versions_are_one_backfill_whose_runs_go_side_by_side(home, tmp_path, monkeypatch):
    shutil.copytree(home, tmp_path / "world")
    world = _world(tmp_path / "world", CHUNKED, adopts=False)
    before = {each.version: len(world.registry.evaluations(each.version)) for each in world.registry.versions()}
    instance = _instance(tmp_path / "dagster")
    instance.add_dynamic_partitions("model_version", list(before))
    monkeypatch.setenv("MLREG_HOME", str(world.home))
    monkeypatch.setenv("MLREG_CONFIG_DIR", str(world.config_dir))
    with page_of(instance) as page:
        _launch(page, "job", jobs.EVALUATE, list(before))
        failures = list(execute_backfill_iteration(page.workspace, logging.getLogger("test")))
        assert not any(failures), failures
    runs = instance.get_runs()
    assert sorted(run.tags["dagster/partition"] for run in runs) == ["v1", "v2", "v3"]
    instance.dispose()
    _side_by_side([(run.run_id, world.home, tmp_path, jobs.EVALUATE) for run in runs])
    again = _instance(tmp_path / "dagster")
    assert {run.status for run in again.get_runs()} == {dg.DagsterRunStatus.SUCCESS}
    again.dispose()
    assert {each: len(world.registry.evaluations(each)) for each in before} == {
        each: number + 1 for each, number in before.items()
    }


def _side_by_side(arguments):
    processes = []
    for each in arguments:
        process = multiprocessing.get_context("fork").Process(target=_execute, args=each)
        process.start()
        processes.append(process)
        time.sleep(1.0)  # the first one has begun
    for process in processes:
        process.join(300)


def _launch(page, kind, job, keys):
    """As a person does in the UI: a backfill of the job, or of its assets."""
    parameters = {"partitionNames": keys, "fromFailure": False}
    if kind == "job":
        repository = {"repositoryLocationName": "mlreg_dagster", "repositoryName": "__repository__"}
        selector = {"partitionSetName": f"{job}_partition_set", "repositorySelector": repository}
        parameters |= {"selector": selector}
    else:
        parameters |= {"assetSelection": [{"path": [asset]} for asset in jobs.HOURLY_ASSETS]}
    mutation = """
        mutation ($parameters: LaunchBackfillParams!) {
          launchPartitionBackfill(backfillParams: $parameters) {
            __typename
            ... on PythonError { message }
          }
        }
    """
    answer = page.ask(mutation, parameters=parameters)["launchPartitionBackfill"]
    assert answer["__typename"] == "LaunchBackfillSuccess", json.dumps(answer)


def _execute(run_id, home, folder, name):
    instance = _instance(folder / "dagster")
    run = instance.get_run_by_id(run_id)
    definitions = _world(home, CHUNKED, instance, adopts=False).definitions
    job = definitions.resolve_job_def(name)
    if run.asset_selection:
        job = definitions.resolve_implicit_global_asset_job_def().get_subset(asset_selection=run.asset_selection)
    execute_run(InMemoryJob(job), run, instance)


def _world(home, configs, instance=None, **changes):
    return Lifecycle(home, configs, instance, clock=Clock(fixed=NOW), **changes)


def _instance(folder):
    """One whose runs wait to be executed by the test."""
    folder.mkdir(exist_ok=True)
    config = yaml.safe_load(DAGSTER_YAML)
    config["storage"]["custom"]["config"]["base_dir"] = str(folder)
    del config["concurrency"]
    config["run_coordinator"] = {"module": "dagster._core.run_coordinator", "class": "DefaultRunCoordinator"}
    config["run_launcher"] = {"module": "dagster._core.test_utils", "class": "MockedRunLauncher"}
    (folder / "dagster.yaml").write_text(yaml.safe_dump(config))
    return dg.DagsterInstance.from_config(str(folder))


def _range(run):
    return run.tags["dagster/asset_partition_range_start"], run.tags["dagster/asset_partition_range_end"]


def _tables(world):
    tables = (
        MARKET_SNAPSHOT,
        features_table(world.settings.features),
        PREDICTIONS,
        PREDICTION_OUTCOMES,
        PREDICTION_REASONS,
        FEATURE_SKETCH,
    )
    found = {}
    for table in tables:
        rows = world.warehouse.read(table, HOURS[0], HOURS[-1])
        assert len(rows), table.name
        found[table.name] = rows.sort_values(list(rows.columns[:4]), ignore_index=True)
    return found
