"""Data quality, predictions and concept against their limits, and the facts of a day."""

import numpy as np
import pandas as pd
import pytest

from mlreg_dagster.config import DetectionSettings, EvaluationSettings, FlaggingSettings
from mlreg_dagster.core.hours import HOUR, as_hour
from mlreg_dagster.monitoring.drift.facts import facts_of_day
from mlreg_dagster.monitoring.drift.families.concept import Champion, concept_rows, verdict_of
from mlreg_dagster.monitoring.drift.families.feature import stand_of, usable_days
from mlreg_dagster.monitoring.drift.families.prediction import prediction_rows
from mlreg_dagster.monitoring.drift.families.quality import MEASURES, universe_share
from mlreg_dagster.monitoring.drift.schema import CONCEPT_DRIFT, DATA_QUALITY_DRIFT, FEATURE_DRIFT, PREDICTION_DRIFT
from mlreg_dagster.monitoring.drift.statistics.arms import Limits
from mlreg_dagster.monitoring.sketches.days import HourlySums
from mlreg_dagster.monitoring.sketches.schema import FEATURE_SKETCH

DAY = as_hour("2026-03-02")
_ONE = pd.Timedelta(days=1)
LEVELS = {each.name: each.level for each in MEASURES}


@pytest.mark.parametrize(
    ("measure", "value", "level"),
    [
        ("lost_share", 0.0, "ok"),
        ("lost_share", 0.05, "bad"),
        ("lost_share", 0.2, "severe"),
        ("universe_share", 0.8, "ok"),
        ("universe_share", 0.79, "bad"),
        ("universe_share", 0.59, "severe"),
        ("stale_hours", 3.0, "ok"),
        ("stale_hours", 4.0, "bad"),
        ("stale_hours", 7.0, "severe"),
        ("frozen_share", 0.10, "bad"),
        ("impossible_share", 0.02, "severe"),
    ],
)
def test_limits_of_data_quality_are_fixed(measure, value, level):
    assert LEVELS[measure](value) == level


def _predictions(shares, version="v1", first=DAY):
    """100 predictions an hour, of which so many are flagged, day by day."""
    frames = []
    for number, share in enumerate(shares):
        for hour in range(24):
            flags = np.arange(100) < round(100 * share)
            at = first + number * _ONE + hour * HOUR
            rows = {"hour": at, "model_version": version, "role": "champion", "is_anomaly": flags, "in_sample": False}
            frames.append(pd.DataFrame(rows))
    return pd.concat(frames, ignore_index=True)


def _judged(shares, policy):
    days = pd.date_range(DAY, periods=len(shares), freq="D", unit="us")
    rows = _predictions(shares)
    return prediction_rows(rows, FEATURE_SKETCH.empty(), {}, {"v1": policy}, days, EvaluationSettings())


def test_a_champion_that_flags_two_thirds_is_out_of_its_limits_within_a_day():
    rows = _judged([0.66], FlaggingSettings(policy="frozen"))
    assert PREDICTION_DRIFT.validate(rows)["state"].tolist() == ["outside"]
    assert "flagged 66.0% of the day" in rows["sentence"].iloc[0]


def test_days_may_differ_as_long_as_the_days_of_the_policy_keep_its_limits():
    rows = _judged([0.04, 0.12, 0.04, 0.12, 0.08, 0.08, 0.08], FlaggingSettings())
    assert set(rows["state"]) == {"within"}
    assert rows["window_share"].notna().tolist() == [False] * 6 + [True]
    assert rows["window_share"].iloc[-1] == pytest.approx(0.08)


def test_a_week_beyond_the_policy_is_outside_though_each_day_is_allowed():
    assert _judged([0.13] * 7, FlaggingSettings())["state"].tolist() == ["within"] * 6 + ["outside"]


def test_a_week_that_leaves_the_bounds_of_the_policy_by_chance_is_within():
    assert set(_judged([0.02, *[0.1] * 5, 0.09], FlaggingSettings())["state"]) == {"within"}  # 8.7 % of the week


def test_so_many_rows_an_hour_are_held_against_the_limits_of_the_day_alone():
    policy = FlaggingSettings(policy="top_k", k=15)
    assert set(_judged([0.15] * 8, policy)["state"]) == {"within"}
    assert _judged([0.25], policy)["state"].tolist() == ["outside"]


def test_predictions_in_sample_say_nothing():
    rows = _predictions([0.66]).assign(in_sample=True)
    days = pd.DatetimeIndex([DAY])
    found = prediction_rows(rows, FEATURE_SKETCH.empty(), {}, {"v1": FlaggingSettings()}, days, EvaluationSettings())
    assert found["state"].tolist() == ["unknown"]


def _worth(own, other, opponent="v1", days=40, crashes=10):
    """Rows of MODEL_WORTH as far as they matter: a shadow version against the champions."""
    index = pd.date_range(DAY, periods=days, freq="D", unit="us")
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "day": index + _ONE,
            "prediction_day": index,
            "model_version": opponent,
            "opponent": "champion",
            "crashes": float(crashes),
            "hits": rng.binomial(crashes, other, size=days).astype(float),
            "opponent_hits": rng.binomial(crashes, own, size=days).astype(float),
        }
    )


def _crashes(days=40, instruments=3):
    index = pd.date_range(DAY, periods=days, freq="2D", unit="us")
    names = [f"coin-{number}" for number in range(instruments)]
    return pd.DataFrame([{"prediction_hour": at, "instrument_id": name} for at in index for name in names])


CHAMPION = Champion("v2", DAY, "v1", None)
LAST = DAY + 40 * _ONE


def _verdict(own, other, crashes=None, champion=CHAMPION):
    crashes = _crashes() if crashes is None else crashes
    rows = concept_rows(_worth(own, other), crashes, LAST, champion, DetectionSettings())
    return verdict_of(CONCEPT_DRIFT.validate(rows)), rows


def test_a_champion_that_misses_what_its_predecessor_finds_is_worse():
    (verdict, episodes, reasons), rows = _verdict(0.2, 0.7)
    assert (verdict, episodes >= 30) == ("worse", True)
    assert "v2 against its predecessor v1" in reasons[0]
    assert rows["detectable"].iloc[0] >= 0.05


def test_the_same_hits_are_the_same_and_the_power_is_said():
    (verdict, _, reasons), rows = _verdict(0.5, 0.5)
    assert (verdict, reasons) == ("same", ())
    power = f"as days spread now, a drop of {100 * rows['detectable'].iloc[0]:.0f} points is found in 80 of 100 cases"
    assert power in rows["sentence"].iloc[0]


def test_few_episodes_are_unknown_however_clear_the_difference():
    assert _verdict(0.2, 0.7, _crashes(instruments=1))[0][0] == "unknown"


def test_days_before_the_champion_do_not_count_against_it():
    new = Champion("v2", LAST - 3 * _ONE, "v1", None)
    assert _verdict(0.2, 0.7, champion=new)[0][0] == "unknown"


def test_a_ranking_that_was_always_better_is_no_drift():
    rows = _worth(0.7, 0.3, days=80).assign(model_version="champion", opponent="ranking:fall")
    rows[["hits", "opponent_hits"]] = rows[["opponent_hits", "hits"]].to_numpy()
    rows[["hits", "opponent_hits"]] = rows[["opponent_hits", "hits"]].to_numpy()
    crashes = _crashes(days=80)
    found = concept_rows(rows, crashes, DAY + 80 * _ONE, CHAMPION, DetectionSettings())
    assert verdict_of(found)[0] == "same"
    late = rows.copy()
    late.loc[late.index >= 60, "hits"] = 0.0
    late.loc[late.index < 60, "hits"] = 6.0
    dropped = concept_rows(late, crashes, DAY + 80 * _ONE, CHAMPION, DetectionSettings())
    assert verdict_of(dropped)[0] == "worse"


def test_outcomes_after_a_day_change_nothing_of_it():
    counted, crashes = _worth(0.4, 0.5), _crashes()
    day = DAY + 30 * _ONE
    due = crashes[crashes["prediction_hour"] < day]
    before = concept_rows(counted[counted["day"] <= day], due, day, CHAMPION, DetectionSettings())
    later = counted.copy()
    later.loc[later["day"] > day, "hits"] = 10.0
    pd.testing.assert_frame_equal(concept_rows(later, due, day, CHAMPION, DetectionSettings()), before)


def test_a_market_that_closes_has_its_own_usual_hours():
    rows = np.zeros((40, 24))
    rows[:, 13:20] = 50.0
    rows[5::7] = 0.0
    usable, usual = usable_days(rows)
    assert usable[rows.any(axis=1)].all()
    assert not usable[5]
    assert usual[20].sum() == 7
    rows[30, 13:16] = 0.0
    rows[31] *= 0.7
    usable, _ = usable_days(rows)
    assert usable[[29, 32]].all()
    assert not usable[[30, 31]].any()


def test_a_mean_rank_near_its_end_is_as_far_off_as_its_volatility():
    """The farther off a day is the less its mean rank moves, but not its z."""
    ranks = np.append(0.5 + 0.12 * np.random.default_rng(6).normal(size=100).clip(-2, 2), [0.9, 0.95, 0.975])
    days = pd.date_range(DAY, periods=len(ranks), freq="D", unit="us")
    rows = np.full((len(ranks), 24), 50.0)
    sums = np.broadcast_to((50 * ranks)[:, None, None, None], (len(ranks), 24, 1, 2))
    hours = HourlySums(days, ("change_1h_pct",), rows, rows[..., None], sums)
    z = stand_of(hours, np.zeros(len(ranks), dtype=bool), {"change_1h_pct": "change"}, Limits()).z[-3:, 0]
    assert z[2] > 1.4 * z[0]
    assert np.diff(z)[1] > 0.8 * np.diff(z)[0]


def _facts(day, features=None, predictions=None, quality="ok"):
    days = [day - ago * _ONE for ago in range(9, -1, -1)]
    data = pd.DataFrame(
        {
            "day": days,
            "measure": "lost_share",
            "value": 0.1,
            "quality": ["ok"] * 9 + [quality],
            "detail": "change_1h_pct",
            "is_stale": False,
            "differs_from_training": False,
        }
    )
    features = FEATURE_DRIFT.empty() if features is None else features
    predictions = PREDICTION_DRIFT.empty() if predictions is None else predictions
    return facts_of_day(day, (data, features, predictions, CONCEPT_DRIFT.empty()), "v1", Limits())


def _feature_rows(z, days=3, short=True, enough=True):
    rows = [
        {
            "day": DAY - (days - 1 - number) * _ONE,
            "feature": "change_1h_pct",
            "reference": "v1",
            "enough": enough,
            "short_memory": short,
            "location_z": z if enough else np.nan,
            "spread_z": 0.5 if enough else np.nan,
            "location_innovation": 0.1 if enough else np.nan,
            "spread_innovation": 0.1 if enough else np.nan,
        }
        for number in range(days)
    ]
    return pd.DataFrame(rows)


def test_three_days_far_off_persist_and_one_does_not():
    facts = _facts(DAY, _feature_rows(7.0))
    assert (facts.enough, facts.slow, facts.fast, facts.persistent_days, facts.peak) == (True, True, False, 3, 7.0)
    assert facts.reasons == ("features: change_1h_pct, location, z +7.0",)
    once = _facts(DAY, _feature_rows(7.0, days=1))
    assert (once.slow, once.persistent_days) == (False, 1)


def test_a_week_that_is_far_off_on_average_is_slow_though_no_day_is():
    facts = _facts(DAY, _feature_rows(4.1, days=7))
    assert (facts.slow, facts.fast, facts.persistent_days) == (True, False, 3)
    assert facts.reasons[-1] == "features: change_1h_pct, location, z +4.1 on average of 7 days"
    assert not _facts(DAY, _feature_rows(4.1, days=6)).slow
    assert not _facts(DAY, _feature_rows(3.9, days=7)).slow
    assert not _facts(DAY, _feature_rows(4.1, days=7, short=False)).slow


def test_days_far_off_on_either_side_are_no_slow_week():
    rows = _feature_rows(4.1, days=7)
    rows["location_z"] *= [1, -1, 1, -1, 1, -1, 1]
    assert not _facts(DAY, rows).slow


def test_a_week_under_two_references_is_not_known():
    rows = _feature_rows(4.1, days=7)
    rows.loc[:2, "reference"] = "v0"
    assert not _facts(DAY, rows).slow
    rows = _feature_rows(4.1, days=7)
    rows.loc[3, ["enough", "location_z", "spread_z"]] = [False, np.nan, np.nan]
    assert not _facts(DAY, rows).slow


def test_features_with_a_long_memory_do_not_persist():
    facts = _facts(DAY, _feature_rows(9.0, short=False))
    assert (facts.persistent_days, facts.slow, facts.peak) == (0, False, None)


def test_too_few_quiet_days_are_not_enough_unless_a_fixed_limit_speaks():
    unknown = _feature_rows(0.0, enough=False)
    assert not _facts(DAY, unknown).enough
    assert _facts(DAY, unknown, quality="bad").enough
    flagged = _judged([0.66], FlaggingSettings(policy="frozen"))
    facts = _facts(DAY, unknown, flagged)
    assert (facts.enough, facts.fast, facts.persistent_days) == (True, True, 1)
    assert facts.reasons[0].startswith("predictions: v1 flagged 66.0%")


def test_a_day_on_which_the_market_was_closed_has_no_facts():
    empty = (DATA_QUALITY_DRIFT.empty(), FEATURE_DRIFT.empty(), PREDICTION_DRIFT.empty(), CONCEPT_DRIFT.empty())
    assert facts_of_day(DAY, empty, "v1", Limits()) is None


DAY_OF_SESSIONS = as_hour("2024-01-24")


def session_rows(own, days=30, hours=(2, 3, 4, 6, 7)):
    """Rows by hour of a market with five hours, 280 instruments and, on half of the days, two after the close."""
    usual = {
        DAY_OF_SESSIONS - pd.Timedelta(days=before) + hour * HOUR: 2 if hour == 8 else 280
        for before in range(1, days)
        for hour in (*hours, *((8,) if before % 2 else ()))
    }
    return pd.Series({**usual, **{DAY_OF_SESSIONS + hour * HOUR: rows for hour, rows in own.items()}}).sort_index()


@pytest.mark.parametrize(
    ("own", "share"),
    [
        (dict.fromkeys((2, 3, 4, 6, 7), 280), 1.0),
        ({**dict.fromkeys((2, 3, 4, 6, 7), 280), 5: 1, 8: 2}, 1.0),  # a few rows between the sessions and after them
        (dict.fromkeys((2, 3, 4, 6, 7), 140), 0.5),
        ({**dict.fromkeys((2, 3, 4, 6), 280), 7: 28}, 0.82),
        (dict.fromkeys((2, 3), 280), 1.0),  # hours that are missing are another measure
        ({20: 280}, None),
    ],
)
def test_the_universe_is_that_of_the_same_hours_of_the_day(own, share):
    found = universe_share(session_rows(own), DAY_OF_SESSIONS)
    assert found == (None if share is None else pytest.approx(share, abs=0.001))


def test_rows_after_the_close_make_no_day_unusable():
    rows = np.zeros((40, 24))
    rows[:, [2, 3, 4, 6, 7]] = 280.0
    rows[::2, 8] = 2.0
    rows[39, [5, 8, 9]] = 1.0
    rows[38, [2, 3, 4, 6, 7]] = 200.0
    usable, _ = usable_days(rows)
    assert not usable[38]
    assert usable[[each for each in range(40) if each != 38]].all()
