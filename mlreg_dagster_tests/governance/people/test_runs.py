"""Runs by people of the directory: nothing that Dagster or the registry keeps holds their names."""

import json

import dagster as dg
import pytest
from dagster._serdes import serialize_value

from mlreg_dagster.registry import InvalidRecord
from mlreg_dagster.runner import RunFailed
from mlreg_dagster_tests.lifecycle import CONFIGS
from mlreg_dagster_tests.registry.builders import add_person

NAME = "zoe quux"


@pytest.fixture
def world(make_world, trained_home):
    """The trained home, whose policy wants an approval."""
    return make_world(trained_home, "people", configs={**CONFIGS, "promotion": {"low": {"approvals": 1}}})


@pytest.fixture
def zoe(world) -> str:
    return add_person(world.registry, NAME, contact="zoe.quux@bank.example", time=world.clock.now())


def approve(world, **config):
    values = {"version": "v1", "reason": "looked at it", "actor": NAME, **config}
    world.run("approve", {"ops": {"record_approval": {"config": values}}})


def kept_by_dagster(instance: dg.DagsterInstance) -> str:
    """Run config, tags and events of all runs, and events without a run."""
    runs = instance.get_run_records()
    texts = [json.dumps([record.dagster_run.run_config, dict(record.dagster_run.tags)]) for record in runs]
    texts += [serialize_value(entry) for record in runs for entry in instance.all_logs(record.dagster_run.run_id)]
    for asset in ("champion_model", "evaluated_model"):
        found = instance.fetch_observations(dg.AssetKey(asset), limit=100).records
        texts += [serialize_value(record.event_log_entry) for record in found]
    return "\n".join(texts)


def test_names_become_ids_before_a_run_is_launched(world, zoe):
    approve(world)
    (approval,) = world.registry.decisions("v1")
    assert approval.actor == zoe
    world.promote("v1", actor="bert")
    approve(world, version="v2", actor="carla")
    world.promote("v2", alias="challenger", actor="Zoe  Quux")
    assert world.registry.holder("champion").evidence["facts"]["approved_by"] == [zoe]
    assert world.registry.holder("challenger").actor == zoe
    kept = kept_by_dagster(world.instance)
    assert zoe in kept
    assert "quux" not in kept.lower()
    assert "quux" not in "".join(record.content for record in world.registry.audit_log()).lower()


def test_the_environment_names_the_person_as_well(world, zoe, monkeypatch):
    monkeypatch.setenv("MLREG_ACTOR", NAME)
    approve(world, actor=None)
    assert world.registry.decisions("v1")[0].actor == zoe
    assert "quux" not in kept_by_dagster(world.instance).lower()


def test_a_run_whose_reason_holds_a_name_is_not_launched(world, zoe):
    with pytest.raises(InvalidRecord, match=zoe):
        approve(world, reason="Zoe Quux looked at it", actor="bert")
    assert world.instance.get_run_records() == []
    assert world.registry.decisions("v1") == []


def test_a_run_that_was_launched_elsewhere_with_a_name_records_the_id(world, zoe):
    job = world.definitions.resolve_job_def("approve")
    config = {"version": "v1", "reason": "looked at it", "actor": NAME}
    assert job.execute_in_process(
        run_config={"ops": {"record_approval": {"config": config}}}, instance=world.instance, raise_on_error=False
    ).success
    assert world.registry.decisions("v1")[0].actor == zoe


def test_who_trained_under_a_name_can_not_approve_under_the_id(world):
    tester = add_person(world.registry, "tester", time=world.clock.now())
    assert world.registry.version("v1").created_by == "tester"
    with pytest.raises(RunFailed, match="who trained it"):
        approve(world, actor=tester)
