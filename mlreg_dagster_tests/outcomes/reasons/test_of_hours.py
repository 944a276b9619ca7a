import pandas as pd
import pytest

from mlreg_dagster.config.sections.outcomes import ReasonSettings
from mlreg_dagster.core.hours import hour_range
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.outcomes.names import REMAINDER
from mlreg_dagster.outcomes.reasons.of_hours import Agreement, NotToExplain, compare, flagged, reasons_of
from mlreg_dagster.outcomes.schema import PREDICTION_REASONS, PREDICTIONS
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster_tests.lifecycle import LIVE
from mlreg_dagster_tests.models.builders import with_manifest
from mlreg_dagster_tests.outcomes.frames import predictions_of, typed

SETTINGS = ReasonSettings()


@pytest.fixture(scope="module")
def store(explained_model, tmp_path_factory):
    """A store with v1, a forest, and v2, a robust z-score."""
    store = open_artifacts(str(tmp_path_factory.mktemp("artifacts")))
    for version, detector in (("v1", "isolation_forest"), ("v2", "robust_z_score")):
        artifact.save(store, version, with_manifest(explained_model(detector), version=version))
    return store


@pytest.fixture(scope="module")
def predictions(store, simulated):
    """Predictions of all roles for two hours, every third one flagged."""
    rows = simulated.holdout.rows.iloc[:200].reset_index(drop=True)
    roles = (("v1", "champion"), ("v2", "challenger"), ("v3", "requested"), ("ranking:fall", "ranking"))
    parts = []
    for version, role in roles:
        sha256, scores = "0" * 64, pd.Series(1.0, index=rows.index)
        if role in ("champion", "challenger") and (found := store.find("models", version)):
            sha256 = found.sha256
            model = artifact.load(store, version, sha256)
            scores = pd.Series(model.score(model.select(rows)))
        is_anomaly = pd.Series(rows.index % 3 == 0)
        parts.append(
            rows[["hour", "instrument_id"]].assign(
                model_version=version, role=role, score=scores, threshold=scores.where(~is_anomaly, scores - 1),
                is_anomaly=is_anomaly, in_sample=False, price=1.0, artifact_sha256=sha256,
            )
        )  # fmt: skip
    return typed(PREDICTIONS, pd.concat(parts).to_dict("records"))


def test_flags_of_champion_and_challenger_get_reasons_and_no_others(predictions, store, simulated):
    reasons = PREDICTION_REASONS.validate(reasons_of(predictions, simulated.holdout.rows, store, SETTINGS))
    expected = predictions[predictions["is_anomaly"] & predictions["model_version"].isin(["v1", "v2"])]
    key = ["hour", "instrument_id", "model_version"]
    found = reasons[key].drop_duplicates()
    assert set(found.itertuples(index=False)) == set(expected[key].itertuples(index=False))
    assert (reasons.groupby(key).size() == SETTINGS.families + 1).all()
    agreement = compare(predictions, reasons)
    assert (agreement.flags, agreement.holds) == (len(expected), True)


def test_switched_off_there_are_none(predictions, store, simulated):
    assert reasons_of(predictions, simulated.holdout.rows, store, ReasonSettings(pairs=0)).empty


def test_without_flags_there_are_none(store, simulated):
    assert reasons_of(predictions_of([{}]), simulated.holdout.rows, store, SETTINGS).empty
    assert compare(predictions_of([{}]), PREDICTION_REASONS.empty()).holds


def test_tables_without_a_row_agree(tmp_path):
    tables = DuckDBWarehouse(tmp_path / "warehouse.duckdb")
    for table in (PREDICTIONS, PREDICTION_REASONS):
        tables.write(table, table.empty(), hour_range(LIVE, LIVE))
    assert compare(tables.read(PREDICTIONS), tables.read(PREDICTION_REASONS)) == Agreement(0, 0, 0, 0)


def test_later_hours_change_nothing(predictions, store, simulated):
    first = predictions["hour"].min()
    early, rows = predictions[predictions["hour"] == first], simulated.holdout.rows
    altered = rows.copy()
    names = rows.columns.drop(["hour", "instrument_id", "feature_settings"])
    altered.loc[altered["hour"] > first, names] *= 3
    alone = reasons_of(early, rows[rows["hour"] == first], store, SETTINGS)
    together = reasons_of(predictions, altered, store, SETTINGS)
    together = together[together["hour"] == first].reset_index(drop=True)
    pd.testing.assert_frame_equal(together, alone, check_exact=True)


def test_a_flag_whose_features_are_gone_is_named(predictions, store, simulated):
    rows = simulated.holdout.rows.iloc[1:]
    with pytest.raises(NotToExplain, match=r"1 flagged predictions of v1, from 2020-01-12 00:00 on, have no row of"):
        reasons_of(predictions, rows, store, SETTINGS)


def _reasons(score_at_medians=0.25, shares=(0.5, 0.25), **key):
    names = ["volume", REMAINDER]
    return [
        {
            "hour": pd.Timestamp("2020-01-01", tz="UTC"), "instrument_id": "coin", "model_version": "v1", "rank": rank,
            "family": family, "share": share, "score_at_medians": score_at_medians, **key,
        }
        for rank, (family, share) in enumerate(zip(names, shares, strict=True), start=1)
    ]  # fmt: skip


FLAG = {"score": 1.0, "threshold": 0.5, "is_anomaly": True}


@pytest.mark.parametrize(
    ("rows", "reasons", "found"),
    [
        ([FLAG], _reasons(), (1, 0, 0, 0)),
        ([FLAG], [], (1, 1, 0, 0)),
        ([FLAG], _reasons(shares=(0.5, 0.25 + 1e-11)), (1, 0, 0, 1)),
        ([FLAG | {"score": 1e6}], _reasons(shares=(1e6 - 0.25, 1e-8)), (1, 0, 0, 0)),
        ([{}], _reasons(), (0, 0, 1, 0)),
        ([FLAG, FLAG | {"instrument_id": "other"}], _reasons(instrument_id="other"), (2, 1, 0, 0)),
        ([FLAG | {"role": "requested"}], [], (0, 0, 0, 0)),
        ([FLAG | {"role": "ranking", "model_version": "ranking:fall"}], [], (0, 0, 0, 0)),
    ],
)
def test_reasons_are_held_against_predictions(rows, reasons, found):
    agreement = compare(predictions_of(rows), typed(PREDICTION_REASONS, reasons))
    assert (agreement.flags, agreement.unexplained, agreement.stray, agreement.differing) == found
    assert agreement.holds == (not any(found[1:]))


def test_what_is_flagged_by_people_or_rankings_is_not_explained():
    roles = ("champion", "challenger", "requested", "ranking")
    rows = predictions_of([FLAG | {"role": role, "instrument_id": role} for role in roles])
    assert set(flagged(rows)["role"]) == {"champion", "challenger"}
