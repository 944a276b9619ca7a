"""The homes that can be asked about: the one that the pages were started on, and its branches; each is opened once."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from mlreg_dagster.config.places import artifacts_root, own_registry_url, registry_url
from mlreg_dagster.operations.branches.finding import Branch, branch_home, branches
from mlreg_dagster.pages.dagster_facts.facts import DagsterFacts
from mlreg_dagster.pages.trust import Trust
from mlreg_dagster.registry.read_only import ReadOnlyRegistry
from mlreg_dagster.storage.artifacts import ArtifactStore, open_artifacts
from mlreg_dagster.storage.parquet_mirror.reader import MirrorReader

OpenDagster = Callable[[Path, bool], DagsterFacts]
"""Takes a home, and whether it is a branch; gives what Dagster remembers of it."""


@dataclass(frozen=True)
class OpenHome:
    """A home, opened for reading.

    Attributes:
        folder: The data home.
        branch: Its name as a branch; None: it is none.
        trust: Whether its registry can be believed.
    """

    folder: Path
    branch: str | None
    registry: ReadOnlyRegistry
    artifacts: ArtifactStore
    mirror: MirrorReader
    dagster: DagsterFacts
    trust: Trust


class Homes:
    """Opens homes when they are first asked for.

    Args:
        home: The one that the pages were started on.
        open_dagster: Makes the source of what Dagster remembers.
    """

    def __init__(self, home: Path, open_dagster: OpenDagster) -> None:
        self.home = home
        self._open_dagster = open_dagster
        self._opened: dict[Path, OpenHome] = {}
        self._lock = Lock()

    def of(self, branch: str | None) -> OpenHome:
        """The home, or one of its branches.

        Raises:
            UnknownBranch: There is none of that name.
        """
        folder = self.home if branch is None else branch_home(self.home, branch)
        name = None if folder == self.home else branch
        with self._lock:
            if (found := self._opened.get(folder)) is None:
                found = self._opened[folder] = self._open(folder, name)
        return found

    def branches(self) -> list[Branch]:
        """All branches."""
        return branches(self.home)

    def _open(self, folder: Path, branch: str | None) -> OpenHome:
        registry = ReadOnlyRegistry(own_registry_url(folder) if branch else registry_url(folder))
        artifacts = open_artifacts(str(folder / "artifacts") if branch else artifacts_root(folder))
        dagster_home = folder / "dagster"
        return OpenHome(
            folder,
            branch,
            registry,
            artifacts,
            MirrorReader(folder),
            self._open_dagster(folder, branch is not None),
            Trust(registry, dagster_home),
        )
