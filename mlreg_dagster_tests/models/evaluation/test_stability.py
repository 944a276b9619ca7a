"""Refits tell how far an evaluation moves; the frozen artifact does not."""

from dataclasses import replace

import numpy as np
import pytest

from mlreg_dagster.config.sections.evaluation import StabilitySettings
from mlreg_dagster.models.evaluation import stability
from mlreg_dagster.models.evaluation.stability import BOOTSTRAP, FOLDS, measure
from mlreg_dagster.models.plots import refit_scatter
from mlreg_dagster.models.training import CannotTrain, train
from mlreg_dagster_tests.models.builders import DAY_ENDS, settings_of, with_manifest, with_rows

FEW = StabilitySettings(refits=3, folds=4)


@pytest.fixture(scope="module")
def model(model_of):
    return model_of("robust_z_score")  # fitted in no time


@pytest.fixture(scope="module")
def measured(world, rounds, model):
    return measure(model, world.training, rounds, FEW)


def test_every_refit_is_measured_and_the_larger_deviation_counts(measured):
    assert {kind: len(values) for kind, values in measured["values"].items()} == {BOOTSTRAP: 3, FOLDS: 4}
    deviations = [np.std(values, ddof=1) for values in measured["values"].values()]
    assert measured["standard_deviation"] == pytest.approx(max(deviations))
    assert f"{deviations[0]:.3f} over 3 bootstrap refits, {deviations[1]:.3f} over 4 time-block" in measured["detail"]


def test_stable_is_below_the_threshold_and_unstable_is_not(world, rounds, model, measured):
    deviation = measured["standard_deviation"]
    for most, verdict in ((deviation * 1.01, "stable"), (deviation, "unstable")):
        settings = FEW.override({"max_standard_deviation": most})
        assert measure(model, world.training, rounds, settings)["verdict"] == verdict


def test_a_window_whose_days_have_nothing_in_common_moves_more(world, rounds):
    """Half of the hours in which everything moves a hundred times as far: with or without it, another model."""
    hours = np.sort(world.training.rows["hour"].unique())
    wild = world.training.rows["hour"].isin(hours[: len(hours) // 2]).to_numpy()
    features = ["change_1h_pct", "change_24h_pct", "slog_volume_24h", "volatility_7d_pct"]
    rows = world.training.rows.copy()
    rows.loc[wild, features] = rows.loc[wild, features] * 100
    found = []
    for dataset in (world.training, with_rows(world.training, rows)):
        model = train("v1", dataset, DAY_ENDS, settings_of("robust_z_score", features=tuple(features)))
        found.append(measure(model, dataset, rounds, FEW))
    calm, torn = (np.std(each["values"][FOLDS], ddof=1) for each in found)
    assert torn > 2 * calm


def test_measuring_leaves_the_frozen_one_alone_and_gives_the_same_again(world, rounds, measured):
    model = world.train("robust_z_score")
    rows = model.select(world.holdout.rows)
    before = model.score(rows)
    assert measure(model, world.training, rounds, FEW) == measured
    np.testing.assert_array_equal(model.score(rows), before)


def test_folds_are_blocks_of_hours_and_resamples_have_the_size_of_the_dataset(world):
    rows = world.training.rows
    parts = list(stability._parts(rows, FEW))
    assert [kind for kind, _, _ in parts] == [BOOTSTRAP] * 3 + [FOLDS] * 4
    left_out = []
    for kind, _, part in parts:
        if kind == BOOTSTRAP:
            assert len(part) == len(rows)
            assert part.index.isin(rows.index).all()
            assert part.index.nunique() < len(rows)
        else:
            missing = sorted(set(rows["hour"]) - set(part["hour"]))
            assert (rows["hour"].between(missing[0], missing[-1]) == ~rows.index.isin(part.index)).all()
            left_out += missing
    assert left_out == sorted(set(rows["hour"]))


def test_a_large_dataset_is_refitted_to_the_sample_that_the_version_was_fitted_to(world, rounds):
    model = world.train("robust_z_score", max_training_rows=100)
    measured = measure(model, world.training, rounds, FEW)
    rows = np.random.default_rng(42).choice(len(world.training.rows), 100, replace=False)
    alone = with_rows(world.training, world.training.rows.iloc[np.sort(rows)])
    assert measure(model, alone, rounds, FEW)["values"] == measured["values"]


def test_where_there_is_nothing_to_find_or_to_fit_nothing_was_measured(world, rounds, model):
    for found, reason in (
        (measure(model, world.training, [], FEW), "No anomaly could be planted"),
        (
            measure(
                train(
                    "v1",
                    with_rows(world.training, world.training.rows.iloc[:31]),
                    DAY_ENDS,
                    settings_of("local_outlier_factor", params={"n_neighbors": 30}),
                ),
                with_rows(world.training, world.training.rows.iloc[:31]),
                rounds,
                FEW,
            ),
            "with n_neighbors 30 at least 31 are needed",
        ),
    ):
        assert (found["verdict"], found["standard_deviation"], found["values"]) == ("not measured", None, {})
        assert reason in found["detail"]


def test_a_version_is_not_refitted_on_other_data(world, rounds, model):
    with pytest.raises(CannotTrain, match="was trained on dataset"):
        measure(model, replace(world.training, sha256="0" * 64), rounds, FEW)


def test_the_frozen_dataset_is_the_one_that_is_refitted(world, rounds, model, measured):
    assert stability.measure_frozen(model, world.store, rounds, FEW) == measured
    gone = stability.measure_frozen(with_manifest(model, dataset_day="2019-01-01"), world.store, rounds, FEW)
    assert gone["verdict"] == "not measured"
    assert "There is no bundle training_dataset/2019-01-01" in gone["detail"]
    other = stability.measure_frozen(with_manifest(model, dataset_sha256="0" * 64), world.store, rounds, FEW)
    assert other["verdict"] == "not measured"


def test_the_picture_says_what_was_found(measured):
    shown = refit_scatter(measured)
    assert shown.startswith(f"**{measured['verdict']}**: {measured['detail']}")
    assert "![Average precision of each refit](data:image/svg+xml;base64," in shown
    nothing = {"verdict": "not measured", "detail": "No reason.", "standard_deviation": None, "values": {}}
    assert refit_scatter(nothing) == "**not measured**: No reason."
