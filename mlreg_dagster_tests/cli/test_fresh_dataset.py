"""`mlreg train --fresh`: what is taken in and frozen, on which source, and what is said where it can't be."""

import dagster as dg
import pandas as pd
import pytest

from mlreg_dagster import jobs
from mlreg_dagster.cli.fresh_dataset import FreshDataset, NothingFresh, make_fresh_dataset
from mlreg_dagster.core.hours import HOUR, as_hour, hour_key, hour_range
from mlreg_dagster.datasets import freezing
from mlreg_dagster.market.sources.base import last_ended_hour
from mlreg_dagster.market.sources.simulated.source import SimulatedMarket
from mlreg_dagster.orchestration.resources import Clock
from mlreg_dagster_tests.lifecycle import CONFIGS, Lifecycle, write_configs

START = as_hour("2026-01-01T12:00")
SOON = "2026-01-02T00:30"
"""Half a day after the start of the market: hours to train on, and some to hold out."""
MARKET = {**CONFIGS["ingest"], "start": START.isoformat()}
HALF_A_DAY = {
    "ingest": MARKET,
    "datasets": {
        "history_hours": 24,
        "holdout_hours": 4,
        "min_training_hours": 6,
        "min_holdout_hours": 4,
        "min_snapshots_per_instrument": 4,
    },
}
LAST = last_ended_hour(pd.Timestamp(SOON, tz="UTC"))
HOURS = len(hour_range(START, LAST))
NEWEST_DAY = "2026-01-01"


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
    """An empty home half a day after the start of the market."""

    def make(name: str = "world", configs=None, **resources) -> Lifecycle:
        return make_world(
            None, name=name, configs={**HALF_A_DAY, **(configs or {})}, clock=Clock(fixed=SOON), **resources
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
        f"{HOURS} hours were missing and were taken in: 2026-01-01-12:00...2026-01-01-23:00"
    )
    assert fresh.sentences[-1] == "The dataset of 2026-01-01 is frozen now."

    runs = len(world.instance.get_runs())
    again = _made_fresh(world)
    assert again == FreshDataset(NEWEST_DAY, False, [], [], [])
    assert again.sentences == ["No hour was missing.", "The dataset of 2026-01-01 was frozen before."]
    assert len(world.instance.get_runs()) == runs

    for kind in (freezing.TRAINING, freezing.HOLDOUT):  # as a run that died between freezing and recording leaves it
        world.instance.wipe_assets([dg.AssetKey(kind)])
    assert _made_fresh(world).frozen_now
    assert not _made_fresh(world).frozen_now


@pytest.mark.slow
def test_only_what_is_missing_is_taken_in_and_what_was_repaired_is_made_again(world):
    world.run_hours(jobs.HOURLY, hour_range(START, LAST - 3 * HOUR))
    world.attempt("market_snapshot", hours=hour_range(START, START))
    assert _made_fresh(world).taken_in == [(LAST - 2 * HOUR, LAST)]
    repaired = world.instance.get_latest_storage_id_by_partition(
        dg.AssetKey("market_features"), dg.DagsterEventType.ASSET_MATERIALIZATION
    )
    assert repaired[hour_key(START)] > repaired[hour_key(LAST)]


@pytest.mark.slow
def test_features_after_a_gap_that_is_filled_are_made_again(world):
    gap = START + 5 * HOUR
    for first, last in ((START, gap - HOUR), (gap + HOUR, LAST)):
        world.run_hours(jobs.HOURLY, hour_range(first, last))
    fresh = _made_fresh(world)
    assert fresh.taken_in == [(gap, gap)]
    order = world.instance.get_latest_storage_id_by_partition(
        dg.AssetKey("market_features"), dg.DagsterEventType.ASSET_MATERIALIZATION
    )
    assert all(order[hour_key(hour)] > order[hour_key(gap)] for hour in hour_range(gap + HOUR, LAST))
    assert order[hour_key(gap - HOUR)] < order[hour_key(gap)]


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
    fresh = _made_fresh(forgetful(START + 2 * HOUR))
    assert (fresh.day, fresh.unavailable) == (NEWEST_DAY, [(START, START + HOUR)])
    assert "2 hours stay missing, for the source can't be asked about them: " in fresh.sentences[1]


@pytest.mark.slow
def test_a_market_that_has_too_few_hours_says_which_settings_ask_for_more(young):
    world = young(configs={"ingest": {**MARKET, "start": (LAST - 6 * HOUR).isoformat()}})
    with pytest.raises(NothingFresh, match=r"needs 6 hours for training.*set an earlier `start`"):
        _made_fresh(world)


@pytest.mark.slow
def test_the_command_says_what_it_did_and_trains_on_it(mlreg, tmp_path):
    market = {**MARKET, "end": (LAST + HOUR).isoformat()}  # without an end it goes on to this day
    write_configs(tmp_path / "configs", {**HALF_A_DAY, "ingest": market})
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
