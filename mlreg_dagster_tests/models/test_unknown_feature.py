"""A feature that was null in all training rows says nothing, whatever it is in later ones (decision 0025)."""

import numpy as np
import pytest

from mlreg_dagster.models.training import train
from mlreg_dagster_tests.models.builders import DAY_ENDS, settings_of, with_rows

UNKNOWN = "volatility_7d_pct"
FEATURES = ("change_1h_pct", "change_24h_pct", "slog_volume_24h", UNKNOWN)


@pytest.mark.parametrize("detector", ["isolation_forest", "local_outlier_factor", "robust_z_score"])
def test_values_of_a_feature_that_training_did_not_know_change_no_score(world, detector):
    training = with_rows(world.training, world.training.rows.assign(**{UNKNOWN: np.nan}))
    model = train("v1", training, DAY_ENDS, settings_of(detector, features=FEATURES))
    unknown = world.holdout.rows.assign(**{UNKNOWN: np.nan})
    known = unknown.assign(**{UNKNOWN: np.linspace(0.5, 9.0, len(unknown))})
    before, after = (model.score(model.select(rows)) for rows in (unknown, known))
    np.testing.assert_allclose(after, before, rtol=1e-12)
    assert ((after > model.threshold) == (before > model.threshold)).all()
