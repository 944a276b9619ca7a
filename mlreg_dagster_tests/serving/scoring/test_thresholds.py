"""Which threshold an answer is flagged by."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from mlreg_dagster.config import FROZEN, FlaggingSettings
from mlreg_dagster.serving.scoring.thresholds import Threshold, threshold_of, training_threshold
from mlreg_dagster_tests.serving.served_models import served

OF_HOUR = Threshold(0.7, "trailing_share", datetime(2026, 1, 5, 3, tzinfo=UTC), "hour")


def test_the_threshold_of_the_newest_hour_is_used_where_it_is_known(world, model_of, store):
    model = model_of("isolation_forest")
    online = served(store, model)
    assert threshold_of(online, OF_HOUR) == OF_HOUR
    found = threshold_of(online, None)
    assert (found.policy, found.hour, found.source) == ("trailing_share", None, "training")
    expected = np.quantile(model.score(world.training.rows[model.features]), 1 - FlaggingSettings().budget)
    np.testing.assert_allclose(found.value, expected, rtol=1e-3)


def test_a_frozen_threshold_stays_unless_the_hourly_predictions_moved_it(model_of, store):
    online = replace(served(store, model_of("isolation_forest")), policy=FROZEN)
    moved = Threshold(online.frozen_threshold * 1.2, "frozen", OF_HOUR.hour, "hour")
    assert threshold_of(online, moved) == moved
    assert threshold_of(online, None) == Threshold(online.frozen_threshold, "frozen", None, "training")


def test_so_many_rows_an_hour_are_a_share_of_the_training_rows(model_of, store):
    online = served(store, model_of("isolation_forest"))
    two = replace(online, policy=FlaggingSettings(policy="top_k", k=2))
    scores = np.interp(np.linspace(0, 1, 10_001), np.linspace(0, 1, 201), online.training_quantiles)
    share = np.mean(scores > training_threshold(two).value)
    np.testing.assert_allclose(share, 2 / online.rows_an_hour, atol=1e-3)
    all_of_them = replace(online, policy=FlaggingSettings(policy="top_k", k=10_000))
    assert training_threshold(all_of_them).value == online.training_quantiles[0]
