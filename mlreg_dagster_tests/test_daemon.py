"""The whole chain through real processes: `dagster dev` on an empty home, looked at as the UI does, through GraphQL."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from mlreg_dagster.hours import as_hour, hour_range
from mlreg_dagster.models.names import GATES
from mlreg_dagster.runner import prepare_home
from mlreg_dagster_tests.lifecycle import write_configs
from mlreg_dagster_tests.location import CONFIGS

PATIENCE_S = 240  # on two idle cores the test takes a fifth of it
DEFINITIONS = """
from pathlib import Path

from mlreg_dagster import automation
from mlreg_dagster.definitions import build_definitions
from mlreg_dagster.orchestration.resources import Clock


class WrittenClock(Clock):
    def now(self):
        return Clock(fixed=Path({clock!r}).read_text()).now()


automation.EVERY_S = 5
defs = build_definitions(resources={{"clock": WrittenClock()}})
"""


class Deployment:
    """`dagster dev` with its web server and daemon, on the project's own settings but for a clock in a file."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, folder / "clock.txt"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"
        self.location = folder / "location.py"
        self.location.write_text(DEFINITIONS.format(clock=str(self.clock)))
        self.log = folder / "log.txt"

    def __enter__(self) -> "Deployment":
        configs = write_configs(self.folder / "configs", CONFIGS)
        environment = {**os.environ, **prepare_home(self.folder / "home"), "MLREG_CONFIG_DIR": str(configs)}
        command = [Path(sys.executable).with_name("dagster"), "dev", "-f", self.location, "-h", "127.0.0.1", "-p"]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*command, self.url.rsplit(":")[-1]],
                cwd=self.folder,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_listen_to_signals,
            )
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._kill_the_rest()

    def _kill_the_rest(self) -> None:
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.process.wait(10)

    def ask(self, query: str, **variables: Any) -> Any:
        """What GraphQL answers."""
        reply = httpx.post(f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=60)
        answer = reply.raise_for_status().json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def wait_for(self, what: str, look: Callable[[], Any]) -> Any:
        """Look until there is something to see."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            try:
                if found := look():
                    return found
            except httpx.TransportError:
                pass  # the web server is still starting
            time.sleep(1)
        raise AssertionError(f"No {what} after {PATIENCE_S} s. {self.runs()}\n{self.log.read_text()[-3000:]}")

    def runs(self) -> list[tuple[str, str]]:
        """Job and status of every run, the first one first."""
        found = self.ask("{ runsOrError { ... on Runs { results { jobName status } } } }")["runsOrError"]["results"]
        return [(run["jobName"], run["status"]) for run in reversed(found)]

    def materializations(self, asset: str) -> list[dict[str, Any]]:
        """Partition and metadata of every materialization of an asset, the newest first."""
        query = """
            query ($path: [String!]!) {
              assetOrError(assetKey: {path: $path}) {
                ... on Asset {
                  assetMaterializations {
                    partition
                    metadataEntries {
                      label
                      ... on IntMetadataEntry { intValue }
                      ... on TextMetadataEntry { text }
                      ... on MarkdownMetadataEntry { mdStr }
                    }
                  }
                }
              }
            }
        """
        found = self.ask(query, path=[asset])["assetOrError"].get("assetMaterializations", [])
        return [{"partition": each["partition"], **_values(each["metadataEntries"])} for each in found]

    def check_results(self, asset: str, check: str, partition: str) -> list[tuple[str, bool]]:
        """Status and verdict of every execution of a check for a partition."""
        query = """
            query ($path: [String!]!, $check: String!, $partition: String!) {
              assetCheckExecutions(assetKey: {path: $path}, checkName: $check, partition: $partition, limit: 5) {
                status
                evaluation { success partition }
              }
            }
        """
        found = self.ask(query, path=[asset], check=check, partition=partition)["assetCheckExecutions"]
        return [(each["status"], each["evaluation"]["success"]) for each in found]


def _values(entries: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        entry["label"]: next((value for name, value in entry.items() if name != "label" and value is not None), None)
        for entry in entries
    }


def _listen_to_signals() -> None:
    """A process started in the background of a shell would otherwise ignore the interrupt that ends it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In memory where there is such a place: Dagster's SQLite waits for the disk several times at each event."""
    memory = Path("/dev/shm")
    if not memory.is_dir():
        yield tmp_path
        return
    made = Path(tempfile.mkdtemp(prefix="mlreg-", dir=memory))
    yield made
    shutil.rmtree(made)


def test_dagster_dev_left_alone_trains_promotes_and_predicts(folder: Path):
    deployment = Deployment(folder)
    deployment.clock.write_text("2026-01-02T00:30")
    with deployment:
        (champion,) = deployment.wait_for("champion", lambda: deployment.materializations("champion_model"))
        assert champion["champion"] == "v1"
        assert champion["actor"] == "automation"
        assert champion["history"].startswith("![")

        snapshots = {each["partition"]: each for each in deployment.materializations("market_snapshot")}
        first_day = hour_range(as_hour("2026-01-01"), as_hour("2026-01-01T23:00"))
        assert sorted(snapshots) == list(first_day.strftime("%Y-%m-%d-%H:%M"))
        assert {each["dagster/partition_row_count"] for each in snapshots.values()} <= set(range(9, 13))

        (evaluated,) = deployment.materializations("evaluated_model")
        assert (evaluated["partition"], evaluated["status"]) == ("v1", "evaluated")
        assert evaluated["gate_summary"].startswith("![")
        for gate in GATES:
            assert deployment.check_results("evaluated_model", gate, "v1") == [("SUCCEEDED", True)]

        deployment.clock.write_text("2026-01-02T04:30")
        following = [f"2026-01-02-0{hour}:00" for hour in range(4)]
        predictions = deployment.wait_for(
            "predictions",
            lambda: [each for each in deployment.materializations("predictions") if each["partition"] in following],
        )
        rows = {each["partition"]: each["dagster/partition_row_count"] for each in predictions}
        assert rows["2026-01-02-00:00"] == 0  # nobody was champion yet
        assert all(rows[hour] > 0 for hour in following[1:])

        runs = deployment.wait_for("end of the last run", lambda: _all_ended(deployment.runs()))
        assert sorted(runs) == sorted(
            (job, "SUCCESS") for job in ("hourly", "datasets", "performance", "retrain", "promote", "hourly")
        )


def _all_ended(runs: list[tuple[str, str]]) -> list[tuple[str, str]] | None:
    return runs if all(status in ("SUCCESS", "FAILURE", "CANCELED") for _, status in runs) else None
