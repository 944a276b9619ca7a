"""Run config chooses what a run does, never where or when."""

import dagster as dg
import pytest

from mlreg_dagster import jobs
from mlreg_dagster.orchestration.resources import Clock, Fixed, ReplayClock
from mlreg_dagster.runner import RunFailed, asset_config
from mlreg_dagster_tests.graph import project_definitions
from mlreg_dagster_tests.graphql import page_of

ELSEWHERE = {
    "mlreg_clock": {"fixed": "2026-10-31T00:00"},
    "mlreg_registry": {"url": "sqlite:////tmp/other.sqlite"},
    "mlreg_artifacts": {"root": "/tmp/other"},
    "mlreg_warehouse": {"database": "/tmp/other.duckdb", "lock_timeout_s": 0.1},
    "mlreg_source": {"name": "other"},
}
PROMOTION = asset_config("champion_model", {"version": "v1", "reason": "a good reason", "actor": "anna"})


def _with(resource):
    return {**PROMOTION, "resources": {resource: {"config": ELSEWHERE[resource]}}}


def test_every_resource_is_tried():
    assert set(project_definitions().resources) == set(ELSEWHERE)


@pytest.mark.parametrize("resource", ELSEWHERE)
def test_no_run_says_where_or_when(trained, resource):
    with pytest.raises(RunFailed, match=r"Job promote could not start\. .*(.|\n)*unexpected config entr"):
        trained.run(jobs.PROMOTE, _with(resource))
    assert trained.instance.get_runs_count() == 0
    assert trained.registry.history("champion") == []


@pytest.mark.parametrize("resource", ELSEWHERE)
def test_no_job_takes_config_for_a_resource(resource):
    for job in project_definitions().resolve_all_job_defs():
        with pytest.raises(dg.DagsterInvalidConfigError, match="unexpected config entr"):
            dg.validate_run_config(job, {"resources": {resource: {"config": ELSEWHERE[resource]}}})


def test_the_launchpad_refuses_it_before_anything_runs(own_home, dagster_home):  # noqa: ARG001
    with dg.DagsterInstance.get() as instance, page_of(instance) as page:
        for resource in ELSEWHERE:
            answer = page.launch(jobs.PROMOTE, _with(resource))
            assert answer["__typename"] == "RunConfigValidationInvalid", resource
            (error,) = answer["errors"]
            assert f"root:resources:{resource}:config" in error["message"]
        assert instance.get_runs_count() == 0


def test_only_replays_and_tests_simulate_time():
    assert not Clock().is_simulated
    assert ReplayClock().is_simulated
    assert Clock(fixed="2026-01-08T00:30").is_simulated
    assert not project_definitions().resources["mlreg_clock"].value.is_simulated


def test_a_resource_of_dagsters_own_kind_is_brought_up_for_each_run_apart(monkeypatch):
    monkeypatch.setenv("START", "10")

    class Counted(dg.ConfigurableResource):
        start: int
        _up: int = 0

        def setup_for_execution(self, context):  # noqa: ARG002
            self._up += 1

        def seen(self):
            return self.start + self._up

    seen = []

    @dg.op
    def look(counted: Counted) -> None:
        seen.append(counted.seen())

    @dg.job(resource_defs={"counted": Fixed(Counted(start=dg.EnvVar.int("START")))})
    def looking():
        look()

    assert all(looking.execute_in_process().success for _ in range(2))
    with pytest.raises(dg.DagsterInvalidConfigError):
        looking.execute_in_process({"resources": {"counted": {"config": {"start": 11}}}})
    assert seen == [11, 11]
