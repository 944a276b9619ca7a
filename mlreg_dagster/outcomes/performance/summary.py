"""How right each version was so far, counted by the database: what a person asks who waits for the answer.

The numbers are those of `metrics.summary` and `worth.lead_time`, which measure frames in memory; no pandas here.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import numpy as np

from mlreg_dagster.config import OutcomeSettings
from mlreg_dagster.market.names import CRASH, EPISODE_GAP_HOURS, UNRESOLVED
from mlreg_dagster.outcomes.names import IS_VERSION, OUTCOMES_TABLE, RATES, SERVED_OUTCOMES_TABLE, served_version
from mlreg_dagster.outcomes.performance.intervals import intervals
from mlreg_dagster.storage.warehouse.reader import Tables

_COLUMNS = ("model_version", "instrument_id", "prediction_hour", "is_anomaly", "in_sample", "outcome")
_RESOLVED = f"NOT in_sample AND outcome <> '{UNRESOLVED}'"
_COUNTS = {
    "predictions": "true",
    "in_sample": "in_sample",
    "resolved": _RESOLVED,
    "unresolved": f"NOT in_sample AND outcome = '{UNRESOLVED}'",
    "crashes": f"{_RESOLVED} AND outcome = '{CRASH}'",
    "no_crashes": f"{_RESOLVED} AND outcome <> '{CRASH}'",
    "flagged": f"{_RESOLVED} AND is_anomaly",
    "true_positives": f"{_RESOLVED} AND is_anomaly AND outcome = '{CRASH}'",
    "false_positives": f"{_RESOLVED} AND is_anomaly AND outcome <> '{CRASH}'",
    "false_negatives": f"{_RESOLVED} AND NOT is_anomaly AND outcome = '{CRASH}'",
    "true_negatives": f"{_RESOLVED} AND NOT is_anomaly AND outcome <> '{CRASH}'",
}
_DAY = "CAST(epoch(prediction_hour) AS BIGINT) // 86400"
_UNKNOWN = float("nan")
_HOURS = "epoch(crossed_at - prediction_hour) / 3600"
_LEAD_TIMES = {
    "episodes": "count(DISTINCT (instrument_id, episode))",
    "caught": "count(*) FILTER (is_first)",
    "timed": "count(*) FILTER (is_first AND crossed_at IS NOT NULL)",
    "median_hours": f"quantile_cont({_HOURS}, 0.5) FILTER (is_first)",
    "lower_quartile_hours": f"quantile_cont({_HOURS}, 0.25) FILTER (is_first)",
    "upper_quartile_hours": f"quantile_cont({_HOURS}, 0.75) FILTER (is_first)",
}
_EPISODES = (
    f"WITH crashes AS (SELECT *, coalesce(prediction_hour - lag(prediction_hour) OVER by_coin "  # noqa: S608
    f">= INTERVAL {EPISODE_GAP_HOURS} HOUR, true) AS begins FROM {OUTCOMES_TABLE} "
    f"WHERE {IS_VERSION} AND {_COUNTS['crashes']} "
    "WINDOW by_coin AS (PARTITION BY model_version, instrument_id ORDER BY prediction_hour)), "
    "numbered AS (SELECT *, sum(begins::INT) OVER (PARTITION BY model_version, instrument_id ORDER BY prediction_hour) "
    "AS episode FROM crashes), "
    "marked AS (SELECT *, is_anomaly AND row_number() OVER (PARTITION BY model_version, instrument_id, episode "
    "ORDER BY is_anomaly DESC, prediction_hour) = 1 AS is_first FROM numbered)"
)


def summarize_served(tables: Tables, settings: OutcomeSettings) -> list[dict[str, Any]]:
    """Measure what each version answered online (served:v7), as `summarize` does its own predictions."""
    found = summarize(tables, settings, SERVED_OUTCOMES_TABLE)
    return [row | {"model_version": served_version(row["model_version"])} for row in found]


def summarize(tables: Tables, settings: OutcomeSettings, table: str = OUTCOMES_TABLE) -> list[dict[str, Any]]:
    """Measure each model version, no ranking, over all outcomes.

    Args:
        tables: Where the outcomes are.
        settings: The confidence of the intervals and the number of resamples.
        table: Of which outcomes.

    Returns:
        A row for each version that has outcomes, by its name: the columns of MODEL_PERFORMANCE but for the day. A rate
        without a denominator is NaN, and so are the ends of an interval that can't be told.

    Raises:
        UnknownColumns: Another release wrote the table.
    """
    if not tables.has(table, _COLUMNS):
        return []
    counts = ", ".join(f"count(*) FILTER ({kind})" for kind in _COUNTS.values())
    rows = tables.rows(
        f"SELECT model_version, {_DAY} AS day, {counts} FROM {table} WHERE {IS_VERSION} "  # noqa: S608 - names of ours
        "GROUP BY model_version, day ORDER BY model_version, day"
    )
    instruments = dict(
        tables.rows(
            f"SELECT model_version, count(DISTINCT instrument_id) FILTER ({_COUNTS['crashes']}) "  # noqa: S608
            f"FROM {table} WHERE {IS_VERSION} GROUP BY model_version"
        )
    )
    found = []
    for version, group in groupby(rows, key=lambda row: row[0]):
        days = np.array([row[1:] for row in group])
        found.append({"model_version": version, **dict(_measured(days, instruments[version], settings))})
    return found


def summarize_lead_times(tables: Tables) -> list[dict[str, Any]]:
    """How early each model version, no ranking, flagged the crash episodes of its outcomes.

    Args:
        tables: Where the outcomes are.

    Returns:
        A row for each version whose outcomes have a crash, by its name: counts and hours as `worth.lead_time.LeadTime`
        has them, without intervals. Hours that no episode tells are None; a table of a release that did not record when
        a price crossed has no row.
    """
    columns = tables.rows(f"SELECT column_name FROM duckdb_columns() WHERE table_name = '{OUTCOMES_TABLE}'")  # noqa: S608
    if ("crossed_at",) not in columns:
        return []
    rows = tables.rows(
        f"{_EPISODES} SELECT model_version, {', '.join(_LEAD_TIMES.values())} FROM marked "  # noqa: S608 - names of ours
        "GROUP BY model_version ORDER BY model_version"
    )
    return [dict(zip(("model_version", *_LEAD_TIMES), row, strict=True)) for row in rows]


def _measured(
    days: np.ndarray[Any, np.dtype[np.int64]], instruments_crashed: int, settings: OutcomeSettings
) -> Iterator[tuple[str, Any]]:
    """Counts, rates and intervals of one version, from the counts of each day."""
    column = {name: days[:, number] for number, name in enumerate(_COUNTS, start=1)}
    total = {name: int(counts.sum()) for name, counts in column.items()}
    for name in _COUNTS:
        if name != "no_crashes":
            yield name, total[name]
        if name == "crashes":
            yield "n_instruments_crashed", instruments_crashed
    rate = {name: _ratio(total[part], total[whole]) for name, (part, whole) in RATES.items()}
    rate["lift"] = _ratio(rate["precision"], rate["base_rate"])
    for name, (low, high) in intervals(column, days[:, 0], settings).items():
        yield from ((name, rate[name]), (f"{name}_low", low), (f"{name}_high", high))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else _UNKNOWN
