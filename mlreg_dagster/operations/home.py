"""A home: all stored data, as the graph's resources name it, and the commands that repair it."""

import shlex
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from sqlalchemy import make_url

from mlreg_dagster.core.hours import HOUR, hour_key
from mlreg_dagster.registry import Registry
from mlreg_dagster.registry.database.sqlite import file_of
from mlreg_dagster.storage.artifacts import ArtifactStore
from mlreg_dagster.storage.landing import LandingZone
from mlreg_dagster.storage.mirror import Mirror
from mlreg_dagster.storage.warehouse.sql_warehouse import SqlWarehouse


@dataclass(frozen=True)
class Home:
    """All stored data, and where it lies.

    Attributes:
        folder: The data home.
        registry_url: Where `registry` is.
        mirror: Where the newest hour is mirrored.
    """

    folder: Path
    warehouse: SqlWarehouse
    artifacts: ArtifactStore
    registry: Registry
    registry_url: str
    landing: LandingZone
    mirror: Mirror

    @property
    def registry_file(self) -> Path | None:
        """The registry's file; None where it is in PostgreSQL."""
        url = make_url(self.registry_url)
        return file_of(url) if url.get_backend_name() == "sqlite" else None

    @property
    def registry_place(self) -> str:
        """Where the registry is, without its password."""
        return str(make_url(self.registry_url))


def materialize(assets: str, hours: pd.DatetimeIndex) -> str:
    """The command that materializes assets again for the first piece of consecutive hours, and how many more follow."""
    pieces = consecutive(hours)
    (first, last), more = pieces[0], len(pieces) - 1
    command = (
        f"dagster asset materialize -m mlreg_dagster.definitions --select {assets} "
        f"--partition-range {hour_key(first)}...{hour_key(last)}"
    )
    return f"{command} (and for {more} more ranges: run mlreg doctor again after it)" if more else command


def consecutive(hours: pd.DatetimeIndex) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
    """Hours as pieces without gaps, each by its first and its last."""
    series = pd.Series(hours.sort_values())
    return [(piece.iloc[0], piece.iloc[-1]) for _, piece in series.groupby((series.diff() != HOUR).cumsum())]


def set_aside(folder: Path, *paths: object) -> str:
    """The command that moves files or folders out of the way; deletion is never advised.

    What is not on this disk is moved by the tools of the store that it is in.
    """
    if any("://" in str(path) for path in paths):
        return f"Move it away with the tools of its store: {', '.join(map(str, paths))}"
    target = shlex.quote(str(folder / "aside"))
    return f"mkdir -p {target} && mv {' '.join(shlex.quote(str(path)) for path in paths)} {target}"
