"""The asset of an evaluation, a version a partition: each gate is a check."""

from typing import Any

import dagster as dg
import pandas as pd
from pydantic import Field

from mlreg_dagster.config import EvaluationSettings, Settings
from mlreg_dagster.core.hours import as_hour
from mlreg_dagster.datasets import freezing
from mlreg_dagster.models.asset_metadata import (
    importance_rows,
    interval_metadata,
    numbers_of,
    verdict_text,
    versus_rows,
)
from mlreg_dagster.models.gates import asked_gates, require_known_gates, with_registered_gates
from mlreg_dagster.orchestration.instance.audit_anchors import require_intact
from mlreg_dagster.orchestration.instance.provenance import require_recorded
from mlreg_dagster.orchestration.metadata import AUDIT_HEAD, OWNERS, audit_head, table_view
from mlreg_dagster.orchestration.page_links import page_link
from mlreg_dagster.orchestration.partitions import MODEL_VERSIONS, version_of
from mlreg_dagster.orchestration.resources import ArtifactsResource, Clock, RegistryResource, current_actor
from mlreg_dagster.orchestration.retries import retried
from mlreg_dagster.registry import Attribution, Evaluation, ModelVersion, Registry


class EvaluateConfig(dg.Config):
    """How to evaluate."""

    holdout: str | None = Field(
        default=None, description="Day of a frozen holdout; null = the one of the version's dataset."
    )
    overrides: dict[str, Any] = Field(
        default={}, description="Values that replace those of evaluation.yaml, this time."
    )
    until: str | None = Field(
        default=None, description="End of the market that may be looked at; null = now. A replay names its own moment."
    )
    actor: str | None = Field(default=None, description="Evaluated by; null = MLREG_ACTOR or the system's user.")


def build_evaluated_model(settings: Settings, group: str, pool: str | None) -> dg.AssetsDefinition:
    """The asset.

    Args:
        settings: The configuration.
        group: Of the asset.
        pool: That its runs wait in; None: in none.

    Raises:
        ConfigError: The settings name a gate that nothing offers.
    """
    tier = settings.promotion.of(settings.use_case.risk_tier)
    require_known_gates(settings.evaluation, settings.promotion)

    @dg.asset(
        group_name=group,
        partitions_def=MODEL_VERSIONS,
        pool=pool,
        owners=OWNERS,
        kinds={"scikitlearn"},
        deps=["candidate_model", dg.AssetDep(freezing.HOLDOUT, partition_mapping=dg.AllPartitionMapping())],
        check_specs=[
            dg.AssetCheckSpec(
                gate.name, asset="evaluated_model", description=gate.question, partitions_def=MODEL_VERSIONS
            )
            for gate in asked_gates(tier.gates)
        ],
        description="The frozen artifact's scores on the holdout and every gate's result; each gate is a check.",
    )
    @retried
    def evaluated_model(
        context: dg.AssetExecutionContext,
        config: EvaluateConfig,
        mlreg_artifacts: ArtifactsResource,
        mlreg_registry: RegistryResource,
        mlreg_clock: Clock,
    ) -> dg.MaterializeResult:
        from mlreg_dagster.models import importance
        from mlreg_dagster.models.artifacts import artifact
        from mlreg_dagster.models.evaluation import comparison, evaluation, experiments, stability, training_chance
        from mlreg_dagster.models.evaluation.holdout_days import further_days
        from mlreg_dagster.models.evaluation.rounds import plant_anomalies
        from mlreg_dagster.models.plots import gate_summary, refit_scatter, score_distribution
        from mlreg_dagster.models.sweeps.base import against_base

        store, records = mlreg_artifacts.open(), mlreg_registry.open()
        require_intact(records, context.instance)
        version = records.version(version_of(context))
        thresholds = with_registered_gates(settings.evaluation).override(
            config.overrides, "run config, over evaluation.yaml"
        )
        holdout = freezing.load(store, freezing.HOLDOUT, config.holdout or version.dataset_day)
        require_recorded(context.instance, records, freezing.HOLDOUT, holdout.day, holdout.sha256)
        model = artifact.load(store, version.version, version.artifact_sha256)
        for remark in model.remarks:
            context.log.warning(remark)
        until = as_hour(config.until) if config.until else pd.Timestamp(mlreg_clock.now())
        further = further_days(model, holdout, store, settings.features, until, thresholds.injection.days)
        for each in further:
            require_recorded(context.instance, records, freezing.HOLDOUT, each.day, each.sha256)
        rounds = plant_anomalies(holdout, thresholds.injection, settings.features, settings.max_lookback_hours, further)
        chance = training_chance.measure_frozen(model, store, rounds, thresholds.comparison.refits)
        versus = comparison.against_champion(
            model, holdout, rounds, records, store, thresholds.comparison, chance.chance
        )
        versus_base = against_base(model, records, store, holdout, rounds, thresholds.comparison, chance.chance)
        result = evaluation.evaluate(
            model,
            holdout,
            rounds,
            thresholds,
            tier=tier.gates,
            versus=versus,
            constraints=settings.use_case.constraints,
            bundle_bytes=artifact.size(store, version.version, version.artifact_sha256),
            training_chance=chance,
            planted_interval=tier.planted_interval,
        )
        days = {"holdout_days": [{"day": each.day, "sha256": each.sha256} for each in (holdout, *further)]}
        refits = {}
        if tier.stable:
            refits = {"stability": stability.measure_frozen(model, store, rounds, thresholds.stability)}
        matters = importance.of_evaluation(
            model, store, holdout, rounds, thresholds.comparison.confidence, importance.REFITS if tier.stable else 0
        )
        recorded = records.record_evaluation(
            version.version,
            Attribution(records.acting(current_actor(config.actor)), mlreg_clock.now(), run_id=context.run.run_id),
            artifact_sha256=version.artifact_sha256,
            holdout_sha256=holdout.sha256,
            gates=result.gates,
            metrics=result.metrics | days | {"versus_champion": versus} | versus_base | refits | matters,
            thresholds=thresholds.model_dump(mode="json"),
            holdout_day=holdout.day,
            code_sha256=experiments.code_sha256(),
            departures=_departures(thresholds, holdout.day, version, records, settings),
        )
        if recorded.departures:
            context.log.warning(f"This is an experiment and admits nothing: {'; '.join(recorded.departures)}.")
        return dg.MaterializeResult(
            metadata={
                "version": version.version,
                **page_link(context, version.version),
                "status": records.status(version.version),
                "experiment": "; ".join(recorded.departures or ()) or "no: evaluated as configured",
                AUDIT_HEAD: audit_head(records),
                "artifact_sha256": version.artifact_sha256,
                "holdout": f"{holdout.day} ({holdout.sha256[:12]})",
                "dagster/row_count": len(holdout.rows),
                "remarks": "\n\n".join(model.remarks) or "none",
                "gates": table_view([_gate_row(gate) for gate in recorded.gates]),
                "gate_summary": dg.MetadataValue.md(gate_summary(recorded.gates)),
                "scores": dg.MetadataValue.md(score_distribution(result.scores, result.thresholds, "holdout rows")),
                **numbers_of(result.metrics),
                **{name: table_view(importance_rows(each)) for name, each in matters.items()},
                "versus_champion": table_view(versus_rows(versus)),
                "versus_champion_verdict": verdict_text(versus),
                **{f"{key}_verdict": verdict_text(value) for key, value in versus_base.items()},
                **{name: dg.MetadataValue.md(refit_scatter(each)) for name, each in refits.items()},
            },
            check_results=_check_results(recorded),
        )

    return evaluated_model


def _departures(
    thresholds: EvaluationSettings, holdout_day: str, version: ModelVersion, records: Registry, settings: Settings
) -> tuple[str, ...]:
    """How an evaluation departs from the configuration in force."""
    from mlreg_dagster.models.evaluation import experiments

    policy = records.policy_in_force()
    in_force = with_registered_gates(settings.evaluation)
    if policy:
        in_force = EvaluationSettings.of_record(policy.content["evaluation"])
    return experiments.departures(
        thresholds=thresholds.model_dump(mode="json"),
        in_force=in_force.model_dump(mode="json"),
        holdout_day=holdout_day,
        dataset_day=version.dataset_day,
        code=None,
    )


def _gate_row(gate: Any) -> dict[str, Any]:
    return {
        "gate": gate.name,
        "passed": "yes" if gate.passed else "NO",
        "value": gate.value,
        "low": (gate.interval or {}).get("low"),
        "high": (gate.interval or {}).get("high"),
        "threshold": gate.threshold,
        "detail": gate.detail,
    }


def _check_results(evaluation: Evaluation) -> list[dg.AssetCheckResult]:
    return [
        dg.AssetCheckResult(
            check_name=gate.name,
            passed=gate.passed,
            description=f"An experiment, which admits nothing: {gate.detail}" if evaluation.departures else gate.detail,
            metadata={
                "version": evaluation.version,
                **({"experiment": "; ".join(evaluation.departures)} if evaluation.departures else {}),
                "threshold": gate.threshold,
                "evaluation": f"#{evaluation.id}",  # as text: the UI would plot a number
                **({} if gate.value is None else {"value": gate.value}),
                **interval_metadata(gate),
            },
        )
        for gate in evaluation.gates
    ]
