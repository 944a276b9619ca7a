"""Storage as Dagster resources: where things are is configuration, what they do stands in `storage/`."""

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import duckdb
import pandas as pd
from dagster_duckdb import DuckDBResource
from pydantic import Field

from mlreg_dagster.storage.artifacts import ArtifactStore
from mlreg_dagster.storage.registry import Registry
from mlreg_dagster.storage.warehouse import Warehouse


class WarehouseResource(DuckDBResource):
    """The tables; a DuckDB resource whose connections are guarded by the warehouse's lock."""

    lock_timeout_s: float = Field(default=60.0, description="How long to wait for another process, seconds.")

    def open(self) -> Warehouse:
        """The warehouse behind it."""
        return Warehouse(self.database, self.lock_timeout_s)

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
        return Registry(self.url)


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
