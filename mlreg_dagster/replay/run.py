"""Backtests the lifecycle over a historical period, through the same assets, jobs and policy.

Time goes forward period by period. At the start of each period the newest dataset is frozen, trained on, evaluated
and, if the policy allows it, promoted from that hour on; then the hours of the period run, in one range: predictions by
the champion as of each hour, and the outcomes that fall due. Market and features, which know nothing of models, are
made for several periods at once: half of a week's work is the week that it looks back on. Finished work is not
done again, so a killed replay resumes where it stopped.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from mlreg_dagster import jobs
from mlreg_dagster.config import PromotionSettings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.hours import HOUR, day_key, hour_key, hour_range
from mlreg_dagster.core.people import REPLAY
from mlreg_dagster.datasets import freezing
from mlreg_dagster.datasets.windows import windows_of
from mlreg_dagster.governance.policy.track_record import verdict_on
from mlreg_dagster.governance.promotion.automatic import may_promote
from mlreg_dagster.governance.promotion.request import PromotionRequest
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.models.manifests import recorded_settings
from mlreg_dagster.models.names import CHAMPION, NOBODY
from mlreg_dagster.orchestration.locks.lifecycle import alone_on
from mlreg_dagster.replay import selection
from mlreg_dagster.runner import Runner, asset_config

ACTOR = REPLAY

_DAY = pd.Timedelta(days=1)
_RETRAIN = {"daily": 1, "weekly": 7, "monthly": 30}
_LATEST_TRIED = 7
"""How many days before a period a dataset may end at the earliest: markets close for days."""

OnStep = Callable[[str, pd.Timestamp], None]
"""Takes each step before it begins, and the replayed time."""


class CannotReplay(MlregError):
    """A stretch of history that can't be replayed."""


@dataclass(frozen=True)
class Replay:
    """What to replay.

    Attributes:
        first: First midnight, UTC.
        end: The midnight after the last day.
        period_days: Days between two trainings.
        models: Config files that are trained each time, without .yaml.
        policy: What lets a version become champion.
        select: `evaluation`: each training may bring a new champion, by `policy`. `outcomes`: challengers score beside
            the champion, and one replaces it only once its matured outcomes are better.
        shadow_days: With `outcomes`, after how many days a challenger gives way to a newly trained one.
    """

    first: pd.Timestamp
    end: pd.Timestamp
    period_days: int
    models: tuple[str, ...]
    policy: PromotionSettings
    select: Literal["evaluation", "outcomes"] = "evaluation"
    shadow_days: int = 84

    def periods(self) -> Iterator[tuple[pd.Timestamp, pd.Timestamp]]:
        """First midnight of each period and the one after it."""
        starts = pd.date_range(self.first, self.end - _DAY, freq=f"{self.period_days}D", unit="us")
        for start in starts:
            yield start, min(start + self.period_days * _DAY, self.end)


def days_between(retrain: str) -> int:
    """Days between two trainings, from a word or a number.

    Raises:
        CannotReplay: It is neither a word that is known nor a number of days.
    """
    days = _RETRAIN.get(retrain) or (int(retrain) if retrain.isdecimal() else 0)
    if not days:
        raise CannotReplay(f"Retraining {retrain!r} is unknown. Write {', '.join(_RETRAIN)}, or a number of days.")
    return days


def run_replay(runner: Runner, replay: Replay, on_step: OnStep) -> None:
    """Run what has not run yet.

    Raises:
        CannotReplay: The period is empty, or begins before the partitions do.
        HomeInUse: Another replay or demo works on the home.
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
    with alone_on(runner.warehouse.path.parent):
        _run(runner, replay, on_step)


def _run(runner: Runner, replay: Replay, on_step: OnStep) -> None:
    ingest = runner.settings.ingest
    history = (runner.settings.datasets.history_hours + runner.settings.max_lookback_hours) * HOUR
    warm_up = hour_range(max(ingest.first_hour, replay.first - history), replay.first - HOUR)
    if len(warm_up) and not _is_made(runner, "market_features", hour_key(warm_up[-1])):
        on_step(f"history before {day_key(replay.first)}", replay.first)
        runner.run_hours(jobs.MARKET, warm_up)
    for first, end in replay.periods():
        if replay.select == "outcomes":
            _promote_by_outcomes(runner, replay, first, on_step)
        _retrain(runner, replay, first, on_step)
        last = end - HOUR
        if not _is_made(runner, "market_features", hour_key(last)):
            ahead = min(max(end, first + ingest.chunk_hours * HOUR), replay.end)
            on_step(f"market until {day_key(ahead - HOUR)}", first)
            runner.run_hours(jobs.MARKET, hour_range(first, ahead - HOUR))
        is_scored = _is_made(runner, "prediction_outcomes", hour_key(last))
        if not is_scored:
            on_step(f"hours until {day_key(last)}", first)
            runner.run_hours(jobs.SCORING, hour_range(first, last), _scored_beside(runner, replay, first))
        day = day_key(last.floor("D"))
        if not is_scored or not all(_is_made(runner, each, day) for each in jobs.PERFORMANCE_ASSETS):
            on_step(f"performance until {day_key(last)}", end)
            runner.run_range(jobs.PERFORMANCE, day_key(first), day_key(last))
    on_step("done", replay.end)


def _retrain(runner: Runner, replay: Replay, first: pd.Timestamp, on_step: OnStep) -> None:
    """Freeze, train, evaluate and promote as automation does at the start of a period."""
    day = newest_trainable_day(runner, first)
    if day is None:
        on_step("not enough history to train on", first)
        return
    if not all(runner.artifacts.find(kind, day_key(day)) for kind in (freezing.TRAINING, freezing.HOLDOUT)):
        on_step(f"dataset of {day_key(day)}", first)
        runner.run_partition(jobs.DATASETS, day_key(day))
    for model in _models_to_train(runner, replay, first):
        version = _version_of(runner, model, day_key(day))
        if version is None:
            on_step(f"train {model} on {day_key(day)}", first)
            version = runner.train({"model": model, "dataset": day_key(day), "actor": ACTOR})
        if runner.registry.latest_evaluation(version) is None:
            on_step(f"evaluate {version}", first)
            runner.run_partition(jobs.EVALUATE, version, asset_config("evaluated_model", {"actor": ACTOR}))
        _promote(runner, replay, version, first, on_step)


def _models_to_train(runner: Runner, replay: Replay, first: pd.Timestamp) -> list[str]:
    """All of them; where outcomes select, those without a challenger that matures, and those of a killed attempt."""
    if replay.select == "evaluation":
        return list(replay.models)
    maturing = _shadows(runner, replay, first, before=True)
    return [model for model in replay.models if model not in maturing]


def _shadows(runner: Runner, replay: Replay, first: pd.Timestamp, *, before: bool = False) -> dict[str, str]:
    models = {name: runner.settings.model(name) for name in replay.models}
    return selection.shadows(runner.registry, models, first, replay.shadow_days, before=before)


def _scored_beside(runner: Runner, replay: Replay, first: pd.Timestamp) -> dict[str, Any] | None:
    """Run config that has the challengers score; None where there are none."""
    versions = sorted(_shadows(runner, replay, first).values()) if replay.select == "outcomes" else []
    return asset_config("predictions", {"versions": versions}) if versions else None


def _promote_by_outcomes(runner: Runner, replay: Replay, first: pd.Timestamp, on_step: OnStep) -> None:
    """Let the challenger that its outcomes tell apart as better take over, unless that was decided before."""
    champion = runner.registry.holder(CHAMPION)
    if champion is None or champion.effective_at >= first:
        return
    challengers = _shadows(runner, replay, first, before=True)
    if better := selection.better_challenger(runner.warehouse, challengers, first, runner.settings.outcomes):
        _move(runner, *better, champion.version, first, on_step)


def newest_trainable_day(runner: Runner, first: pd.Timestamp) -> pd.Timestamp | None:
    """The newest day before a midnight whose windows hold enough hours; None where no recent day has."""
    settings = runner.settings.datasets
    table = features_table(runner.settings.features)
    since = first - settings.history_hours * HOUR - _LATEST_TRIED * _DAY
    hours = pd.DatetimeIndex(runner.warehouse.read(table, since, first - HOUR, columns=["hour"])["hour"].unique())
    for day in pd.date_range(first - _DAY, periods=_LATEST_TRIED, freq="-1D", unit="us"):
        windows = windows_of(day, settings)
        trained = hours.isin(windows.training.hours).sum()
        held_out = hours.isin(windows.holdout.hours).sum()
        if trained >= settings.min_training_hours and held_out >= settings.min_holdout_hours:
            return pd.Timestamp(day)
    return None


def _version_of(runner: Runner, model: str, day: str) -> str | None:
    """The version that an earlier attempt at this replay has trained already, if any."""
    wanted = recorded_settings(runner.settings.model(model))
    for version in runner.registry.versions():
        if version.dataset_day == day and version.manifest["settings"] == wanted:
            return version.version
    return None


def _promote(runner: Runner, replay: Replay, version: str, effective_at: pd.Timestamp, on_step: OnStep) -> None:
    registry = runner.registry
    evaluation, champion = registry.latest_evaluation(version), registry.holder(CHAMPION)
    if evaluation is None or any(move.version == version for move in registry.history(CHAMPION)):
        return
    if champion is not None and champion.effective_at > effective_at:
        return  # decided in an earlier attempt at this replay
    if champion is not None and replay.select == "outcomes":
        return  # it is a challenger now
    allowed, reason = may_promote(evaluation, champion, replay.policy)
    if allowed:
        _move(runner, version, reason, champion.version if champion else NOBODY, effective_at, on_step)


def _move(
    runner: Runner, version: str, reason: str, expected: str, effective_at: pd.Timestamp, on_step: OnStep
) -> None:
    request = PromotionRequest(version, reason, ACTOR, effective_at=effective_at.isoformat(), expected=expected)
    verdict = verdict_on(request, runner.settings, runner.registry, runner.warehouse, runner.clock.now())
    if verdict.outcome != "promote":
        on_step(f"{version} has to wait: {'; '.join(verdict.reasons)}", effective_at)
        return
    on_step(f"{version} becomes champion", effective_at)
    runner.move_alias(request)


def _is_made(runner: Runner, asset: str, key: str) -> bool:
    """Whether a partition was made; a range run records its last partition only when all are written."""
    return runner.has_made(asset, [key])
