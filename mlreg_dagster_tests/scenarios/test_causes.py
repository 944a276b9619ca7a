"""Trainings for a cause through a real daemon and web server: each starts once, also where the daemon is killed."""

import os
import signal
import subprocess
import sys

import pandas as pd
import pytest

from mlreg_dagster.registry import Attribution, DriftJudgement, Registry
from mlreg_dagster_tests.deployment import Deployment
from mlreg_dagster_tests.documentation.pages import PROJECT
from mlreg_dagster_tests.location import Location

pytestmark = pytest.mark.slow

NOW = "2026-01-02T00:30"
RARELY = {"retraining": {"every_days": 30, "volume": {"rows": 1}}, "drift": {"response": {"cooldown_days": 1}}}
DRIFT, WORSE = "data-sudden-2026-01-01-v1", "concept-worse-2026-01-01-v1"


def decide(registry, cause):
    now = pd.Timestamp(NOW, tz="UTC")
    judged = DriftJudgement("2026-01-01", "v1", "responding", "data", "retrain", 10, cause, (), {})
    registry.record_drift([(judged, Attribution("automation", now, "it drifts"), now)])


def trained_for(deployment, cause):
    return [run for run in deployment.client.runs() if run.tags.get("mlreg/cause") == cause]


def test_each_trigger_fires_once_also_where_the_daemon_is_killed_between_decision_and_run(first_day):
    Location(first_day, NOW, RARELY)  # puts the policy in force
    registry = Registry(f"sqlite:///{first_day / 'home' / 'registry.sqlite'}")
    decide(registry, DRIFT)
    with Deployment(first_day, NOW, RARELY) as deployment:
        # from here on the sensor has asked for the run, which may or may not be stored, queued or begun
        deployment.wait_for("request", lambda: trained_for(deployment, DRIFT))
        os.killpg(deployment.process.pid, signal.SIGKILL)
        deployment.process.wait(10)
    with Deployment(first_day, NOW, RARELY) as deployment:
        deployment.wait_for("training", lambda: len(registry.versions()) >= 2 and deployment.all_ended())
        decide(registry, WORSE)
        deployment.wait_for("second training", lambda: any("concept" in cause_of(each) for each in registry.versions()))
        deployment.wait_for("end", deployment.all_ended)
        version = f"v{len(registry.versions()) + 1}"
        script = [sys.executable, PROJECT / "examples" / "retrain_by_graphql.py"]
        answer = subprocess.run(
            [*script, deployment.client.url, version, "the exchange listed forty coins", "anna"],
            check=True, stdout=subprocess.PIPE, text=True, timeout=120,
        )  # fmt: skip
        assert deployment.ended(answer.stdout.strip()).status == "SUCCESS"
        manual = registry.version(version)
        assert (manual.created_by, manual.manifest["cause"]["reason"]) == ("anna", "the exchange listed forty coins")
        deployment.wait_for("end", deployment.all_ended)
        causes = [cause_of(each) for each in registry.versions()]
        assert causes.count(DRIFT) == causes.count(WORSE) == 1
        assert len(causes) == len({each for each in causes if each}) + causes.count("")


def cause_of(version):
    return (version.manifest.get("cause") or {}).get("key", "")
