"""Which rows of the tables rest on an hour of the market, and through what: each is counted once, by the nearest way.

Thresholds are followed for one step: flags that rest on earlier flags through the bounds of a flag policy are not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mlreg_dagster.config import OutcomeSettings
from mlreg_dagster.incidents.reach import Reach
from mlreg_dagster.market.crashes import FALL_HOURS
from mlreg_dagster.market.names import UNRESOLVED
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.outcomes.names import RANKING
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES, PREDICTION_REASONS, PREDICTIONS
from mlreg_dagster.outcomes.served.schema import SERVED_PREDICTIONS
from mlreg_dagster.storage.warehouse.reader import Tables
from mlreg_dagster.storage.warehouse.tables import Table

_FEATURES = "market_features"
_OF_INSTRUMENT = "($instrument::VARCHAR IS NULL OR {0}.instrument_id = $instrument::VARCHAR)"
_AFFECTED = """
rules AS (
    SELECT unnest($versions::VARCHAR[]) AS model_version, unnest($feature_hours::BIGINT[]) AS feature_hours,
        unnest($threshold_hours::BIGINT[]) AS threshold_hours, unnest($shared::BOOLEAN[]) AS shared,
        unnest($trained::BOOLEAN[]) AS trained
),
scored AS (
    SELECT p.hour, p.instrument_id, p.model_version, p.artifact_sha256, p.role, p.is_anomaly, r.threshold_hours,
        r.trained, p.in_sample AND NOT starts_with(p.model_version, '{ranking}:') AS has_frozen_threshold,
        p.hour BETWEEN $hour AND $hour + to_hours(r.feature_hours) AND (r.shared OR {of_instrument}) AS by_features
    FROM {predictions} p JOIN rules r USING (model_version)
),
moved AS (
    SELECT DISTINCT model_version, artifact_sha256, hour FROM scored WHERE by_features AND NOT has_frozen_threshold
),
thresholds AS (
    SELECT DISTINCT s.model_version, s.artifact_sha256, s.hour
    FROM (
        SELECT DISTINCT model_version, artifact_sha256, hour, threshold_hours FROM scored
        WHERE NOT has_frozen_threshold AND threshold_hours > 0 AND hour >= $hour
    ) s JOIN moved m ON m.model_version = s.model_version AND m.artifact_sha256 = s.artifact_sha256
        AND m.hour BETWEEN s.hour - to_hours(s.threshold_hours - 1) AND s.hour
),
affected AS (
    SELECT s.*, CASE WHEN s.by_features THEN 'features'
        WHEN t.hour IS NOT NULL AND NOT s.has_frozen_threshold THEN 'threshold'
        WHEN s.trained THEN 'training' END AS through
    FROM scored s LEFT JOIN thresholds t USING (model_version, artifact_sha256, hour)
)"""
_JUDGED = """
judged AS (
    SELECT o.*, CASE
        WHEN {of_instrument} AND ($hour = o.prediction_hour OR $hour BETWEEN {label_from} AND o.hour) THEN 'label'
        WHEN {of_instrument} AND $hour BETWEEN o.prediction_hour - to_hours($fall_hours) AND o.hour THEN 'price'
        ELSE a.through END AS through
    FROM {outcomes} o LEFT JOIN affected a
        ON a.hour = o.prediction_hour AND a.instrument_id = o.instrument_id AND a.model_version = o.model_version
)"""
_GROUP = "WHERE through IS NOT NULL GROUP BY model_version, through ORDER BY model_version, through"


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
    """

    def __init__(
        self,
        tables: Tables,
        hour: pd.Timestamp,
        instrument: str | None,
        reaches: Mapping[str, Reach],
        trained: set[str],
        settings: OutcomeSettings,
    ) -> None:
        self._tables = tables
        self._asked = {"hour": hour, "instrument": instrument}
        self._parameters = {
            **self._asked,
            "versions": list(reaches),
            "feature_hours": [each.feature_hours for each in reaches.values()],
            "threshold_hours": [each.threshold_hours for each in reaches.values()],
            "shared": [each.is_shared for each in reaches.values()],
            "trained": [name in trained for name in reaches],
        }
        self._affected = _AFFECTED.format(
            ranking=RANKING, predictions=_source(tables, PREDICTIONS), of_instrument=_OF_INSTRUMENT.format("p")
        )
        self._of_label = {"fall_hours": FALL_HOURS}
        label_from = "o.prediction_hour"
        if settings.target == "close":
            label_from = "o.hour - to_hours($tolerance)"
            self._of_label["tolerance"] = settings.price_tolerance_hours
        self._judged = _JUDGED.format(
            outcomes=_source(tables, PREDICTION_OUTCOMES),
            of_instrument=_OF_INSTRUMENT.format("o"),
            label_from=label_from,
        )

    def predictions(self) -> list[Rows]:
        """Predictions, those of rankings included."""
        return self._rows(f"SELECT {_counted('hour')} FROM affected {_GROUP}")  # noqa: S608

    def reasons(self) -> list[Rows]:
        """Predictions whose reasons are on record."""
        source = _source(self._tables, PREDICTION_REASONS)
        return self._rows(
            f"SELECT {_counted('hour')} FROM affected SEMI JOIN {source} r USING (hour, instrument_id, model_version) "  # noqa: S608
            f"{_GROUP}"
        )

    def outcomes(self) -> list[Rows]:
        """Outcomes of predictions."""
        return self._rows(f"SELECT {_counted('hour')} FROM judged {_GROUP}", judged=True)  # noqa: S608

    def predicted_hours(self) -> pd.DataFrame:
        """model_version, role and hour of predictions that rest on the hour through a feature or a threshold."""
        sql = "SELECT DISTINCT model_version, role, hour FROM affected WHERE through IN ('features', 'threshold')"
        return self._frame(sql)

    def pairs(self, candidate: str, champion: str, opened: pd.Timestamp, last: pd.Timestamp | None) -> tuple[int, int]:
        """Of the rows on which a rollout compares its versions, how many rest on the hour, and how many there are.

        Args:
            candidate: That is rolled out.
            champion: The other one.
            opened: The first hour whose predictions count.
            last: The last hour at which an outcome may be due; None: all.
        """
        usable = f"NOT in_sample AND outcome <> '{UNRESOLVED}'"
        own = f"(SELECT * FROM judged WHERE model_version = $candidate AND {usable})"  # noqa: S608
        other = f"(SELECT * FROM judged WHERE model_version = $champion AND {usable})"  # noqa: S608
        until = "" if last is None else " AND c.hour <= $last"
        found = self._frame(
            "SELECT count(*) FILTER (c.through IS NOT NULL OR o.through IS NOT NULL) AS resting, count(*) AS pairs "  # noqa: S608
            f"FROM {own} c JOIN {other} o USING (prediction_hour, instrument_id) "
            f"WHERE prediction_hour >= $opened{until}",
            judged=True,
            candidate=candidate,
            champion=champion,
            opened=opened,
            **({} if last is None else {"last": last}),
        ).iloc[0]
        return int(found["resting"]), int(found["pairs"])

    def served(self) -> list[Rows]:
        """Rows of answers of servers."""
        named = "s.instrument_id IS NOT NULL OR $instrument::VARCHAR IS NULL OR r.shared"
        sql = f"""
            SELECT {_counted("hour")} FROM (
                SELECT s.hour, s.model_version, s.is_anomaly, CASE
                    WHEN s.market_hour BETWEEN $hour AND $hour + to_hours(r.feature_hours)
                        AND (r.shared OR {_OF_INSTRUMENT.format("s")}) THEN 'features'
                    WHEN t.hour IS NOT NULL THEN 'threshold'
                    WHEN r.trained THEN 'training'
                    WHEN s.market_hour IS NULL AND s.hour BETWEEN $hour AND $hour + to_hours(r.feature_hours + 1)
                        THEN 'unknown'
                    WHEN s.market_hour BETWEEN $hour AND $hour + to_hours(r.feature_hours) AND NOT ({named})
                        THEN 'unknown' END AS through
                FROM {_source(self._tables, SERVED_PREDICTIONS)} s JOIN rules r USING (model_version)
                LEFT JOIN thresholds t ON t.model_version = s.model_version
                    AND t.artifact_sha256 = s.artifact_sha256 AND t.hour = s.threshold_hour
            ) {_GROUP}"""  # noqa: S608
        return self._rows(sql)

    def features(self, reach: int, *, is_shared: bool) -> tuple[int, int]:
        """How many hours and rows of features rest on the hour.

        Args:
            reach: How many hours after it.
            is_shared: One instrument reaches all.
        """
        if not self._tables.has(_FEATURES, ("hour", "instrument_id")):
            return 0, 0
        found = self._tables.frame(
            f"SELECT count(DISTINCT hour) AS hours, count(*) AS n FROM {_FEATURES} f "  # noqa: S608
            f"WHERE hour BETWEEN $hour AND $hour + to_hours($reach) AND ($shared OR {_OF_INSTRUMENT.format('f')})",
            {**self._asked, "reach": reach, "shared": is_shared},
        ).iloc[0]
        return int(found["hours"]), int(found["n"])

    def _rows(self, sql: str, *, judged: bool = False) -> list[Rows]:
        return [
            Rows(**{str(name): value for name, value in row.items()})
            for row in self._frame(sql, judged=judged).to_dict("records")
        ]

    def _frame(self, sql: str, *, judged: bool = False, **parameters: object) -> pd.DataFrame:
        steps: Sequence[str] = (self._affected, self._judged) if judged else (self._affected,)
        more: dict[str, Any] = self._of_label if judged else {}
        return self._tables.frame(f"WITH {','.join(steps)} {sql}", {**self._parameters, **more, **parameters})


def versions_in(tables: Tables) -> set[str]:
    """The versions and rankings that have predictions or answers."""
    found: set[str] = set()
    for table in (PREDICTIONS, SERVED_PREDICTIONS):
        found |= {name for (name,) in tables.rows(f"SELECT DISTINCT model_version FROM {_source(tables, table)}")}  # noqa: S608
    return found


def was_observed(tables: Tables, instrument: str) -> bool:
    """Whether an instrument is in the tables at all."""
    return any(
        not tables.frame(
            f"SELECT 1 AS there FROM {_source(tables, table)} WHERE instrument_id = $name LIMIT 1",  # noqa: S608
            {"name": instrument},
        ).empty
        for table in (MARKET_SNAPSHOT, PREDICTIONS)
    )


def _counted(hour: str) -> str:
    return (
        f"model_version AS version, through, min({hour}) AS first, max({hour}) AS last, "
        f"count(DISTINCT {hour}) AS hours, count(*) AS rows, count(*) FILTER (is_anomaly) AS flagged"
    )


def _source(tables: Tables, table: Table) -> str:
    """A table to read from; one without rows where there is none yet."""
    if tables.has(table.name, table.key):
        return table.name
    columns = ", ".join(f'NULL::{table.sql_type(name)} AS "{name}"' for name in table.columns)
    return f"(SELECT {columns} WHERE false)"
