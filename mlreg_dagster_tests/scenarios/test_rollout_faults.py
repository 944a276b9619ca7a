"""Versions with planted faults are rolled out by a real daemon, on a real server under load; the harmless one arrives.

With MLREG_LONG=1 every fault is tried; otherwise one of the bundle, and none.
"""

import json
import threading
from dataclasses import dataclass, field

import httpx
import pandas as pd
import pytest

from mlreg_dagster.core.names import SENSORS
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.registry import Registry
from mlreg_dagster_tests.deployment import Deployment
from mlreg_dagster_tests.first_day import memory_folder
from mlreg_dagster_tests.lifecycle import CONFIGS, Lifecycle
from mlreg_dagster_tests.location import Location
from mlreg_dagster_tests.scenarios.planted import environment_with, plant
from mlreg_dagster_tests.serving.running import LONG, Server, infer_body, running
from mlreg_dagster_tests.waiting import PATIENCE_S, wait_for

pytestmark = pytest.mark.slow

WITHIN = pd.Timedelta(minutes=5)
"""From the change by which the fault begins to show, the last one before, to the rollback."""

FAULTS = ("slow", "errors", "not finite", "flags everything", "flags nothing")
TRIED = FAULTS if LONG else ("flags everything",)
TOLD = {
    "slow": "slow answers",
    "errors": "errors in",
    "not finite": "no finite numbers",
    "flags everything": "flags a share of the rows outside of its limits",
    "flags nothing": "flags a share of the rows outside of its limits",
}
STEPS = ("shadow", "canary_5", "canary_25", "canary_50") if LONG else ("shadow", "canary_25")
POLICY = {
    "steps": list(STEPS),
    "dwell_hours": 0,
    "watch_hours": 0,
    "min_requests": 100 if LONG else 50,
    "min_pairs": 0,
    "require_not_worse": False,
}
BUDGETS = {
    "flagged_rows": 400, "cpu_ratio": 50.0, "flush_seconds": 1.0,
    "slow_ms": 120.0 if "slow" in TRIED else 10_000.0, "slow_share": 0.3,
}  # fmt: skip
"""Quick ones, for a machine that may be busy: its own slowness is no fault of a version."""

CLIENTS, EVERY_S = (6, 0.04) if LONG else (2, 0.1)
ROWS = 16


def now() -> str:
    return f"{pd.Timestamp.now('UTC'):%Y-%m-%dT%H:%M:%S}"


@dataclass
class Load:
    """Clients that ask for the champion until they are told to end."""

    url: str
    bodies: list[bytes]
    answered: list[int] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Load":
        self.threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(CLIENTS)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        for thread in self.threads:
            thread.join()

    def _ask(self, number: int) -> None:
        with httpx.Client(trust_env=False, timeout=PATIENCE_S) as client:
            while not self.stopped.wait(EVERY_S):
                body = self.bodies[(len(self.answered) + number) % len(self.bodies)]
                self.answered.append(client.post(f"{self.url}/v2/models/champion/infer", content=body).status_code)


@dataclass
class World:
    """A deployment whose clock goes and whose other sensors rest, a server under load, and the registry of both."""

    deployment: Deployment
    server: Server
    load: Load
    registry: Registry

    def roll_out(self, version: str) -> int:
        """Start a rollout as a person does in the UI; gives its number."""
        config = {"action": "start", "version": version, "reason": "another training", "actor": "ada"}
        run = self.deployment.ended(self.deployment.launch("rollout", {"ops": {"traffic": {"config": config}}}))
        assert run.status == "SUCCESS", self.deployment.failure(run)
        return self.registry.traffic("champion").rollout

    def states(self, rollout: int) -> list[str]:
        return [each.state for each in self.registry.traffic_history("champion") if each.rollout == rollout]

    def ended(self, rollout: int) -> bool:
        newest = self.registry.traffic("champion")
        return newest.rollout == rollout and not newest.is_open

    def alerts(self) -> list[str]:
        return [each.subject for each in self.registry.alert_events() if "roll" in each.rule and each.event == "firing"]


@pytest.fixture(scope="module")
def versions() -> dict[str, str]:
    """The version of each fault, in the order in which they are tried; the harmless one is the last."""
    return {fault: f"v{number}" for number, fault in enumerate((*TRIED, "none"), 2)}


@pytest.fixture(scope="module")
def world(versions):
    began = pd.Timestamp.now("UTC").floor("D") - pd.Timedelta(days=1)
    configs = {
        "ingest": {
            **CONFIGS["ingest"],
            "start": f"{began:%Y-%m-%dT%H:%M}",
            "simulated": {"crashes": 8.0, "opens": f"{began - pd.Timedelta(days=16):%Y-%m-%dT%H:%M}"},
        },
        "promotion": {"automatic": "passed", "low": {"worth": None, "rollout": POLICY}},
        "rollout": BUDGETS,
        "retraining": {"every_days": 30},
    }
    with memory_folder() as folder:
        Location(folder, now(), configs).settle()
        configs["promotion"]["automatic"] = "never"
        bodies = _bodies(Location(folder, now(), configs).world)
        home = folder / "home"
        registry = Registry(f"sqlite:///{home / 'registry.sqlite'}")
        for fault, version in versions.items():
            plant(home, version, pd.Timestamp.now("UTC"), fault)
        faults = {version: fault for fault, version in versions.items()}
        environment = environment_with(folder / "planted", faults)
        with (
            Deployment(folder, now(), configs) as deployment,
            GoingClock(deployment),
            running(home, environment=environment, configs=configs) as server,
            Load(server.url, bodies) as load,
        ):
            deployment.stop(*(name for name in SENSORS if name not in ("rollout_sensor", "alert_sensor")))
            yield World(deployment, server, load, registry)


class GoingClock:
    """The deployment's clock is that of the wall."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment, self.stopped = deployment, threading.Event()
        self.thread = threading.Thread(target=self._go)

    def _go(self) -> None:
        while not self.stopped.wait(0.5):
            self.deployment.set_clock(now())

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self.thread.join()


def _bodies(world: Lifecycle) -> list[bytes]:
    """Requests with rows of the market, ROWS in each."""
    names = list(world.registry.version("v1").manifest["features"])
    rows = world.warehouse.read(features_table(world.settings.features))[names]
    rows = rows.sample(frac=1, random_state=5).astype(float)
    parts = (rows.iloc[start : start + ROWS] for start in range(0, len(rows) - ROWS, ROWS))
    values = ({name: [None if pd.isna(v) else v for v in part[name]] for name in part} for part in parts)
    return [json.dumps(infer_body(each)).encode() for each in values]


@pytest.mark.parametrize("fault", TRIED)
def test_a_version_with_a_fault_is_rolled_back_within_minutes(world, versions, fault):
    known = len(world.alerts())
    rollout = world.roll_out(versions[fault])
    world.deployment.wait_for("end of the rollout", lambda: world.ended(rollout))
    before, newest = world.registry.traffic_history("champion")[-2:]
    assert newest.state == "rolled_back", world.states(rollout)
    assert TOLD[fault] in newest.reason
    assert newest.facts["decision"]["ruling"] == "roll_back"
    assert newest.facts["serving"]["processes"] == 1
    assert world.registry.holder("champion").version == "v1"
    assert newest.recorded_at - before.recorded_at < WITHIN
    print(f"{fault}: rolled back {newest.recorded_at - before.recorded_at} after {before.state}")
    wait_for(lambda: _answers_by(world, "v1"))
    wait_for(lambda: len(world.alerts()) == known + 1)


def test_a_harmless_version_arrives(world, versions):
    rollout = world.roll_out(versions["none"])
    world.deployment.wait_for("end of the rollout", lambda: world.ended(rollout))
    assert world.states(rollout) == ["staging", *STEPS, "full", "closed"]
    assert world.registry.holder("champion").version == versions["none"]
    wait_for(lambda: _answers_by(world, versions["none"]))


def _answers_by(world: World, version: str) -> bool:
    answers = [world.server.post("/v2/models/champion/infer", content=world.load.bodies[0]) for _ in range(40)]
    return {each.json().get("model_version") for each in answers} == {version}
