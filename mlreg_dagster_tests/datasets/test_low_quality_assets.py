"""What the dataset assets, their checks and the sensor do with a market of low quality."""

import dagster as dg
import pytest

from mlreg_dagster.core.hours import as_hour
from mlreg_dagster.datasets import freezing
from mlreg_dagster.datasets.changes import changed_hours
from mlreg_dagster.datasets.low_quality import LEFT_OUT
from mlreg_dagster.orchestration.resources import Clock
from mlreg_dagster_tests.evidence.cards import card_of, facts
from mlreg_dagster_tests.lifecycle import CONFIGS, failure, metadata

DAY, BAD = "2026-01-06", "2026-01-04"  # training is the 4th and the 5th, the holdout the 6th
BOTH = (freezing.TRAINING, freezing.HOLDOUT)


def spoil(world, day=BAD, instruments="sim-%"):
    """The feed gave no volume on a day."""
    with world.warehouse.connect() as connection:
        connection.execute(
            "UPDATE market_features SET slog_volume_24h = NULL WHERE CAST(hour AS DATE) = $day "
            "AND instrument_id LIKE $instruments",
            {"day": day, "instruments": instruments},
        )


def _check(result, name="quality_is_good"):
    (check,) = (check for check in result.get_asset_check_evaluations() if check.check_name == name)
    return check


def with_policy(make_world, home, policy, **changes):
    datasets = CONFIGS["datasets"] | {"low_quality": policy}
    return make_world(home, configs={"datasets": datasets}, **changes)


def test_a_bad_day_is_left_out_replaced_recorded_and_shown(trained):
    spoil(trained)
    result = trained.attempt(freezing.TRAINING, key=DAY)
    dataset = freezing.load(trained.artifacts, freezing.TRAINING, DAY)
    days = sorted(set(dataset.rows["hour"].dt.strftime("%Y-%m-%d")))
    assert days == ["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-05"]
    assert dataset.window.first == as_hour("2026-01-01")
    left_out = dataset.lineage[LEFT_OUT]
    assert (list(left_out["days"]), left_out["earlier_days"], left_out["low_quality"]) == ([BAD], 3, "exclude")
    said = metadata(result, freezing.TRAINING)
    assert (said["days_left_out"], said["rows_left_out_for_low_quality"]) == (1, left_out["rows"])
    assert "2026-01-04: 100.0% of the rows lost slog_volume_24h" in said["low_quality"]
    assert said["low_quality"] in trained.warnings(result)
    check = _check(result)
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert check.description == said["low_quality"]
    assert check.metadata["left_out"].value == left_out


def test_what_was_left_out_does_not_count_as_changed_later(trained):
    spoil(trained)
    trained.attempt(freezing.TRAINING, key=DAY)
    found = changed_hours(trained.artifacts, trained.warehouse, freezing.TRAINING, DAY, None)
    assert not found.changed
    again = trained.attempt(freezing.TRAINING, key=DAY)
    assert metadata(again, freezing.TRAINING)["hours_changed_since_frozen"] == 0


def test_a_good_market_leaves_no_trace_in_a_lineage(trained):
    for kind in BOTH:
        result = trained.attempt(kind, key=DAY)
        assert LEFT_OUT not in freezing.load(trained.artifacts, kind, DAY).lineage
        assert metadata(result, kind)["low_quality"] == "Nothing was left out for low quality."
        assert metadata(result, kind)["days_left_out"] == 0
        assert _check(result).passed


@pytest.mark.slow
def test_a_version_is_trained_and_evaluated_without_what_was_left_out(trained):
    spoil(trained)
    spoil(trained, DAY, "sim-003")
    for kind in BOTH:
        trained.attempt(kind, key=DAY)
    holdout = freezing.load(trained.artifacts, freezing.HOLDOUT, DAY)
    assert list(holdout.lineage[LEFT_OUT]["instruments"]) == ["sim-003"]
    for frame in (holdout.rows, holdout.market[holdout.market["hour"] >= holdout.window.first]):
        assert "sim-003" not in set(frame["instrument_id"])
    trained.add_version("v4")
    assert trained.attempt("candidate_model", config={"model": "model", "dataset": DAY}, key="v4").success
    assert trained.attempt("evaluated_model", key="v4").success
    rows = facts(card_of(trained, "v4"), "lineage", "Left out for low quality")
    assert [(row["dataset"], row["day"], row["what"]) for row in rows] == [
        (freezing.TRAINING, BAD, "the whole day"),
        (freezing.HOLDOUT, DAY, "sim-003"),
    ]
    assert rows[1]["why"] == "100.0% of its rows lost slog_volume_24h."
    assert _check(trained.attempt(checks=freezing.HOLDOUT)).description.startswith("Left out for low quality: 1 instr")


def test_refuse_fails_the_run_in_words_and_freezes_nothing(make_world, trained_home):
    world = with_policy(make_world, trained_home, "refuse")
    spoil(world)
    message = failure(world.attempt(freezing.TRAINING, key=DAY))
    assert "has 1 day of low quality. 2026-01-04: 100.0% of the rows lost slog_volume_24h" in message
    assert "low_quality in datasets.yaml is refuse" in message
    assert world.artifacts.find(freezing.TRAINING, DAY) is None


def test_wait_freezes_nothing_until_the_hours_are_repaired_or_the_deadline_has_passed(make_world, trained_home):
    early = {"clock": Clock(fixed="2026-01-07T12:00:00")}
    world = with_policy(make_world, trained_home, "wait", **early)
    spoil(world)
    message = failure(world.attempt(freezing.TRAINING, key=DAY))
    assert "they are left out from 2026-01-08 00:00 UTC on, unless they are repaired before" in message
    late = with_policy(make_world, trained_home, "wait", name="late")
    spoil(late)
    assert late.attempt(freezing.TRAINING, key=DAY).success
    assert LEFT_OUT in freezing.load(late.artifacts, freezing.TRAINING, DAY).lineage


@pytest.mark.parametrize("policy", ["exclude", "wait", "refuse"])
def test_a_bad_holdout_is_refused_whatever_the_policy(make_world, trained_home, policy):
    world = with_policy(make_world, trained_home, policy)
    spoil(world, DAY)
    assert "The holdout window" in failure(world.attempt(freezing.HOLDOUT, key=DAY))
    assert world.artifacts.find(freezing.HOLDOUT, DAY) is None
