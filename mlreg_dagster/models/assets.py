"""The model assets, one partition a version: trained, then evaluated."""

from typing import Any

import dagster as dg
import pandas as pd
from pydantic import Field

from mlreg_dagster.config import EvaluationSettings, Settings
from mlreg_dagster.core.hours import as_hour
from mlreg_dagster.datasets import freezing
from mlreg_dagster.models.asset_metadata import (
    feature_rows,
    importance_rows,
    interval_metadata,
    numbers_of,
    setting_rows,
    verdict_text,
    versus_rows,
)
from mlreg_dagster.models.detectors.names import require_known_detectors
from mlreg_dagster.models.gates import asked_gates, require_known_gates, with_registered_gates
from mlreg_dagster.models.manifests import LEARNED
from mlreg_dagster.orchestration.instance.audit_anchors import require_intact
from mlreg_dagster.orchestration.instance.provenance import require_recorded
from mlreg_dagster.orchestration.metadata import AUDIT_HEAD, OWNERS, audit_head, table_view
from mlreg_dagster.orchestration.page_links import page_link
from mlreg_dagster.orchestration.partitions import MODEL_VERSIONS, version_of
from mlreg_dagster.orchestration.resources import ArtifactsResource, Clock, RegistryResource, current_actor
from mlreg_dagster.orchestration.retries import retried
from mlreg_dagster.registry import Attribution, Evaluation, ModelVersion, Registry

GROUP = "models"
POOL = "trainings"
_DRAWN_ROWS = 5000
_ALL_DAYS = dg.AllPartitionMapping()  # which day a version was trained on is its own choice, kept in its manifest


class TrainConfig(dg.Config):
    """What to train. As it stands it trains model.yaml on the newest frozen dataset."""

    model: str = Field(default="model", description="Config file to take, without .yaml: model, model_lof, …")
    dataset: str | None = Field(
        default=None, description="Day of a frozen dataset (2017-12-19); null = the newest frozen."
    )
    overrides: dict[str, Any] = Field(
        default={}, description="Values that replace those of the file, this time; recorded in the manifest."
    )
    study: str | None = Field(
        default=None, description="A finished study whose best is trained, instead of a model file and overrides."
    )
    variant_of: str | None = Field(
        default=None, description="A version to make a smaller variant of, in place of a training (v3); with change."
    )
    change: str | None = Field(
        default=None, description="Of variant_of: half_trees, quarter_trees, float32 or quantised; see mlreg optimise."
    )
    actor: str | None = Field(default=None, description="Trained by; null = MLREG_ACTOR or the system's user.")
    trigger: str | None = Field(
        default=None,
        description="manual where there is a reason, else schedule; performance, drift and volume are for sensors.",
    )
    cause: str | None = Field(default=None, description="For sensors: the key of the cause, which has one training.")
    reason: str | None = Field(default=None, description="Why a person trains outside of the schedule; kept for ever.")


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


def build_model_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """Candidate and evaluated model, partitioned by version.

    Raises:
        ConfigError: The settings name a detector or a gate that nothing offers.
    """
    require_known_detectors(settings)
    return [_candidate_model(settings), _evaluated_model(settings)]


def _pool(settings: Settings) -> str | None:
    """The pool whose limit the instance sets for all hosts; None: the instance sets none, as versions go one by one."""
    return POOL if settings.automation.trainings_at_once else None


def _candidate_model(settings: Settings) -> dg.AssetsDefinition:
    @dg.asset(
        group_name=GROUP,
        partitions_def=MODEL_VERSIONS,
        pool=_pool(settings),
        owners=OWNERS,
        kinds={"scikitlearn"},
        deps=[dg.AssetDep(freezing.TRAINING, partition_mapping=_ALL_DAYS)],
        description="A trained model: the fitted pipeline and its manifest, frozen and registered with its hash. Its "
        "partition is the version: the next free one (v1, v2, …), which the launchpad's dialog adds.",
    )
    @retried
    def candidate_model(
        context: dg.AssetExecutionContext,
        config: TrainConfig,
        mlreg_artifacts: ArtifactsResource,
        mlreg_registry: RegistryResource,
        mlreg_clock: Clock,
    ) -> dg.MaterializeResult:
        from mlreg_dagster.models import registration, training
        from mlreg_dagster.models.optimisation.making import make_variant
        from mlreg_dagster.models.optimisation.ordering import VariantOrder, stated_variant
        from mlreg_dagster.models.plots import score_distribution
        from mlreg_dagster.models.sweeps.order import order_of
        from mlreg_dagster.models.training_request import CAUSE_TAG, TRIGGER_TAG

        store, records = mlreg_artifacts.open(), mlreg_registry.open()
        require_intact(records, context.instance)
        name = version_of(context)
        run = context.run
        asked = config.model_dump(exclude={"actor"}, exclude_defaults=True)
        variant = stated_variant(name, records, store, asked, run.run_id, run.tags)
        order = variant or order_of(name, settings, store, asked, run.run_id, run.tags)
        cause, origin = order.cause, order.origin
        if cause is not None:  # also where a person launched it
            context.instance.add_run_tags(run.run_id, {TRIGGER_TAG: cause["trigger"], CAUSE_TAG: cause["key"]})
        dataset = freezing.load(store, freezing.TRAINING, order.day)
        scores_from = as_hour(dataset.day) + pd.Timedelta(days=1)
        records = mlreg_registry.open()
        require_recorded(context.instance, records, freezing.TRAINING, dataset.day, dataset.sha256)
        use_case, actor = settings.use_case.sha256, records.acting(current_actor(config.actor))
        if isinstance(order, VariantOrder):
            model = make_variant(
                name, order.parent, order.of, order.change, dataset, use_case_sha256=use_case, cause=cause
            )
        else:
            model = training.train(
                name, dataset, scores_from, order.settings, use_case_sha256=use_case, cause=cause, origin=origin
            )
        by = Attribution(actor, mlreg_clock.now(), run_id=context.run.run_id)
        version = registration.register(model, store, records, by)
        shown = dataset.rows.iloc[:: 1 + len(dataset.rows) // _DRAWN_ROWS]
        scores = model.score(model.select(shown))
        return dg.MaterializeResult(
            metadata={
                "version": version.version,
                **page_link(context, version.version),
                "detector": version.detector,
                "settings": dict(model.manifest["settings"]),
                "dataset": f"{dataset.day} ({dataset.sha256[:12]})",
                "use_case": f"{settings.use_case.name} ({use_case[:12]})",
                "artifact_sha256": version.artifact_sha256,
                "dagster/row_count": model.manifest["training_rows"],
                "sampled_from_rows": model.manifest["sampled_from_rows"],
                "identical_rows": model.manifest["identical_rows"],
                "features": table_view(feature_rows(model.features, settings.features)),
                "feature_settings": table_view(setting_rows(model.manifest["feature_settings"])),
                "feature_fingerprint": model.manifest["feature_fingerprint"],
                "threshold": model.threshold,
                "training_anomaly_rate": model.manifest["training_anomaly_rate"],
                "scores_from": f"{model.scores_from:%Y-%m-%d %H:%M} UTC",
                "graph": model.manifest["graph"],
                **{name: model.manifest[name] for name in LEARNED if name in model.manifest},
                "trained_by": version.created_by,
                "cause": f"{cause['trigger']}: {cause['reason']} ({cause['key']})" if cause else "schedule",
                **{key: dict(value) for key, value in origin.items()},
                AUDIT_HEAD: audit_head(records),
                "scores": dg.MetadataValue.md(score_distribution(scores, model.threshold, "training rows")),
            },
            data_version=dg.DataVersion(version.artifact_sha256),
        )

    return candidate_model


def _evaluated_model(settings: Settings) -> dg.AssetsDefinition:
    tier = settings.promotion.of(settings.use_case.risk_tier)
    require_known_gates(settings.evaluation, settings.promotion)

    @dg.asset(
        group_name=GROUP,
        partitions_def=MODEL_VERSIONS,
        pool=_pool(settings),
        owners=OWNERS,
        kinds={"scikitlearn"},
        deps=["candidate_model", dg.AssetDep(freezing.HOLDOUT, partition_mapping=_ALL_DAYS)],
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
