"""What the compiled loops owe to arithmetic; that they follow the clock is tested with the features."""

import statistics
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.market.features.kernel import TILE, rolling, signed_log

NAN = float("nan")


def rolled(values: list[float], window: int, first_hour: int = 0, min_share: float = 0.0) -> tuple[list, list]:
    grid = np.array(values)[:, None]
    mean, std = np.empty_like(grid), np.empty_like(grid)
    rolling(grid, first_hour, window, min_share, mean, std)
    return mean[:, 0].tolist(), std[:, 0].tolist()


def test_the_signed_logarithm_keeps_zero_and_sign():
    values = np.array([[1 - np.e, -0.0, 0.0, np.e - 1, np.nan]])
    out = np.empty_like(values)
    signed_log(values, out)
    np.testing.assert_allclose(out, [[-1.0, 0.0, 0.0, 1.0, np.nan]])


@given(st.floats(allow_nan=False) | st.floats(-1e-3, 1e-3))
def test_the_signed_logarithm_is_exact_to_a_unit_in_the_last_place(value):
    out = np.empty((1, 1))
    signed_log(np.array([[value]]), out)
    expected = np.copysign(np.log1p(abs(value)), value)
    assert out[0, 0] == expected or abs(out[0, 0] - expected) <= 2 * np.spacing(abs(expected))
    assert np.signbit(out[0, 0]) == np.signbit(value)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.51, 1.0])
def test_a_window_is_known_from_the_share_on_that_is_asked_for(share):
    known = [list(map(bool, map(int, f"{bits:06b}"))) for bits in range(64)]
    for cells in known:
        mean, _ = rolled([1.0 if each else NAN for each in cells], 6, 0, share)
        assert (mean[-1] == 1.0) == (sum(cells) >= 1 and sum(cells) / 6 >= share), cells


@given(st.floats(-1e9, 1e9), st.integers(0, 30), st.sampled_from([2, 6, 24]))
def test_what_stands_still_has_no_deviation_at_all(value, first_hour, window):
    mean, std = rolled([value] * 40, window, first_hour)
    assert set(mean) == {value}
    assert set(std[1:]) == {0.0}


@given(st.lists(st.integers(-1000, 1000), min_size=24, max_size=60), st.integers(0, 30))
def test_a_small_deviation_far_from_zero_is_exact_to_many_digits(steps, first_hour):
    values = [1e6 + step / 1024 for step in steps]
    _, std = rolled(values, 24, first_hour)
    for end in range(24, len(values) + 1):
        exact = statistics.pvariance([Fraction(value) for value in values[end - 24 : end]]) * 24 / 23
        assert std[end - 1] == pytest.approx(float(exact) ** 0.5, rel=1e-12)


def test_one_wild_value_is_forgotten_with_its_window():
    _, std = rolled([1.0, 2.0, 1e12, *[1.0, 2.0] * 12], 3)
    assert std[5:] == [pytest.approx(0.5773502691896257, rel=1e-15)] * 22


def test_every_instrument_is_reached_however_many_there_are():
    rng = np.random.default_rng(0)
    grid = rng.normal(size=(30, 2 * TILE + 3))
    mean, std = np.empty((10, grid.shape[1])), np.empty((10, grid.shape[1]))
    rolling(grid, 5, 6, 0.5, mean, std)
    windows = np.lib.stride_tricks.sliding_window_view(grid, 6, axis=0)[-10:]
    np.testing.assert_allclose(mean, windows.mean(axis=-1), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(std, windows.std(axis=-1, ddof=1), rtol=1e-12)


def test_too_little_is_null():
    mean, std = rolled([1.0, NAN, NAN, 4.0], 2, min_share=0.6)
    np.testing.assert_array_equal(mean, [NAN] * 4)
    np.testing.assert_array_equal(std, [NAN] * 4)
    mean, std = rolled([1.0, NAN, NAN, 4.0], 2)
    np.testing.assert_array_equal(mean, [1.0, 1.0, NAN, 4.0])
    np.testing.assert_array_equal(std, [NAN] * 4)
