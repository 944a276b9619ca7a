"""Studies as an asset, one partition a study."""

from pathlib import Path

import dagster as dg
from pydantic import Field

from mlreg_dagster.config import EvaluationSettings, Settings
from mlreg_dagster.config.places import tuning_root
from mlreg_dagster.datasets import freezing
from mlreg_dagster.orchestration.instance.audit_anchors import require_intact
from mlreg_dagster.orchestration.instance.provenance import require_recorded
from mlreg_dagster.orchestration.metadata import OWNERS, table_view
from mlreg_dagster.orchestration.partitions import STUDIES
from mlreg_dagster.orchestration.resources import ArtifactsResource, Clock, RegistryResource, WarehouseResource
from mlreg_dagster.orchestration.retries import retried

_BEST_SHOWN = 10


class TuneConfig(dg.Config):
    """What to tune. As it stands it tunes model.yaml on the newest frozen dataset."""

    model: str = Field(default="model", description="Config file to take, without .yaml: model, model_lof, …")
    dataset: str | None = Field(
        default=None, description="Day of a frozen dataset (2017-12-19); null = the newest frozen."
    )
    trials: int | None = Field(default=None, description="How many are finished; null = as tuning.yaml says.")
    jobs: int | None = Field(default=None, description="Processes; null likewise.")
    minutes: float | None = Field(default=None, description="After which the study ends; null likewise.")
    seed: int | None = Field(default=None, description="Of the search; null likewise.")


def build_tuning_asset(settings: Settings, home: Path, group: str) -> dg.AssetsDefinition:
    """The asset.

    Args:
        settings: The configuration.
        home: Where studies are worked at.
        group: Of the asset.
    """

    @dg.asset(
        group_name=group,
        partitions_def=STUDIES,
        owners=OWNERS,
        kinds={"optuna"},
        deps=[
            dg.AssetDep(name, partition_mapping=dg.AllPartitionMapping())
            for name in (freezing.TRAINING, "market_features", "market_snapshot")
        ],
        description="A search for better parameters of a model file, on days and planting seeds that no gate uses: its "
        "trials, the best, and tuned against default with an interval. Its partition is the name of the study; running "
        "it again goes on with it.",
    )
    @retried
    def tuning_study(
        context: dg.AssetExecutionContext,
        config: TuneConfig,
        mlreg_warehouse: WarehouseResource,
        mlreg_artifacts: ArtifactsResource,
        mlreg_registry: RegistryResource,
        mlreg_clock: Clock,
    ) -> dg.MaterializeResult:
        from mlreg_dagster.models.tuning.extra import require_extra
        from mlreg_dagster.models.tuning.order import place_study
        from mlreg_dagster.models.tuning.record import STUDIES as KIND
        from mlreg_dagster.models.tuning.record import study_names

        store, records, name = mlreg_artifacts.open(), mlreg_registry.open(), str(context.partition_key)
        if name not in study_names(store):
            require_extra()
        require_intact(records, context.instance)
        budgets = config.model_dump(include={"trials", "jobs", "minutes", "seed"})
        order = place_study(settings, store, name, model=config.model, dataset=config.dataset, budgets=budgets)
        require_recorded(context.instance, records, freezing.TRAINING, order.dataset_day, order.dataset_sha256)
        from mlreg_dagster.models.tuning import plots
        from mlreg_dagster.models.tuning.study import Place, require_unseen, run_study

        policy = records.policy_in_force()
        if policy:
            require_unseen(order, EvaluationSettings.of_record(policy.content["evaluation"]))
        place = Place(tuning_root(home))
        study = run_study(order, settings, mlreg_warehouse.open(), store, place, mlreg_clock.now)
        best = sorted(study.finished, key=lambda each: -(each.value or 0.0))[:_BEST_SHOWN]
        value = study.best_trial.value if study.best_trial else None
        numbers = {each.figure: each.difference for each in study.measured if each.difference is not None}
        return dg.MaterializeResult(
            metadata={
                "result": study.result,
                "model": study.model,
                "detector": study.detector,
                "dataset": f"{study.dataset_day} ({study.dataset_sha256[:12]})",
                "trials": len(study.finished),
                "pruned_share": study.pruned_share,
                "seconds": study.seconds,
                **({} if value is None else {"best_objective": value}),
                **{f"{figure}_difference": difference for figure, difference in numbers.items()},
                "best_trials": table_view(
                    [
                        {"trial": each.number, "state": each.state, "objective": each.value, "planted": each.planted}
                        | {"worth": each.worth, **{place: str(each.params.get(place, "-")) for place in study.space}}
                        for each in best
                    ]
                ),
                "tuned_against_default": table_view([vars(each) for each in study.measured]),
                "artifact": store.find(KIND, name).uri,  # type: ignore[union-attr]
                "history": dg.MetadataValue.md(plots.history(study)),
                "importance": dg.MetadataValue.md(plots.importance(study)),
                "parallel_coordinates": dg.MetadataValue.md(plots.parallel_coordinates(study)),
            },
            data_version=dg.DataVersion(store.find(KIND, name).sha256),  # type: ignore[union-attr]
        )

    return tuning_study
