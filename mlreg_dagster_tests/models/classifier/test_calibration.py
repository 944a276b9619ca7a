"""Calibrations: log-odds to probabilities, in the order of the margins, about as large as what happened."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from mlreg_dagster.models.classifier.calibration import KINDS, TIE_BREAK, calibrate, probabilities


@given(st.integers(0, 10_000), st.sampled_from(KINDS))
def test_a_calibration_keeps_the_order_even_where_margins_tell_the_opposite(seed, kind):
    rng = np.random.default_rng(seed)
    margins = rng.normal(size=300)
    crashed = rng.random(300) < 1 / (1 + np.exp(2 + rng.choice([-2, 0, 2]) * margins))
    crashed[:2] = [True, False]
    found = probabilities(calibrate(kind, margins, crashed), np.sort(margins))
    assert (np.diff(found) > 0).all()
    assert found.mean() == pytest.approx(crashed.mean(), abs=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_margins_that_are_too_sure_are_brought_back_to_what_happened(kind):
    rng = np.random.default_rng(1)
    true = rng.normal(-2, 1.5, 50_000)
    crashed = rng.random(50_000) < expit(true)
    found = probabilities(calibrate(kind, 3 * true + 1, crashed), np.array([-8.0, -5.0, 1.0]))
    assert found == pytest.approx(expit(np.array([-3.0, -2.0, 0.0])), abs=0.03)


def test_beyond_what_was_seen_the_isotonic_one_stays_at_its_ends():
    margins, crashed = np.array([-1.0, 0.0, 1.0, 2.0]), np.array([False, True, False, True])
    calibration = calibrate("isotonic", margins, crashed)
    found = probabilities(calibration, np.array([-50.0, 0.0, 1.0, 50.0]))
    assert found == pytest.approx([0.0, 0.5, 0.5, 1.0], abs=2 * TIE_BREAK)
    assert found[1] < found[2]
    assert ((found >= 0) & (found <= 1)).all()
