"""`mlreg train --fresh`: what is taken in and frozen, on which source, and what is said where it can't be."""

import dagster as dg
import pandas as pd
import pytest

from mlreg_dagster import jobs
from mlreg_dagster.cli.fresh_dataset import FreshDataset, NothingFresh, make_fresh_dataset
from mlreg_dagster.core.hours import HOUR, hour_key, hour_range
from mlreg_dagster.datasets import freezing
from mlreg_dagster.market.sources.base import last_ended_hour
from mlreg_dagster.market.sources.simulated.source import SimulatedMarket
from mlreg_dagster.orchestration.resources import Clock
from mlreg_dagster_tests.lifecycle import START, Lifecycle

SOON = "2026-01-03T00:30"
"""Two days after the start of the market: one to train on, one to hold out."""
TWO_DAYS = {"datasets": {"history_hours": 48, "min_training_hours": 16, "min_snapshots_per_instrument": 12}}
LAST = last_ended_hour(pd.Timestamp(SOON, tz="UTC"))
HOURS = len(hour_range(START, LAST))
NEWEST_DAY = "2026-01-02"


class Forgetful(SimulatedMarket):
    """A source that can be asked about nothing before `knows_from`."""

    knows_from = START

    def span(self, now: pd.Timestamp) -> tuple[pd.Timestamp, pd.Timestamp]:
        return self.knows_from, super().span(now)[1]


def _made_fresh(world: Lifecycle) -> FreshDataset:
    return make_fresh_dataset(world, lambda step, number: None)  # noqa: ARG005


def _hours_of(world: Lifecycle, asset: str) -> set[str]:
    return set(world.instance.get_materialized_partitions(dg.AssetKey(asset)))


@pytest.fixture
def young(make_world):
    """An empty home two days after the start of the market."""

    def make(name: str = "world", configs=None, **resources) -> Lifecycle:
        return make_world(
            None, name=name, configs={**TWO_DAYS, **(configs or {})}, clock=Clock(fixed=SOON), **resources
        )

    return make


@pytest.fixture
def world(young) -> Lifecycle:
    return young()


@pytest.fixture
def forgetful(world, young):
    def make(knows_from: pd.Timestamp) -> Lifecycle:
        source = Forgetful(world.settings.ingest.simulated, world.settings.ingest.universe)
        source.knows_from = knows_from
        return young("forgetful", source=source)

    return make


def test_an_empty_home_takes_in_what_the_newest_complete_day_looks_back_on(world):
    fresh = _made_fresh(world)
    assert fresh == FreshDataset(NEWEST_DAY, True, [(START, LAST)], [], [])
    for asset in jobs.HOURLY_ASSETS:
        assert _hours_of(world, asset) == set(map(hour_key, hour_range(START, LAST)))
    windows = [freezing.load(world.artifacts, kind, fresh.day).window for kind in (freezing.TRAINING, freezing.HOLDOUT)]
    assert windows[1].end == LAST + HOUR
    assert fresh.sentences[0].startswith(
        f"{HOURS} hours were missing and were taken in: 2026-01-01-00:00...2026-01-02-23:00"
    )
    assert fresh.sentences[-1] == "The dataset of 2026-01-02 is frozen now."

    runs = len(world.instance.get_runs())
    again = _made_fresh(world)
    assert again == FreshDataset(NEWEST_DAY, False, [], [], [])
    assert again.sentences == ["No hour was missing.", "The dataset of 2026-01-02 was frozen before."]
    assert len(world.instance.get_runs()) == runs


@pytest.mark.slow
def test_only_what_is_missing_is_taken_in_and_what_was_repaired_is_made_again(world):
    world.run_hours(jobs.HOURLY, hour_range(START, LAST - 6 * HOUR))
    world.attempt("market_snapshot", hours=hour_range(START, START))
    assert _made_fresh(world).taken_in == [(LAST - 5 * HOUR, LAST)]
    repaired = world.instance.get_latest_storage_id_by_partition(
        dg.AssetKey("market_features"), dg.DagsterEventType.ASSET_MATERIALIZATION
    )
    assert repaired[hour_key(START)] > repaired[hour_key(LAST)]


@pytest.mark.slow
def test_features_after_a_gap_that_is_filled_are_made_again(world):
    gap = START + 20 * HOUR
    for first, last in ((START, gap - HOUR), (gap + HOUR, LAST)):
        world.run_hours(jobs.HOURLY, hour_range(first, last))
    fresh = _made_fresh(world)
    assert fresh.taken_in == [(gap, gap)]
    order = world.instance.get_latest_storage_id_by_partition(
        dg.AssetKey("market_features"), dg.DagsterEventType.ASSET_MATERIALIZATION
    )
    assert all(order[hour_key(hour)] > order[hour_key(gap)] for hour in hour_range(gap + HOUR, gap + 24 * HOUR))
    assert order[hour_key(gap - HOUR)] < order[hour_key(gap)]


@pytest.mark.slow
def test_a_dataset_that_is_not_on_record_is_frozen_once_more(world):
    world.run_hours(jobs.HOURLY, hour_range(START, LAST))
    world.run_partition(jobs.DATASETS, NEWEST_DAY)
    for kind in (freezing.TRAINING, freezing.HOLDOUT):  # as a run that died between freezing and recording leaves it
        world.instance.wipe_assets([dg.AssetKey(kind)])
    assert _made_fresh(world).frozen_now
    assert not _made_fresh(world).frozen_now


def test_a_market_that_has_not_begun_is_told_so(young):
    world = young(configs={"ingest": {"start": (LAST + 48 * HOUR).isoformat(), "universe": 4}})
    with pytest.raises(NothingFresh, match=r"No hour of the market has ended since its start"):
        _made_fresh(world)


def test_a_source_that_forgets_is_asked_for_what_it_knows_and_all_else_is_named(forgetful):
    world = forgetful(LAST - HOUR)
    with pytest.raises(NothingFresh) as refused:
        _made_fresh(world)
    lost = f"{hour_key(START)}...{hour_key(LAST - 2 * HOUR)}"
    assert f"{HOURS - 2} hours are missing, and simulated can't be asked about them: {lost}." in str(refused.value)
    assert "Leave `dagster dev` running" in str(refused.value)
    assert _hours_of(world, "market_snapshot") == {hour_key(LAST - HOUR), hour_key(LAST)}
    assert world.artifacts.keys(freezing.TRAINING) == []


@pytest.mark.slow
def test_hours_that_stay_missing_are_told_where_enough_are_left(forgetful):
    fresh = _made_fresh(forgetful(START + 5 * HOUR))
    assert (fresh.day, fresh.unavailable) == (NEWEST_DAY, [(START, START + 4 * HOUR)])
    assert "5 hours stay missing, for the source can't be asked about them: " in fresh.sentences[1]


@pytest.mark.slow
def test_a_market_that_has_too_few_hours_says_which_settings_ask_for_more(young):
    world = young(configs={"datasets": {"history_hours": 48, "min_training_hours": 24}, "ingest": {
        "start": (LAST - 36 * HOUR).isoformat(), "universe": 4}})  # fmt: skip
    with pytest.raises(NothingFresh, match=r"needs 24 hours for training.*set an earlier `start`"):
        _made_fresh(world)


@pytest.mark.slow
def test_the_command_says_what_it_did_and_trains_on_it(mlreg):
    answer = mlreg("train", "--fresh", "--model", "model_forest")
    assert answer.code == 0, answer.err
    assert "hours were missing and were taken in" in answer.out
    assert "The dataset of " in answer.out
    assert "v1 is a candidate" in answer.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--dataset", "2026-01-04"), "Choose one of them"),
        (("--model", "model_none"), "no model_none.yaml"),
        (("--set", "contamination=3"), "contamination"),
    ],
)
def test_what_can_not_be_trained_is_refused_before_anything_is_taken_in(mlreg, own_home, arguments, message):
    answer = mlreg("train", "--fresh", *arguments)
    assert answer.code == 1
    assert message in answer.err
    assert not (own_home / "warehouse.duckdb").exists()
