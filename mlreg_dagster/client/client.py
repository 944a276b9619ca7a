"""Asks a home: who was champion when, what was predicted, and whether it was right."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from mlreg_dagster.client.tables import FEATURES_TABLE, read_rows, read_table
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
from mlreg_dagster.outcomes.names import (
    OUTCOMES_TABLE,
    PERFORMANCE_TABLE,
    PREDICTIONS_TABLE,
    REASONS_TABLE,
    WORTH_TABLE,
)
from mlreg_dagster.registry import AliasEvent, AliasSuspended, ModelVersion
from mlreg_dagster.registry.read_only import ReadOnlyRegistry
from mlreg_dagster.storage.warehouse.for_readers import open_for_readers

if TYPE_CHECKING:
    import pandas as pd

    from mlreg_dagster.client.model import LoadedModel
    from mlreg_dagster.client.online import OnlineScores


Time = str | datetime
"""A time: aware, or text in ISO 8601; without a zone it is UTC."""


class NoHome(MlregError):
    """The folder that should be a home is not there."""


class Client:
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
        self.home = home_dir() if home is None else fit_for_databases(Path(home), "home")
        url = as_registry_url(registry) if registry else registry_url(self.home)
        if url == as_registry_url(str(registry_file(self.home))) and not self.home.is_dir():
            raise NoHome(
                f"There is no home in {self.home}. Name another folder, Client(folder) or MLREG_HOME, or a registry "
                f"elsewhere, {REGISTRY}; or make a home: mlreg demo."
            )
        self.registry = ReadOnlyRegistry(url)
        self.artifacts = artifacts or artifacts_root(self.home)
        self._mirror = open_for_readers(self.home)

    def mirror_age(self, table: str | None = None) -> timedelta | None:
        """How long ago the mirror was last written; None where it holds nothing.

        Args:
            table: Of this table alone, such as `predictions`.

        >>> Client().mirror_age("predictions") < Client().mirror_age("market_snapshot")
        True
        """
        return self._mirror.age(table)

    def behind(self) -> dict[str, list[str]]:
        """By table the days of which rows were stored that the mirror may not have yet; `all`: any day.

        Empty but while a step writes, or after one that was killed, until the next write.

        >>> Client().behind()
        {}
        """
        return self._mirror.behind()

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

    def features(
        self, first: Time | None = None, last: Time | None = None, *, columns: Sequence[str] | None = None
    ) -> "pd.DataFrame":
        """What models see: a row for each instrument and hour.

        Args:
            first: The first hour; None: from the beginning.
            last: The last hour, included; None: to the end.
            columns: Which; None: all.

        >>> frame = Client().features("2026-01-05T00:00", "2026-01-05T01:00")
        >>> frame[["hour", "instrument_id"]].drop_duplicates().shape
        (24, 2)
        """
        return self._read(FEATURES_TABLE, first, last, columns)

    def predictions(
        self,
        first: Time | None = None,
        last: Time | None = None,
        *,
        version: str | None = None,
        columns: Sequence[str] | None = None,
    ) -> "pd.DataFrame":
        """What versions said: a row for each hour, instrument and version.

        Args:
            first: The first hour; None: from the beginning.
            last: The last hour, included; None: to the end.
            version: Of this version alone, or of a simple ranking (`ranking:volatility`); None: of every version.
            columns: Which; None: all.

        >>> Client().predictions(version="v1")["hour"].agg(["min", "max"]).dt.hour.tolist()
        [0, 11]
        """
        return self._read(PREDICTIONS_TABLE, first, last, columns, version)

    def reasons(
        self,
        first: Time | None = None,
        last: Time | None = None,
        *,
        version: str | None = None,
        columns: Sequence[str] | None = None,
    ) -> "pd.DataFrame":
        """Why champion and challenger flagged what they flagged: a row for each flag and family, then the remainder.

        Args:
            first: The first hour; None: from the beginning.
            last: The last hour, included; None: to the end.
            version: Of this version alone.
            columns: Which; None: all.

        >>> reasons = Client().reasons("2026-01-05T00:00", "2026-01-05T00:00")
        >>> reasons["family"].iloc[-1], bool(reasons["share"].sum() > 0)
        ('remainder', True)
        """
        return self._read(REASONS_TABLE, first, last, columns, version)

    def outcomes(
        self,
        first: Time | None = None,
        last: Time | None = None,
        *,
        version: str | None = None,
        columns: Sequence[str] | None = None,
    ) -> "pd.DataFrame":
        """The outcomes of predictions; `hour` is when they fell due.

        Args:
            first: The first hour at which they fell due; None: from the beginning.
            last: The last one, included; None: to the end.
            version: Of this version alone, or of a simple ranking (`ranking:volatility`); None: of every version.
            columns: Which; None: all.

        >>> sorted(Client().outcomes()["model_version"].unique())
        ['v1', 'v2']
        """
        return self._read(OUTCOMES_TABLE, first, last, columns, version)

    def performance(
        self,
        first: Time | None = None,
        last: Time | None = None,
        *,
        version: str | None = None,
        columns: Sequence[str] | None = None,
    ) -> "pd.DataFrame":
        """How right versions were: a row for each day and version, with counts, rates and intervals.

        Args:
            first: The first day; None: from the beginning.
            last: The last day, included; None: to the end.
            version: Of this version alone, or of a simple ranking (`ranking:volatility`); None: of every version.
            columns: Which; None: all.

        >>> Client().performance(columns=["model_version", "predictions"]).to_dict("records")
        [{'model_version': 'v1', 'predictions': 144}, {'model_version': 'v2', 'predictions': 144}]
        """
        return self._read(PERFORMANCE_TABLE, first, last, columns, version)

    def worth(
        self,
        first: Time | None = None,
        last: Time | None = None,
        *,
        version: str | None = None,
        columns: Sequence[str] | None = None,
    ) -> "pd.DataFrame":
        """What versions are worth: a row for each day, version and opponent, with counts and the verdict as of the day.

        Args:
            first: The first day; None: from the beginning.
            last: The last day, included; None: to the end.
            version: Of this version alone; `champion`: of whichever version was champion.
            columns: Which; None: all.
        """
        return self._read(WORTH_TABLE, first, last, columns, version)

    def table(
        self,
        name: str,
        first: Time | None = None,
        last: Time | None = None,
        *,
        at: Time | None = None,
        version: str | None = None,
        columns: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> "pd.DataFrame":
        """The rows of any table, and where a lake keeps the tables, those that were stored at a time in the past.

        Args:
            name: Which table, such as `market_snapshot`.
            first: The first hour or day; None: from the beginning.
            last: The last one, included; None: to the end.
            at: When they were stored: what was written or repaired later does not show. None: as they are now.
            version: Of this version alone.
            columns: Which; None: all.
            limit: At most so many rows.

        Raises:
            NotKept: No lake keeps the tables, or it does not go back to `at`; the message names the oldest time.
            UnknownTable, UnknownColumns: There is no such table, or none with these columns.

        >>> Client().table("market_snapshot", "2026-01-05T00:00", "2026-01-05T00:00")["hour"].nunique()
        1
        """
        if at is None:
            opened = self._mirror.tables()
        else:
            from mlreg_dagster.storage.warehouse.opening import open_tables_as_of

            opened = open_tables_as_of(self.home, read_time(at))
        with opened as tables:
            return read_rows(tables, name, _bound(first), _bound(last), columns, version, limit)

    def _read(
        self,
        name: str,
        first: Time | None,
        last: Time | None,
        columns: Sequence[str] | None,
        version: str | None = None,
    ) -> "pd.DataFrame":
        return read_table(self._mirror, name, _bound(first), _bound(last), columns, version)


def _as_of(time: Time | None) -> datetime:
    return datetime.now(UTC) if time is None else read_time(time)


def _bound(time: Time | None) -> datetime | None:
    return None if time is None else read_time(time)
