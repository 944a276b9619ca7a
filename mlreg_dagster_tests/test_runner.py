import gc
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml

from mlreg_dagster import jobs
from mlreg_dagster.config import ConfigError
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.hours import day_key
from mlreg_dagster.market.sources.base import MalformedPayload, MarketSource, SourceUnavailable
from mlreg_dagster.orchestration import retries
from mlreg_dagster.runner import RunFailed, Runner, asset_config
from mlreg_dagster.storage.homes import DAGSTER_YAML, prepare_home
from mlreg_dagster_tests.lifecycle import DATASET_DAY, LIVE_HOURS, MARKET_HOURS, Lifecycle

# --- homes ---------------------------------------------------------------------------------------------------


def test_a_home_is_prepared_once(own_home):
    environment = prepare_home()
    assert environment == {"MLREG_HOME": str(own_home), "DAGSTER_HOME": str(own_home / "dagster")}
    config = own_home / "dagster" / "dagster.yaml"
    assert yaml.safe_load(config.read_text())["nux"] == {"enabled": False}
    config.write_text("# mine\n")
    assert prepare_home() == environment
    assert config.read_text() == "# mine\n"


@pytest.mark.parametrize("name", ["a b's #1 [b]*", 'ü"b;c&d=e:f\\g'])
def test_a_home_of_any_usual_name_works(make_world, name):
    world = make_world(None, name=name)
    world.run_hours(jobs.MARKET, MARKET_HOURS[:1])
    assert len(world.warehouse.query("SELECT * FROM market_snapshot")) > 0
    assert world.registry.versions() == []
    assert {path.name for path in world.home.iterdir()} >= {"warehouse.duckdb", "registry.sqlite"}


@pytest.mark.parametrize("name", ["what?", "100%", "a%41b", "a\nb", "a\x1b[2J", "\u202ehome", "\udcff"])
@pytest.mark.parametrize("variable", ["MLREG_HOME", "DAGSTER_HOME"])
def test_a_home_under_whose_name_databases_would_lie_elsewhere_is_refused(tmp_path, monkeypatch, name, variable):
    monkeypatch.setenv(variable, str(tmp_path / name / "home"))
    with pytest.raises(ConfigError, match=rf"{variable} names the folder .* can't stand in its name") as refused:
        prepare_home()
    assert str(refused.value).isprintable()
    assert list(tmp_path.iterdir()) == []


def test_a_dagster_home_that_is_set_is_kept(own_home, tmp_path, monkeypatch):
    elsewhere = tmp_path / "dagster of the house"
    elsewhere.mkdir()
    (elsewhere / "dagster.yaml").write_text("# theirs\n")
    monkeypatch.setenv("DAGSTER_HOME", str(elsewhere))
    assert prepare_home() == {"MLREG_HOME": str(own_home), "DAGSTER_HOME": str(elsewhere)}
    assert (elsewhere / "dagster.yaml").read_text() == "# theirs\n"


def test_a_relative_dagster_home_is_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", "here")
    assert prepare_home()["DAGSTER_HOME"] == str(tmp_path / "here")


def test_dagster_takes_the_instance_that_was_prepared(monkeypatch):
    for name, value in prepare_home().items():
        monkeypatch.setenv(name, value)
    with dg.DagsterInstance.get() as instance:
        assert instance.root_directory == os.environ["DAGSTER_HOME"]
        assert not instance.telemetry_enabled
        assert instance.nux_enabled is False


def test_a_runner_closes_the_instance_that_it_opened(dagster_home):
    def opened():
        files = (entry.readlink() for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink())
        return [file for file in files if file.is_relative_to(dagster_home)]

    runner = Runner()
    runner.add_version("v1")
    instance = runner.instance
    assert opened()
    del runner
    gc.collect()
    assert opened() == []
    assert instance.root_directory == str(dagster_home)


# --- failures ------------------------------------------------------------------------------------------------


class Failing(MarketSource):
    """A source that fails with a given error."""

    name = "simulated"

    def __init__(self, error):
        self.error = error

    def span(self, now):  # noqa: ARG002
        return LIVE_HOURS[0], LIVE_HOURS[-1]

    def _rows(self, hours, now):  # noqa: ARG002
        try:
            raise ValueError("what lies beneath: a comma was expected")
        except ValueError as cause:
            raise self.error from cause


def _failure(make_world, error):
    world = make_world(None, source=Failing(error))
    with pytest.raises(RunFailed) as caught:
        world.run_hours(jobs.MARKET, LIVE_HOURS[:1])
    (run,) = world.instance.get_runs()
    message, where = str(caught.value).split("\n(")
    assert where == f"step market_snapshot of job market, run {run.run_id})"
    return message


def test_a_failed_run_tells_our_message_and_not_what_lies_beneath(make_world):
    error = MalformedPayload("coins/markets: price of bitcoin: must be a number. Ask again later.")
    assert _failure(make_world, error) == str(error)


def test_a_foreign_error_keeps_its_name(make_world):
    assert _failure(make_world, KeyError("price")) == "KeyError: 'price'"


def test_an_error_that_stays_after_all_retries_tells_its_message(make_world, monkeypatch):
    monkeypatch.setattr(retries, "WAIT_S", 0)
    error = SourceUnavailable("The market did not answer.")
    assert _failure(make_world, error) == str(error)


def test_a_failed_run_is_an_error_for_people():
    assert issubclass(RunFailed, MlregError)


@pytest.mark.parametrize(
    ("job", "key", "config"),
    [
        (jobs.DATASETS, "2024-01-01", {}),
        (jobs.EVALUATE, "v9", {}),
        (jobs.TRAIN, "v1", asset_config("candidate_model", {"modell": "model"})),
    ],
    ids=["a day before the start", "a version nobody trained", "an unknown key of the run config"],
)
def test_a_run_that_cannot_start_is_told_from_one_that_failed(trained, job, key, config):
    with pytest.raises(RunFailed, match=f"Job {job} could not start. "):
        trained.run_partition(job, key, config)
    assert trained.instance.get_runs_count() == 0


# --- what it runs --------------------------------------------------------------------------------------------


def test_training_takes_the_next_name_that_nobody_uses(trained):
    assert trained.train({"actor": "anna"}) == "v4"
    trained.add_version("v7")
    assert trained.train({"actor": "anna"}) == "v8"


def test_what_can_not_be_trained_uses_up_no_name(trained):
    for mistake in (
        {"model": "modell"},
        {"dataset": "2026-01-01"},
        {"dataset": "../models/v1"},
        {"overrides": {"contaminaton": 0.1}},
        {"overrides": {"params": {"neighbours": 3}}},
    ):
        with pytest.raises(MlregError):
            trained.train(mistake)
    assert trained.instance.get_runs_count() == 0
    assert trained.train({"actor": "anna"}) == "v4"


def test_a_name_is_not_used_again_after_a_failure(trained):
    with pytest.raises(RunFailed):
        trained.train({"overrides": {"params": {"n_neighbors": 100_000}}})
    assert trained.train({"actor": "anna"}) == "v5"


# --- what its terminal shows ---------------------------------------------------------------------------------


def test_a_refusal_is_no_stack_trace_on_the_terminal(trained, capfd):
    with pytest.raises(RunFailed, match="v3 failed its latest evaluation"):
        trained.promote("v3")
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")


def test_a_defect_shows_where_it_is(make_world, capfd):
    with pytest.raises(RunFailed, match="KeyError: 'price'"):
        make_world(None, source=Failing(KeyError("price"))).run_hours(jobs.MARKET, LIVE_HOURS[:1])
    said = capfd.readouterr().err
    assert "Stack Trace" in said
    assert "in _rows" in said
    assert said.count("KeyError") <= 2


def test_a_step_that_is_tried_again_says_why_in_a_line(make_world, monkeypatch, capfd):
    monkeypatch.setattr(retries, "WAIT_S", 0)
    world = make_world(None, source=Failing(SourceUnavailable("The market did not answer.")))
    with pytest.raises(RunFailed):
        world.run_hours(jobs.MARKET, LIVE_HOURS[:1])
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == retries.MAX_RETRIES
    assert all("market_snapshot" in line and line.endswith("The market did not answer.") for line in lines)


def test_runs_are_recorded_on_the_instance_that_the_ui_shows(trained_home, tmp_path):
    shutil.copytree(trained_home, tmp_path / "world")
    (tmp_path / "instance").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "instance")) as instance:
        world = Lifecycle(tmp_path / "world", instance=instance)
        world.run_partition(jobs.DATASETS, day_key(DATASET_DAY))
        keys = instance.get_materialized_partitions(dg.AssetKey("training_dataset"))
        (run,) = instance.get_runs()
    assert keys == {day_key(DATASET_DAY)}
    assert (run.job_name, run.status) == (jobs.DATASETS, dg.DagsterRunStatus.SUCCESS)


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell")
def test_the_printed_environment_can_be_evaluated(tmp_path):
    home = tmp_path / "a home; with 'quotes'"
    mlreg = shlex.quote(str(Path(sys.executable).parent / "mlreg"))
    script = f'eval "$({mlreg} env)" && printf %s "$MLREG_HOME|$DAGSTER_HOME"'
    answer = subprocess.run(
        ["sh", "-c", script], env=os.environ | {"MLREG_HOME": str(home)}, capture_output=True, text=True, check=True
    )
    assert answer.stdout == f"{home}|{home / 'dagster'}"
    assert (home / "dagster" / "dagster.yaml").read_text() == DAGSTER_YAML
