"""Features that a market does not know: null in every row of an hour, or of a week, whatever instrument it is.

A model fills nulls with what it learned, so that nothing fails, and learns nothing from a feature without a value.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import pandas as pd

from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.storage.warehouse.tables import Table, select_list

WINDOW_HOURS = 168
"""Hours that are looked at together: a market that closes shows each of its weekdays."""


@dataclass(frozen=True)
class Unknown:
    """What of the features was null for the whole market, in the week up to an hour.

    Attributes:
        last: The hour.
        hours: How many hours of the week have rows.
        young: The table begins within the week, so that changes and lags can't be known yet.
        shares: Each feature to the share of the hours in which it was null for all instruments, where there was one.
    """

    last: pd.Timestamp
    hours: int
    young: bool
    shares: dict[str, float]

    @property
    def never_known(self) -> list[str]:
        """The features that no row of the week knows."""
        return [name for name, share in self.shares.items() if share == 1]


def find_unknown(
    connection: duckdb.DuckDBPyConnection, table: Table, last: pd.Timestamp, features: Sequence[str]
) -> Unknown:
    """Count the hours in which a feature is null for the whole market.

    Args:
        connection: To the tables, of which that of the features is there.
        table: The table of features.
        last: The last hour of the week.
        features: Which to look at.
    """
    quoted = [select_list([name], {}) for name in features]
    counts = "".join(f", count({name}) AS {name}" for name in quoted)
    nulls = "".join(f", count(*) FILTER ({name} = 0)" for name in quoted)
    hours, *unknown = connection.execute(
        f"SELECT count(*){nulls} FROM (SELECT hour{counts} FROM {table.name} "  # noqa: S608 - names of ours
        "WHERE hour > $first AND hour <= $last GROUP BY hour)",
        {"first": last - WINDOW_HOURS * HOUR, "last": last},
    ).fetchall()[0]
    (before,) = connection.execute(
        f"SELECT count(*) FROM {table.name} WHERE hour <= $first",  # noqa: S608
        {"first": last - WINDOW_HOURS * HOUR},
    ).fetchall()[0]
    shares = {name: count / hours for name, count in zip(features, unknown, strict=True) if count}
    return Unknown(last, hours, before == 0, shares)


def in_words(found: Unknown) -> str:
    """What was found, in a sentence or two."""
    week = f"the {found.hours} hours with rows in the week up to {found.last:%Y-%m-%d %H:%M}"
    if found.young:
        return f"Not known yet: the table begins within {week}, and features look back as far."
    if not found.never_known:
        return f"Each feature is known to some instrument in {week}."
    return (
        f"{', '.join(found.never_known)}: null for the whole market in 100 % of {week}. Models learn nothing from it. "
        f"Choose lags and windows that this market has (features.yaml), or, if it can't know a feature, name it in "
        f"checks.unknown_features of ingest.yaml."
    )
