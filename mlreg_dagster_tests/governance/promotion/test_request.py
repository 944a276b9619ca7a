"""A promotion as it is asked for: its reason, and the tags by which its run is found."""

import shutil

import dagster as dg
import pytest

from mlreg_dagster import jobs
from mlreg_dagster.governance.promotion.request import NotAReason, PromotionRequest, require_reason
from mlreg_dagster.runner import RunFailed
from mlreg_dagster_tests.lifecycle import CONFIGS as LIFECYCLE
from mlreg_dagster_tests.lifecycle import failure
from mlreg_dagster_tests.location import Location


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "...",
        "-----",
        "xxxxxx",
        "TODO",
        "todo!",
        "<reason>",
        "Reason.",
        "n/a",
        "TBD: fill in",
        "change me",
        "null",
    ],
)
def test_a_placeholder_is_no_reason(text):
    with pytest.raises(NotAReason):
        require_reason(text)


@pytest.mark.parametrize("text", ["a good reason", "v2 was a mistake", "better", "why not", "todo list of May is done"])
def test_what_people_write_is_a_reason(text):
    require_reason(text)


def tags_of(world):
    (run,) = world.instance.get_runs(dg.RunsFilter(job_name=jobs.PROMOTE))
    return {name: value for name, value in run.tags.items() if name.startswith("mlreg/")}


def test_runs_that_commands_and_replays_start_are_tagged(trained):
    trained.promote("v1", actor="anna", alias="challenger")
    assert tags_of(trained) == {"mlreg/version": "v1", "mlreg/alias": "challenger", "mlreg/actor": "anna"}


def test_runs_that_fail_are_tagged(trained):
    with pytest.raises(RunFailed):
        trained.promote("v3", actor="anna")
    assert tags_of(trained)["mlreg/version"] == "v3"


def test_runs_of_the_launchpad_are_tagged_with_the_version_that_was_meant(trained, monkeypatch):
    monkeypatch.setenv("MLREG_ACTOR", "bert")
    config = {"version": "latest-1", "reason": "from the launchpad"}
    result = trained.ask_for(config)
    tags = trained.instance.get_run_by_id(result.run_id).tags
    assert (tags["mlreg/version"], tags["mlreg/alias"], tags["mlreg/actor"]) == ("v2", "champion", "bert")


@pytest.mark.parametrize("text", ["", "TODO"])
def test_the_launchpad_can_not_be_launched_with_a_placeholder(trained, text):
    result = trained.ask_for({"version": "v1", "reason": text})
    assert "is no reason but a placeholder" in failure(result)
    assert trained.registry.history("champion") == []


def test_version_and_reason_have_no_default(trained):
    job = trained.definitions.resolve_job_def(jobs.PROMOTE)
    for config in ({}, {"version": "v1"}, {"reason": "the first one"}):
        with pytest.raises(dg.DagsterInvalidConfigError, match="Missing required config"):
            dg.validate_run_config(job, {"ops": {"champion_model": {"config": config}}})


def test_the_sensor_asks_with_the_same_tags(trained_home, tmp_path):
    shutil.copytree(trained_home, tmp_path / "candidates" / "home")
    location = Location(tmp_path / "candidates", "2026-01-05T00:30", LIFECYCLE)
    (request,) = location.ask("promote_sensor").run_requests
    asked = PromotionRequest("v2", "the first version whose gates passed", "automation", expected="nobody")
    assert request.run_config == asked.run_config
    assert asked.tags.items() <= request.tags.items()


def test_every_field_of_every_launchpad_is_explained(trained):
    for job in trained.definitions.resolve_all_job_defs():
        assert job.name.startswith("__") or len(job.description) > 20, job.name
        ops = job.run_config_schema.run_config_schema_type.fields["ops"].config_type.fields
        for name, op in ops.items():
            config = op.config_type.fields.get("config")
            for field, each in getattr(config and config.config_type, "fields", {}).items():
                assert each.description, f"{job.name}: {name}.{field}"


def test_a_partition_that_is_no_version_is_refused(trained):
    trained.add_version("foo")
    result = trained.attempt("candidate_model", key="foo")
    assert "The partition 'foo' is not the name of a version. Add the next free one" in failure(result)
    assert trained.artifacts.keys("models") == ["v1", "v2", "v3"]


@pytest.mark.parametrize("asset", ["candidate_model", "evaluated_model", "delivery_bundle"])
def test_a_run_without_a_partition_says_what_to_choose(trained, asset):
    assert "This run names no version. Choose a partition (v1, v2, …)" in failure(trained.attempt(asset))
