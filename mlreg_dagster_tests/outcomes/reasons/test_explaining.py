import json
import math

import numpy as np
import pandas as pd
import pytest

from mlreg_dagster.config.sections.outcomes import ReasonSettings
from mlreg_dagster.market.features.built_in import FAMILIES
from mlreg_dagster.models.artifacts.artifact import FeatureMismatch
from mlreg_dagster.models.families import family_of_each
from mlreg_dagster.models.manifests import families_in, usual_in
from mlreg_dagster.outcomes.names import REMAINDER
from mlreg_dagster.outcomes.reasons.explaining import explain, family_names, usual_of
from mlreg_dagster.outcomes.schema import PREDICTION_REASONS
from mlreg_dagster_tests.models.builders import DETECTORS, with_manifest

SETTINGS = ReasonSettings()
KEY = ["hour", "instrument_id"]
PRICES = {"change_1h", "change_24h", "change_7d", "all_time_high", "volatility", "past_change_1h", "past_change_24h"}
VOLUMES = {"volume"}
SHOWS_IN = {"shock": PRICES, "swap": PRICES | VOLUMES, "volume_burst": VOLUMES}


def flagged(model, rows):
    return rows[model.score(model.select(rows)) > model.threshold].reset_index(drop=True)


@pytest.mark.parametrize("detector", DETECTORS)
def test_shares_sum_to_the_score_of_the_model(detector, explained_model, simulated):
    model = explained_model(detector)
    rows = simulated.holdout.rows.iloc[::80]
    reasons = PREDICTION_REASONS.validate(explain(model, rows, SETTINGS))
    scores = pd.Series(model.score(model.select(rows)), index=pd.MultiIndex.from_frame(rows[KEY]))
    usual = pd.DataFrame([usual_of(model).medians], columns=model.features)
    assert set(reasons["score_at_medians"]) == set(model.score(usual))
    sums = reasons.groupby(KEY)["share"].sum() + reasons["score_at_medians"].iloc[0]
    assert (np.abs(sums - scores.sort_index()) <= 1e-12 * np.maximum(1, scores.sort_index().abs())).all()


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("kind", SHOWS_IN)
def test_the_first_reason_is_where_the_planted_anomaly_shows(detector, kind, explained_model, planted, simulated):
    """Of the rows that it made flagged: others have other reasons as well."""
    model = explained_model(detector)
    before = flagged(model, simulated.holdout.rows)[KEY].assign(before=True)
    rows = flagged(model, planted[kind]).merge(before, on=KEY, how="left")
    rows = rows[rows["before"].isna()].drop(columns="before")
    assert len(rows) >= 10
    reasons = explain(model, rows.iloc[:: math.ceil(len(rows) / 30)], SETTINGS)
    assert reasons.loc[reasons["rank"] == 1, "family"].isin(SHOWS_IN[kind]).mean() >= 0.9


@pytest.mark.parametrize("detector", DETECTORS)
def test_reasons_are_the_same_bytes_in_any_batch_and_on_any_number_of_cores(
    detector, explained_model, simulated, monkeypatch
):
    """More rows are scored for them than are worth sharing among cores."""
    model = explained_model(detector)
    rows = simulated.holdout.rows.iloc[:120]
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "2")
    whole = explain(model, rows, SETTINGS)
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    shuffled = rows.sample(frac=1, random_state=3)
    parts = [explain(model, shuffled.iloc[start:end], SETTINGS) for start, end in ((0, 1), (1, 30), (30, 120))]
    again = pd.concat(parts).sort_values(list(PREDICTION_REASONS.key), ignore_index=True)
    pd.testing.assert_frame_equal(again, whole, check_exact=True)


def test_another_version_another_hour_or_another_instrument_walks_other_orders(explained_model, simulated):
    model, row = explained_model("isolation_forest"), simulated.holdout.rows.iloc[:1]
    others = (
        explain(with_manifest(model, version="v2"), row, SETTINGS),
        explain(model, row.assign(hour=row["hour"] + pd.Timedelta(hours=1)), SETTINGS),
        explain(model, row.assign(instrument_id="other"), SETTINGS),
    )
    shares = explain(model, row, SETTINGS)["share"].to_numpy()
    assert all((other["share"].to_numpy() != shares).any() for other in others)


def test_the_largest_shares_are_named_and_the_others_are_the_remainder(explained_model, simulated):
    model, rows = explained_model("isolation_forest"), simulated.holdout.rows.iloc[:5]
    few, all_ = explain(model, rows, ReasonSettings(families=2)), explain(model, rows, ReasonSettings(families=12))
    for (_, some), (_, every) in zip(few.groupby(KEY), all_.groupby(KEY), strict=True):
        assert list(some["rank"]) == [1, 2, 3]
        assert list(every["family"])[-1] == list(some["family"])[-1] == REMAINDER
        assert set(every["family"]) == {*FAMILIES, REMAINDER}
        named = every["share"].to_numpy()[:-1]
        assert (np.diff(named) <= 0).all()
        np.testing.assert_array_equal(some["share"].to_numpy()[:2], named[:2])
        assert abs(every["share"].iloc[-1]) < 1e-12
        assert abs(some["share"].iloc[-1] - named[2:].sum()) < 1e-12


def test_the_strongest_feature_is_the_one_that_lies_farthest_from_its_median(explained_model, simulated):
    model = explained_model("robust_z_score")
    usual, row = usual_of(model), simulated.holdout.rows.iloc[:1].copy()
    medians = dict(zip(model.features, usual.medians, strict=True))
    spreads = dict(zip(model.features, usual.spreads, strict=True))
    row[model.features] = usual.medians
    row["slog_volume_24h_lag_6h"] = medians["slog_volume_24h_lag_6h"] - 40 * spreads["slog_volume_24h_lag_6h"]
    row["slog_volume_24h"] = medians["slog_volume_24h"] + 3 * spreads["slog_volume_24h"]
    first = explain(model, row, SETTINGS).iloc[0]
    assert (first["family"], first["feature"]) == ("volume", "slog_volume_24h_lag_6h")
    assert first["value"] == row["slog_volume_24h_lag_6h"].iloc[0]
    assert first["training_median"] == medians["slog_volume_24h_lag_6h"]
    assert first["share"] > 30


def test_an_unknown_value_is_as_usual(explained_model, simulated):
    model, rows = explained_model("isolation_forest"), simulated.holdout.rows.iloc[:1].copy()
    rows["volatility_7d_pct"] = np.nan
    reasons = explain(model, rows, ReasonSettings(families=12)).set_index("family")
    assert reasons.loc["volatility", "share"] == 0.0
    assert np.isnan(reasons.loc["volatility", "value"])


@pytest.mark.parametrize("detector", DETECTORS)
def test_the_background_is_the_median_of_the_training_rows(detector, explained_model, simulated):
    model = explained_model(detector)
    if model.manifest["training_rows"] == len(simulated.training.rows):
        expected = simulated.training.rows[model.features].median().to_numpy()
        np.testing.assert_allclose(usual_of(model).medians, expected, rtol=1e-12)
    assert (usual_of(model).spreads > 0).all()


def test_every_feature_belongs_to_a_family(explained_model):
    assert set(family_names(explained_model("isolation_forest"))) == set(FAMILIES)


def test_a_feature_that_nothing_describes_any_more_is_a_family_by_itself(explained_model):
    model = explained_model("isolation_forest")
    odd = with_manifest(model, features=["gone", *model.features[1:]], usual=None)
    assert family_names(odd)[0] == "gone"


@pytest.mark.parametrize("detector", DETECTORS)
def test_the_manifest_holds_the_background_and_the_families_bit_for_bit(detector, explained_model):
    model = explained_model(detector)
    manifest = json.loads(json.dumps(dict(model.manifest)))
    usual, recorded = usual_of(model), usual_in(manifest)
    assert recorded.medians.tobytes() == usual.medians.tobytes()
    assert recorded.spreads.tobytes() == usual.spreads.tobytes()
    earlier = with_manifest(model, usual=None)
    assert families_in(manifest) == list(family_of_each(model).values()) == list(family_of_each(earlier).values())


def test_rows_of_other_features_are_refused(explained_model, simulated):
    with pytest.raises(FeatureMismatch):
        explain(explained_model("isolation_forest"), simulated.holdout.rows.iloc[:3].drop(columns="is_gap"), SETTINGS)


def test_no_rows_have_no_reasons(explained_model, simulated):
    assert explain(explained_model("isolation_forest"), simulated.holdout.rows.iloc[:0], SETTINGS).empty
