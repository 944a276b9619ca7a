"""The homes that can be asked about: the one that the pages were started on, and its branches; each is opened once."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock

from mlreg_dagster.config.places import artifacts_root, dagster_home, registry_url
from mlreg_dagster.operations.branches.finding import Branch, branch_home, branches
from mlreg_dagster.pages.dagster_facts.facts import DagsterFacts
from mlreg_dagster.pages.dagster_facts.finding import dagster_facts
from mlreg_dagster.pages.trust import Trust
from mlreg_dagster.registry.read_only import ReadOnlyRegistry
from mlreg_dagster.storage.artifacts import ArtifactStore, open_artifacts
from mlreg_dagster.storage.warehouse.for_readers import open_for_readers
from mlreg_dagster.storage.warehouse.reader import ReadersTables


@dataclass(frozen=True)
class OpenHome:
    """A home, opened for reading.

    Attributes:
        folder: The data home.
        branch: Its name as a branch; None: it is none.
        trust: Whether its registry can be believed.
        dagster_home: The folder of `dagster.yaml`.
        dagster_url: Of a running web server of that home, which is asked then; None: its files are read.
    """

    folder: Path
    branch: str | None
    registry: ReadOnlyRegistry
    artifacts: ArtifactStore
    mirror: ReadersTables
    trust: Trust
    dagster_home: Path
    dagster_url: str | None

    def dagster(self, until: datetime | None) -> DagsterFacts:
        """What Dagster remembers; of what was recorded until a time."""
        return dagster_facts(self.dagster_home, self.dagster_url, until)


class Homes:
    """Opens homes when they are first asked for.

    Args:
        home: The one that the pages were started on.
        dagster_url: Of a running web server of that home; None: Dagster's files are read. A branch's always are.
    """

    def __init__(self, home: Path, dagster_url: str | None = None) -> None:
        self.home = home
        self._dagster_url = dagster_url
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
        of_dagster, registry = dagster_home(folder), ReadOnlyRegistry(registry_url(folder))
        return OpenHome(
            folder,
            branch,
            registry,
            open_artifacts(artifacts_root(folder)),
            open_for_readers(folder),
            Trust(registry, of_dagster),
            of_dagster,
            self._dagster_url if branch is None else None,
        )
