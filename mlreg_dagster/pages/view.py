"""What a request asks about: a home, as of a time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from mlreg_dagster.config.places import tables_url
from mlreg_dagster.config.settings import Settings
from mlreg_dagster.pages.dagster_facts.facts import DagsterFacts
from mlreg_dagster.registry import Registry
from mlreg_dagster.storage.artifacts import ArtifactStore
from mlreg_dagster.storage.warehouse.reader import Tables


@dataclass(frozen=True)
class View:
    """A home as of a time, for the facts of a page.

    Attributes:
        home: The data home.
        branch: The branch that the home is; None: the home that the pages were started on.
        registry: Opened read-only.
        artifacts: Read alone.
        tables: The Parquet mirror as of one moment.
        settings: All settings.
        dagster: What Dagster remembers.
        as_of: The time that is asked about, UTC.
        is_past: Whether the request named it.
        now: The current time, UTC.
        mirrored_at: When the mirror was last written; None: there is none.
        dagster_url: Where the Dagster UI is; None: not known.
        viewer: Who asks, as a trusted proxy says; None: not known.
        query: The other parameters of the request.
    """

    home: Path
    branch: str | None
    registry: Registry
    artifacts: ArtifactStore
    tables: Tables
    settings: Settings
    dagster: DagsterFacts
    as_of: datetime
    is_past: bool
    now: datetime
    mirrored_at: datetime | None = None
    dagster_url: str | None = None
    viewer: str | None = None
    query: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_in_lake(self) -> bool:
        """Whether a lake keeps the tables, which MLREG_TABLES names, and not a file of the home."""
        return tables_url(self.home) is not None

    @property
    def until(self) -> datetime | None:
        """What was recorded or happened later is left out; None: nothing is."""
        return self.as_of if self.is_past else None
