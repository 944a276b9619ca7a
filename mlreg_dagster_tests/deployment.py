"""`dagster dev` on a home of its own: real web server, daemon and code server, used through GraphQL as the UI does."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlreg_dagster.models.gates import GATES
from mlreg_dagster.outcomes.names import VERSION_ROWS
from mlreg_dagster.runner import asset_config
from mlreg_dagster.storage.homes import DAGSTER_YAML
from mlreg_dagster.verification.answers import Materialization, Run
from mlreg_dagster.verification.client import Client, NoAnswer
from mlreg_dagster_tests import location
from mlreg_dagster_tests.lifecycle import write_configs
from mlreg_dagster_tests.ports import free_port

PATIENCE_S = 1200  # on two idle cores nothing that is waited for takes a twentieth of it
ENDED = ("SUCCESS", "FAILURE", "CANCELED")
SERVED = Path(__file__).with_name("served.py")
FASTER = "run_queue: {dequeue_interval_seconds: 1}\n"


class Deployment:
    """What a team runs, but for its clock, outages of its source, and sensors that look more often.

    Args:
        folder: Of its own; one in which a `Location` has worked is taken over with all it holds.
        now: What the clock says at first.
        configs: As in `Location`.
        runs: How their processes begin: "spawned", as Dagster does it, or "forked" from one that has imported all
            that they need, which saves most of their time.
    """

    def __init__(self, folder: Path, now: str, configs: Mapping[str, Any] | None = None, runs: str = "forked") -> None:
        self.folder, self.way_of_runs = folder, runs
        self.set_clock(now)
        write_configs(folder / "home-configs", {**location.CONFIGS, **(configs or {})})
        (folder / "dagster").mkdir(exist_ok=True)
        (folder / "dagster" / "dagster.yaml").write_text(DAGSTER_YAML + FASTER)
        self.port = free_port()
        self.client = Client(f"http://127.0.0.1:{self.port}", timeout_s=PATIENCE_S)
        self.log = folder / "log.txt"
        self._site: Any = None

    @property
    def environment(self) -> dict[str, str]:
        """Of its processes."""
        return {
            **os.environ,
            "MLREG_HOME": str(self.folder / "home"),
            "MLREG_CONFIG_DIR": str(self.folder / "home-configs"),
            "MLREG_TEST_DEPLOYMENT": str(self.folder),
            "MLREG_TEST_RUNS": self.way_of_runs,
            "DAGSTER_HOME": str(self.folder / "dagster"),
        }

    def start(self, name: str, *arguments: object) -> "subprocess.Popen[bytes]":
        """Start one of Dagster's commands, in a process group of its own."""
        with self.log.open("a") as log:
            return subprocess.Popen(
                [Path(sys.executable).with_name(name), *map(str, arguments)],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_listen_to_signals,
            )

    def __enter__(self) -> "Deployment":
        self.log.unlink(missing_ok=True)
        self.process = self.start("dagster", "dev", "-f", SERVED, "-h", "127.0.0.1", "-p", self.port)
        try:
            self.wait_for("web server", lambda: self.client.location().repository)
        except BaseException:
            self.__exit__()
            raise
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
        self.process.wait(PATIENCE_S)

    # --- the world around it --------------------------------------------------------------------------------

    def set_clock(self, now: str) -> None:
        replace(self.folder / "clock.txt", now)

    def break_source(self, first: str, last: str) -> None:
        """Let the source give no answer about these hours."""
        replace(self.folder / "outage.txt", f"{first} {last}")

    def repair_source(self) -> None:
        (self.folder / "outage.txt").unlink()

    # --- what a person does in the UI -----------------------------------------------------------------------

    def launch(self, job: str, config: Mapping[str, Any], partition: str | None = None) -> str:
        """Start a run as the launchpad does; returns its id."""
        mutation = """
            mutation ($parameters: ExecutionParams!) {
              launchRun(executionParams: $parameters) {
                __typename
                ... on LaunchRunSuccess { run { runId } }
                ... on RunConfigValidationInvalid { errors { message } }
                ... on PythonError { message }
              }
            }
        """
        parameters = {
            "selector": {**self.client.location().selector, "jobName": job},
            "runConfigData": config,
            "executionMetadata": {"tags": [{"key": "dagster/partition", "value": partition}] if partition else []},
        }
        answer = self.client.ask(mutation, parameters=parameters)["launchRun"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return answer["run"]["runId"]

    def promote(self, version: str, reason: str) -> Run:
        """Launch the promote job and see how it ends."""
        config = asset_config("champion_model", {"version": version, "reason": reason, "actor": "ada"})
        return self.ended(self.launch("promote", config))

    def retrain(self, version: str, train: Mapping[str, Any], evaluate: Mapping[str, Any] | None = None) -> Run:
        """Add a version in the partitions' dialog, launch its training and evaluation, and see how they end."""
        mutation = """
            mutation ($repository: RepositorySelector!, $version: String!) {
              addDynamicPartition(
                repositorySelector: $repository, partitionsDefName: "model_version", partitionKey: $version
              ) { __typename }
            }
        """
        answer = self.client.ask(mutation, repository=self.client.location().selector, version=version)
        assert answer["addDynamicPartition"]["__typename"] == "AddDynamicPartitionSuccess", answer
        config = {"candidate_model": {"config": dict(train)}, "evaluated_model": {"config": dict(evaluate or {})}}
        return self.ended(self.launch("retrain", {"ops": config}, version))

    def backfill(self, assets: Sequence[str], partitions: Sequence[str]) -> str:
        """Select assets, "Materialize", choose partitions of the first ones; returns how it ends."""
        mutation = """
            mutation ($parameters: LaunchBackfillParams!) {
              launchPartitionBackfill(backfillParams: $parameters) {
                __typename
                ... on LaunchBackfillSuccess { backfillId }
                ... on PythonError { message }
              }
            }
        """
        parameters = {"assetSelection": [{"path": [asset]} for asset in assets], "partitionNames": list(partitions)}
        answer = self.client.ask(mutation, parameters=parameters)["launchPartitionBackfill"]
        assert answer["__typename"] == "LaunchBackfillSuccess", answer
        query = """
            query ($it: String!) { partitionBackfillOrError(backfillId: $it) { ... on PartitionBackfill { status } } }
        """

        def ended() -> str | None:
            found = self.client.ask(query, it=answer["backfillId"])["partitionBackfillOrError"]["status"]
            return found if found.startswith(("COMPLETED", "FAILED", "CANCELED")) else None

        return self.wait_for("end of the backfill", ended)

    def stop(self, *sensors: str) -> None:
        """Switch sensors off; again, where a tick that was under way has stored the state of before."""

        def stopped(sensor: str) -> bool:
            state = self._sensor(sensor, "sensorState { id status ticks(limit: 1) { status } }")["sensorState"]
            if state["status"] == "STOPPED":
                return all(tick["status"] != "STARTED" for tick in state["ticks"])
            self.client.ask("mutation ($id: String) { stopSensor(id: $id) { __typename } }", id=state["id"])
            return False

        def all_stopped() -> bool:
            return not [sensor for sensor in sensors if not stopped(sensor)]

        self.wait_for(f"stop of {sensors}", all_stopped)
        time.sleep(2)  # a tick that had begun before has ended, and stores the state in a moment
        self.wait_for(f"stop of {sensors}", all_stopped)

    # --- what a person sees on the registry pages -----------------------------------------------------------

    def page(self, path: str) -> dict[str, Any]:
        """The facts of a registry page, as its twin has them; the page itself answers, too."""
        from mlreg_dagster_tests.pages.sites import client_of

        if self._site is None:
            self._site = client_of(self.folder / "home", dagster_url=self.client.url)
            self.wait_for("registry", (self.folder / "home" / "registry.sqlite").exists)
        shown = self._site.get(path)
        assert shown.status_code == 200, shown.text
        answer = self._site.get(f"{'/overview' if path == '/' else path}.json")
        assert answer.status_code == 200, answer.text
        return answer.json()["facts"]

    def badges(self) -> dict[str, tuple[str, list[str]]]:
        """Status and badges of each version on the page of models."""
        versions = self.page("/models")["versions"]
        return {each["version"]: (each["status"], [badge["kind"] for badge in each["badges"]]) for each in versions}

    # --- what a person sees in the UI -----------------------------------------------------------------------

    def newest(self, asset: str, *partitions: str) -> dict[str | None, Materialization]:
        """The newest materialization of every partition of an asset, or of those that are named."""
        found = self.client.materializations(asset, partitions=partitions or None)
        return {each.partition: each for each in reversed(found)}

    def gates(self, version: str) -> dict[str, str]:
        """Each gate's newest status for a version."""
        return {
            name: execution.status
            for name in GATES
            for execution in self.client.check_executions("evaluated_model", name, version)
        }

    def runs(self) -> list[tuple[str, str]]:
        """Job and status of every run, the first one first."""
        return [(run.job, run.status) for run in reversed(self.client.runs())]

    def all_ended(self) -> bool:
        """Whether no run is under way."""
        return all(status in ENDED for _, status in self.runs())

    def failure(self, run: Run) -> str:
        """What the page of a failed run says: the error of its step, with its causes."""
        errors = [event["error"] for event in self._events(run) if event.get("error")]
        chains = [[error, *(link["error"] for link in error["errorChain"])] for error in errors]
        return "\n".join(error["message"] for chain in chains for error in chain)

    def warnings(self, run: Run) -> list[str]:
        """What its page lists as warnings."""
        return [event["message"] for event in self._events(run) if event.get("level") == "WARNING"]

    def _events(self, run: Run) -> list[dict[str, Any]]:
        query = """
            query ($run: ID!) {
              logsForRun(runId: $run) {
                ... on EventConnection {
                  events {
                    ... on MessageEvent { message level }
                    ... on ExecutionStepFailureEvent { error { message errorChain { error { message } } } }
                  }
                }
              }
            }
        """
        return self.client.ask(query, run=run.id)["logsForRun"]["events"]

    def says(self, sensor: str) -> str:
        """Why the sensor asked for nothing when it last looked."""
        ticks = self._sensor(sensor, "sensorState { ticks(limit: 1) { skipReason } }")["sensorState"]["ticks"]
        return (ticks[0]["skipReason"] or "") if ticks else ""

    def _sensor(self, name: str, fields: str) -> dict[str, Any]:
        query = (
            f"query ($it: SensorSelector!) {{ sensorOrError(sensorSelector: $it) {{ ... on Sensor {{ {fields} }} }} }}"
        )
        return self.client.ask(query, it={**self.client.location().selector, "sensorName": name})["sensorOrError"]

    # --- waiting --------------------------------------------------------------------------------------------

    def ended(self, run_id: str) -> Run:
        """The run once it has ended."""
        return self.wait_for(
            f"end of run {run_id}",
            lambda: next((run for run in self.client.runs(runIds=[run_id]) if run.status in ENDED), None),
        )

    def wait_for(self, what: str, look: Callable[[], Any]) -> Any:
        """Look until there is something to see."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            try:
                if found := look():
                    return found
            except NoAnswer:
                pass  # the web server is still starting
            time.sleep(1)
        raise AssertionError(f"No {what} after {PATIENCE_S} s. {self._what_goes_on()}")

    def _what_goes_on(self) -> str:
        try:
            seen = {name: self.says(name) for name in location.SENSORS}
            return f"Runs: {self.runs()}. The sensors say: {seen}.\n{self.log.read_text()[-3000:]}"
        except NoAnswer as error:
            return f"{error}\n{self.log.read_text()[-3000:]}"


def replace(path: Path, text: str) -> None:
    """Write a file that others read at any moment."""
    draft = path.with_suffix(".draft")
    draft.write_text(text)
    draft.rename(path)


def _listen_to_signals() -> None:
    """A process started in the background of a shell would otherwise ignore the interrupt that ends it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def rows_of_versions(materialization: Materialization) -> int:
    """The rows of an hour of predictions that are of versions, not of rankings."""
    return int(materialization.metadata.get(VERSION_ROWS, materialization.rows))
