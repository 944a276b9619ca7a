"""Which rows of the tables rest on an hour of the market, and through what: each is counted once, by the nearest way.

Thresholds are followed for one step: flags that rest on earlier flags through the bounds of a flag policy are not.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import pandas as pd

from mlreg_dagster.config import OutcomeSettings
from mlreg_dagster.incidents.reach import MOST_HOURS, Reach
from mlreg_dagster.incidents.statements import OF_INSTRUMENT, PAIRS, RESTING
from mlreg_dagster.market.crashes import FALL_HOURS
from mlreg_dagster.market.names import UNRESOLVED
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES, PREDICTION_REASONS, PREDICTIONS
from mlreg_dagster.outcomes.served.schema import SERVED_PREDICTIONS
from mlreg_dagster.storage.warehouse.reader import Tables
from mlreg_dagster.storage.warehouse.tables import Table

_FEATURES = "market_features"
_PARAMETER = re.compile(r"\$(\w+)")


@dataclass(frozen=True)
class Rows:
    """Rows of one version or ranking that rest on the hour in the same way.

    Attributes:
        version: Whose rows they are.
        through: `features`: their scores rest on it. `threshold`: only the threshold does. `training`: only the model
            does. Of outcomes also `label`: crash or no crash is read from its price, and `price`: other columns are.
            Of answers also `unknown`: the client named no hour of the market, or no instrument.
        first: The first hour of these rows: of the prediction, of an outcome when it was due, of an answer its own.
        last: The last one.
        hours: How many hours have such rows.
        rows: How many rows there are; of reasons, how many predictions.
        flagged: Of these, how many are flagged.
    """

    version: str
    through: str
    first: pd.Timestamp
    last: pd.Timestamp
    hours: int
    rows: int
    flagged: int


class StoredRows:
    """The rows that rest on an hour.

    Args:
        tables: Where they are.
        hour: The hour of the market.
        instrument: The instrument whose row is in question; None: all.
        reaches: By version and ranking, how far the hour reaches.
        trained: The versions whose training dataset rests on the hour.
        settings: Of which price a crash is read.
        until: Rows of later hours, and outcomes that were due later, don't count; None: all do.
    """

    def __init__(
        self,
        tables: Tables,
        hour: pd.Timestamp,
        instrument: str | None,
        reaches: Mapping[str, Reach],
        trained: set[str],
        settings: OutcomeSettings,
        until: datetime | None = None,
    ) -> None:
        self._tables, self._until = tables, until
        self._parameters: dict[str, Any] = {
            "hour": hour,
            "instrument": instrument,
            "until": until,
            "reach": max((each.feature_hours + each.threshold_hours for each in reaches.values()), default=0),
            "versions": list(reaches),
            "feature_hours": [each.feature_hours for each in reaches.values()],
            "threshold_hours": [each.threshold_hours for each in reaches.values()],
            "shared": [each.is_shared for each in reaches.values()],
            "trained": [name in trained for name in reaches],
            "fall_hours": FALL_HOURS,
            "tolerance": settings.price_tolerance_hours,
            "unresolved": UNRESOLVED,
        }
        named = {f"trained_{number}": name for number, name in enumerate(sorted(trained & reaches.keys()))}
        self._parameters |= named
        self._sources = {
            "trained_prediction": _one_of("p", named),
            "trained_outcome": _one_of("o", named),
            "trained_reason": _one_of("r", named),
            "label_from": "o.hour - to_hours($tolerance)" if settings.target == "close" else "o.prediction_hour",
            "predictions": self._source(PREDICTIONS),
            "reasons": self._source(PREDICTION_REASONS),
            "outcomes": self._source(PREDICTION_OUTCOMES),
            "served": self._source(SERVED_PREDICTIONS),
        }

    def predictions(self) -> list[Rows]:
        """Predictions, those of rankings included."""
        return self._of("predictions")

    def reasons(self) -> list[Rows]:
        """Predictions whose reasons are on record."""
        return self._of("reasons")

    def outcomes(self) -> list[Rows]:
        """Outcomes of predictions."""
        return self._of("outcomes")

    def served(self) -> list[Rows]:
        """Rows of answers of servers."""
        return self._of("served")

    def predicted_hours(self) -> pd.DataFrame:
        """model_version, role and hour of predictions that rest on the hour through a feature or a threshold."""
        found = self._found[self._found["kind"] == "hours"]
        return found.rename(columns={"version": "model_version", "first": "hour"})[["model_version", "role", "hour"]]

    def pairs(self, candidate: str, champion: str, opened: pd.Timestamp, last: pd.Timestamp | None) -> tuple[int, int]:
        """Of the rows on which a rollout compares its versions, how many rest on the hour, and how many there are.

        Args:
            candidate: That is rolled out.
            champion: The other one.
            opened: The first hour whose predictions count.
            last: The last hour at which an outcome may be due; None: all.

        Returns:
            Both, or zeros where none rests on it.
        """
        judged = self._found[(self._found["kind"] == "judged") & self._found["version"].isin((candidate, champion))]
        if not ((judged["last"] >= opened) & (last is None or judged["first"] < last)).any():
            return 0, 0
        asked = {"candidate": candidate, "champion": champion, "opened": opened, "last": last}
        found = self._frame(PAIRS.format(**self._sources), **asked).iloc[0]
        return int(found["resting"]), int(found["pairs"])

    def features(self, reach: int, *, is_shared: bool) -> tuple[int, int]:
        """How many hours and rows of features rest on the hour.

        Args:
            reach: How many hours after it.
            is_shared: One instrument reaches all.
        """
        if not self._tables.has(_FEATURES, ("hour", "instrument_id")):
            return 0, 0
        found = self._frame(
            f"SELECT count(DISTINCT hour) AS hours, count(*) AS n FROM {_FEATURES} f "  # noqa: S608
            "WHERE hour BETWEEN $hour AND $hour + to_hours($back::BIGINT) AND ($until IS NULL OR hour <= $until) "
            f"AND ($is_shared OR {OF_INSTRUMENT.format('f')})",
            back=reach,
            is_shared=is_shared,
        ).iloc[0]
        return int(found["hours"]), int(found["n"])

    @cached_property
    def _found(self) -> pd.DataFrame:
        return self._frame(RESTING.format(**self._sources))

    def _of(self, kind: str) -> list[Rows]:
        rows = self._found[self._found["kind"] == kind].drop(columns=["kind", "role"])
        return [Rows(**{str(name): value for name, value in row.items()}) for row in rows.to_dict("records")]

    def _source(self, table: Table) -> str:
        return source_of(self._tables, table, is_bounded=self._until is not None)

    def _frame(self, sql: str, **parameters: object) -> pd.DataFrame:
        known = self._parameters | parameters
        return self._tables.frame(sql, {name: known[name] for name in dict.fromkeys(_PARAMETER.findall(sql))})


def _one_of(rows: str, parameters: Iterable[str]) -> str:
    """Whether rows are of one of the versions that parameters name; without any, no row is looked at."""
    names = ", ".join(f"${name}" for name in parameters)
    return f"{rows}.model_version IN ({names})" if names else "false"


def versions_in(tables: Tables, hour: pd.Timestamp, until: datetime | None = None) -> set[str]:
    """The versions and rankings that have predictions of an hour or later ones, or answers.

    Args:
        tables: Where they are.
        hour: The hour; of earlier ones none rests on it but through a training.
        until: Rows of later hours don't count; None: all do.
    """
    found: set[str] = set()
    near = f"WHERE hour BETWEEN $hour AND $hour + to_hours({MOST_HOURS})"
    for table, where in ((PREDICTIONS, near), (SERVED_PREDICTIONS, "")):
        source = source_of(tables, table, is_bounded=until is not None)
        sql = f"SELECT DISTINCT model_version FROM {source} {where}"  # noqa: S608
        parameters = {"hour": hour, "until": until}
        rows = tables.frame(sql, {name: parameters[name] for name in set(_PARAMETER.findall(sql))})
        found |= set(rows["model_version"])
    return found


def was_observed(tables: Tables, instrument: str) -> bool:
    """Whether an instrument is in the tables at all."""
    return any(
        not tables.frame(
            f"SELECT 1 AS there FROM {source_of(tables, table)} WHERE instrument_id = $name LIMIT 1",  # noqa: S608
            {"name": instrument},
        ).empty
        for table in (MARKET_SNAPSHOT, PREDICTIONS)
    )


def source_of(tables: Tables, table: Table, *, is_bounded: bool = False) -> str:
    """A table to read from; one without rows where there is none yet.

    Args:
        tables: Where it may be.
        table: Which.
        is_bounded: Leave out what is later than the parameter `until`.
    """
    if tables.has(table.name, table.key):
        return f"(SELECT * FROM {table.name} WHERE hour <= $until)" if is_bounded else table.name  # noqa: S608
    columns = ", ".join(f'NULL::{table.sql_type(name)} AS "{name}"' for name in table.columns)
    return f"(SELECT {columns} WHERE false)"
