"""The sensor that keeps the mirror in MLflow in step: once the registry has a new record, and every hour."""

import json
from importlib.util import find_spec
from pathlib import Path

import dagster as dg

from mlreg_dagster.automation import common
from mlreg_dagster.config.places import is_mlflow_named
from mlreg_dagster.core.names import MLFLOW_SENSOR, MLFLOW_SYNC
from mlreg_dagster.models.tuning.record import STUDIES
from mlreg_dagster.orchestration.instance.runs import failed_just_now, under_way
from mlreg_dagster.orchestration.resources import ArtifactsResource, Clock, RegistryResource

_HOUR_S = 3600


def build_mlflow_sensor(by_name: common.Jobs, home: Path) -> dg.SensorDefinition:
    """On where MLFLOW_TRACKING_URI names a place and MLflow is installed; else a person turns it on.

    Without the variable the mirror is in the home.
    """
    is_asked_for = is_mlflow_named(home) and find_spec("mlflow") is not None

    @dg.sensor(
        name=MLFLOW_SENSOR,
        job=by_name[MLFLOW_SYNC],
        minimum_interval_seconds=common.EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING if is_asked_for else dg.DefaultSensorStatus.STOPPED,
        description="Mirrors the registry into MLflow once it has a new record, and looks every hour whether someone "
        "changed something there; off until MLFLOW_TRACKING_URI names a place and MLflow is installed.",
    )
    def mlflow_sensor(
        context: dg.SensorEvaluationContext,
        mlreg_registry: RegistryResource,
        mlreg_artifacts: ArtifactsResource,
        mlreg_clock: Clock,
    ) -> dg.SensorResult | dg.SkipReason:
        if waiting := under_way(context.instance, [MLFLOW_SYNC]) or failed_just_now(context.instance, [MLFLOW_SYNC]):
            return dg.SkipReason(waiting)
        sequence, head = mlreg_registry.open().audit_head()
        if not sequence:
            return dg.SkipReason("The registry is empty: there is nothing to mirror.")
        studies = len(mlreg_artifacts.open().keys(STUDIES))
        hour = int(mlreg_clock.now().timestamp()) // _HOUR_S
        cursor = json.dumps([head, studies, hour])
        if context.cursor == cursor:
            return dg.SkipReason(f"Record {sequence} of the registry is mirrored; MLflow is looked at every hour.")
        return dg.SensorResult(run_requests=[dg.RunRequest()], cursor=cursor)

    return mlflow_sensor
