"""What predictions by the hour and their matured outcomes say of the two versions of a rollout, read from the tables.

How they are compared stands in `labels`.
"""

from collections.abc import Sequence
from datetime import datetime

import pandas as pd

from mlreg_dagster.config import Settings
from mlreg_dagster.core.hours import HOUR, as_time, hours_since_epoch
from mlreg_dagster.governance.rollout.facts import Flags, Outcomes
from mlreg_dagster.governance.rollout.labels import Comparison, Weights, compare
from mlreg_dagster.market.names import CRASH, UNRESOLVED
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES, PREDICTIONS
from mlreg_dagster.outcomes.worth.pairs import paired
from mlreg_dagster.registry import TrafficEvent
from mlreg_dagster.storage.warehouse.tables import InvalidRows
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

BASE_RATE = "base_rate"
"""In the facts of a change: the share of crashes by which wrong answers are weighed, from the first one that has it."""

_COLUMNS = "prediction_hour, instrument_id, model_version, in_sample, is_anomaly, score, outcome"


def base_rate(tables: Warehouse, version: str, as_of: datetime) -> float | None:
    """The share of crashes among the outcomes of a version that were due at a time; None without both kinds."""
    with tables.session():
        tables.newest(PREDICTION_OUTCOMES)  # the table is there from now on
        counted = tables.query(
            f"SELECT count(*) AS n, count(*) FILTER (outcome = $crash) AS crashes FROM {PREDICTION_OUTCOMES.name} "  # noqa: S608
            f"WHERE model_version = $version AND NOT in_sample AND outcome <> $unresolved AND hour <= $last",
            {"version": version, "crash": CRASH, "unresolved": UNRESOLVED, "last": as_time(as_of)},
        )
    resolved, crashes = int(counted["n"].iloc[0]), int(counted["crashes"].iloc[0])
    return crashes / resolved if 0 < crashes < resolved else None


def read_outcomes(tables: Warehouse, rows: Sequence[TrafficEvent], settings: Settings, now: datetime) -> Outcomes:
    """What is on record since a rollout was opened.

    Predictions from the opening on count, that are in-sample for neither version, and whose outcomes are due by now.

    Args:
        tables: Where predictions and outcomes are.
        rows: The changes of the rollout, the opening first.
        settings: Horizon, margin and error rate.
        now: The current time.
    """
    opened = as_time(rows[0].effective_at).ceil("h")
    last = as_time(now).floor("h")
    champion, candidate = rows[0].champion, rows[0].candidate
    fixed = next((float(each.facts[BASE_RATE]) for each in rows if each.facts.get(BASE_RATE) is not None), None)
    of_both = {"left": candidate, "right": champion, "first": opened, "last": last}
    with tables.session():
        for table in (PREDICTION_OUTCOMES, PREDICTIONS):
            tables.newest(table)  # the table is there from now on
        outcomes = tables.query(
            f"SELECT {_COLUMNS} FROM {PREDICTION_OUTCOMES.name} WHERE model_version IN ($left, $right) "  # noqa: S608
            f"AND prediction_hour >= $first AND hour <= $last",
            of_both,
        )
        newest = tables.query(
            f"SELECT max(hour) AS hour FROM {PREDICTION_OUTCOMES.name} WHERE hour <= $last",  # noqa: S608
            {"last": last},
        )["hour"].iloc[0]
        flags = tables.query(
            f"SELECT model_version, count(*) AS n, count(*) FILTER (is_anomaly) AS flagged FROM {PREDICTIONS.name} "  # noqa: S608
            f"WHERE model_version IN ($left, $right) AND NOT in_sample AND hour BETWEEN $first AND $last "
            f"GROUP BY model_version",
            of_both,
        )
        following = base_rate(tables, champion, now) if fixed is None else None
    problem, pairs, comparison = None, 0, None
    try:
        both = paired(outcomes, candidate, champion)
    except InvalidRows as error:  # nothing is concluded from them, and operations are judged all the same
        problem = str(error)
    else:
        pairs = len(both)
        until = (last if pd.isna(newest) else newest) - settings.outcomes.horizon_hours * HOUR + HOUR
        comparison = None if fixed is None else _compared(both, opened, until, fixed, settings)
    return Outcomes(comparison, pairs, _flags(flags, candidate), _flags(flags, champion), fixed, following, problem)


def _compared(
    pairs: pd.DataFrame, opened: pd.Timestamp, until: pd.Timestamp, rate: float, settings: Settings
) -> Comparison:
    first, end = hours_since_epoch(pd.DatetimeIndex([opened, until]))
    return compare(
        hours_since_epoch(pairs["prediction_hour"]),
        pairs["crash"].to_numpy(dtype=bool),
        pairs["flag"].to_numpy(dtype=bool),
        pairs["opponent_flag"].to_numpy(dtype=bool),
        opened=int(first),
        until=int(end),
        weights=Weights.of(rate),
        margin=settings.rollout.margin,
        alpha=settings.rollout.alpha,
    )


def _flags(counted: pd.DataFrame, version: str) -> Flags:
    of_version = counted[counted["model_version"] == version]
    return Flags(int(of_version["n"].sum()), int(of_version["flagged"].sum()))
