"""Asks a home: who was champion when, what was predicted, and whether it was right."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mlreg_dagster.client.rows import StoredRows, Time
from mlreg_dagster.config import fit_for_databases, home_dir
from mlreg_dagster.config.places import (
    REGISTRY,
    artifacts_root,
    as_registry_url,
    registry_file,
    registry_url,
)
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.times import read_time
from mlreg_dagster.registry import AliasEvent, AliasSuspended, ModelVersion
from mlreg_dagster.registry.read_only import ReadOnlyRegistry

if TYPE_CHECKING:
    import pandas as pd

    from mlreg_dagster.client.model import LoadedModel
    from mlreg_dagster.client.online import OnlineScores


class NoHome(MlregError):
    """The folder that should be a home is not there."""


class Client(StoredRows):
    """What a home holds, for programs and notebooks.

    It only reads: the registry, SQLite or PostgreSQL, in read-only transactions, and the Parquet mirror that each write
    of a table leaves. The tables' own file is not opened: no answer waits for a run, and no run for an answer. Nothing
    is made or upgraded. Rows are as of the last write; see `mirror_age` and `behind`.

    Args:
        home: The folder of the home. None: MLREG_HOME, else `.mlreg` in the current folder.
        registry: The SQLAlchemy URL, or the SQLite file, of a registry elsewhere. None: MLREG_REGISTRY, else the one in
            the home.
        artifacts: The folder or fsspec URL of artifacts elsewhere. None: MLREG_ARTIFACTS, else those in the home.

    Raises:
        NoHome: The folder is not there, and no registry elsewhere is named.

    >>> client = Client()
    >>> [version.version for version in client.versions()]
    ['v1', 'v2', 'v3']
    >>> client.champion("2026-01-05T06:00").version
    'v1'
    """

    def __init__(
        self, home: str | Path | None = None, *, registry: str | None = None, artifacts: str | None = None
    ) -> None:
        super().__init__(home_dir() if home is None else fit_for_databases(Path(home), "home"))
        url = as_registry_url(registry) if registry else registry_url(self.home)
        if url == as_registry_url(str(registry_file(self.home))) and not self.home.is_dir():
            raise NoHome(
                f"There is no home in {self.home}. Name another folder, Client(folder) or MLREG_HOME, or a registry "
                f"elsewhere, {REGISTRY}; or make a home: mlreg demo."
            )
        self.registry = ReadOnlyRegistry(url)
        self.artifacts = artifacts or artifacts_root(self.home)

    def versions(self) -> list[ModelVersion]:
        """All versions, from v1 up.

        >>> Client().versions()[0].detector
        'local_outlier_factor'
        """
        return self.registry.versions()

    def version(self, spec: str, as_of: Time | None = None) -> ModelVersion:
        """One version.

        Args:
            spec: `v7`, `latest`, `latest-1`, or an alias.
            as_of: For an alias, the time whose holder is meant. None: now.

        Raises:
            UnknownVersion: It leads to no version; the message lists what exists.

        >>> Client().version("latest").version
        'v3'
        """
        return self.registry.resolve(spec, _as_of(as_of))

    def champion(self, as_of: Time | None = None, alias: str = "champion") -> AliasEvent | None:
        """The move that made a version the holder of an alias: which version, since when, by whom and why.

        Args:
            as_of: The time that is asked about. None: now.
            alias: `champion`, `challenger`, or any other.

        Returns:
            None where no version held the alias.

        Raises:
            NotAnHour: `as_of` is no time.

        >>> move = Client().champion()
        >>> print(f"{move.version} since {move.effective_at:%Y-%m-%d %H:%M}, requested by {move.actor}")
        v2 since 2026-01-05 12:00, requested by tester
        """
        return self.registry.holder(alias, _as_of(as_of))

    def history(self, alias: str = "champion") -> list[AliasEvent]:
        """The moves of an alias that count by now, the first one first.

        >>> [(move.version, move.previous_version) for move in Client().history()]
        [('v1', None), ('v2', 'v1')]
        """
        now = datetime.now(UTC)
        return [move for move in self.registry.history(alias) if move.effective_at <= now]

    def load_model(self, spec: str = "champion", as_of: Time | None = None) -> "LoadedModel":
        """A version, ready to score; its bytes are held against the registry's hash first.

        Args:
            spec: As for `version`.
            as_of: As for `version`.

        Raises:
            UnknownVersion: `spec` leads to no version.
            AliasSuspended: `spec` is an alias that is suspended; the message says since when, by whom and why.
            ArtifactMissing, ArtifactTampered: Its bundle is not there, or is not what was registered.
            UntrustedModel: Its files ask for types that are not trusted.

        >>> model = Client().load_model("champion")
        >>> model.version, model.manifest["settings"]["detector"]
        ('v2', 'local_outlier_factor')
        """
        from mlreg_dagster.client.model import load  # with what it takes to score

        if (suspension := self.registry.suspended(_as_of(as_of)).get(spec)) is not None:
            raise AliasSuspended(suspension, f"load_model({suspension.version!r}) loads it all the same.")
        return load(self.artifacts, self.version(spec, as_of))

    def score_online(
        self,
        rows: "pd.DataFrame | Sequence[str]",
        model: str = "champion",
        *,
        url: str = "http://127.0.0.1:8808",
        key: str | None = None,
        reasons: bool = False,
    ) -> "OnlineScores":
        """Have rows scored by a running server, `mlreg serve`; an `OnlineClient` does the same without a home.

        Args:
            rows: Rows with the model's features, such as `features` gives them; or keys of instruments, which are
                scored by the newest hour.
            model: An alias or a version.
            url: Of the server.
            key: An API key; None: what MLREG_SERVING_KEY holds, if anything.
            reasons: Whether to ask why each row has its score.

        Raises:
            ServerRefused: The server refuses the request, and says why.
            ServerUnavailable: No answer came.
        """
        from mlreg_dagster.client.online import OnlineClient

        return OnlineClient(url, key).score(rows, model, reasons=reasons)


def _as_of(time: Time | None) -> datetime:
    return datetime.now(UTC) if time is None else read_time(time)
