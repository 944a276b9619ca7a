"""The rows that a home has stored: features, predictions, their outcomes, and what versions are worth."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from mlreg_dagster.client.tables import FEATURES_TABLE, read_rows, read_table
from mlreg_dagster.core.times import read_time
from mlreg_dagster.outcomes.names import (
    OUTCOMES_TABLE,
    PERFORMANCE_TABLE,
    PREDICTIONS_TABLE,
    REASONS_TABLE,
    WORTH_TABLE,
)
from mlreg_dagster.storage.warehouse.for_readers import open_for_readers

if TYPE_CHECKING:
    import pandas as pd

Time = str | datetime
"""A time: aware, or text in ISO 8601; without a zone it is UTC."""


class StoredRows:
    """The rows of a home, from what each write of a table leaves for readers.

    Args:
        home: The folder of the home.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self._mirror = open_for_readers(home)

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


def _bound(time: Time | None) -> datetime | None:
    return None if time is None else read_time(time)
