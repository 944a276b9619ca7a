from fractions import Fraction
from random import Random

import duckdb
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.config import OutcomeSettings
from mlreg_dagster.core.hours import as_hour
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES, PREDICTIONS
from mlreg_dagster.outcomes.validation import validate_predictions
from mlreg_dagster.storage.warehouse.tables import InvalidRows
from mlreg_dagster_tests.outcomes.frames import at, predictions_of, prices_of

SETTINGS = OutcomeSettings()
LAST_OFFSET = 20


@st.composite
def some_prices(draw):
    """(instrument, offset) to price in cents, with gaps: dense enough for each example to say something."""
    random, seen = Random(draw(st.integers(0, 2**32))), draw(st.sampled_from([0.0, 0.3, 0.7, 0.95, 1.0]))
    hours = [(name, offset) for name in "abc" for offset in range(LAST_OFFSET + 1)]
    return {hour: random.randint(40, 200) for hour in hours if random.random() < seen}


@st.composite
def some_predictions(draw):
    random = Random(draw(st.integers(0, 2**32)))
    rows = [
        {
            "at": offset,
            "instrument_id": name,
            "model_version": version,
            "cents": random.randint(40, 200),
            "in_sample": random.random() < 0.5,
        }
        for offset in range(LAST_OFFSET + 1)
        for name in ("a", "b", "c", "never listed")
        for version in ("v1", "v2")
    ]
    return random.sample(rows, draw(st.integers(0, len(rows))))


@st.composite
def some_settings(draw):
    horizon = draw(st.integers(1, 8))
    tolerance = draw(st.integers(0, min(3, horizon - 1)))
    target = draw(st.sampled_from(["close", "touch"]))
    return OutcomeSettings(horizon_hours=horizon, price_tolerance_hours=tolerance, crash_pct=-15.0, target=target)


def in_money(prices):
    return prices_of({key: price / 100 for key, price in prices.items()})


def predicted(rows):
    return predictions_of([{**row, "price": row["cents"] / 100} for row in rows])


def outcome_by_hand(row, prices, settings):
    """(outcome, offsets of its price and of the crossing, worst price), price after price; money in cents."""
    due = row["at"] + settings.horizon_hours
    window = {
        offset: price
        for (name, offset), price in prices.items()
        if name == row["instrument_id"] and row["at"] < offset <= due
    }
    worst = min(window.values(), default=None)
    low = [offset for offset, price in window.items() if Fraction(100 * (price - row["cents"]), row["cents"]) <= -15]
    crossed = min(low, default=None)
    for offset in range(due, due - settings.price_tolerance_hours - 1, -1):
        if offset in window:
            crash = bool(low) if settings.target == "touch" else offset in low
            return "crash" if crash else "no_crash", offset, crossed, worst
    return "crash" if settings.target == "touch" and low else "unresolved", None, crossed, worst


def fall_by_hand(row, prices):
    """In %, against the highest of the six hours before; None where there was no price."""
    before = [
        prices[row["instrument_id"], row["at"] - hours]
        for hours in range(1, 7)
        if (row["instrument_id"], row["at"] - hours) in prices
    ]
    return 100 * (row["cents"] / max(*before, row["cents"]) - 1) if before else None


@given(some_predictions(), some_prices(), some_settings())
def test_each_outcome_is_what_one_reads_off_the_prices_by_hand(rows, prices, settings):
    outcomes = validate_predictions(predicted(rows), in_money(prices), settings)

    PREDICTION_OUTCOMES.validate(outcomes)
    assert len(outcomes) == len(rows)
    for row, found in zip(rows, outcomes.to_dict("records"), strict=True):
        outcome, offset, crossed, worst = outcome_by_hand(row, prices, settings)
        assert (found["instrument_id"], found["model_version"]) == (
            row["instrument_id"],
            row["model_version"],
        )
        assert (found["prediction_hour"], found["in_sample"]) == (at(row["at"]), row["in_sample"])
        assert found["hour"] == at(row["at"] + settings.horizon_hours)
        assert found["outcome"] == outcome
        if offset is None:
            assert pd.isna([found["outcome_price"], found["outcome_price_hour"], found["change_pct"]]).all()
        else:
            price = prices[row["instrument_id"], offset]
            assert (found["outcome_price_hour"], found["outcome_price"]) == (at(offset), price / 100)
            assert found["change_pct"] == pytest.approx(100 * (price / row["cents"] - 1))
        assert pd.isna(found["crossed_at"]) if crossed is None else found["crossed_at"] == at(crossed)
        fall = fall_by_hand(row, prices)
        assert pd.isna(found["fall_6h_pct"]) if fall is None else found["fall_6h_pct"] == pytest.approx(fall, abs=1e-9)
        if worst is None:
            assert pd.isna(found["worst_drop_pct"])
        else:
            assert found["worst_drop_pct"] == pytest.approx(100 * (worst / row["cents"] - 1))


@given(some_predictions(), some_prices(), some_prices(), st.integers(0, LAST_OFFSET), some_settings())
def test_prices_after_the_outcome_hour_change_nothing(rows, prices, other_prices, now, settings):
    predictions = predicted(rows)
    past = {key: price for key, price in prices.items() if key[1] <= now}
    other_future = {key: price for key, price in other_prices.items() if key[1] > now}

    outcomes = validate_predictions(predictions, in_money(prices), settings)
    again = validate_predictions(predictions, in_money(past | other_future), settings)

    due = outcomes["hour"] <= at(now)
    pd.testing.assert_frame_equal(again[due], outcomes[due])


@pytest.mark.parametrize(("before", "after"), [(1.00, 0.85), (0.20, 0.17), (0.60, 0.51), (1.40, 1.19), (4.40, 3.74)])
def test_a_fall_of_exactly_the_threshold_is_a_crash(before, after):
    found = validate_predictions(predictions_of([{"price": before}]), prices_of({("coin", 24): after}), SETTINGS)
    assert found["change_pct"].tolist() == [-15.0]
    assert found["outcome"].tolist() == ["crash"]


def test_a_fall_just_short_of_the_threshold_is_none():
    prices = prices_of({("coin", 24): 0.850001})
    assert validate_predictions(predictions_of([{}]), prices, SETTINGS)["outcome"].tolist() == ["no_crash"]


def test_the_outcome_is_24_hours_later_by_the_clock_not_24_rows():
    prices = {("coin", offset): 1.0 for offset in range(1, 40) if offset not in (5, 6, 7)} | {("coin", 24): 0.5}
    found = validate_predictions(predictions_of([{}]), prices_of(prices), SETTINGS).iloc[0]
    assert (found["outcome_price_hour"], found["outcome"]) == (at(24), "crash")


@pytest.mark.parametrize(
    ("seen", "tolerance", "taken"),
    [([23, 25], 0, None), ([22, 23, 25], 2, 23), ([22], 2, 22), ([21, 25], 2, None), ([23, 24, 25], 2, 24)],
)
def test_a_missing_price_is_replaced_by_an_older_one_within_the_tolerance_never_by_a_younger(seen, tolerance, taken):
    settings = OutcomeSettings(price_tolerance_hours=tolerance)
    prices = prices_of({("coin", offset): 1.0 for offset in seen})
    hour = validate_predictions(predictions_of([{}]), prices, settings)["outcome_price_hour"].iloc[0]
    assert pd.isna(hour) if taken is None else hour == at(taken)


def test_a_delisted_instrument_is_unresolved_even_where_it_was_seen_to_fall():
    prices = prices_of({("coin", 1): 0.9, ("coin", 2): 0.4, ("coin", 25): 0.1, ("other", 24): 1.0})
    found = validate_predictions(predictions_of([{}]), prices, SETTINGS).iloc[0]
    assert (found["outcome"], found["worst_drop_pct"]) == ("unresolved", -60.0)
    assert pd.isna(found["change_pct"])


def test_a_dip_that_recovers_is_no_crash_but_its_depth_is_kept():
    prices = prices_of({("coin", 0): 0.1, ("coin", 7): 0.7, ("coin", 24): 1.1, ("coin", 25): 0.1})
    found = validate_predictions(predictions_of([{}]), prices, SETTINGS).iloc[0]
    assert (found["outcome"], found["change_pct"], found["worst_drop_pct"]) == ("no_crash", 10.0, -30.0)


@pytest.mark.parametrize(
    ("prices", "close", "touch", "crossed"),
    [
        ({7: 0.8, 9: 0.7, 24: 1.1}, "no_crash", "crash", 7),  # a dip that recovers
        ({7: 0.8}, "unresolved", "crash", 7),  # what was touched is known, whether there is a price later or not
        ({7: 0.9}, "unresolved", "unresolved", None),
        ({7: 0.9, 24: 0.86}, "no_crash", "no_crash", None),
        ({24: 0.85}, "crash", "crash", 24),
        (
            {0: 0.1, 24: 0.9, 25: 0.1},
            "no_crash",
            "no_crash",
            None,
        ),  # the hour itself and what follows count for nothing
    ],
)
def test_the_target_touch_asks_for_the_lowest_price_within_the_horizon(prices, close, touch, crossed):
    for target, outcome in (("close", close), ("touch", touch)):
        settings = OutcomeSettings(target=target)
        seen = prices_of({("coin", offset): price for offset, price in prices.items()})
        found = validate_predictions(predictions_of([{}]), seen, settings).iloc[0]
        assert found["outcome"] == outcome
        assert pd.isna(found["crossed_at"]) if crossed is None else found["crossed_at"] == at(crossed)


@pytest.mark.parametrize(
    ("prices", "fall"),
    [
        ({-6: 2.0, -1: 0.5}, -50.0),
        ({-7: 2.0, -1: 0.8}, 0.0),  # by the clock, not by the row: seven hours ago is too long
        ({-7: 2.0}, None),
        ({0: 2.0}, None),
        ({-3: 1.25, 1: 9.0}, -20.0),
    ],
)
def test_the_fall_before_the_prediction_is_from_the_highest_price_of_six_hours(prices, fall):
    seen = prices_of({("coin", 10 + offset): price for offset, price in prices.items()})
    found = validate_predictions(predictions_of([{"at": 10}]), seen, SETTINGS)["fall_6h_pct"].iloc[0]
    assert pd.isna(found) if fall is None else found == fall


def test_the_worst_drop_is_positive_when_the_price_only_rose():
    prices = prices_of({("coin", 3): 1.3, ("coin", 24): 1.2})
    assert validate_predictions(predictions_of([{}]), prices, SETTINGS)["worst_drop_pct"].tolist() == [20.0]


def test_no_predictions_have_no_outcomes():
    empty = validate_predictions(predictions_of([]), prices_of({("coin", 24): 1.0}), SETTINGS)
    assert PREDICTION_OUTCOMES.validate(empty).empty


def test_two_prices_for_one_hour_are_refused():
    prices = prices_of({("coin", 20): 1.0, ("coin", 24): 1.0})
    twice = pd.concat([prices, prices.tail(1).assign(price=2.0)])
    with pytest.raises(InvalidRows, match="coin has more than one price at"):
        validate_predictions(predictions_of([{}]), twice, SETTINGS)


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([{}, {}], "more than once"),
        ([{"price": 0.0}], "greater than 0"),
        ([{"score": float("nan")}], "must not be null"),
        ([{"score": float("inf")}], "must be finite"),
        ([{"role": "king"}], "must be one of champion"),
        ([{"artifact_sha256": "v1"}], "64 hex digits"),
    ],
)
def test_bad_predictions_are_refused(rows, complaint):
    with pytest.raises(InvalidRows, match=complaint):
        PREDICTIONS.validate(predictions_of(rows))


COUNTED_IN_SQL = """
    SELECT count(*) FILTER (change_pct IS NULL), count(*) FILTER (change_pct <= -15), count(*)
    FROM (
        SELECT 100 * (arg_max(later.close, later.ts) / any_value(bar.close) - 1) AS change_pct
        FROM read_parquet($bars) AS bar
        LEFT JOIN read_parquet($bars) AS later
          ON later.asset_id = bar.asset_id
         AND later.ts BETWEEN bar.ts + INTERVAL (24 - $tolerance) HOUR AND bar.ts + INTERVAL 24 HOUR
        WHERE bar.ts >= $first::TIMESTAMPTZ AND bar.ts < $last::TIMESTAMPTZ
        GROUP BY bar.asset_id, bar.ts
    )
"""


@pytest.mark.parametrize("tolerance", [0, 3])
@pytest.mark.parametrize(("first", "last"), [("2017-02-01", "2017-03-01"), ("2017-12-01", "2018-01-01")])
def test_real_hours_without_a_price_24_h_later_are_unresolved_as_sql_counts_them(data_dir, first, last, tolerance):
    """February 2017 has holes in LTC and ETH; the last day of December has no day after it."""
    bars = data_dir / "crypto_hourly_2017.parquet"
    prices = pd.read_parquet(bars, columns=["ts", "asset_id", "close"])
    prices = prices.set_axis(["hour", "instrument_id", "price"], axis=1).astype({"hour": "datetime64[us, UTC]"})
    rows = prices[prices["hour"].between(as_hour(first), as_hour(last), inclusive="left")]
    predictions = predictions_of([{}] * len(rows)).assign(**{name: rows[name].to_numpy() for name in rows})
    predictions["hour"] = rows["hour"].array

    outcomes = validate_predictions(predictions, prices, OutcomeSettings(price_tolerance_hours=tolerance))

    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        counted = connection.execute(
            COUNTED_IN_SQL, {"bars": str(bars), "tolerance": tolerance, "first": first, "last": last}
        ).fetchone()
    assert (
        sum(outcomes["outcome"] == "unresolved"),
        sum(outcomes["outcome"] == "crash"),
        len(outcomes),
    ) == counted
    assert counted[0] > 0
