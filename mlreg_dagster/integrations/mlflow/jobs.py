"""The job that mirrors the registry into MLflow; it fails where someone changed something there, though put back."""

from pathlib import Path

import dagster as dg

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.orchestration.resources import ArtifactsResource, RegistryResource


class ChangedInMlflow(MlregError):
    """Someone changed the mirror; it is put back."""


def build_mlflow_job(name: str, home: Path) -> dg.JobDefinition:
    """Mirror the registry of `home`."""

    @dg.op
    def mirror_registry(
        context: dg.OpExecutionContext, mlreg_registry: RegistryResource, mlreg_artifacts: ArtifactsResource
    ) -> None:
        from mlreg_dagster.integrations.mlflow.mirror import sync
        from mlreg_dagster.integrations.mlflow.place import place_of
        from mlreg_dagster.orchestration.instance.audit_anchors import witnessed_heads

        report = sync(mlreg_registry.open(), mlreg_artifacts.open(), place_of(home), witnessed_heads(context.instance))
        for each in report.missing:
            context.log.info(f"Mirrored now: {each}.")
        context.log.info(
            f"{report.versions} versions and {report.runs} runs are in {report.place}; {report.calls} calls wrote."
        )
        if report.foreign:
            raise ChangedInMlflow(
                f"Someone changed the mirror in {report.place}, and it was put back: {'; '.join(report.foreign)}. "
                f"Find out who writes there: the registry alone decides."
            )

    @dg.job(name=name, description="Makes MLflow hold what the registry says; fails where someone changed it there.")
    def mlflow_job() -> None:
        mirror_registry()

    return mlflow_job
