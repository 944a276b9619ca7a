"""What a view asks about, for functions that know no views: as of its time, and outside of its request."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import duckdb

from mlreg_dagster.config import Settings
from mlreg_dagster.config.places import artifacts_root, registry_url
from mlreg_dagster.pages.view import View
from mlreg_dagster.registry import Registry
from mlreg_dagster.registry.as_of import RegistryAsOf
from mlreg_dagster.registry.read_only import ReadOnlyRegistry
from mlreg_dagster.storage.artifacts import ArtifactStore, open_artifacts
from mlreg_dagster.storage.parquet_mirror.reader import MirrorBusy
from mlreg_dagster.storage.warehouse.for_readers import open_for_readers

if TYPE_CHECKING:
    from mlreg_dagster.storage.warehouse.read_only import ReadOnlyWarehouse

T = TypeVar("T")

_TRIES = 3


def records(view: View) -> Registry:
    """The registry as of the time that is asked about."""
    return RegistryAsOf(view.registry, view.as_of) if view.is_past else view.registry


def known_state(view: View) -> tuple[object, ...]:
    """Everything of a view that a result of its registry and tables depends on; results are kept for an hour."""
    hour = view.now.replace(minute=0, second=0, microsecond=0)
    return (
        view.home,
        view.registry.audit_head(),
        view.mirrored_at,
        view.until,
        hour,
    )


@dataclass(frozen=True)
class Source:
    """What another process needs to open a view's home again, read only.

    Attributes:
        home: The data home.
        settings: All settings.
        as_of: The time that is asked about.
        until: What was recorded or happened later is left out; None: nothing is.
    """

    home: Path
    settings: Settings
    as_of: datetime
    until: datetime | None

    @classmethod
    def of(cls, view: View) -> "Source":
        """That of a view."""
        return cls(view.home, view.settings, view.as_of, view.until)

    def registry(self) -> Registry:
        """The registry as of the time."""
        found = ReadOnlyRegistry(registry_url(self.home))
        return RegistryAsOf(found, self.until) if self.until is not None else found

    def artifacts(self) -> ArtifactStore:
        """The artifacts, as they are now."""
        return open_artifacts(artifacts_root(self.home))

    def read(self, make: "Callable[[ReadOnlyWarehouse], T]") -> T:
        """The result of a function that takes the tables as of the time; it is asked again where files are replaced.

        Raises:
            MirrorBusy: They were replaced each time.
        """
        from mlreg_dagster.storage.warehouse.read_only import ReadOnlyWarehouse

        for _ in range(_TRIES):
            with open_for_readers(self.home).tables() as tables, suppress(duckdb.IOException):
                return make(ReadOnlyWarehouse(tables, self.until))
        raise MirrorBusy(f"The mirror in {self.home} was written each time that it was read. Load it again.")
