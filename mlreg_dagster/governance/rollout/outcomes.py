"""What predictions by the hour and their matured outcomes say of the two versions of a rollout, read from the tables.

How they are compared stands in `labels`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from mlreg_dagster.config import Settings
from mlreg_dagster.core.hours import HOUR, as_time, hours_since_epoch
from mlreg_dagster.governance.rollout.facts import Flags, Outcomes
from mlreg_dagster.governance.rollout.labels import Comparison, Rows, Weights, compare
from mlreg_dagster.market.names import CRASH, UNRESOLVED
from mlreg_dagster.market.sources.base import last_ended_hour
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
            {"version": version, "crash": CRASH, "unresolved": UNRESOLVED, "last": last_ended_hour(as_time(as_of))},
        )
    resolved, crashes = int(counted["n"].iloc[0]), int(counted["crashes"].iloc[0])
    return crashes / resolved if 0 < crashes < resolved else None


def outcomes_of_both(
    tables: Warehouse, left: str, right: str, *, first: pd.Timestamp | None = None, last: pd.Timestamp | None = None
) -> pd.DataFrame:
    """Rows of PREDICTION_OUTCOMES of two versions, as far as a comparison needs them.

    Args:
        tables: Where they are.
        left: A version.
        right: The version that it is compared with.
        first: The first hour that was predicted for; None: all.
        last: The last hour at which an outcome was due; None: all.
    """
    limits = {" AND prediction_hour >= $first": ("first", first), " AND hour <= $last": ("last", last)}
    limits = {text: limit for text, limit in limits.items() if limit[1] is not None}
    tables.newest(PREDICTION_OUTCOMES)  # the table is there from now on
    return tables.query(
        f"SELECT {_COLUMNS} FROM {PREDICTION_OUTCOMES.name} WHERE model_version IN ($left, $right){''.join(limits)}",  # noqa: S608
        {"left": left, "right": right, **dict(limits.values())},
    )


def rows_of(pairs: pd.DataFrame) -> Rows:
    """Pairs as comparisons over time take them; the version is the candidate, its opponent the champion."""
    crash, own, other = (pairs[name].to_numpy(dtype=bool) for name in ("crash", "flag", "opponent_flag"))
    return Rows(hours_since_epoch(pairs["prediction_hour"]), crash, own, other)


@dataclass(frozen=True)
class Matured:
    """What both versions of a rollout scored since it was opened, as far as outcomes are known.

    Attributes:
        rows: In-sample for neither.
        opened: The hour from which they count, in whole hours since 1970.
        until: All outcomes of predictions before this hour are due and on record.
    """

    rows: Rows
    opened: int
    until: int


def read_matured(tables: Warehouse, rows: Sequence[TrafficEvent], settings: Settings, now: datetime) -> Matured:
    """The rows that the two versions of a rollout are compared on.

    Args:
        tables: Where outcomes are.
        rows: The changes of the rollout, the opening first.
        settings: The horizon.
        now: The current time.

    Raises:
        InvalidRows: A version has predicted the same twice, or the two have different outcomes for the same.
    """
    opened, last = as_time(rows[0].effective_at).ceil("h"), last_ended_hour(as_time(now))
    with tables.session():
        outcomes = outcomes_of_both(tables, rows[0].candidate, rows[0].champion, first=opened, last=last)
        newest = tables.query(
            f"SELECT max(hour) AS hour FROM {PREDICTION_OUTCOMES.name} WHERE hour <= $last",  # noqa: S608
            {"last": last},
        )["hour"].iloc[0]
    until = (last if pd.isna(newest) else newest) - settings.outcomes.horizon_hours * HOUR + HOUR
    first, end = hours_since_epoch(pd.DatetimeIndex([opened, until]))
    return Matured(rows_of(paired(outcomes, rows[0].candidate, rows[0].champion)), int(first), int(end))


def fixed_base_rate(rows: Sequence[TrafficEvent]) -> float | None:
    """The base rate that the changes of a rollout have fixed; None: none has yet."""
    return next((float(each.facts[BASE_RATE]) for each in rows if each.facts.get(BASE_RATE) is not None), None)


def read_outcomes(tables: Warehouse, rows: Sequence[TrafficEvent], settings: Settings, now: datetime) -> Outcomes:
    """What is on record since a rollout was opened.

    Predictions from the opening on count, that are in-sample for neither version, and whose outcomes are due by now.

    Args:
        tables: Where predictions and outcomes are.
        rows: The changes of the rollout, the opening first.
        settings: Horizon, margin and error rate.
        now: The current time.
    """
    champion, candidate = rows[0].champion, rows[0].candidate
    fixed, problem, pairs, comparison = fixed_base_rate(rows), None, 0, None
    with tables.session():
        tables.newest(PREDICTIONS)  # the table is there from now on
        flags = tables.query(
            f"SELECT model_version, count(*) AS n, count(*) FILTER (is_anomaly) AS flagged FROM {PREDICTIONS.name} "  # noqa: S608
            f"WHERE model_version IN ($left, $right) AND NOT in_sample AND hour BETWEEN $first AND $last "
            f"GROUP BY model_version",
            {
                "left": candidate,
                "right": champion,
                "first": as_time(rows[0].effective_at).ceil("h"),
                "last": last_ended_hour(as_time(now)),
            },
        )
        following = base_rate(tables, champion, now) if fixed is None else None
        try:
            matured = read_matured(tables, rows, settings, now)
        except InvalidRows as error:  # nothing is concluded from them, and operations are judged all the same
            problem = str(error)
        else:
            pairs = len(matured.rows.hours)
            comparison = None if fixed is None else _compared(matured, fixed, settings)
    return Outcomes(comparison, pairs, _flags(flags, candidate), _flags(flags, champion), fixed, following, problem)


def _compared(matured: Matured, rate: float, settings: Settings) -> Comparison:
    return compare(
        matured.rows,
        opened=matured.opened,
        until=matured.until,
        weights=Weights.of(rate),
        margin=settings.rollout.margin,
        alpha=settings.rollout.alpha,
    )


def _flags(counted: pd.DataFrame, version: str) -> Flags:
    of_version = counted[counted["model_version"] == version]
    return Flags(int(of_version["n"].sum()), int(of_version["flagged"].sum()))
