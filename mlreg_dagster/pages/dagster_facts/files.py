"""What Dagster remembers, read from its SQLite files: no process needs to run, and no byte of them changes."""

import sqlite3
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from mlreg_dagster.orchestration.dagster_internals.dagster_database import UnknownStorage
from mlreg_dagster.orchestration.dagster_internals.event_files import EventFiles, Recorded
from mlreg_dagster.pages.dagster_facts.facts import Drawn, Made, Partitions, newest_of, pictures_of
from mlreg_dagster.verification.answers import CheckExecution
from mlreg_dagster.verification.embedded import drawn

_Answer = TypeVar("_Answer")
_ADVICE = "Start the Dagster UI, and name its URL: dagster_url in pages.yaml, or mlreg pages --dagster."


class FilesFacts:
    """The facts of one Dagster home.

    Args:
        dagster_home: The folder of `dagster.yaml`.
        until: What was recorded later is left out; None: nothing is.
    """

    def __init__(self, dagster_home: Path, until: datetime | None = None) -> None:
        self._home = dagster_home
        self._files = EventFiles(dagster_home, until)
        self._why: str | None = None

    @property
    def why(self) -> str | None:
        """Why an answer was empty so far."""
        return self._why

    def assets(self) -> tuple[str, ...]:
        """The names of all assets that were materialized, sorted."""
        return tuple(self._read(self._files.assets) or ())

    def materializations(
        self, asset: str, limit: int = 20, partition: str | None = None, run_id: str | None = None
    ) -> list[Made]:
        """The newest materializations of an asset, the newest first."""
        found = self._read(lambda: self._files.materializations(asset, limit, partition, run_id)) or []
        return [_made(asset, each) for each in found]

    def pictured(
        self, asset: str, limit: int = 20, skip: int = 0, partition: str | None = None, run_id: str | None = None
    ) -> list[Made]:
        """The newest materializations that carry pictures, the newest first."""
        wanted = most = limit + skip
        while True:
            question = partial(self._files.materializations, asset, most, partition, run_id, may_have_pictures=True)
            found = self._read(question) or []
            pictured = [made for each in found if drawn((made := _made(asset, each)).metadata)]
            if len(pictured) >= wanted or len(found) < most:  # a few may only begin as a picture does
                return pictured[skip:wanted]
            most *= 2

    def pictures(self, asset: str, partition: str | None = None, run_id: str | None = None) -> list[Drawn]:
        """The pictures of the newest materialization that carries any."""
        return [each for made in self.pictured(asset, 1, 0, partition, run_id) for each in pictures_of(made)]

    def checks(self, asset: str, partition: str | None = None) -> list[CheckExecution]:
        """The newest execution of each check, by its name."""
        found = self._read(lambda: self._files.checks(asset, partition)) or []
        return [
            CheckExecution(asset, each.name, each.status, each.partition, each.severity, each.description)
            for each in found
        ]

    def partitions(self, asset: str) -> Partitions:
        """How many partitions were materialized, and which are the newest."""
        keys = self._read(lambda: self._files.partitions(asset))
        return Partitions() if keys is None else Partitions(len(keys), newest=newest_of(keys))

    def _read(self, question: Callable[[], _Answer]) -> _Answer | None:
        try:
            return question()
        except UnknownStorage as error:
            self._why = f"{error} {_ADVICE}"
        except (OSError, sqlite3.Error, LookupError, TypeError, ValueError) as error:
            self._why = f"Dagster's files in {self._home} can't be read: {type(error).__name__}: {error}. {_ADVICE}"
        return None


def _made(asset: str, recorded: Recorded) -> Made:
    return Made(asset, recorded.partition, recorded.run_id, recorded.at, recorded.metadata)
