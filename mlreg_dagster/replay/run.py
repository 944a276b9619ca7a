"""Backtests the lifecycle over a historical period, through the same assets, jobs and policy.

Time goes forward period by period. At the start of each period the newest dataset is frozen, trained on, evaluated
and, if the policy allows it, promoted from that hour on; then the hours of the period run, in one range: predictions by
the champion as of each hour, and the outcomes that fall due. Market and features, which know nothing of models, are
made for several periods at once: half of a week's work is the week that it looks back on. Finished work is not
done again, so a killed replay resumes where it stopped.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from mlreg_dagster import jobs
from mlreg_dagster.core.hours import HOUR, day_key, hour_key, hour_range
from mlreg_dagster.orchestration.locks.lifecycle import alone_on
from mlreg_dagster.replay import rollouts
from mlreg_dagster.replay.champions import promote_by_outcomes, retrain, scored_beside
from mlreg_dagster.replay.plan import CannotReplay, OnStep, Replay
from mlreg_dagster.runner import Runner

_DAY = pd.Timedelta(days=1)


def run_replay(runner: Runner, replay: Replay, on_step: OnStep) -> None:
    """Run what has not run yet.

    Raises:
        CannotReplay: The period is empty, or begins before the partitions do.
        HomeInUse: Another replay, demo or sweep works on the home.
        RunFailed: A run failed; starting the same replay again goes on from there.
    """
    ingest = runner.settings.ingest
    if not (replay.first < replay.end and ingest.covers(replay.first) and ingest.covers(replay.end - HOUR)):
        until = "now" if ingest.last_hour is None else hour_key(ingest.last_hour)
        raise CannotReplay(
            f"{replay.first:%Y-%m-%d} to {replay.end - _DAY:%Y-%m-%d} can't be replayed: the partitions go from "
            f"{hour_key(ingest.first_hour)} to {until} (`start` and `end` in ingest.yaml), and the last day must "
            f"not lie before the first."
        )
    if replay.select == "rollout":
        rollouts.require_playable(runner)
    with alone_on(runner.home):
        _run(runner, replay, on_step)


def _run(runner: Runner, replay: Replay, on_step: OnStep) -> None:
    ingest = runner.settings.ingest
    datasets = runner.settings.datasets
    labelled = datasets.label_reach_hours(runner.settings.outcomes.horizon_hours)
    history = (max(datasets.history_hours, labelled) + runner.settings.max_lookback_hours) * HOUR
    warm_up = hour_range(max(ingest.first_hour, replay.first - history), replay.first - HOUR)
    if len(warm_up) and not _is_made(runner, "market_features", hour_key(warm_up[-1])):
        on_step(f"history before {day_key(replay.first)}", replay.first)
        runner.run_hours(jobs.MARKET, warm_up)
    for first, end in replay.periods():
        if replay.select == "outcomes":
            promote_by_outcomes(runner, replay, first, on_step)
        retrain(runner, replay, first, on_step)
        if not _is_made(runner, "market_features", hour_key(end - HOUR)):
            ahead = min(max(end, first + ingest.hours_at_once * HOUR), replay.end)
            on_step(f"market until {day_key(ahead - HOUR)}", first)
            runner.run_hours(jobs.MARKET, hour_range(first, ahead - HOUR))
        beside = scored_beside(runner, replay, first)
        if replay.select != "rollout":
            _score(runner, first, end, beside, on_step)
            continue
        for begin, until in rollouts.stretches(runner, first, end):
            _score(runner, begin, until, beside, on_step)
            rollouts.step(runner, until, on_step)
    on_step("done", replay.end)


def _score(
    runner: Runner, first: pd.Timestamp, end: pd.Timestamp, beside: Mapping[str, Any] | None, on_step: OnStep
) -> None:
    """Predictions, outcomes and performance of the hours from `first` until `end`."""
    last = end - HOUR
    is_scored = _is_made(runner, "prediction_outcomes", hour_key(last))
    if not is_scored:
        on_step(f"hours until {day_key(last)}", first)
        runner.run_hours(jobs.SCORING, hour_range(first, last), beside)
    day = day_key(last.floor("D"))
    if not is_scored or not all(_is_made(runner, each, day) for each in jobs.PERFORMANCE_ASSETS):
        on_step(f"performance until {day_key(last)}", end)
        runner.run_days(jobs.PERFORMANCE, pd.date_range(first, last.floor("D"), freq="D", unit="us"))


def _is_made(runner: Runner, asset: str, key: str) -> bool:
    """Whether a partition was made; a range run records its last partition only when all are written."""
    return runner.has_made(asset, [key])
