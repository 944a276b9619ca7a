"""Reasons that are asked for online are those of the hourly table."""

import numpy as np
import pytest

from mlreg_dagster.config.sections.outcomes import ReasonSettings
from mlreg_dagster.outcomes.names import REMAINDER
from mlreg_dagster.outcomes.reasons.attribution import row_id
from mlreg_dagster.outcomes.reasons.explaining import explain
from mlreg_dagster.serving.scoring.reasons import NoReasons
from mlreg_dagster_tests.models.builders import with_manifest
from mlreg_dagster_tests.serving.served_models import served

SETTINGS = ReasonSettings()


@pytest.mark.parametrize("detector", ["isolation_forest", "robust_z_score"])
def test_reasons_are_those_of_the_table_bit_for_bit(detector, world, model_of, store):
    model = model_of(detector)
    rows = world.holdout.rows.iloc[:40].copy()
    rows.loc[rows.index[3], model.features[2]] = np.nan
    table = explain(model, rows, SETTINGS)
    online = served(store, model)
    X = rows[model.features].to_numpy(dtype=np.float64)
    ids = [row_id(hour, instrument) for hour, instrument in zip(rows["hour"], rows["instrument_id"], strict=True)]
    found = online.reasons(X, online.score(X), ids, SETTINGS)
    for (_, row), reasons in zip(rows.iterrows(), found, strict=True):
        expected = table[(table["hour"] == row["hour"]) & (table["instrument_id"] == row["instrument_id"])]
        names = ["rank", "family", "share", "feature", "value", "training_median", "score_at_medians"]
        stored = expected[names].astype(object).where(expected[names].notna(), None)
        assert [tuple(each) for each in stored.itertuples(index=False)] == [
            tuple(getattr(reason, name) for name in names) for reason in reasons
        ]
        assert reasons[-1].family == REMAINDER


def test_a_version_that_kept_nothing_to_compare_with_says_what_to_do(model_of, store):
    online = served(store, with_manifest(model_of("isolation_forest"), usual=None))
    X = np.zeros((1, len(online.features)))
    with pytest.raises(NoReasons, match="train a new version"):
        online.reasons(X, online.score(X), ["a"], SETTINGS)


def test_reasons_can_be_switched_off(model_of, store):
    online = served(store, model_of("isolation_forest"))
    X = np.zeros((1, len(online.features)))
    with pytest.raises(NoReasons, match=r"switched off \(pairs in outcomes\.yaml is 0\)"):
        online.reasons(X, online.score(X), ["a"], ReasonSettings(pairs=0))
    assert online.reasons(X[:0], np.empty(0), [], SETTINGS) == []
