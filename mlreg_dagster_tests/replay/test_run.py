"""A replay equals the same history run piece by piece, however often it was interrupted."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from mlreg_dagster import jobs
from mlreg_dagster.config import PromotionSettings
from mlreg_dagster.core.hours import HOUR, as_hour, day_key, hour_range
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.outcomes.schema import MODEL_PERFORMANCE, PREDICTION_OUTCOMES, PREDICTIONS
from mlreg_dagster.replay.plan import CannotReplay, Replay, days_between
from mlreg_dagster.replay.report import make_report, monthly
from mlreg_dagster.replay.run import run_replay
from mlreg_dagster_tests.lifecycle import DATASET_DAY, LIVE, Lifecycle
from mlreg_dagster_tests.replay.small import SMALL
from mlreg_dagster_tests.serving.running import LONG

pytestmark = pytest.mark.slow

END = LIVE + pd.Timedelta(days=2)
PLAN = Replay(LIVE, END, period_days=1, models=("model",), policy=PromotionSettings())


class Killed(Exception):
    """What ends a replay in the middle."""


Told = list[tuple[str, pd.Timestamp]]


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lifecycle, Told]:
    """A world after the replay, and the steps that were told on the way."""
    world = Lifecycle(tmp_path_factory.mktemp("replay") / "world", SMALL)
    told: Told = []
    run_replay(world, PLAN, lambda step, clock: told.append((step, clock)))
    return world, told


@pytest.fixture(scope="module")
def replayed(replay: tuple[Lifecycle, Told]) -> Lifecycle:
    return replay[0]


def tables(world: Lifecycle) -> dict[str, pd.DataFrame]:
    features = features_table(world.settings.features)
    kept = (MARKET_SNAPSHOT, features, PREDICTIONS, PREDICTION_OUTCOMES, MODEL_PERFORMANCE)
    return {table.name: world.warehouse.read(table).drop(columns="artifact_sha256", errors="ignore") for table in kept}


def moves(world: Lifecycle) -> list[tuple[str, pd.Timestamp, str]]:
    return [(move.version, move.effective_at, move.reason) for move in world.registry.history("champion")]


def assert_same(left: Lifecycle, right: Lifecycle) -> None:
    assert moves(left) == moves(right)
    for name, frame in tables(left).items():
        pd.testing.assert_frame_equal(frame, tables(right)[name], check_exact=True, obj=name)


def test_every_period_is_trained_for_and_predicted_by_the_champion_of_its_hours(replayed: Lifecycle) -> None:
    assert [version.dataset_day for version in replayed.registry.versions()] == [
        day_key(day) for day in (DATASET_DAY, LIVE)
    ]
    assert moves(replayed), "with these settings at least one version passes its gates"
    for hour, part in tables(replayed)["predictions"].groupby("hour"):
        assert set(part["model_version"]) == {replayed.registry.holder("champion", hour).version}
        assert not part["in_sample"].any()


def test_no_move_takes_effect_before_its_model_may_score(replayed: Lifecycle) -> None:
    for version, effective_at, _ in moves(replayed):
        assert effective_at >= as_hour(replayed.registry.version(version).manifest["scores_from"])


@pytest.mark.skipif(not LONG, reason="MLREG_LONG=1 kills it after each step, `test_killed_replay` at random moments")
def test_a_replay_killed_after_each_step_ends_like_an_unbroken_one(
    replayed: Lifecycle, make_world: Callable[..., Lifecycle]
) -> None:
    world, attempts = make_world(None, configs=SMALL), 0
    while True:
        steps: list[str] = []

        def tell(step: str, _: pd.Timestamp, steps: list[str] = steps) -> None:
            steps.append(step)
            if len(steps) == 2:
                raise Killed(step)

        try:
            run_replay(world, PLAN, tell)
        except Killed:
            attempts += 1
            assert attempts < 40
            continue
        break
    assert attempts > 4
    assert_same(world, replayed)


def test_a_replay_equals_the_same_hours_in_other_pieces(
    replayed: Lifecycle, make_world: Callable[..., Lifecycle]
) -> None:
    world = make_world(None, configs=SMALL)
    start = world.settings.ingest.first_hour
    world.run_hours(jobs.MARKET, hour_range(start, LIVE - HOUR))
    for first, end in PLAN.periods():
        world.run_partition(jobs.DATASETS, day_key(first - pd.Timedelta(days=1)))
        for model in PLAN.models:
            version = world.train({"model": model, "dataset": day_key(first - pd.Timedelta(days=1))})
            world.run_partition(jobs.EVALUATE, version)
            for known, effective_at, reason in moves(replayed):
                if known == version:
                    world.promote(version, effective_at, reason=reason)
        hours = hour_range(first, end - HOUR)
        for piece in (hours[:1], hours[1:]):
            world.run_hours(jobs.HOURLY, piece)
        world.run_partition(jobs.PERFORMANCE, day_key(first))
    assert_same(world, replayed)


def test_an_empty_or_too_early_period_is_refused(replayed: Lifecycle) -> None:
    for first, end in ((END, LIVE), (as_hour("2020-01-01"), END)):
        with pytest.raises(CannotReplay, match="can't be replayed"):
            run_replay(replayed, replace(PLAN, first=first, end=end), lambda *_: None)


@pytest.mark.parametrize(("said", "days"), [("daily", 1), ("weekly", 7), ("monthly", 30), ("10", 10)])
def test_how_often_is_said_in_words_or_days(said: str, days: int) -> None:
    assert days_between(said) == days


@pytest.mark.parametrize("said", ["0", "-1", "often", "7d", ""])
def test_other_words_are_refused(said: str) -> None:
    with pytest.raises(CannotReplay, match="Write daily, weekly, monthly, or a number of days"):
        days_between(said)


def test_the_replayed_time_never_goes_back(replay: tuple[Lifecycle, Told]) -> None:
    world, told = replay
    again: Told = []
    run_replay(world, PLAN, lambda step, clock: again.append((step, clock)))
    assert again == [("done", END)]  # nothing is done again
    clocks = [clock for _, clock in told]
    assert clocks == sorted(clocks)
    assert (clocks[0], clocks[-1]) == (LIVE, END)


@pytest.mark.pictures
def test_the_report_stands_alone_and_says_who_was_champion(replayed: Lifecycle, tmp_path: Path) -> None:
    page = make_report(replayed, PLAN)
    (tmp_path / "replay.html").write_text(page)
    assert 'src="data:image/svg+xml' in page
    assert "http" not in page.replace("https://", "")
    for version, effective_at, reason in moves(replayed):
        assert f"{effective_at:%Y-%m-%d %H:%M}" in page
        assert version in page
        assert reason.split(":")[0] in page
    assert "crash episodes" in page


def test_months_add_up(replayed: Lifecycle) -> None:
    outcomes = tables(replayed)["prediction_outcomes"]
    months = monthly(outcomes, replayed.settings.outcomes)
    parts, whole = months[months["month"] != "all"], months[months["month"] == "all"]
    for count in ("predictions", "resolved", "unresolved", "crashes", "flagged"):
        assert parts[count].sum() == whole[count].item()
    assert whole["predictions"].item() == len(outcomes)
