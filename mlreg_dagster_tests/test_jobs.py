"""Tags of runs from automation.yaml: what a launcher goes by, on every run of a job and on no other."""

import json

import dagster as dg
import pytest
from dagster_k8s.job import get_user_defined_k8s_config

from mlreg_dagster.config import ConfigError, load_settings
from mlreg_dagster.config.sections.automation import AutomationSettings
from mlreg_dagster.core.names import EVALUATE, RETRAIN, WEEKLY
from mlreg_dagster.jobs import build_jobs

LARGE = {
    "dagster-k8s/config": {
        "container_config": {"resources": {"requests": {"cpu": "8"}, "limits": {"nvidia.com/gpu": "1"}}},
        "pod_spec_config": {"node_selector": {"pool": "large"}},
    },
    "ecs/cpu": "4096",
}


def settings(run_tags):
    automation = AutomationSettings().override({"run_tags": run_tags}, "automation.yaml")
    return load_settings().model_copy(update={"automation": automation})


@pytest.fixture
def jobs_of(tmp_path):
    return lambda run_tags: {job.name: job for job in build_jobs(settings(run_tags), tmp_path)}


@dg.asset
def weekly_report():
    pass


def run_of(job):
    """The run that Dagster makes of a job, by any request: its tags are those of the job and its own."""
    definitions = dg.Definitions(assets=[weekly_report], jobs=[job])
    with dg.DagsterInstance.ephemeral() as instance:
        result = definitions.resolve_job_def(job.name).execute_in_process(instance=instance, tags={"own": "1"})
        return instance.get_run_by_id(result.run_id)


def test_a_run_carries_the_tags_of_its_job(jobs_of):
    tags = run_of(jobs_of({WEEKLY: LARGE})[WEEKLY]).tags
    assert (tags["own"], tags["ecs/cpu"]) == ("1", "4096")
    assert json.loads(tags["dagster-k8s/config"]) == LARGE["dagster-k8s/config"]
    asked = get_user_defined_k8s_config(tags)  # as the launcher reads them
    assert asked.pod_spec_config["node_selector"] == {"pool": "large"}
    assert asked.container_config["resources"]["limits"] == {"nvidia.com/gpu": "1"}


def test_other_jobs_have_none(jobs_of):
    jobs = jobs_of({RETRAIN: LARGE})
    assert jobs[RETRAIN].tags
    assert not [name for name, job in jobs.items() if name != RETRAIN and job.tags]


def test_without_the_key_runs_have_their_own_tags_alone(jobs_of):
    jobs = jobs_of({})
    assert not [name for name, job in jobs.items() if job.tags]
    assert set(run_of(jobs[WEEKLY]).tags) == {"own"}


@pytest.mark.parametrize("job", ["retrian", "promote"])
def test_a_job_that_is_not_one_of_assets_is_refused(jobs_of, job):
    with pytest.raises(ConfigError, match=f"run_tags names '{job}'.* there are .*{EVALUATE}"):
        jobs_of({job: LARGE})


def test_what_dagster_sets_itself_is_refused():
    with pytest.raises(ConfigError, match="retrain: Dagster sets dagster/partition itself"):
        settings({RETRAIN: {"dagster/priority": "3", "dagster/partition": "v1"}})
