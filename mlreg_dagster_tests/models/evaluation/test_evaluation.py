"""Every gate passes, fails for its own reason, and is always there."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mlreg_dagster.config import EvaluationSettings
from mlreg_dagster.market.features.features import compute_features
from mlreg_dagster.market.features.provenance import OtherFeatureSettings
from mlreg_dagster.models.artifacts.artifact import FeatureMismatch
from mlreg_dagster.models.evaluation.evaluation import evaluate
from mlreg_dagster.models.evaluation.rounds import NotAHoldout, PlantedRound, average_precision_by_kind, plant_anomalies
from mlreg_dagster.models.gates import ANOMALY_RATE, AVERAGE_PRECISION, GATES, RATE_SHIFT, SCORE_GAP, SILHOUETTE
from mlreg_dagster_tests.models.builders import (
    DATASETS,
    FEATURES,
    INJECTION,
    LOOKBACK,
    build_world,
    frozen_at,
    market_of,
    with_manifest,
    with_rows,
)

EASY = EvaluationSettings(
    min_anomaly_rate=0.0,
    max_anomaly_rate=1.0,
    max_rate_shift=1.0,
    min_silhouette=-1.0,
    min_score_gap=0.0,
    min_average_precision_margin=-1.0,
)


@pytest.fixture(scope="module")
def model(model_of):
    return model_of("isolation_forest")


@pytest.fixture
def gates_of(world, rounds):
    """The gates by name, after a look at whether all are there, once and in order."""

    def gates(model, holdout=None, planted=None, settings=EASY):
        planted = rounds if planted is None else planted
        result = evaluate(model, holdout or world.holdout, planted, settings)
        assert [gate.name for gate in result.gates] == list(GATES)
        assert result.passed == all(gate.passed for gate in result.gates)
        for gate in result.gates:
            assert gate.threshold
            assert gate.detail
            if gate.value is None:
                assert not gate.passed
                assert gate.detail.startswith("Not computable: ")
        return {gate.name: gate for gate in result.gates}

    return gates


def failed(gates):
    return [name for name, gate in gates.items() if not gate.passed]


def test_easy_gates_are_all_passed_and_measured(gates_of, model, world):
    gates = gates_of(model)
    assert failed(gates) == []
    scores = model.score(world.holdout.rows[model.features])
    flagged = scores > model.thresholds(world.holdout.rows["hour"], scores)
    assert 0 < flagged.mean() < 1
    assert gates[ANOMALY_RATE].value == flagged.mean()
    assert gates[RATE_SHIFT].value == pytest.approx(abs(flagged.mean() - model.manifest["training_anomaly_rate"]))
    assert gates[SCORE_GAP].value == pytest.approx(scores[flagged].mean() - scores[~flagged].mean())
    assert gates[ANOMALY_RATE].detail == f"{flagged.sum()} of {len(flagged)} rows flagged."


@pytest.mark.parametrize(
    ("gate", "change", "threshold"),
    [
        (ANOMALY_RATE, {"min_anomaly_rate": 0.9}, "0.9 to 1"),
        (ANOMALY_RATE, {"max_anomaly_rate": 0.0001}, "0 to 0.0001"),
        (RATE_SHIFT, {"max_rate_shift": 1e-9}, "at most 1e-09"),
        (SILHOUETTE, {"min_silhouette": 1.0}, "at least 1"),
        (SCORE_GAP, {"min_score_gap": 100.0}, "at least 100"),
        (AVERAGE_PRECISION, {"min_average_precision_margin": 1.0}, "at least 1 above the baseline"),
    ],
)
def test_each_gate_fails_by_its_own_threshold_alone(gates_of, model, gate, change, threshold):
    gates = gates_of(model, settings=EASY.override(change))
    assert failed(gates) == [gate]
    assert gates[gate].value is not None
    assert gates[gate].threshold == threshold


def test_a_value_on_the_threshold_passes(gates_of, model):
    gates = gates_of(model)
    exact = {
        "min_anomaly_rate": gates[ANOMALY_RATE].value,
        "max_anomaly_rate": gates[ANOMALY_RATE].value,
        "max_rate_shift": gates[RATE_SHIFT].value,
        "min_silhouette": gates[SILHOUETTE].value,
        "min_score_gap": gates[SCORE_GAP].value,
        "min_average_precision_margin": gates[AVERAGE_PRECISION].value,
    }
    assert failed(gates_of(model, settings=EASY.override(exact))) == []


@pytest.mark.parametrize(("threshold", "reason"), [(1e9, "none of the"), (-1e9, "all of the")])
def test_gates_that_need_both_kinds_of_rows_fail_without_them(gates_of, model, threshold, reason):
    gates = gates_of(frozen_at(model, threshold))
    assert failed(gates) == [SILHOUETTE, SCORE_GAP]
    for name in (SILHOUETTE, SCORE_GAP):
        assert gates[name].value is None
        assert reason in gates[name].detail


def test_where_nothing_could_be_planted_that_gate_fails(gates_of, model, world):
    gates = gates_of(model, planted=[])
    assert failed(gates) == [AVERAGE_PRECISION]
    assert "no anomaly could be planted" in gates[AVERAGE_PRECISION].detail
    metrics = evaluate(model, world.holdout, [], EASY).metrics
    assert metrics["average_precision"] is None
    assert metrics["average_precision_by_kind"] == {}


def test_a_value_that_is_no_number_fails(gates_of, model):
    gates = gates_of(with_manifest(model, training_anomaly_rate=float("nan")))
    assert failed(gates) == [RATE_SHIFT]
    assert gates[RATE_SHIFT].detail == "Not computable: the value is nan."


@pytest.mark.parametrize("rows", [1, 2])
def test_a_tiny_holdout_fails_what_it_can_not_tell(gates_of, model, world, rows):
    scores = model.score(model.select(world.holdout.rows))
    tiny = with_rows(world.holdout, world.holdout.rows.iloc[np.argsort(scores)[-rows:]])
    between = frozen_at(model, float(np.sort(scores)[-rows:].mean()))
    gates = gates_of(between, tiny)
    assert gates[SILHOUETTE].value is None
    assert not gates[SILHOUETTE].passed


def test_a_silhouette_of_a_sample_is_seeded_and_has_its_size(gates_of, model):
    small = EASY.override({"silhouette_rows": 50})
    assert gates_of(model, settings=small)[SILHOUETTE] == gates_of(model, settings=small)[SILHOUETTE]
    assert gates_of(model, settings=small)[SILHOUETTE].value != gates_of(model)[SILHOUETTE].value


def test_rows_that_lie_apart_have_a_high_silhouette(gates_of, model, world):
    rows = world.holdout.rows.copy()
    far = rows.index[:20]
    rows.loc[far, model.features] = rows.loc[far, model.features] + 1000 * rows[model.features].std().fillna(0)
    scores = model.score(rows[model.features])
    apart = frozen_at(model, float(np.sort(scores)[-21]))
    assert gates_of(apart, with_rows(world.holdout, rows))[SILHOUETTE].value > gates_of(model)[SILHOUETTE].value


@pytest.mark.parametrize("hours", [1, 24, 400])
def test_a_holdout_that_overlaps_the_training_window_is_refused(world, rounds, model, hours):
    reaching = with_manifest(
        model, training_end=(world.holdout.window.first + pd.Timedelta(hours=hours)).isoformat(), version="v7"
    )
    with pytest.raises(NotAHoldout, match=r"overlaps the training window of v7, which ends"):
        evaluate(reaching, world.holdout, rounds, EASY)
    assert evaluate(model, world.holdout, rounds, EASY)  # whose training ends where the holdout begins


def test_training_rows_are_no_holdout(world, model):
    with pytest.raises(NotAHoldout, match="overlaps"):
        evaluate(model, world.training, [], EASY)
    with pytest.raises(NotAHoldout, match=r"has no market\.parquet"):
        plant_anomalies(world.training, INJECTION, FEATURES, LOOKBACK)


def test_rows_without_the_models_features_are_refused(world, rounds, model):
    lacking = with_rows(world.holdout, world.holdout.rows.drop(columns="is_gap"))
    with pytest.raises(FeatureMismatch, match=r"missing \['is_gap'\]"):
        evaluate(model, lacking, rounds, EASY)
    planted = [PlantedRound(one.kind, one.rows.drop(columns="is_gap"), one.planted) for one in rounds]
    with pytest.raises(FeatureMismatch, match=r"missing \['is_gap'\]"):
        evaluate(model, world.holdout, planted, EASY)


def test_a_holdout_of_other_feature_settings_than_those_of_the_graph_is_refused(world, rounds, model):
    other = FEATURES.override({"min_window_share": 0.6})
    with pytest.raises(OtherFeatureSettings, match=r"min_window_share is 0\.5 there, 0\.6 in features\.yaml"):
        plant_anomalies(world.holdout, INJECTION, other, LOOKBACK)
    moved = with_rows(world.holdout, world.holdout.rows.assign(feature_settings=other.text))
    with pytest.raises(OtherFeatureSettings, match=r"min_window_share is 0\.6 there, 0\.5 in the manifest of v1"):
        evaluate(model, moved, rounds, EASY)


def test_the_market_behind_a_holdout_gives_its_rows_again(world):
    again = compute_features(world.holdout.market, world.holdout.window.hours, FEATURES, LOOKBACK)
    pd.testing.assert_frame_equal(again, world.holdout.rows, check_exact=True)


def test_planted_rounds_hold_planted_and_untouched_rows_alone(world, rounds):
    kinds = ("shock", "swap", "frozen_price", "volume_burst")
    assert [(planted.seed, planted.kind) for planted in rounds] == [
        (seed, kind) for seed in INJECTION.all_seeds for kind in kinds for _ in range(INJECTION.rounds)
    ]
    originals = world.holdout.rows.set_index(["hour", "instrument_id"])
    for planted in rounds:
        rows = planted.rows.set_index(["hour", "instrument_id"])
        assert planted.planted.any()
        assert len(planted.planted) == len(rows) < len(originals)
        assert rows.index.isin(originals.index).all()
        pd.testing.assert_frame_equal(
            rows[~planted.planted], originals.loc[rows.index[~planted.planted]], check_exact=True
        )
        shown = rows[planted.planted].ne(originals.loc[rows.index[planted.planted]])
        assert shown.any(axis=1).all()


def test_anomalies_are_planted_where_markets_close(tmp_path):
    market = market_of(instruments=20, seen=1.0, slots=(2, 3, 4, 6, 7))
    world = build_world(tmp_path, market, DATASETS.override({"min_snapshots_per_instrument": 5}))
    assert len({planted.kind for planted in plant_anomalies(world.holdout, INJECTION, FEATURES, LOOKBACK)}) == 4


def toy(model, *kinds):
    """A model of one feature, and rounds in which that feature says which rows are planted."""
    rounds = []
    for kind, truth in kinds:
        truth = np.array(truth, dtype=bool)
        rows = pd.DataFrame({"x": truth.astype(float), "hour": 0, "feature_settings": FEATURES.text})
        rounds.append(PlantedRound(kind, rows, truth))
    return with_manifest(model, features=["x"]), rounds


def test_a_perfect_detector_has_average_precision_1_and_the_opposite_has_little(model):
    single, rounds = toy(model, ("shock", [0, 0, 0, 0, 0, 0, 0, 1, 0, 0]), ("swap", [1, 1, 0, 0, 0, 0, 0, 0, 0, 0]))
    perfect = average_precision_by_kind(single, lambda features: features["x"].to_numpy(), rounds)
    assert perfect == {"shock": 1.0, "swap": 1.0}
    opposite = average_precision_by_kind(single, lambda features: -features["x"].to_numpy(), rounds)
    assert opposite["shock"] == pytest.approx(0.1)
    blind = average_precision_by_kind(single, lambda features: np.zeros(len(features)), rounds)
    assert blind == {"shock": pytest.approx(0.1), "swap": pytest.approx(0.2)}


def test_rounds_of_a_kind_are_averaged_and_kinds_weigh_alike(world, rounds, model):
    single, toys = toy(model, ("shock", [1, 0]), ("shock", [0, 1]), ("swap", [1, 0]))
    toys = [replace(each, rows=each.rows.assign(x=[0.0, 1.0])) for each in toys]  # the second row is suspicious
    found = average_precision_by_kind(single, lambda features: features["x"].to_numpy(), toys)
    assert found == {"shock": pytest.approx((0.5 + 1.0) / 2), "swap": pytest.approx(0.5)}
    metrics = evaluate(model, world.holdout, rounds, EASY).metrics
    by_kind = metrics["average_precision_by_kind"]
    assert metrics["average_precision"] == pytest.approx(np.mean(list(by_kind.values())))
    margin = metrics["average_precision"] - metrics["baseline_average_precision"]
    gate = evaluate(model, world.holdout, rounds, EASY).gates[-1]
    assert gate.value == pytest.approx(margin)


def test_the_candidate_is_held_against_the_baseline_in_its_own_artifact(world, rounds, model, model_of):
    metrics = evaluate(model, world.holdout, rounds, EASY).metrics
    baseline = model_of("robust_z_score")
    assert metrics["baseline_average_precision_by_kind"] == average_precision_by_kind(baseline, baseline.score, rounds)
    assert metrics["baseline_average_precision_by_kind"] != metrics["average_precision_by_kind"]


def test_the_baseline_against_itself_has_no_margin(gates_of, model_of):
    gates = gates_of(model_of("robust_z_score"))
    assert gates[AVERAGE_PRECISION].value == 0.0
    assert gates[AVERAGE_PRECISION].passed


def test_evaluating_twice_gives_the_same(world, rounds, model):
    first, second = (evaluate(model, world.holdout, rounds, EASY) for _ in range(2))
    assert first.gates == second.gates
    assert first.metrics == second.metrics
    np.testing.assert_array_equal(first.scores, second.scores)


def test_evaluation_scores_the_frozen_pipeline_and_never_refits(world, rounds, model, monkeypatch):
    for step in model.pipeline.named_steps.values():
        monkeypatch.setattr(type(step), "fit", None)
        monkeypatch.setattr(type(step), "fit_transform", None, raising=False)
    before = model.score(model.select(world.holdout.rows))
    result = evaluate(model, world.holdout, rounds, EASY)
    np.testing.assert_array_equal(result.scores, before)


def test_rows_that_rounds_share_are_scored_once_and_each_gets_its_own_score(rounds, model):
    asked = []

    def score(features):
        asked.append(len(features))
        return model.score(features)

    together = average_precision_by_kind(model, score, rounds)
    assert sum(asked) < sum(len(planted.rows) for planted in rounds) / 2
    alone = [average_precision_by_kind(model, model.score, [planted]) for planted in rounds]
    for kind, value in together.items():
        assert value == pytest.approx(np.mean([each[kind] for each in alone if kind in each]))
