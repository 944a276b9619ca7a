import io
import os
import signal
import sys
from functools import partial

import dagster as dg
import pandas as pd
import pytest
from rich.console import Console

from mlreg_dagster import jobs
from mlreg_dagster.cli.demo import NotADemoHome, run_demo
from mlreg_dagster.core.hours import day_key, hour_key
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.outcomes.schema import MODEL_PERFORMANCE, PREDICTION_OUTCOMES, PREDICTIONS
from mlreg_dagster_tests import killable
from mlreg_dagster_tests.dying_demo import DEATHS, shrink, shrink_and_die
from mlreg_dagster_tests.lifecycle import CONFIGS, LIVE, MARKET_HOURS, Lifecycle, write_configs
from mlreg_dagster_tests.location import Location


@pytest.fixture
def by_hand(trained):
    """What the demo does, done by hand: v1 is champion, v2 its challenger, and can't be told apart from it."""
    trained.promote("v1", LIVE)
    trained.promote("v2", LIVE, alias="challenger")
    trained.run_hours(jobs.SCORING, MARKET_HOURS)
    trained.run_days(jobs.PERFORMANCE, MARKET_HOURS.normalize().unique())
    return trained


def _tables(world):
    features = features_table(world.settings.features)
    tables = (MARKET_SNAPSHOT, features, PREDICTIONS, PREDICTION_OUTCOMES, MODEL_PERFORMANCE)
    return {
        table.name: world.warehouse.read(table).drop(columns="artifact_sha256", errors="ignore") for table in tables
    }


def _versions(world):
    """The versions; the bytes of a model differ with each training, its manifest does not."""
    registry = world.registry
    return {name: (registry.version(name).manifest, registry.latest_evaluation(name).gates) for name in ("v1", "v2")}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_demo_that_was_killed_three_times_ends_like_one_done_by_hand(by_hand, dagster_home, own_home, tmp_path):
    env, output = os.environ | {"MLREG_CONFIG_DIR": str(write_configs(tmp_path / "configs"))}, tmp_path / "output.txt"
    for death in (*DEATHS, None):
        process = killable.start(["demo"], env, output, partial(shrink_and_die, death))
        assert not killable.outlives(process, 3600), output.read_text()
        assert process.exitcode == (-signal.SIGKILL if death else 0), output.read_text()
    for words in (
        "[1/12] first half of 6 days",
        "Outcomes, with 95% intervals",
        "Planted crashes",
        "v2 stays challenger",
        "not distinguishable from v1",
        "Champion: v1.",
    ):
        assert words in output.read_text()

    with dg.DagsterInstance.from_config(str(dagster_home)) as instance:
        survivor = Lifecycle(own_home, instance=instance)
        found = _tables(survivor)
        for name, table in _tables(by_hand).items():
            pd.testing.assert_frame_equal(found[name], table, check_exact=True, obj=name)
        assert [version.version for version in survivor.registry.versions()] == ["v1", "v2"]
        assert _versions(survivor) == _versions(by_hand)
        for alias in ("champion", "challenger"):
            moves = (
                [(move.version, move.effective_at) for move in world.registry.history(alias)]
                for world in (survivor, by_hand)
            )
            assert next(moves) == next(moves)
        for asset, hours in _MADE.items():  # the UI shows no hole either
            assert survivor.has_made(asset, map(hour_key, hours)), asset
    _has_nothing_to_make_up_for(tmp_path, dagster_home)


def _has_nothing_to_make_up_for(folder, dagster_home):
    """Automation that goes on after a demo asks for the newest day's dataset, and for nothing before it."""
    (folder / "dagster").symlink_to(dagster_home)
    location = Location(folder, "2026-01-07T00:30", CONFIGS)
    assert "are up to date" in location.ask("catch_up_sensor").skip_message
    (request,) = location.ask("days_sensor").run_requests
    assert (request.job_name, request.partition_key) == (jobs.DATASETS, day_key(MARKET_HOURS[-1]))


_MADE = {
    "market_snapshot": MARKET_HOURS,
    "market_features": MARKET_HOURS,
    "predictions": MARKET_HOURS,
    "prediction_outcomes": MARKET_HOURS,
    "prediction_reasons": MARKET_HOURS,
    "feature_sketch": MARKET_HOURS,
}


def _run(world):
    run_demo(world, Console(file=io.StringIO(), width=200))


def test_a_home_with_other_models_is_refused(trained, monkeypatch):
    shrink(monkeypatch)
    with pytest.raises(NotADemoHome, match="This home holds v3 of dataset 2026-01-04, which is not the demo's"):
        _run(trained)
    assert trained.instance.get_runs_count() == 0


def test_another_market_is_refused(make_world, tmp_path):
    archive = tmp_path / "bars.csv"
    archive.write_text("asset_id,symbol,ts,close,volume\na,A,2026-01-01T00:00:00Z,1,1\n")
    world = make_world(None, configs={"ingest": {"source": "archive", "archive": {"path": str(archive)}}})
    with pytest.raises(NotADemoHome, match="The demo runs on the simulated market"):
        _run(world)
