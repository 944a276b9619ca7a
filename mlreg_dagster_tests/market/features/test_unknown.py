"""Features that a market does not know."""

import duckdb
import pandas as pd
import pytest

from mlreg_dagster.config import FeatureSettings
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.market.features.unknown import find_unknown, in_words
from mlreg_dagster_tests.market.frames import at

TABLE = features_table(FeatureSettings())
FEATURES = ["change_1h_pct", "is_gap"]


def find(rows, last=200):
    """Of (offset, change_1h_pct, is_gap), each a row."""
    frame = pd.DataFrame([(at(hour), *values) for hour, *values in rows], columns=["hour", *FEATURES])
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("frame", frame.astype(dict.fromkeys(FEATURES, "float64")))
        connection.execute("CREATE TABLE market_features AS SELECT * FROM frame")
        return find_unknown(connection, TABLE, at(last), FEATURES)


OLD = (0, 1.0, 1.0)


def test_the_share_of_hours_counts_those_in_which_no_instrument_knows_it():
    found = find([OLD, (100, None, 1.0), (100, 2.0, 1.0), (101, None, 1.0), (102, None, None), (102, None, None)])
    assert (found.hours, found.young, found.never_known) == (3, False, [])
    assert found.shares == pytest.approx({"change_1h_pct": 2 / 3, "is_gap": 1 / 3})
    assert in_words(found).startswith("Each feature is known")


def test_what_no_row_of_the_week_knows_is_named_whatever_was_known_before_and_comes_after():
    found = find([OLD, (32, 1.0, 1.0), (33, None, 1.0), (200, None, 1.0), (201, 1.0, 1.0)])
    assert (found.hours, found.never_known) == (2, ["change_1h_pct"])
    assert in_words(found).startswith("change_1h_pct: null for the whole market in 100 % of the 2 hours")


def test_a_week_without_rows_and_a_young_market_name_nothing():
    assert find([OLD]).shares == {}
    assert find([(100, None, 1.0)]).young
