"""Storage as Dagster resources: where things are is configuration, what they do stands in `storage/`."""

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import dagster as dg
import duckdb
import pandas as pd
from dagster_duckdb import DuckDBResource
from pydantic import Field, PrivateAttr

from mlreg_dagster.orchestration.partitions import is_of_one_hour
from mlreg_dagster.storage.artifacts import ArtifactStore
from mlreg_dagster.storage.registry import Registry
from mlreg_dagster.storage.warehouse import Warehouse


class WarehouseResource(DuckDBResource):
    """The tables; a DuckDB resource whose connections are guarded by the warehouse's lock.

    A run of one hour, done within a second or two, opens the file once and keeps it to its end: opening it anew for
    each asset and check was a sixth of the run. Whoever waits for it gets it between two uses. Every other run opens it
    for each piece of its work. Who adds a step to the hourly run that takes long calls `let_go` in it first.
    """

    lock_timeout_s: float = Field(default=60.0, description="How long to wait for another process, seconds.")

    _of_the_run: Warehouse | None = PrivateAttr(default=None)

    def open(self) -> Warehouse:
        """The warehouse behind it."""
        return self._of_the_run or Warehouse(self.database, self.lock_timeout_s)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Self]:
        """As Dagster brings it up for the steps of a run, and takes it down after them."""
        if context.run is None or not is_of_one_hour(context.run.tags):
            yield self
            return
        self._of_the_run = Warehouse(self.database, self.lock_timeout_s, stay_open=True)
        try:
            yield self
        finally:
            self.let_go()
            self._of_the_run = None

    def let_go(self) -> None:
        """Close the file, where the run keeps it open."""
        if self._of_the_run is not None:
            self._of_the_run.let_go()

    @contextmanager
    def get_connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A short connection of one's own, for assets that users add."""
        with self.open().connect() as connection:
            yield connection


class ArtifactsResource(dg.ConfigurableResource):
    """Frozen bundles: datasets and models."""

    root: str = Field(description="Folder or fsspec URL.")

    def open(self) -> ArtifactStore:
        """The store behind it."""
        return ArtifactStore(self.root)


class RegistryResource(dg.ConfigurableResource):
    """Versions, evaluations, alias moves."""

    url: str = Field(description="SQLAlchemy URL: sqlite:///… or postgresql+psycopg://…")

    def open(self) -> Registry:
        """The registry behind it."""
        return Registry(self.address)

    @property
    def address(self) -> str:
        """The URL, of an environment variable where it is kept in one: what Dagster shows holds no password then."""
        url: object = self.url
        return str(url.get_value() if isinstance(url, dg.EnvVar) else url)


class Clock(dg.ConfigurableResource):
    """The current time; tests and replays set it."""

    fixed: str | None = Field(default=None, description="A time to stand still at; None = the machine's clock.")

    def now(self) -> pd.Timestamp:
        """The current time, UTC."""
        if self.fixed is None:
            return pd.Timestamp.now(tz="UTC")
        stamp = pd.Timestamp(self.fixed)
        return stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")


def current_actor(named: str | None) -> str:
    """Who acts: the name given, else MLREG_ACTOR, else the operating system's user."""
    return named or os.environ.get("MLREG_ACTOR") or getpass.getuser()
