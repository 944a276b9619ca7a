"""The model assets, one partition a version: trained here, then evaluated, see `evaluation.assets`."""

from typing import Any

import dagster as dg
import pandas as pd
from pydantic import Field

from mlreg_dagster.config import Settings
from mlreg_dagster.core.hours import as_hour
from mlreg_dagster.datasets import freezing
from mlreg_dagster.models.asset_metadata import feature_rows, setting_rows
from mlreg_dagster.models.detectors.names import require_known_detectors
from mlreg_dagster.models.evaluation.assets import build_evaluated_model
from mlreg_dagster.models.manifests import LEARNED
from mlreg_dagster.orchestration.instance.audit_anchors import require_intact
from mlreg_dagster.orchestration.instance.provenance import require_recorded
from mlreg_dagster.orchestration.metadata import AUDIT_HEAD, OWNERS, audit_head, table_view
from mlreg_dagster.orchestration.page_links import page_link
from mlreg_dagster.orchestration.partitions import MODEL_VERSIONS, version_of
from mlreg_dagster.orchestration.resources import ArtifactsResource, Clock, RegistryResource, current_actor
from mlreg_dagster.orchestration.retries import retried
from mlreg_dagster.registry import Attribution

GROUP = "models"
POOL = "trainings"
"""Whose limit the instance sets for all hosts, where versions may be trained and evaluated side by side."""

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
    variant_of: str | None = Field(
        default=None, description="A version to make a smaller variant of, in place of a training (v3); with change."
    )
    change: str | None = Field(
        default=None, description="Of variant_of: half_trees, quarter_trees, float32 or quantised; see mlreg optimise."
    )
    study: str | None = Field(
        default=None, description="A finished study whose best is trained, instead of a model file and overrides."
    )
    actor: str | None = Field(default=None, description="Trained by; null = MLREG_ACTOR or the system's user.")
    trigger: str | None = Field(
        default=None,
        description="manual where there is a reason, else schedule; performance, drift and volume are for sensors.",
    )
    cause: str | None = Field(default=None, description="For sensors: the key of the cause, which has one training.")
    reason: str | None = Field(default=None, description="Why a person trains outside of the schedule; kept for ever.")


def build_model_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """Candidate and evaluated model, partitioned by version.

    Raises:
        ConfigError: The settings name a detector or a gate that nothing offers.
    """
    require_known_detectors(settings)
    pool = POOL if settings.automation.trainings_at_once else None  # None: versions go one by one
    return [_candidate_model(settings, pool), build_evaluated_model(settings, GROUP, pool)]


def _candidate_model(settings: Settings, pool: str | None) -> dg.AssetsDefinition:
    @dg.asset(
        group_name=GROUP,
        partitions_def=MODEL_VERSIONS,
        pool=pool,
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
