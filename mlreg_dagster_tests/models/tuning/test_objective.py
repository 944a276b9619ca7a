"""What trials are judged by."""

import pytest

from mlreg_dagster.config.sections.tuning import ObjectiveSettings
from mlreg_dagster.models.tuning.objective import Figures

EQUAL = ObjectiveSettings()


def test_the_objective_is_a_weighted_mean_of_what_is_known():
    assert Figures(0.6, 0.2).combined(EQUAL) == pytest.approx(0.4)
    assert Figures(0.6, 0.2).combined(ObjectiveSettings(planted=0.9, worth=0.1)) == pytest.approx(0.56)
    assert Figures(0.6, 0.2).combined(ObjectiveSettings(planted=0, worth=1)) == pytest.approx(0.2)
    assert Figures(0.6, None).combined(EQUAL) == pytest.approx(0.6)
    assert Figures(None, None).combined(EQUAL) == 0
