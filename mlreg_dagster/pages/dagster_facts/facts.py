"""What pages ask of Dagster, and what they get where there is nothing to ask.

No implementation raises because Dagster is absent, silent or of another version: the answer is empty then, and `why`
says the reason, for the page to show.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from mlreg_dagster.verification.answers import CheckExecution
from mlreg_dagster.verification.embedded import drawn

_NUMBERS = re.compile(r"(\d+)")
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
    """What Dagster remembers until a time, read only; each view has its own, so that `why` is about its questions."""

    @property
    def why(self) -> str | None:
        """Why some answer was empty or incomplete so far, as a sentence for people; None: nothing was missing."""

    def assets(self) -> tuple[str, ...]:
        """The names of all assets that were materialized, sorted."""

    def materializations(
        self, asset: str, limit: int = 20, partition: str | None = None, run_id: str | None = None
    ) -> list[Made]:
        """The newest materializations of an asset, the newest first."""

    def pictured(
        self, asset: str, limit: int = 20, skip: int = 0, partition: str | None = None, run_id: str | None = None
    ) -> list[Made]:
        """The newest materializations that carry pictures, the newest first.

        Args:
            asset: Of which.
            limit: How many at most.
            skip: How many of the newest are left out, for the next page of a list.
            partition: Of this one alone.
            run_id: Of this run alone.
        """

    def pictures(self, asset: str, partition: str | None = None, run_id: str | None = None) -> list[Drawn]:
        """The pictures of the newest materialization that carries any: of the asset, its partition, a run of it."""

    def checks(self, asset: str, partition: str | None = None) -> list[CheckExecution]:
        """The newest execution of each check of an asset, or of its partition; by the name of the check."""

    def partitions(self, asset: str) -> Partitions:
        """How many partitions were materialized, and which are the newest."""


def pictures_of(made: Made) -> list[Drawn]:
    """The pictures that a materialization carries, by label."""
    return [
        Drawn(label, markdown, made.partition, made.run_id, made.at)
        for label, markdown in sorted(drawn(made.metadata).items())
    ]


def newest_of(keys: Iterable[str]) -> tuple[str, ...]:
    """The highest partition keys, the highest first: numbers within them are ordered as numbers."""
    return tuple(sorted(keys, key=_by_numbers, reverse=True)[:NEWEST_KEYS])


def _by_numbers(key: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in _NUMBERS.split(key) if part]
