"""The start of a period of a replay: train, evaluate, and move the champion, as automation does."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from mlreg_dagster import jobs
from mlreg_dagster.core.hours import HOUR, day_key
from mlreg_dagster.datasets import freezing
from mlreg_dagster.datasets.choosing import refusal
from mlreg_dagster.datasets.windows import windows_of
from mlreg_dagster.governance.policy.track_record import verdict_on
from mlreg_dagster.governance.promotion.automatic import may_promote
from mlreg_dagster.governance.promotion.request import PromotionRequest
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.classifier.labels import CannotLearn
from mlreg_dagster.models.manifests import is_trained_by, recorded_settings
from mlreg_dagster.models.names import CHAMPION, NOBODY
from mlreg_dagster.registry import version_number
from mlreg_dagster.replay import policies, rollouts, selection
from mlreg_dagster.replay.plan import ACTOR, OnStep, Replay
from mlreg_dagster.runner import Runner, asset_config

_DAY = pd.Timedelta(days=1)
_AS_AUTOMATION = {"dagster/sensor_name": "retrain_sensor"}
"""Tags of a training for a cause of automation: a replay trains in place of the sensor."""
_LATEST_TRIED = 7
"""How many days before a period a dataset may end at the earliest: markets close for days."""


def retrain(
    runner: Runner, replay: Replay, first: pd.Timestamp, on_step: OnStep, cause: Mapping[str, str] | None = None
) -> None:
    """Freeze, train, evaluate and promote as automation does at the start of a period.

    Args:
        runner: Runs the jobs.
        replay: What is replayed.
        first: The midnight that begins the period.
        on_step: Takes each step before it begins.
        cause: Trigger, cause and reason of the training, as its run config states them; None: it is on schedule.
    """
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
            try:
                order = {"model": model, "dataset": day_key(day), "actor": ACTOR, **(cause or {})}
                version = runner.train(order, _AS_AUTOMATION if cause else None)
            except CannotLearn as reason:  # history grows, so a later week has more to learn from
                on_step(f"{model} is not trained: {reason}", first)
                continue
        if runner.registry.latest_evaluation(version) is None:
            on_step(f"evaluate {version}", first)
            known = {"actor": ACTOR, "until": first.isoformat()}
            runner.run_partition(jobs.EVALUATE, version, asset_config("evaluated_model", known))
        _promote(runner, replay, version, first, on_step)
    if replay.compares and policies.recorded(runner.warehouse, first) is None:
        on_step("what other policies would have decided", first)
        _decide_policies(runner, replay, first, day_key(day))


def _decide_policies(runner: Runner, replay: Replay, first: pd.Timestamp, day: str) -> None:
    """Store which version each compared policy has as champion from `first` on."""
    passed = {}
    for model in replay.models:
        version = _version_of(runner, model, day)
        evaluation = None if version is None else runner.registry.latest_evaluation(version)
        if version is not None and evaluation is not None and evaluation.passed:
            passed[model] = version
    before = policies.newest_before(runner.warehouse, first)
    decided = policies.decide(before, passed, replay.models, lambda left, right: _is_better(runner, left, right))
    policies.record(runner.warehouse, first, decided)


def _is_better(runner: Runner, left: str, right: str) -> bool:
    """Whether `left` is told apart as better at finding anomalies planted into its holdout."""
    from mlreg_dagster.models.evaluation import comparison
    from mlreg_dagster.models.evaluation.rounds import plant_anomalies

    settings = runner.settings
    models = [
        artifact.load(runner.artifacts, each, runner.registry.version(each).artifact_sha256) for each in (left, right)
    ]
    holdout = freezing.load(runner.artifacts, freezing.HOLDOUT, runner.registry.version(left).dataset_day)
    rounds = plant_anomalies(holdout, settings.evaluation.injection, settings.features, settings.max_lookback_hours)
    asked = settings.evaluation.comparison
    chances = [comparison.chance_of(each, runner.registry, runner.artifacts, rounds, asked).chance for each in models]
    found = comparison.compare(models[0], models[1], holdout, rounds, asked, (chances[0], chances[1]))
    return found.verdict == "better"


def _models_to_train(runner: Runner, replay: Replay, first: pd.Timestamp) -> list[str]:
    """All of them; where outcomes select and nothing is compared, those without a challenger that matures."""
    if replay.select != "outcomes" or replay.compares:
        return list(replay.models)
    maturing = _shadows(runner, replay, first, before=True)
    return [model for model in replay.models if model not in maturing]


def _shadows(runner: Runner, replay: Replay, first: pd.Timestamp, *, before: bool = False) -> dict[str, str]:
    models = {name: runner.settings.model(name) for name in replay.models}
    return selection.shadows(runner.registry, models, first, replay.shadow_days, before=before)


def scored_beside(runner: Runner, replay: Replay, first: pd.Timestamp) -> dict[str, Any] | None:
    """Run config that has the challengers and the versions of other policies score; None where there are none."""
    versions = set(_shadows(runner, replay, first).values()) if replay.select == "outcomes" else set()
    if replay.compares:
        versions |= set((policies.recorded(runner.warehouse, first) or {}).values())
    in_order = sorted(versions, key=version_number)
    return asset_config("predictions", {"versions": in_order}) if in_order else None


def promote_by_outcomes(runner: Runner, replay: Replay, first: pd.Timestamp, on_step: OnStep) -> None:
    """Let the challenger that its outcomes tell apart as better take over, unless that was decided before."""
    champion = runner.registry.holder(CHAMPION)
    if champion is None or champion.effective_at >= first:
        return
    challengers = _shadows(runner, replay, first, before=True)
    if better := selection.better_challenger(runner.warehouse, challengers, first, runner.settings.outcomes):
        _move(runner, *better, champion.version, first, on_step)


def newest_trainable_day(runner: Runner, first: pd.Timestamp) -> pd.Timestamp | None:
    """The newest day before a midnight whose windows hold enough good hours; None where no recent day has."""
    settings = runner.settings.datasets
    table = features_table(runner.settings.features)
    since = first - settings.history_hours * HOUR - _LATEST_TRIED * _DAY
    hours = pd.DatetimeIndex(runner.warehouse.read(table, since, first - HOUR, columns=["hour"])["hour"].unique())
    for day in pd.date_range(first - _DAY, periods=_LATEST_TRIED, freq="-1D", unit="us"):
        windows = windows_of(day, settings)
        trained = hours.isin(windows.training.hours).sum()
        held_out = hours.isin(windows.holdout.hours).sum()
        if trained < settings.min_training_hours or held_out < settings.min_holdout_hours:
            continue
        if refusal(runner.warehouse, day, runner.settings, runner.clock.now()) is None:
            return pd.Timestamp(day)
    return None


def _version_of(runner: Runner, model: str, day: str) -> str | None:
    """The version that an earlier attempt at this replay has trained already, if any."""
    wanted = recorded_settings(runner.settings.model(model))
    for version in runner.registry.versions():
        if version.dataset_day == day and is_trained_by(version.manifest, wanted):
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
    if allowed and champion is not None and replay.select == "rollout":
        rollouts.start(runner, version, reason, effective_at, on_step)
    elif allowed:
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
