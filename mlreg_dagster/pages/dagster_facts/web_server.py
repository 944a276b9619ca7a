"""What Dagster remembers, asked of its running web server by GraphQL; whatever storage it has."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

from mlreg_dagster.core.times import day_key, hour_key, read_time
from mlreg_dagster.pages.dagster_facts import queries
from mlreg_dagster.pages.dagster_facts.facts import NEWEST_KEYS, Drawn, Made, Partitions, newest_of, pictures_of
from mlreg_dagster.verification.answers import CheckExecution, execution_of, materialization_of
from mlreg_dagster.verification.client import Client, NoAnswer, QueryFailed
from mlreg_dagster.verification.embedded import drawn

_Answer = TypeVar("_Answer")
_FEW, _MANY = 5, 200
"""Materializations among which pictures are looked for, each with all that it carries: many where few don't do."""
_OF_RUNS = 2_000
"""Materializations among which those of a run are looked for."""
_EXECUTIONS = 50
"""Executions of a check among which the newest until a time is looked for."""


class WebServerFacts:
    """The facts of the instance of one web server.

    Args:
        client: Asks it; its time-out bounds how long a page waits.
        until: What was recorded later is left out; None: nothing is.
    """

    def __init__(self, client: Client, until: datetime | None = None) -> None:
        self._client, self._until = client, until
        self._before = None if until is None else str(_milliseconds(until) + 1)
        self._why: str | None = None

    @property
    def why(self) -> str | None:
        """Why an answer was empty or incomplete so far."""
        return self._why

    def assets(self) -> tuple[str, ...]:
        """The names of all assets that were materialized, sorted."""
        return self._asked(self._assets) or ()

    def materializations(
        self, asset: str, limit: int = 20, partition: str | None = None, run_id: str | None = None
    ) -> list[Made]:
        """The newest materializations of an asset, the newest first."""
        if run_id is None:
            return self._asked(lambda: self._made(asset, limit, partition)) or []
        return self._asked(lambda: list(islice(self._of_run(asset, partition, run_id), limit))) or []

    def pictured(
        self, asset: str, limit: int = 20, skip: int = 0, partition: str | None = None, run_id: str | None = None
    ) -> list[Made]:
        """The newest materializations that carry pictures, the newest first; among the newest 200 alone."""
        return self._asked(lambda: self._pictured(asset, skip + limit, partition, run_id)[skip:]) or []

    def pictures(self, asset: str, partition: str | None = None, run_id: str | None = None) -> list[Drawn]:
        """The pictures of the newest materialization that carries any."""
        return [each for made in self.pictured(asset, 1, 0, partition, run_id) for each in pictures_of(made)]

    def checks(self, asset: str, partition: str | None = None) -> list[CheckExecution]:
        """The newest execution of each check that is defined, by its name."""
        return self._asked(lambda: list(self._checks(asset, partition))) or []

    def partitions(self, asset: str) -> Partitions:
        """How many partitions were materialized, and which are the newest."""
        if self._until is not None:
            self._why = self._why or "A web server tells the number of partitions as of now alone."
            return Partitions()
        return self._asked(lambda: self._partitions(asset)) or Partitions()

    def _assets(self) -> tuple[str, ...]:
        nodes = self._client.ask(queries.ASSETS)["assetsOrError"].get("nodes", [])
        paths = sorted(node["key"]["path"] for node in nodes)
        if not paths:
            return ()
        query, variables = queries.newest_of_each(paths)
        answer = self._client.ask(query, before=self._before, **variables)
        found = (path for number, path in enumerate(paths) if answer[f"a{number}"].get("assetMaterializations"))
        return tuple("/".join(path) for path in found)

    def _made(self, asset: str, limit: int, partition: str | None, before: str | None = None) -> list[Made]:
        events = self._events(queries.MATERIALIZATIONS, asset, limit, partition, before or self._before)
        return [_made(asset, event) for event in events]

    def _of_run(self, asset: str, partition: str | None, run_id: str) -> Iterator[Made]:
        """Those of a run: where they are is found first, without what they carry."""
        for event in self._events(queries.WITHOUT_METADATA, asset, _OF_RUNS, partition, self._before):
            if event["runId"] == run_id:
                before = str(int(event["timestamp"]) + 1)
                found = self._made(asset, 5, event["partition"], before)  # more than one in a millisecond is rare
                yield from (each for each in found if each.run_id == run_id)
                if event["partition"] is None:
                    return

    def _pictured(self, asset: str, wanted: int, partition: str | None, run_id: str | None) -> list[Made]:
        if run_id is not None:
            return list(islice(filter(_has_pictures, self._of_run(asset, partition, run_id)), wanted))
        pictured: list[Made] = []
        for most in (min(max(_FEW, wanted), _MANY), _MANY):
            found = self._made(asset, most, partition)
            pictured = list(filter(_has_pictures, found))[:wanted]
            if len(pictured) == wanted or len(found) < most:
                return pictured
        self._why = self._why or f"Pictures were looked for among the newest {_MANY} materializations alone."
        return pictured

    def _checks(self, asset: str, partition: str | None) -> Iterator[CheckExecution]:
        node = self._client.ask(queries.CHECKS, asset=asset.split("/"))["assetNodeOrError"]
        names = sorted(check["name"] for check in node.get("assetChecksOrError", {}).get("checks", []))
        if not names:
            return
        query, variables = queries.executions_of_each(names)
        limit = 1 if self._until is None else _EXECUTIONS
        answer = self._client.ask(query, asset=asset.split("/"), partition=partition, limit=limit, **variables)
        for number, name in enumerate(names):
            executions = [each for each in answer[f"a{number}"] if self._is_in_time(each)]
            yield from (execution_of(asset, name, each) for each in executions[:1])

    def _is_in_time(self, execution: Mapping[str, Any]) -> bool:
        at = (execution["evaluation"] or execution)["timestamp"]
        return self._until is None or int(at * 1000) <= _milliseconds(self._until)

    def _partitions(self, asset: str) -> Partitions:
        node = self._client.ask(queries.PARTITIONS, asset=asset.split("/"))["assetNodeOrError"]
        if (counts := node.get("partitionStats")) is None:
            return Partitions()
        done, failed = counts["numMaterialized"], counts["numFailed"]
        missing = counts["numPartitions"] - done - failed - counts["numMaterializing"]
        statuses = node["assetPartitionStatuses"]
        keys = statuses.get("materializedPartitions") or _newest_in(statuses.get("ranges", []))
        return Partitions(done, failed, missing, newest_of(keys))

    def _events(
        self, query: str, asset: str, limit: int, partition: str | None, before: str | None
    ) -> list[dict[str, Any]]:
        partitions = None if partition is None else [partition]
        answer = self._client.ask(query, asset=asset.split("/"), partitions=partitions, before=before, limit=limit)
        events: list[dict[str, Any]] = answer["assetOrError"].get("assetMaterializations", [])
        return events

    def _asked(self, question: Callable[[], _Answer]) -> _Answer | None:
        try:
            return question()
        except (NoAnswer, QueryFailed) as error:
            self._why = f"Dagster does not answer. {error}"
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            self._why = f"{self._client.url} answers in another form: is it of another version? {type(error).__name__}"
        return None


def _has_pictures(made: Made) -> bool:
    return bool(drawn(made.metadata))


def _made(asset: str, event: Mapping[str, Any]) -> Made:
    found = materialization_of(event)
    seconds, milliseconds = divmod(int(event["timestamp"]), 1000)
    at = datetime.fromtimestamp(seconds, UTC) + timedelta(milliseconds=milliseconds)
    return Made(asset, found.partition, found.run_id, at, found.metadata)


def _milliseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _newest_in(ranges: list[dict[str, str]]) -> list[str]:
    """The newest keys in ranges of hours or days that were materialized."""
    found: list[str] = []
    for each in sorted(ranges, key=lambda each: each["endKey"], reverse=True):
        if each["status"] != "MATERIALIZED" or len(found) >= NEWEST_KEYS:
            continue
        is_day = len(each["endKey"]) == len("2026-01-01")
        step, key_of = (timedelta(days=1), day_key) if is_day else (timedelta(hours=1), hour_key)
        first, at = read_time(each["startKey"]), read_time(each["endKey"])
        while at >= first and len(found) < NEWEST_KEYS:
            found.append(key_of(at))
            at -= step
    return found
