"""What pages ask of Dagster, and what they get where there is nothing to ask.

No implementation raises because Dagster is absent, silent or of another version: the answer is empty then, and `why`
says the reason, for the page to show.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from mlreg_dagster.verification.answers import CheckExecution

NEWEST_KEYS = 20
"""Partition keys that `Partitions.newest` lists at most."""


@dataclass(frozen=True)
class Made:
    """A materialization of an asset, of a partition if it has them.

    Attributes:
        at: When its run recorded it, UTC, to the millisecond.
        metadata: By label; a table is a list of records. Values of other kinds than numbers, words, Markdown, JSON and
            tables are None.
    """

    asset: str
    partition: str | None
    run_id: str
    at: datetime
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class Drawn:
    """A picture, or the sentence in its place, that a materialization carries.

    Attributes:
        label: Under which it stands in the metadata.
        markdown: As it stands there, unchecked: it may be anything.
    """

    label: str
    markdown: str
    partition: str | None
    run_id: str
    at: datetime


@dataclass(frozen=True)
class Partitions:
    """The partitions of an asset; a number that is not known is None.

    Attributes:
        materialized: How many were materialized.
        failed: How many failed the last time they were tried; only a web server knows.
        missing: How many there are that were never materialized; only a web server knows.
        newest: The highest keys that were materialized, the highest first, at most NEWEST_KEYS. Versions are ordered
            by number.
    """

    materialized: int | None = None
    failed: int | None = None
    missing: int | None = None
    newest: tuple[str, ...] = ()


class DagsterFacts(Protocol):
    """What Dagster remembers until a time, read only."""

    @property
    def why(self) -> str | None:
        """Why some answer was empty or incomplete so far, as a sentence for people; None: nothing was missing."""

    def assets(self) -> tuple[str, ...]:
        """The names of all assets that were materialized, sorted."""

    def materializations(
        self, asset: str, limit: int = 20, partition: str | None = None, run_id: str | None = None
    ) -> list[Made]:
        """The newest materializations of an asset, the newest first."""

    def pictured(self, asset: str, limit: int = 20, before: datetime | None = None) -> list[Made]:
        """The newest materializations that carry pictures, the newest first.

        Args:
            asset: Of which.
            limit: How many at most.
            before: Only those that were made before then, for the next page of a list.
        """

    def pictures(self, asset: str, partition: str | None = None, run_id: str | None = None) -> list[Drawn]:
        """The pictures of the newest materialization that carries any: of the asset, its partition, a run of it."""

    def checks(self, asset: str, partition: str | None = None) -> list[CheckExecution]:
        """The newest execution of each check of an asset, or of its partition; by the name of the check."""

    def partitions(self, asset: str) -> Partitions:
        """How many partitions were materialized, and which are the newest."""


class NothingKnown:
    """Where there is neither a web server nor a storage that can be read: every answer is empty.

    Args:
        why: The reason, as a sentence for people.
    """

    def __init__(self, why: str) -> None:
        self._why = why

    @property
    def why(self) -> str | None:
        """The reason."""
        return self._why

    def assets(self) -> tuple[str, ...]:
        """None."""
        return ()

    def materializations(
        self,
        asset: str,  # noqa: ARG002 - the protocol's
        limit: int = 20,  # noqa: ARG002
        partition: str | None = None,  # noqa: ARG002
        run_id: str | None = None,  # noqa: ARG002
    ) -> list[Made]:
        """None."""
        return []

    def pictured(self, asset: str, limit: int = 20, before: datetime | None = None) -> list[Made]:  # noqa: ARG002
        """None."""
        return []

    def pictures(self, asset: str, partition: str | None = None, run_id: str | None = None) -> list[Drawn]:  # noqa: ARG002
        """None."""
        return []

    def checks(self, asset: str, partition: str | None = None) -> list[CheckExecution]:  # noqa: ARG002
        """None."""
        return []

    def partitions(self, asset: str) -> Partitions:  # noqa: ARG002
        """Nothing of them."""
        return Partitions()
