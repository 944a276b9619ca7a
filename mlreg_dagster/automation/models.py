"""The sensor that requests promotions and rollouts that need no person, and rollbacks that protect."""

import hashlib
import json

import dagster as dg
import pandas as pd

from mlreg_dagster import jobs
from mlreg_dagster.automation import common
from mlreg_dagster.config import Settings
from mlreg_dagster.governance.promotion.automatic import may_promote
from mlreg_dagster.governance.promotion.protection import Protection, protection
from mlreg_dagster.governance.promotion.request import PromotionRequest
from mlreg_dagster.governance.rollout.labels import Comparison
from mlreg_dagster.governance.rollout.request import RolloutAction
from mlreg_dagster.governance.rollout.wording import split_in_words
from mlreg_dagster.models.manifests import SWEEP, name_in
from mlreg_dagster.models.names import CHAMPION, NOBODY
from mlreg_dagster.orchestration.instance.repeated_requests import next_turn
from mlreg_dagster.orchestration.instance.runs import under_way
from mlreg_dagster.orchestration.resources import Clock, RegistryResource, WarehouseResource
from mlreg_dagster.registry import AliasEvent, Evaluation, Registry, version_number
from mlreg_dagster.registry.records.traffic import FINISHED, ROLLED_BACK
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

_TRIED = {ROLLED_BACK: "was rolled back", FINISHED: "had an A/B test"}


def build_promote_sensor(settings: Settings, by_name: common.Jobs) -> dg.SensorDefinition:
    """The newest version that promotion.yaml lets become champion by itself."""

    @dg.sensor(
        jobs=[by_name[jobs.PROMOTE], by_name[jobs.ROLLOUT]],
        minimum_interval_seconds=common.EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Promotes the newest version that promotion.yaml lets become champion by itself, or starts its "
        "rollout where the policy requires one; gives champion back where it is confirmed worse than the one before.",
    )
    def promote_sensor(
        context: dg.SensorEvaluationContext,
        mlreg_registry: RegistryResource,
        mlreg_warehouse: WarehouseResource,
        mlreg_clock: Clock,
    ) -> dg.SensorResult | dg.SkipReason:
        if waiting := under_way(context.instance, (jobs.RETRAIN, jobs.EVALUATE, jobs.PROMOTE, jobs.ROLLOUT)):
            return dg.SkipReason(waiting)
        records = mlreg_registry.open()
        champion = records.holder(CHAMPION)
        if (
            champion is not None and mlreg_clock.now() < champion.recorded_at
        ):  # the run would fail, and not be tried again
            return dg.SkipReason(f"The clock is behind the last promotion, which was recorded {champion.recorded_at}.")
        protected = protection(
            records.drift_decisions(),
            records.history(CHAMPION),
            lambda holder, target: _compared(mlreg_warehouse.open(), holder, target, settings),
            mlreg_clock.now(),
            1 - settings.evaluation.comparison.confidence,
        )
        if isinstance(protected, Protection):
            return _request_run(protected.request, protected.key, context.instance, settings)
        rollouts = records.traffic_history(CHAMPION)
        if rollouts and rollouts[-1].is_open:
            return dg.SkipReason(f"{split_in_words(rollouts[-1])} Nothing else is promoted by itself until it ends.")
        if (suspension := records.suspension(CHAMPION)) is not None:
            return dg.SkipReason(f"{suspension.in_words}. Nothing is promoted until a person resumes it.")
        refusals = [protected] if protected else []
        tried = {each.candidate: _TRIED[each.state] for each in rollouts if each.state in _TRIED}
        of_sweeps = {each.version: name for each in records.versions() if (name := name_in(each.manifest, SWEEP))}
        for version in reversed(_newer_than_all_champions(records)):
            if version in of_sweeps:
                refusals.append(f"{version} is of the sweep {of_sweeps[version]}: a person chooses among its versions")
                continue
            evaluation = records.latest_evaluation(version)
            if evaluation is None:
                refusals.append(f"{version} is not evaluated yet")
                continue
            if version in tried:
                refusals.append(f"{version} {tried[version]}: a person decides whether it goes on")
                continue
            request = _promotion_of(evaluation, champion, settings, records, mlreg_warehouse.open(), mlreg_clock.now())
            if not isinstance(request, str):
                return _request_run(request, _key_of_promotion(evaluation, records), context.instance, settings)
            refusals.append(f"{version} {request}")
        return dg.SkipReason(f"{'; '.join(refusals) or 'No version is newer than the champions so far'}.")

    return promote_sensor


def _compared(tables: Warehouse, champion: str, target: str, settings: Settings) -> Comparison:
    from mlreg_dagster.governance.policy.track_record import compared_on_record

    return compared_on_record(tables, champion, target, settings.evaluation.comparison)


def _newer_than_all_champions(records: Registry) -> list[str]:
    """Versions newer than every champion so far, not just the current one: a rollback is not undone."""
    highest = max((version_number(move.version) for move in records.history(CHAMPION)), default=0)
    return [each.version for each in records.versions() if version_number(each.version) > highest]


def _promotion_of(
    evaluation: Evaluation,
    champion: AliasEvent | None,
    settings: Settings,
    records: Registry,
    tables: Warehouse,
    now: pd.Timestamp,
) -> PromotionRequest | RolloutAction | str:
    """The promotion of an evaluated version that needs no person, or its rollout; or why there is none."""
    from mlreg_dagster.governance.policy.track_record import verdict_on
    from mlreg_dagster.governance.rollout.automatic import objection_to_start, rollout_required

    allowed, reason = may_promote(evaluation, champion, settings.promotion)
    if not allowed:
        return reason
    expected = champion.version if champion else NOBODY
    request = PromotionRequest(evaluation.version, reason, common.ACTOR, expected=expected)
    if champion is not None and rollout_required(settings):
        objection = objection_to_start(request, settings, records, tables, now)
        return objection or RolloutAction(
            "start", common.ACTOR, version=evaluation.version, reason=reason, expected=expected
        )
    verdict = verdict_on(request, settings, records, tables, now)
    return request if verdict.outcome == "promote" else "; ".join(verdict.reasons)


def _request_run(
    request: PromotionRequest | RolloutAction, key: str, instance: dg.DagsterInstance, settings: Settings
) -> dg.SensorResult | dg.SkipReason:
    """A run that promotes or starts a rollout, unless it was requested often enough."""
    turn = next_turn(instance, key, settings.automation)
    if turn.run_key is None:
        return dg.SkipReason(f"{request.version} may become champion, but: {turn.reason}")
    job, tags = (
        (jobs.PROMOTE, request.tags) if isinstance(request, PromotionRequest) else (jobs.ROLLOUT, request.tags())
    )
    return dg.SensorResult([dg.RunRequest(turn.run_key, run_config=request.run_config, tags=tags, job_name=job)])


def _key_of_promotion(evaluation: Evaluation, records: Registry) -> str:
    """The same for the same evaluation after the same move; numbers of rows come again when a copy is put back."""
    moves = records.recorded_moves(CHAMPION)
    basis = [
        evaluation.artifact_sha256,
        evaluation.holdout_sha256,
        evaluation.recorded_at.isoformat(),
        evaluation.run_id,
        [len(moves), moves[-1].recorded_at.isoformat()] if moves else [],
    ]
    return f"{evaluation.version}-{hashlib.sha256(json.dumps(basis).encode()).hexdigest()[:16]}"
