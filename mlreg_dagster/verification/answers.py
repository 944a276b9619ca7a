"""Answers of the web server as typed values."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Instigator:
    """A schedule or a sensor; `error` is that of its last tick, if it failed."""

    name: str
    running: bool
    error: str | None


@dataclass(frozen=True)
class CodeLocation:
    """The code location that holds our assets, or the one that does not load.

    Attributes:
        error: Why it does not load.
        assets: The names of the checks of each asset.
    """

    name: str
    repository: str = ""
    error: str | None = None
    assets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    jobs: tuple[str, ...] = ()
    schedules: tuple[Instigator, ...] = ()
    sensors: tuple[Instigator, ...] = ()

    @property
    def selector(self) -> dict[str, str]:
        """How GraphQL names its repository."""
        return {"repositoryName": self.repository, "repositoryLocationName": self.name}


@dataclass(frozen=True)
class Daemon:
    """One of the threads of the daemon process; it need not run where it is not required."""

    name: str
    required: bool
    healthy: bool
    errors: tuple[str, ...]


@dataclass(frozen=True)
class Materialization:
    """One materialization of an asset, of a partition if it has them."""

    partition: str | None
    run_id: str
    metadata: Mapping[str, Any]

    @property
    def rows(self) -> int | None:
        """Its row count, where it tells one."""
        count = self.metadata.get("dagster/partition_row_count", self.metadata.get("dagster/row_count"))
        return None if count is None else int(count)


@dataclass(frozen=True)
class CheckExecution:
    """An execution of an asset check.

    Attributes:
        status: SUCCEEDED, FAILED, IN_PROGRESS; SKIPPED or EXECUTION_FAILED where it was planned, but its run
            ended without a result.
        severity: WARN or ERROR; None without a result.
    """

    asset: str
    name: str
    status: str
    partition: str | None
    severity: str | None
    text: str


@dataclass(frozen=True)
class Run:
    """A run of a job."""

    id: str
    job: str
    status: str
    tags: Mapping[str, str]


def location_of(entry: Mapping[str, Any]) -> CodeLocation:
    """A code location as the workspace lists it, with the repository that holds the most assets."""
    answer = entry["locationOrLoadError"] or {"message": "It is still loading."}
    if "message" in answer:
        return CodeLocation(entry["name"], error=answer["message"].strip())
    found = max(answer["repositories"], key=lambda repository: len(repository["assetNodes"]))
    return CodeLocation(
        name=entry["name"],
        repository=found["name"],
        assets={_path(node): _check_names(node) for node in found["assetNodes"]},
        jobs=tuple(job["name"] for job in found["jobs"]),
        schedules=tuple(_instigator(each["name"], each["scheduleState"]) for each in found["schedules"]),
        sensors=tuple(_instigator(each["name"], each["sensorState"]) for each in found["sensors"]),
    )


def materialization_of(event: Mapping[str, Any]) -> Materialization:
    """A materialization with its metadata, by their labels."""
    metadata = {entry["label"]: _value(entry) for entry in event["metadataEntries"]}
    return Materialization(event["partition"], event["runId"], metadata)


def execution_of(asset: str, name: str, execution: Mapping[str, Any]) -> CheckExecution:
    """An execution with its result, if there is one."""
    result = execution["evaluation"] or {"severity": None, "description": None}
    return CheckExecution(
        asset, name, execution["status"], execution["partition"], result["severity"], result["description"] or ""
    )


def run_of(run: Mapping[str, Any]) -> Run:
    """A run with its tags."""
    return Run(run["runId"], run["jobName"], run["status"], {tag["key"]: tag["value"] for tag in run["tags"]})


def daemon_of(daemon: Mapping[str, Any]) -> Daemon:
    """A daemon with its last errors."""
    errors = tuple(error["message"].strip() for error in daemon["lastHeartbeatErrors"])
    return Daemon(daemon["daemonType"], daemon["required"], bool(daemon["healthy"]), errors)


def _path(node: Mapping[str, Any]) -> str:
    return "/".join(node["assetKey"]["path"])


def _check_names(node: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(check["name"] for check in node["assetChecksOrError"].get("checks", []))


def _instigator(name: str, state: Mapping[str, Any]) -> Instigator:
    errors = [tick["error"]["message"].strip() for tick in state["ticks"] if tick["error"]]
    return Instigator(name, state["status"] == "RUNNING", errors[0] if errors else None)


def _value(entry: Mapping[str, Any]) -> Any:
    """The value of a metadata entry, whatever its kind; None for kinds that are not used here."""
    for kind, value in entry.items():
        if kind == "label" or value is None:
            continue
        if kind == "jsonString":
            return json.loads(value)
        return [json.loads(record) for record in value["records"]] if kind == "table" else value
    return None
