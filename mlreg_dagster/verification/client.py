"""A small GraphQL client of a running web server."""

from collections.abc import Sequence
from typing import Any

import httpx

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.untrusted.redaction import blotted, password_in, quiet_http_log, shown_url
from mlreg_dagster.verification import queries
from mlreg_dagster.verification.answers import (
    CheckExecution,
    CodeLocation,
    Daemon,
    Materialization,
    Run,
    daemon_of,
    execution_of,
    location_of,
    materialization_of,
    run_of,
)

OURS = "champion_model"
"""The asset by which our code location is known among others."""


class NoAnswer(MlregError):
    """No Dagster web server answers at the URL."""


class QueryFailed(MlregError):
    """The web server answered that it can't answer."""


class NotOurLocation(MlregError):
    """The web server serves other code locations only."""


class Client:
    """Asks one web server.

    Args:
        url: `http://127.0.0.1:3000`
        timeout_s: How long to wait for an answer, seconds.
    """

    def __init__(self, url: str, timeout_s: float = 60.0) -> None:
        quiet_http_log()
        self._address = url.rstrip("/")
        self.url = shown_url(self._address)
        self._http = httpx.Client(timeout=timeout_s)

    def ask(self, query: str, **variables: Any) -> Any:
        """What the web server answers to a query.

        Raises:
            NoAnswer: There is none, or it is not that of a Dagster web server.
            QueryFailed: It answers with an error.
        """
        try:
            reply = self._http.post(f"{self._address}/graphql", json={"query": query, "variables": variables})
        except (httpx.TransportError, httpx.InvalidURL, ValueError) as error:  # ValueError: no text for a URL
            reason = blotted(str(error), [self._address, password_in(self._address)])
            raise NoAnswer(f"{self.url} does not answer: {reason}. Is `dagster dev` running there?") from None
        try:
            answer = reply.json()
        except ValueError as error:
            text = f"{self.url}/graphql answers with HTTP {reply.status_code} and no JSON: no Dagster web server."
            raise NoAnswer(f"{text} Name the URL that the UI has.") from error
        if not isinstance(answer, dict) or answer.get("errors") or not answer.get("data"):
            errors = answer.get("errors") if isinstance(answer, dict) else answer
            raise QueryFailed(f"{self.url} can't answer: {errors}. Its log says more; is it of another version?")
        return answer["data"]

    def location(self) -> CodeLocation:
        """The code location with our assets; one that does not load where there is none.

        Raises:
            NotOurLocation: Every location loads, and none has them.
        """
        workspace = self.ask(queries.LOCATIONS)["workspaceOrError"]
        if "message" in workspace:
            raise QueryFailed(f"{self.url} has no workspace: {workspace['message']}")
        locations = [location_of(entry) for entry in workspace["locationEntries"]]
        for location in locations:
            if OURS in location.assets:
                return location
        for location in locations:
            if location.error:
                return location
        found = ", ".join(location.name for location in locations) or "none"
        raise NotOurLocation(
            f"{self.url} serves no code location with {OURS}; it serves: {found}. Name the URL of this project's UI."
        )

    def daemons(self) -> list[Daemon]:
        """All daemons."""
        return [daemon_of(each) for each in self.ask(queries.DAEMONS)["instance"]["daemonHealth"]["allDaemonStatuses"]]

    def materializations(
        self, asset: str, limit: int | None = None, partitions: Sequence[str] | None = None
    ) -> list[Materialization]:
        """Materializations of an asset, the newest first."""
        answer = self.ask(queries.MATERIALIZATIONS, asset=[asset], limit=limit, partitions=partitions)
        return [materialization_of(event) for event in answer["assetOrError"].get("assetMaterializations", [])]

    def newest_partition(self, asset: str) -> str | None:
        """The latest hour or day of an asset that was materialized, however long ago that was done."""
        statuses = self.ask(queries.PARTITIONS, asset=[asset])["assetNodeOrError"].get("assetPartitionStatuses", {})
        made = [span["endKey"] for span in statuses.get("ranges", []) if span["status"] == "MATERIALIZED"]
        return max(made, default=None)

    def check_executions(
        self, asset: str, check: str, partition: str | None = None, limit: int = 1
    ) -> list[CheckExecution]:
        """Executions of a check, the newest first; of all partitions where none is named."""
        answer = self.ask(queries.CHECK_EXECUTIONS, asset=[asset], check=check, partition=partition, limit=limit)
        return [execution_of(asset, check, each) for each in answer["assetCheckExecutions"]]

    def definition(self, asset: str) -> dict[str, str]:
        """What the definition of an asset says of it, as far as it is text."""
        entries = self.ask(queries.DEFINITION, asset=[asset])["assetNodeOrError"].get("metadataEntries", [])
        return {entry["label"]: entry["text"] for entry in entries if "text" in entry}

    def freshness(self, asset: str) -> str | None:
        """HEALTHY, WARNING, DEGRADED or UNKNOWN; None without a policy."""
        info = self.ask(queries.FRESHNESS, asset=[asset])["assetNodeOrError"].get("freshnessStatusInfo")
        return None if info is None else str(info["freshnessStatus"])

    def runs(self, limit: int | None = None, **wanted: Any) -> list[Run]:
        """Runs, the newest first; `wanted` are fields of GraphQL's RunsFilter."""
        answer = self.ask(queries.RUNS, filter=wanted, limit=limit)["runsOrError"]
        if "results" not in answer:
            raise QueryFailed(f"{self.url} does not list its runs: {answer.get('message', answer)}")
        return [run_of(run) for run in answer["results"]]
