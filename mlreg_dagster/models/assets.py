"""The model assets, one partition a version: trained, evaluated, and which of them is champion."""

from collections.abc import Sequence
from typing import Any

import dagster as dg
import pandas as pd
from pydantic import Field

from mlreg_dagster.config import Settings
from mlreg_dagster.datasets import freezing
from mlreg_dagster.errors import MlregError
from mlreg_dagster.hours import as_hour
from mlreg_dagster.models.names import CHAMPION, GATES
from mlreg_dagster.orchestration.metadata import OWNERS, fresh_within, table_view
from mlreg_dagster.orchestration.partitions import MODEL_VERSIONS
from mlreg_dagster.orchestration.resources import ArtifactsResource, Clock, RegistryResource, current_actor
from mlreg_dagster.orchestration.retries import retried
from mlreg_dagster.storage.artifacts import ArtifactStore
from mlreg_dagster.storage.registry import AliasEvent, Evaluation, Registry

GROUP = "models"
_ALL_DAYS = dg.AllPartitionMapping()  # which day a version was trained on is its own choice, kept in its manifest


class NoDataset(MlregError):
    """There is no frozen dataset to train on."""


class TrainConfig(dg.Config):
    """What to train."""

    model: str = Field(default="model", description="Config file to take, without .yaml: model, model_lof, …")
    dataset: str | None = Field(default=None, description="Day of the dataset (2017-12-19); null = the newest frozen.")
    overrides: dict[str, Any] = Field(default={}, description="Values that replace those of the file, this time.")
    actor: str | None = Field(default=None, description="Who trains; null = MLREG_ACTOR or the system's user.")


class EvaluateConfig(dg.Config):
    """How to evaluate."""

    holdout: str | None = Field(
        default=None, description="Day of the holdout; null = the one of the version's dataset."
    )
    overrides: dict[str, Any] = Field(default={}, description="Values that replace those of evaluation.yaml.")
    actor: str | None = Field(default=None, description="Who evaluates; null = MLREG_ACTOR or the system's user.")


class PromoteConfig(dg.Config):
    """Which version is to hold which alias, and by whose word."""

    version: str = Field(description="v7, latest, latest-1, or an alias.")
    reason: str = Field(description="Why; kept for ever.")
    alias: str = Field(default=CHAMPION, description="champion, challenger, or any other name.")
    actor: str | None = Field(default=None, description="By whose word; null = MLREG_ACTOR or the system's user.")
    effective_at: str | None = Field(
        default=None,
        description="From when it counts (2017-12-20T00:00, UTC); null = now. The past only for replays.",
    )
    expected: str | None = Field(
        default=None,
        description="The holder you saw (a version, or nobody); null = whoever holds it when this runs.",
    )


def build_model_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """Candidate and evaluated model, partitioned by version; the champion, which is one."""
    return [_candidate_model(settings), _evaluated_model(settings), _champion_model(settings)]


def _candidate_model(settings: Settings) -> dg.AssetsDefinition:
    @dg.asset(
        group_name=GROUP,
        partitions_def=MODEL_VERSIONS,
        owners=OWNERS,
        kinds={"scikitlearn"},
        deps=[dg.AssetDep(freezing.TRAINING, partition_mapping=_ALL_DAYS)],
        description="A trained model: the fitted pipeline and its manifest, frozen and registered with its hash.",
    )
    @retried
    def candidate_model(
        context: dg.AssetExecutionContext,
        config: TrainConfig,
        artifacts: ArtifactsResource,
        registry: RegistryResource,
        clock: Clock,
    ) -> dg.MaterializeResult:
        from mlreg_dagster.models import registration, training
        from mlreg_dagster.models.pictures import score_distribution

        store = artifacts.open()
        chosen = settings.model(config.model).override(config.overrides, f"run config, over {config.model}.yaml")
        dataset = freezing.load(store, freezing.TRAINING, config.dataset or _newest_day(store))
        scores_from = as_hour(dataset.day) + pd.Timedelta(days=1)
        model = training.train(context.partition_key, dataset, scores_from, chosen)
        version = registration.register(
            model,
            store,
            registry.open(),
            now=clock.now(),
            actor=current_actor(config.actor),
            run_id=context.run.run_id,
        )
        scores = model.score(model.select(dataset.rows))
        return dg.MaterializeResult(
            metadata={
                "version": version.version,
                "detector": version.detector,
                "settings": dict(model.manifest["settings"]),
                "dataset": f"{dataset.day} ({dataset.sha256[:12]})",
                "artifact_sha256": version.artifact_sha256,
                "dagster/row_count": model.manifest["training_rows"],
                "sampled_from_rows": model.manifest["sampled_from_rows"],
                "features": model.features,
                "feature_settings": dict(model.manifest["feature_settings"]),
                "feature_fingerprint": model.manifest["feature_fingerprint"],
                "threshold": model.threshold,
                "training_anomaly_rate": model.manifest["training_anomaly_rate"],
                "scores_from": f"{model.scores_from:%Y-%m-%d %H:%M} UTC",
                "graph": model.manifest["graph"],
                "trained_by": version.created_by,
                "scores": dg.MetadataValue.md(score_distribution(scores, model.threshold, "training rows")),
            },
            data_version=dg.DataVersion(version.artifact_sha256),
        )

    return candidate_model


def _newest_day(store: ArtifactStore) -> str:
    days = store.keys(freezing.TRAINING)
    if not days:
        raise NoDataset(
            "No training dataset is frozen yet. Materialize training_dataset and eval_holdout for a day whose week of "
            "market_features is there."
        )
    return days[-1]


def _evaluated_model(settings: Settings) -> dg.AssetsDefinition:
    @dg.asset(
        group_name=GROUP,
        partitions_def=MODEL_VERSIONS,
        owners=OWNERS,
        kinds={"scikitlearn"},
        deps=["candidate_model", dg.AssetDep(freezing.HOLDOUT, partition_mapping=_ALL_DAYS)],
        check_specs=[
            dg.AssetCheckSpec(name, asset="evaluated_model", description=meaning, partitions_def=MODEL_VERSIONS)
            for name, meaning in GATES.items()
        ],
        description="The frozen artifact's scores on the holdout and every gate's result; each gate is a check.",
    )
    @retried
    def evaluated_model(
        context: dg.AssetExecutionContext,
        config: EvaluateConfig,
        artifacts: ArtifactsResource,
        registry: RegistryResource,
        clock: Clock,
    ) -> dg.MaterializeResult:
        from mlreg_dagster.models import artifact, evaluation
        from mlreg_dagster.models.pictures import gate_summary, score_distribution

        store, records = artifacts.open(), registry.open()
        version = records.version(context.partition_key)
        thresholds = settings.evaluation.override(config.overrides, "run config, over evaluation.yaml")
        holdout = freezing.load(store, freezing.HOLDOUT, config.holdout or version.dataset_day)
        model = artifact.load(store, version.version, version.artifact_sha256)
        rounds = evaluation.plant_anomalies(
            holdout, thresholds.injection, settings.features, settings.max_lookback_hours
        )
        result = evaluation.evaluate(model, holdout, rounds, thresholds)
        versus = _versus_champion(model, holdout, rounds, records, store)
        recorded = records.record_evaluation(
            version=version.version,
            artifact_sha256=version.artifact_sha256,
            holdout_sha256=holdout.sha256,
            gates=result.gates,
            metrics=result.metrics | {"versus_champion": versus},
            thresholds=thresholds.model_dump(mode="json"),
            recorded_at=clock.now(),
            actor=current_actor(config.actor),
            run_id=context.run.run_id,
        )
        return dg.MaterializeResult(
            metadata={
                "version": version.version,
                "status": records.status(version.version),
                "artifact_sha256": version.artifact_sha256,
                "holdout": f"{holdout.day} ({holdout.sha256[:12]})",
                "dagster/row_count": len(holdout.rows),
                "gates": table_view([_gate_row(gate) for gate in recorded.gates]),
                "gate_summary": dg.MetadataValue.md(gate_summary(recorded.gates)),
                "scores": dg.MetadataValue.md(score_distribution(result.scores, model.threshold, "holdout rows")),
                "versus_champion": versus or "There was no other champion to compare with.",
            },
            check_results=_check_results(recorded),
        )

    return evaluated_model


def _versus_champion(
    model: Any, holdout: freezing.Dataset, rounds: Sequence[Any], records: Registry, store: ArtifactStore
) -> dict[str, Any]:
    """The candidate and the current champion on the same rows; empty where there is no other champion."""
    from dataclasses import asdict

    from mlreg_dagster.models import artifact, comparison

    holder = records.holder(CHAMPION)
    if holder is None or holder.version == model.manifest["version"]:
        return {}
    try:
        champion = artifact.load(store, holder.version, holder.artifact_sha256)
        compared = comparison.compare(model, champion, holdout, list(rounds))
    except MlregError as error:  # other features, a damaged file: the candidate is judged all the same, and it is said
        return {"champion": holder.version, "not_comparable": str(error)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(compared).items()}


def _gate_row(gate: Any) -> dict[str, Any]:
    return {
        "gate": gate.name,
        "passed": "yes" if gate.passed else "NO",
        "value": gate.value,
        "threshold": gate.threshold,
        "detail": gate.detail,
    }


def _check_results(evaluation: Evaluation) -> list[dg.AssetCheckResult]:
    return [
        dg.AssetCheckResult(
            check_name=gate.name,
            passed=gate.passed,
            description=gate.detail,
            metadata={
                "version": evaluation.version,
                "threshold": gate.threshold,
                "evaluation": f"#{evaluation.id}",  # as text: the UI would plot a number
                **({} if gate.value is None else {"value": gate.value}),
            },
        )
        for gate in evaluation.gates
    ]


def _champion_model(settings: Settings) -> dg.AssetsDefinition:
    @dg.asset(
        group_name=GROUP,
        owners=OWNERS,
        kinds={"sqlite"},
        deps=["evaluated_model"],
        freshness_policy=fresh_within(24 * settings.retraining.champion_max_age_days),
        description="Which version each alias points to, from when, by whose word. Materializing it is a promotion: "
        "the gates of that very version are read again from the registry.",
    )
    @retried
    def champion_model(
        context: dg.AssetExecutionContext,
        config: PromoteConfig,
        artifacts: ArtifactsResource,
        registry: RegistryResource,
        clock: Clock,
    ) -> dg.MaterializeResult:
        from mlreg_dagster.models.pictures import alias_timeline
        from mlreg_dagster.models.promotion import promote

        records = registry.open()
        event = promote(
            records,
            artifacts.open(),
            version=config.version,
            alias=config.alias,
            reason=config.reason,
            actor=current_actor(config.actor),
            effective_at=None if config.effective_at is None else as_hour(config.effective_at),
            expected=config.expected,
            now=clock.now(),
            run_id=context.run.run_id,
            settings=settings.promotion,
        )
        context.log.info(f"{event.alias} is now {event.version} (before: {event.previous_version or 'nobody'}).")
        aliases = records.aliases()
        champion = aliases.get(CHAMPION)
        return dg.MaterializeResult(
            metadata={
                "champion": champion.version if champion else "nobody",
                "moved": f"{event.alias}: {event.previous_version or 'nobody'} → {event.version}",
                "reason": event.reason,
                "actor": event.actor,
                "effective_at": f"{event.effective_at:%Y-%m-%d %H:%M} UTC",
                "artifact_sha256": event.artifact_sha256,
                "aliases": table_view([_alias_row(move) for move in aliases.values()]),
                "history": dg.MetadataValue.md(alias_timeline(records.history(config.alias), clock.now())),
            },
            data_version=dg.DataVersion(champion.artifact_sha256 if champion else "nobody"),
        )

    return champion_model


def _alias_row(event: AliasEvent) -> dict[str, Any]:
    return {
        "alias": event.alias,
        "version": event.version,
        "since": event.effective_at,
        "by": event.actor,
        "reason": event.reason,
    }
