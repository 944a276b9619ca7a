"""A code location as the daemon sees it: sensors and schedule tick, and what they ask for is run in this process."""

import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import yaml

from mlreg_dagster.datasets.freezing import HOLDOUT, TRAINING, freeze, load
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.orchestration.partitions import MODEL_VERSIONS
from mlreg_dagster.orchestration.resources import Clock
from mlreg_dagster.storage.homes import DAGSTER_YAML
from mlreg_dagster.storage.warehouse.tables import Table
from mlreg_dagster_tests.lifecycle import Lifecycle

SENSORS = ("catch_up_sensor", "days_sensor", "retrain_sensor", "promote_sensor")
CONFIGS = {
    "datasets": {
        "history_hours": 24,
        "holdout_hours": 8,
        "min_training_hours": 16,
        "min_holdout_hours": 8,
        "min_snapshots_per_instrument": 4,
    },
    "evaluation": {  # gates that any version passes
        "max_anomaly_rate": 1.0,
        "max_rate_shift": 1.0,
        "min_silhouette": -1.0,
        "min_score_gap": 0.0,
        "min_average_precision_margin": -1.0,
        "injection": {"seeds": 1, "rounds": 2},
    },
    "promotion": {"automatic": "passed"},
    "outcomes": {"horizon_hours": 2, "bootstrap_samples": 100},
    "retraining": {"every_days": 1},
    "automation": {"pause_minutes": 60},
}
EASILY_TOLD_APART = {
    "promotion": {"automatic": "better"},
    "evaluation": {
        **CONFIGS["evaluation"],
        "injection": {"seeds": 1, "days": 1, "rounds": 12, "instrument_share": 0.4},
        "comparison": {"min_instruments": 2, "confidence": 0.52, "refits": 0},
    },
}
"""Promotes what is better; twelve instruments are few, so the interval is narrow and without chance in training."""
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def make_instance(home: Path) -> dg.DagsterInstance:
    """An instance whose files are those of a deployment."""
    home.mkdir(parents=True, exist_ok=True)
    config = yaml.safe_load(DAGSTER_YAML)
    config["storage"]["custom"]["config"]["base_dir"] = str(home)
    (home / "dagster.yaml").write_text(yaml.safe_dump(config))
    return dg.DagsterInstance.from_config(str(home))


class Location:
    """A code location at a standing clock; `folder` holds everything that outlives it."""

    def __init__(self, folder: Path, now: str, configs: Mapping[str, Any] | None = None, **resources: Any) -> None:
        self.folder = folder
        self.instance = make_instance(folder / "dagster")
        configs = {**CONFIGS, **(configs or {})}
        clock = Clock(fixed=now)
        self.world = Lifecycle(folder / "home", configs, self.instance, clock=clock, **resources)
        self.repository = self.world.definitions.get_repository_def()

    def ask(self, name: str, cursor: str | None = None) -> Any:
        """One tick of a sensor, without running anything."""
        sensor = self.repository.get_sensor_def(name)
        resources = {key: self.world.definitions.resources[key] for key in sensor.required_resource_keys}
        with dg.build_sensor_context(
            self.instance,
            cursor,
            repository_def=self.repository,
            resources=resources,
            instance_ref=self.instance.get_ref(),
        ) as context:
            return sensor.evaluate_tick(context)

    def tick(self, name: str) -> list[str]:
        """One tick, and what the daemon makes of it: new partitions, and runs whose keys it has not seen."""
        answer = self.ask(name)
        for request in answer.dynamic_partitions_requests or []:
            self.instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
        fresh = [
            each for each in answer.run_requests or [] if not (each.run_key and self.runs_with("run_key", each.run_key))
        ]
        return [self.start(each, each.job_name or self.repository.get_sensor_def(name).job_name) for each in fresh]

    def start(self, request: dg.RunRequest, job: str) -> str:
        tags = {**request.tags, **({"dagster/run_key": request.run_key} if request.run_key else {})}
        result = self.world.definitions.resolve_job_def(job).execute_in_process(
            run_config={**request.run_config, **QUIET},
            instance=self.instance,
            partition_key=request.partition_key,
            tags=tags,
            raise_on_error=False,
        )
        first = tags.get("dagster/asset_partition_range_start")
        what = f"{first}...{tags['dagster/asset_partition_range_end']}" if first else request.partition_key
        return f"{job} {what}{'' if result.success else ' failed'}"

    def settle(self) -> list[str]:
        """Let the sensors tick, one after the other, until none of them asks for anything."""
        done: list[str] = []
        for _ in range(12):
            started = [run for name in SENSORS for run in self.tick(name)]
            if not started:
                return done
            done += started
        raise AssertionError(f"The sensors don't come to rest: {done}")

    def at_schedule(self, time: str) -> Any:
        """The tick of the schedule at a time."""
        schedule = self.repository.get_schedule_def("hourly_schedule")
        resources = {key: self.world.definitions.resources[key] for key in schedule.required_resource_keys}
        with dg.build_schedule_context(
            self.instance,
            scheduled_execution_time=datetime.fromisoformat(f"{time}+00:00"),
            resources=resources,
            repository_def=self.repository,
        ) as context:
            return schedule.evaluate_tick(context)

    def runs_with(self, tag: str, value: str) -> int:
        return self.instance.get_runs_count(dg.RunsFilter(tags={f"dagster/{tag}": value}))

    def failed_runs(self) -> list[str]:
        return [run.job_name for run in self.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))]

    def versions(self) -> list[str]:
        return sorted(self.instance.get_dynamic_partitions(str(MODEL_VERSIONS.name)))

    def champions(self) -> list[tuple[str, str]]:
        return [(move.version, move.actor) for move in self.world.registry.history(CHAMPION)]

    def materialize(self, asset: str, hour: str) -> None:
        """Record that a person made a partition."""
        self.instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=hour))

    def thaw(self, *kinds: str) -> None:
        """Make as if datasets had never been frozen."""
        for kind in kinds:
            shutil.rmtree(self.world.artifacts.root / kind)

    def freeze_another_day(self, day: str) -> None:
        """Make as if the dataset of a day had been frozen; it is the newest one, short of a row."""
        store = self.world.artifacts
        for kind in (TRAINING, HOLDOUT):
            dataset = load(store, kind, store.keys(kind)[-1])
            freeze(store, kind, day, dataset.rows[1:], dataset.lineage, dataset.market)

    def table(self, table: Table) -> pd.DataFrame:
        return self.world.warehouse.read(table).sort_values(list(table.key), ignore_index=True)
