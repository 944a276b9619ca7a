"""Storage and clock as Dagster resources: where things are is fixed when the code location loads.

Run config chooses what a run does, never where or when. `Fixed` therefore closes every resource to it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import dagster as dg
import duckdb
import pandas as pd
from dagster_duckdb import DuckDBResource
from pydantic import Field, PrivateAttr

from mlreg_dagster.config.places import as_registry_url
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.people import current_actor as current_actor
from mlreg_dagster.orchestration.partitions import is_of_one_hour
from mlreg_dagster.registry import Registry, RegistryUnavailable
from mlreg_dagster.storage.artifacts import ArtifactStore, open_artifacts
from mlreg_dagster.storage.mirror import Mirror
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster.storage.warehouse.opening import warehouse_of
from mlreg_dagster.storage.warehouse.sql_warehouse import SqlWarehouse

PREFIX = "mlreg_"
"""Resource keys carry it, so that they meet no key of a project that merges these definitions with its own."""


class NotNamed(MlregError):
    """An environment variable that is to name a place is not set in this process."""


class WarehouseResource(DuckDBResource):
    """The tables; a DuckDB resource whose connections are guarded by the warehouse's lock.

    A run of one hour, done within a second or two, opens the file once and keeps it to its end: opening it for each
    asset and check was a sixth of the run. A waiting process gets it between two uses. Every other run opens it for
    each piece of its work. A long step in the hourly run must call `release` first.
    """

    lock_timeout_s: float = Field(default=60.0, description="How long to wait for another process, seconds.")
    lake: str | None = Field(default=None, description="A lake that keeps the tables, as MLREG_TABLES; default: none.")
    latest: str = Field(default="", description="Where the newest hour is mirrored; default: latest/ beside the file.")

    _of_the_run: SqlWarehouse | None = PrivateAttr(default=None)

    def open(self) -> SqlWarehouse:
        """The warehouse behind it."""
        return self._of_the_run or self._opened()

    def _opened(self, stay_open: bool = False) -> SqlWarehouse:
        if self.lake is None:
            return DuckDBWarehouse(self.database, self.lock_timeout_s, stay_open)
        return warehouse_of(_named(self.lake, "the lake of the tables"), self.lock_timeout_s)

    def mirror(self) -> Mirror:
        """Where the newest hour is mirrored."""
        return Mirror(self.latest or Path(self.database).parent / "latest")

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Self]:
        """As Dagster brings it up for the steps of a run, and takes it down after them."""
        if context.run is None or not is_of_one_hour(context.run.tags):
            yield self
            return
        self._of_the_run = self._opened(stay_open=True)
        try:
            yield self
        finally:
            self.release()
            self._of_the_run = None

    def release(self) -> None:
        """Close the file, where the run keeps it open."""
        if self._of_the_run is not None:
            self._of_the_run.guard.release()

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
        return open_artifacts(self.root)


class RegistryResource(dg.ConfigurableResource):
    """Versions, evaluations, alias moves."""

    url: str = Field(description="SQLAlchemy URL, sqlite:///… or postgresql://…, or the path of an SQLite file.")

    first_policy: dict[str, Any] | None = Field(
        default=None, description="The policy that a registry begins with when it is made or upgraded."
    )

    def open(self) -> Registry:
        """The registry behind it."""
        policy = self.first_policy
        return Registry(self.address, None if policy is None else lambda: (policy, pd.Timestamp.now(tz="UTC")))

    @property
    def address(self) -> str:
        """The URL, of an environment variable where it is kept in one: what Dagster shows holds no password then."""
        try:
            return as_registry_url(_named(self.url, "the registry"))
        except NotNamed as error:
            raise RegistryUnavailable(str(error)) from None


class Clock(dg.ConfigurableResource):
    """The current time: the machine's, unless a test lets it stand still."""

    fixed: str | None = Field(default=None, description="A time to stand still at; None = the machine's clock.")

    @property
    def is_simulated(self) -> bool:
        """Whether history is replayed or a test runs: only then may a move count from the past on."""
        return self.fixed is not None

    def now(self) -> pd.Timestamp:
        """The current time, UTC."""
        if self.fixed is None:
            return pd.Timestamp.now(tz="UTC")
        stamp = pd.Timestamp(self.fixed)
        return stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")


class ReplayClock(Clock):
    """The clock of a replay: records tell the machine's time, while moves count from the replayed time on."""

    @property
    def is_simulated(self) -> bool:
        """A replay writes history."""
        return True


class Fixed(dg.ResourceDefinition):
    """A resource without config: a run that brings some is refused before it starts.

    Args:
        value: What assets and sensors get. A Dagster resource is brought up and taken down around each run.
    """

    def __init__(self, value: Any) -> None:
        self.value = value
        super().__init__(self._bring_up, config_schema={}, description=type(value).__doc__)

    def _bring_up(self, context: dg.InitResourceContext) -> Iterator[Any]:
        with dg.build_resources(
            {"it": self.value}, instance=context.instance, log_manager=context.log, dagster_run=context.run
        ) as resources:
            yield resources.it


def _named(value: object, what: str) -> str:
    """What a field holds, or the environment variable that it names."""
    if not isinstance(value, dg.EnvVar):
        return str(value)
    if not (named := value.get_value()):
        raise NotNamed(
            f"The environment variable {value.env_var_name} is to name {what}, and is not set in this process. Set it "
            f"wherever runs, the daemon and the web server are started."
        )
    return named
