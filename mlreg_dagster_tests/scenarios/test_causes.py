"""Trainings for a cause through a real daemon and web server: each starts once, also where the daemon is killed."""

import os
import signal
import subprocess
import sys

import pandas as pd
import pytest
import yaml

from mlreg_dagster.registry import Attribution, DriftJudgement, Registry
from mlreg_dagster_tests.deployment import Deployment
from mlreg_dagster_tests.documentation.pages import PROJECT
from mlreg_dagster_tests.location import Location

pytestmark = pytest.mark.slow

NOW = "2026-01-02T00:30"
CONFIGS = {
    "retraining": {"every_days": 30, "volume": {"rows": 1}},
    "drift": {"response": {"cooldown_days": 1, "trainings": 3}},
}
REASON = "the exchange listed forty coins"
DRIFT, WORSE = "data-sudden-2026-01-01-v1", "concept-worse-2026-01-01-v1"


def decide(registry, cause):
    now = pd.Timestamp(NOW, tz="UTC")
    judged = DriftJudgement("2026-01-01", "v1", "responding", "data", "retrain", 10, cause, (), {})
    registry.record_drift([(judged, Attribution("automation", now, "it drifts"), now)])


def trained_for(deployment, cause):
    return [run for run in deployment.client.runs() if run.tags.get("mlreg/cause") == cause]


def test_each_trigger_fires_once_also_where_the_daemon_is_killed_between_decision_and_run(first_day):
    Location(first_day, NOW, CONFIGS)  # puts the policy in force
    registry = Registry(f"sqlite:///{first_day / 'home' / 'registry.sqlite'}")
    with Deployment(first_day, NOW, CONFIGS) as deployment:
        decide(registry, DRIFT)
        _kill(deployment)  # decided, and most likely not asked for
    waiting = Deployment(first_day, NOW, CONFIGS)
    _let_no_run_begin(first_day / "dagster" / "dagster.yaml")
    with waiting as deployment:
        deployment.wait_for("request", lambda: trained_for(deployment, DRIFT))
        _kill(deployment)  # asked for, and not begun
    with Deployment(first_day, NOW, CONFIGS) as deployment:
        deployment.wait_for("training", lambda: DRIFT in causes_in(registry) and deployment.all_ended())
        decide(registry, WORSE)
        deployment.wait_for("second training", lambda: WORSE in causes_in(registry) and deployment.all_ended())
        _a_person_trains_through_the_api(deployment, registry)
        deployment.set_clock("2026-01-03T00:30")  # a day of new rows, and its dataset
        deployment.wait_for("third training", lambda: "volume" in str(causes_in(registry)) and deployment.all_ended())
        causes = [each for each in causes_in(registry) if each]
        assert [each.split("-")[0] for each in causes] == ["data", "concept", "manual", "volume"]
        assert len(trained_for(deployment, DRIFT)) == len(trained_for(deployment, WORSE)) == 1


def _let_no_run_begin(file):
    config = yaml.safe_load(file.read_text())
    config["concurrency"]["runs"]["max_concurrent_runs"] = 0
    file.write_text(yaml.safe_dump(config))


def _kill(deployment):
    os.killpg(deployment.process.pid, signal.SIGKILL)
    deployment.process.wait(10)


def _a_person_trains_through_the_api(deployment, registry):
    version = f"v{len(registry.versions()) + 1}"
    script = [sys.executable, PROJECT / "examples" / "retrain_by_graphql.py", deployment.client.url]
    answer = subprocess.run(
        [*script, version, REASON, "anna"], check=True, stdout=subprocess.PIPE, text=True, timeout=120
    )
    assert deployment.ended(answer.stdout.strip()).status == "SUCCESS"
    manual = registry.version(version)
    assert (manual.created_by, manual.manifest["cause"]["reason"]) == ("anna", REASON)
    deployment.wait_for("end", deployment.all_ended)


def causes_in(registry):
    return [cause_of(each) for each in registry.versions()]


def cause_of(version):
    return (version.manifest.get("cause") or {}).get("key", "")
