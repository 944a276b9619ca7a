"""Trainings for each trigger through a real daemon: each starts once, also where the daemon is killed in between.

With MLREG_LONG=1 every trigger is tried; otherwise a decision that is on record, and one that the sensor comes to. What
the sensor asks for is tried for all of them in `automation/retraining`, without a daemon.
"""

import re
import shutil
import subprocess
import sys

import pandas as pd
import pytest

from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.registry import Attribution, DriftJudgement, Registry
from mlreg_dagster_tests.deployment import ENDED
from mlreg_dagster_tests.documentation.pages import PROJECT
from mlreg_dagster_tests.first_day import memory_folder
from mlreg_dagster_tests.location import Location
from mlreg_dagster_tests.serving.running import LONG
from mlreg_dagster_tests.split_deployment import SplitDeployment

pytestmark = pytest.mark.slow

NOW = pd.Timestamp("2026-01-02T00:30", tz="UTC")
CONFIGS = {
    # a day is 12 instruments x 24 hours: with all triggers, volume asks after two days, the schedule after one
    "retraining": {"every_days": 1, "volume": {"rows": 500 if LONG else 250}},
    "drift": {"response": {"cooldown_days": 1, "trainings": 10}},
}
REASON = "the exchange listed forty coins"


class World:
    """A deployment without a daemon, its registry, and the time on its clock."""

    def __init__(self, deployment, registry):
        self.deployment, self.registry, self.now = deployment, registry, NOW

    def pass_days(self, number):
        self.now += pd.Timedelta(days=number)
        self.deployment.set_clock(f"{self.now:%Y-%m-%dT%H:%M}")

    def decide(self, cause):
        by = Attribution("automation", self.now, "it drifts")
        judged = DriftJudgement("2026-01-01", "v1", "responding", "data", "retrain", 10, cause, (), {})
        self.registry.record_drift([(judged, by, self.now)])

    def train_by_hand(self):
        version = f"v{len(self.registry.versions()) + 1}"
        script = [sys.executable, PROJECT / "examples" / "retrain_by_graphql.py", self.deployment.client.url]
        subprocess.run([*script, version, REASON, "anna"], check=True, stdout=subprocess.DEVNULL, timeout=1200)

    def trainings(self):
        """Every run that trains, the first one first."""
        return [run for run in reversed(self.deployment.client.runs()) if run.job == "retrain"]


@pytest.fixture(scope="module")
def world(made_first_day):
    with memory_folder() as folder:
        shutil.copytree(made_first_day, folder, dirs_exist_ok=True)
        Location(folder, f"{NOW:%Y-%m-%dT%H:%M}", CONFIGS)  # puts the policy in force
        registry = Registry(f"sqlite:///{folder / 'home' / 'registry.sqlite'}")
        with SplitDeployment(folder, f"{NOW:%Y-%m-%dT%H:%M}", CONFIGS) as deployment:
            yield World(deployment, registry)


DRIFT, WORSE = "data-sudden-2026-01-01-v1", "concept-worse-2026-01-01-v1"
TRIGGERS = {
    # what brings it about while there is no daemon; the key of the run, the same at every look
    "drift": (lambda world: world.decide(DRIFT), f"cause-{DRIFT}"),
    "performance": (lambda world: world.decide(WORSE), f"cause-{WORSE}"),
    "schedule": (lambda world: world.pass_days(1), r"model-[0-9a-f]{16}-[0-9a-f]{16}"),
    "volume": (lambda world: world.pass_days(2 if LONG else 1), r"cause-volume-v\d+"),
    "manual": (World.train_by_hand, ""),
}
TRIED = tuple(TRIGGERS) if LONG else ("drift", "volume")


@pytest.mark.parametrize("trigger", TRIED)
def test_a_trigger_fires_once_also_where_the_daemon_is_killed_between_decision_and_run(world, trigger):
    bring_about, key = TRIGGERS[trigger]
    deployment, known = world.deployment, {run.id for run in world.trainings()}
    versions = len(world.registry.versions())

    def new():
        return [run for run in world.trainings() if run.id not in known]

    bring_about(world)  # decided, and no daemon to ask for it
    if trigger != "manual":
        deployment.start_daemon(holds=True)
        deployment.wait_for("request", new)
        deployment.kill_daemon()
    (asked,) = new()
    assert asked.status in ("QUEUED", "NOT_STARTED")  # and killed before it began
    deployment.start_daemon(holds=False)
    deployment.wait_for("training", lambda: new()[0].status in ENDED)
    deployment.wait_for("promotion", lambda: world.registry.holder(CHAMPION).version == f"v{versions + 1}")
    deployment.wait_for("rest", lambda: deployment.all_ended() and deployment.says("retrain_sensor"))
    deployment.kill_daemon()

    (trained,) = new()
    assert trained.status == "SUCCESS"
    assert re.fullmatch(key, trained.tags.get("dagster/run_key", ""))
    assert len(world.registry.versions()) == versions + 1
    version = world.registry.version(f"v{versions + 1}")
    cause = version.manifest.get("cause") or {"trigger": "schedule"}
    assert cause["trigger"] == trigger
    if trigger == "manual":
        assert (version.created_by, cause["reason"]) == ("anna", REASON)
