"""Days against quiet days: what stands out, what does not, and that nothing looks ahead."""

import numpy as np
import pytest
from scipy.stats import norm

from mlreg_dagster.monitoring.drift.statistics.arms import LEAST_SPREAD, Limits, log_odds, stand

LIMITS = Limits(gap=0)


def _days(number=150, series=3, seed=1, sd=0.02):
    return 0.5 + sd * np.random.default_rng(seed).normal(size=(number, series))


def _stand(values, usable=None, learned=None, wanders=None, limits=LIMITS, matched=None):
    days, series = values.shape
    every = np.ones(days, dtype=bool) if usable is None else usable
    none = np.zeros(days, dtype=bool) if learned is None else learned
    return stand(values, every, none, np.zeros(series, bool) if wanders is None else wanders, limits, matched)


def test_nothing_is_known_before_there_are_quiet_days_enough():
    found = _stand(_days(70))
    assert not found.enough[:60].any()
    assert found.enough[60:].all()
    assert np.isnan(found.z[:60]).all()
    assert not np.isnan(found.z[60:]).any()


def test_quiet_days_have_a_z_of_about_one():
    z = _stand(_days(400)).z[60:]
    assert 0.9 < np.sqrt(np.mean(z**2)) < 1.15


def test_a_day_that_stands_out_is_no_part_of_the_null():
    values = _days()
    values[100] += 1.0
    found = _stand(values)
    assert not found.quiet[100]
    assert np.abs(found.z[100]).min() > LIMITS.slow
    calm = _stand(_days())
    np.testing.assert_allclose(found.z[110:], calm.z[110:], atol=0.4)


def test_what_the_model_has_learned_is_quiet_however_far_off():
    values, learned = _days(), np.zeros(150, dtype=bool)
    values[100:] += 0.3
    learned[100:121] = True
    known, unknown = _stand(values, learned=learned), _stand(values)
    assert known.quiet[100:121].all()
    assert np.abs(known.z[130:]).max() < 4
    assert np.abs(unknown.z[130:]).min() > 6


def test_what_follows_from_the_day_before_is_no_innovation():
    """A first-order autoregression whose days stay far off is expected to stay there."""
    rng, values = np.random.default_rng(3), np.zeros((300, 1))
    for day in range(1, 300):
        values[day] = 0.95 * values[day - 1] + rng.normal(0, 0.01)
    values[250] += 0.2
    values[251:] += 0.2 * 0.95 ** np.arange(1, 50)[:, None]
    found = _stand(values)
    assert abs(found.innovation[250, 0]) > 8
    assert abs(found.innovation[252, 0]) < 4
    assert abs(found.z[252, 0]) > 3


def test_a_level_that_wanders_is_judged_by_its_change():
    walk = np.cumsum(np.random.default_rng(5).normal(0, 0.01, (400, 1)), axis=0)
    by_level, by_change = _stand(walk), _stand(walk, wanders=np.array([True]))
    assert np.sqrt(np.nanmean(by_level.z[100:] ** 2)) > 1.25
    assert np.sqrt(np.nanmean(by_change.z[100:] ** 2)) < 1.2


def test_the_rhythm_of_a_week_is_no_drift():
    values = _days(300, sd=0.002)
    values[np.arange(300) % 7 >= 5] -= 0.1
    weekend = np.arange(300) % 7 >= 5
    z = np.abs(_stand(values).z)
    assert z[120:][weekend[120:]].max() < 5
    odd = values.copy()
    odd[206] = values[203] - 0.05  # a weekday that is half way to a weekend
    assert np.abs(_stand(odd).z[206]).min() > LIMITS.slow or (206 % 7 >= 5)


def test_what_grows_slowly_does_not_become_usual_within_the_gap():
    values = _days(200, series=1)
    values[150:] += 0.002 * np.arange(50)[:, None]
    with_gap, without = (_stand(values, limits=Limits(gap=gap)).z[-1, 0] for gap in (30, 0))
    assert with_gap > without


def test_a_constant_series_needs_a_change_that_matters():
    values = np.full((100, 1), 0.5)
    values[90] += 2 * LEAST_SPREAD
    found = _stand(values)
    assert found.z[90, 0] == pytest.approx(2)
    assert found.quiet[90]


def test_days_after_a_day_change_nothing_of_it():
    values, usable = _days(160), np.ones(160, dtype=bool)
    usable[[70, 71, 72]] = False
    before = _stand(values, usable)
    changed = values.copy()
    changed[120:] += 5
    after = _stand(changed, usable)
    for name in ("z", "innovation", "quiet_days", "quiet", "enough"):
        np.testing.assert_array_equal(getattr(before, name)[:120], getattr(after, name)[:120])


def test_a_day_without_its_hours_is_held_against_the_same_hours():
    values, fewer = _days(100), _days(100) + 0.3
    day = values.copy()
    day[90] = fewer[90]
    assert np.abs(_stand(day).z[90]).min() > LIMITS.slow
    assert np.abs(_stand(day, matched={90: fewer[:91]}).z[90]).max() < 4


def test_a_day_that_is_not_usable_is_neither_judged_nor_part_of_a_null():
    values, usable = _days(100), np.ones(100, dtype=bool)
    values[70], usable[70] = 9.0, False
    found = _stand(values, usable)
    assert np.isnan(found.z[70]).all()
    assert not found.quiet[70]
    assert np.abs(found.z[71:]).max() < LIMITS.slow


def test_a_series_with_heavy_tails_needs_more_than_it_has_shown():
    values = _days(200)
    values[80, 0] += 0.08  # once far off, by less than what stands out
    values[150] += 0.1
    innovation = _stand(values).innovation
    assert abs(innovation[80, 0]) < LIMITS.fast
    assert innovation[150, 1:].min() > LIMITS.fast
    assert abs(innovation[150, 0]) < LIMITS.fast


def test_the_farther_off_a_mean_rank_is_the_more_of_it_counts():
    ranks = log_odds(np.array([0.49, 0.5, 0.51, 0.9, 0.95, 0.0, np.nan]))
    assert ranks[2] - ranks[0] == pytest.approx(0.02, rel=1e-3)
    assert ranks[4] - ranks[3] > 3 * 0.05
    assert np.isfinite(ranks[5])
    assert np.isnan(ranks[6])


def test_volatility_that_triples_is_far_off_though_its_ranks_have_an_end():
    """The log volatility of quiet days differs by 0.28; a rank is the share of training's values below."""
    rng = np.random.default_rng(4)
    logs = np.append(0.28 * rng.normal(size=150), np.log(3))
    ranks = norm.cdf(logs / 0.4)[:, None]
    raw, open_ended = (_stand(each).z[-1, 0] for each in (ranks, log_odds(ranks)))
    assert raw < 2.6
    assert open_ended > 3.5
