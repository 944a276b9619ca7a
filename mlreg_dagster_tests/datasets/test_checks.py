"""The asset check on the frozen datasets."""

import re

import pandas as pd
import pytest

from mlreg_dagster.core.hours import day_key
from mlreg_dagster.datasets import freezing
from mlreg_dagster_tests.lifecycle import DATASET_DAY

DAY = day_key(DATASET_DAY)
NEXT = "2026-01-05"
BOTH = (freezing.TRAINING, freezing.HOLDOUT)


def _check(result, name="intact_and_apart"):
    (check,) = (check for check in result.get_asset_check_evaluations() if check.check_name == name)
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


def _shifted(trained, kind, days):
    """The dataset of a day, told of so many days later."""
    dataset = freezing.load(trained.artifacts, kind, DAY)
    rows = dataset.rows.assign(hour=dataset.rows["hour"] + pd.Timedelta(days=days))
    return rows, dataset.lineage


@pytest.mark.parametrize(("days", "new"), [(7, None), (14, None), (0, DATASET_DAY.day_name())])
def test_a_weekday_that_training_does_not_have_is_told(trained, days, new):
    training = [_shifted(trained, freezing.TRAINING, shift) for shift in (0, 2, 4, days)]
    rows = pd.concat([rows for rows, _ in training])
    rows = rows if new is None else rows[rows["hour"].dt.day_name() != new]
    freezing.freeze(trained.artifacts, freezing.TRAINING, NEXT, rows, training[0][1])
    freezing.freeze(trained.artifacts, freezing.HOLDOUT, NEXT, *_shifted(trained, freezing.HOLDOUT, 0))
    check = _check(trained.attempt(checks=freezing.HOLDOUT), "weekdays_are_known")
    assert check.passed == (new is None)
    assert check.severity.value == "WARN"
    assert (new or "the holdout has no other weekday") in check.description


def test_a_window_of_less_than_a_week_is_told_with_what_to_set(trained):
    check = _check(trained.attempt(checks=freezing.HOLDOUT), "weekdays_are_known")
    assert not check.passed
    assert f"has no row of {DATASET_DAY.day_name()}" in check.description
    assert "history_hours in datasets.yaml leave 168 h" in check.description


@pytest.mark.parametrize("absent", BOTH)
def test_without_both_datasets_no_weekday_is_known(trained, absent):
    for path in (trained.home / "artifacts" / absent / DAY).iterdir():
        path.unlink()
    check = _check(trained.attempt(checks=freezing.HOLDOUT), "weekdays_are_known")
    assert not check.passed
    assert re.search(r"No (training_dataset|eval_holdout) is frozen( of .*)? yet", check.description)


def test_a_dataset_outlives_the_settings_it_was_made_with(make_world, trained_home):
    world = make_world(trained_home, configs={"datasets": {"history_hours": 48, "min_training_hours": 20}})
    assert _check(world.attempt(checks=freezing.TRAINING)).passed


@pytest.mark.parametrize("kind", BOTH)
def test_no_dataset_is_no_success(make_world, kind):
    check = _check(make_world(None).attempt(checks=kind))
    assert not check.passed
    assert check.description == f"No {kind} is frozen yet."
