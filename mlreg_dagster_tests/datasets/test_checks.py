"""The asset check on the frozen datasets."""

import pytest

from mlreg_dagster.datasets import freezing
from mlreg_dagster.hours import day_key
from mlreg_dagster_tests.lifecycle import DATASET_DAY

DAY = day_key(DATASET_DAY)
NEXT = "2026-01-05"
BOTH = (freezing.TRAINING, freezing.HOLDOUT)


def _check(result):
    (check,) = result.get_asset_check_evaluations()
    assert check.check_name == "intact_and_apart"
    return check


@pytest.mark.parametrize("kind", BOTH)
def test_a_sound_dataset_passes(trained, kind):
    check = _check(trained.attempt(checks=kind))
    assert check.passed
    assert trained.artifacts.find(kind, DAY).sha256 in check.description


def test_within_a_run_the_day_of_the_run_is_looked_at(trained):
    for day in (NEXT, DAY):  # the newest is another one by then
        assert _check(trained.attempt(freezing.TRAINING, key=day)).metadata["day"].value == day
    assert _check(trained.attempt(checks=freezing.TRAINING)).metadata["day"].value == NEXT


def test_a_changed_file_is_found(trained):
    rows = trained.home / "artifacts" / freezing.TRAINING / DAY / "rows.parquet"
    rows.write_bytes(rows.read_bytes() + b"!")
    check = _check(trained.attempt(checks=freezing.TRAINING))
    assert not check.passed
    assert "rows.parquet" in check.description


def test_a_training_window_that_reaches_into_the_holdout_is_found(trained):
    dataset = freezing.load(trained.artifacts, freezing.TRAINING, DAY)
    holdout = freezing.load(trained.artifacts, freezing.HOLDOUT, DAY)
    lineage = dataset.lineage | {"end": holdout.window.end.isoformat()}
    freezing.freeze(trained.artifacts, freezing.TRAINING, NEXT, holdout.rows, lineage)
    freezing.freeze(trained.artifacts, freezing.HOLDOUT, NEXT, holdout.rows, holdout.lineage, holdout.market)
    for kind in BOTH:
        check = _check(trained.attempt(checks=kind))
        assert not check.passed
        assert "overlap" in check.description


def test_a_dataset_outlives_the_settings_it_was_made_with(make_world, trained_home):
    world = make_world(trained_home, configs={"datasets": {"history_hours": 48, "min_training_hours": 20}})
    assert _check(world.attempt(checks=freezing.TRAINING)).passed


@pytest.mark.parametrize("kind", BOTH)
def test_no_dataset_is_no_success(make_world, kind):
    check = _check(make_world(None).attempt(checks=kind))
    assert not check.passed
    assert check.description == f"No {kind} is frozen yet."
