"""Runs the graph's jobs from Python, on the Dagster instance that the UI shows."""

import os
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd

from mlreg_dagster.automation.backlog import Backlog, find_backlog
from mlreg_dagster.automation.ingestion import hourly_orders
from mlreg_dagster.config import Settings, home_dir, load_settings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.hours import as_hour, day_key, hour_key
from mlreg_dagster.core.people import OF_THE_PROJECT
from mlreg_dagster.definitions import build_definitions
from mlreg_dagster.governance.promotion.request import PromotionRequest
from mlreg_dagster.governance.rollout.request import RolloutAction
from mlreg_dagster.jobs import EVALUATE, HOURLY_ASSETS, PROMOTE, RETRAIN, ROLLOUT, TRAIN
from mlreg_dagster.market.sources.base import MarketSource
from mlreg_dagster.operations.branches.numbers import taken_elsewhere
from mlreg_dagster.orchestration.console import terse_console
from mlreg_dagster.orchestration.failures import reason_of
from mlreg_dagster.orchestration.instance.materialized_hours import lost_hours
from mlreg_dagster.orchestration.instance.runs import all_under_way
from mlreg_dagster.orchestration.partitions import MODEL_VERSIONS, range_tags, runs_of
from mlreg_dagster.orchestration.resources import PREFIX, Clock
from mlreg_dagster.registry import Registry
from mlreg_dagster.storage.artifacts import ArtifactStore
from mlreg_dagster.storage.faults import explained
from mlreg_dagster.storage.warehouse.sql_warehouse import SqlWarehouse

_ON_CONSOLE: dict[str, Any] = {
    "loggers": {"console": {}}
}  # Dagster takes one of its own for a logger that run config doesn't name


class RunFailed(MlregError):
    """A run that did not succeed; the message names run and step."""


class TrainingUnderWay(MlregError):
    """A training that was asked for while another one goes on."""


class Runner:
    """The graph, its storage, and the instance that its runs are recorded in.

    Args:
        instance: Where runs are recorded; None = the one of DAGSTER_HOME, closed when the runner is gone.
        settings: None = the configuration files.
        home: None = MLREG_HOME.
        resources: Replacements, as in `build_definitions`.

    Attributes:
        home: The data home.
    """

    def __init__(
        self,
        instance: dg.DagsterInstance | None = None,
        settings: Settings | None = None,
        home: Path | None = None,
        resources: Mapping[str, Any] | None = None,
    ) -> None:
        self.settings = settings or load_settings()
        self.home = home or home_dir()
        self.definitions = build_definitions(self.settings, home, resources)
        with explained(f"Dagster's storage in {os.environ.get('DAGSTER_HOME')}"):
            self.instance = instance or dg.DagsterInstance.get()
        if instance is None:
            weakref.finalize(self, self.instance.dispose)

    @property
    def registry(self) -> Registry:
        """The registry that the runs use."""
        return self._resource("registry").open()  # type: ignore[no-any-return]

    @property
    def warehouse(self) -> SqlWarehouse:
        """The tables that the runs use."""
        return self._resource("warehouse").open()  # type: ignore[no-any-return]

    @property
    def artifacts(self) -> ArtifactStore:
        """The artifacts that the runs use."""
        return self._resource("artifacts").open()  # type: ignore[no-any-return]

    @property
    def clock(self) -> Clock:
        """The clock that the runs go by."""
        return self._resource("clock")  # type: ignore[no-any-return]

    @property
    def source(self) -> MarketSource:
        """The source that the runs use."""
        return self._resource("source")  # type: ignore[no-any-return]

    def run_hours(self, job: str, hours: pd.DatetimeIndex, config: Mapping[str, Any] | None = None) -> None:
        """Run an hourly job for consecutive hours: as one run, or the oldest `hours_per_run` first, then the next."""
        for chunk in runs_of(hours, self.settings.automation.hours_per_run):
            self._execute(job, config, tags=range_tags(hour_key(chunk[0]), hour_key(chunk[-1])))

    def run_days(self, job: str, days: pd.DatetimeIndex, config: Mapping[str, Any] | None = None) -> None:
        """Run a daily job for consecutive days, likewise."""
        for chunk in runs_of(days, self.settings.automation.days_per_run):
            self._execute(job, config, tags=range_tags(day_key(chunk[0]), day_key(chunk[-1])))

    def run_partition(
        self, job: str, key: str, config: Mapping[str, Any] | None = None, tags: Mapping[str, str] | None = None
    ) -> None:
        """Run a job for one partition: a day or a model version."""
        self._execute(job, config, partition_key=key, tags=tags)

    def run(self, job: str, config: Mapping[str, Any] | None = None, tags: Mapping[str, str] | None = None) -> str:
        """Run a job without partitions.

        Returns:
            The id of the run.
        """
        return self._execute(job, config, tags=tags)

    def move_alias(self, request: PromotionRequest) -> None:
        """Move an alias, if the policy allows it."""
        request = replace(request, actor=self.registry.acting(request.actor))
        self.run(PROMOTE, request.run_config, request.tags)

    def roll_out(self, request: RolloutAction) -> None:
        """Start, step, pause, resume or abort a rollout, if policy and decision table allow it."""
        request = replace(request, actor=self.registry.acting(request.actor))
        newest = self.registry.traffic(request.alias)
        self.run(ROLLOUT, request.run_config, request.tags(newest.candidate if newest else None))

    def train(self, config: Mapping[str, Any], tags: Mapping[str, str] | None = None) -> str:
        """Train under the next free version; `config` is that of `candidate_model`.

        Returns:
            The version.

        Raises:
            ConfigError, NoDataset: What is asked for can't be trained; no version was used up.
            RunFailed: The training failed.
        """
        version = self._take_version(config)
        self.run_partition(TRAIN, version, asset_config("candidate_model", config), tags)
        return version

    def retrain(self, config: Mapping[str, Any], tags: Mapping[str, str] | None = None) -> str:
        """Train under the next free version, and evaluate it; arguments and errors are those of `train`.

        Raises:
            TrainingUnderWay: As many trainings and evaluations as may go on side by side have not ended.
        """
        self.require_room()
        version = self._take_version(config)
        self.train_and_evaluate(version, config, tags)
        return version

    def make_variant(self, of: str, change: str, actor: str | None = None) -> str:
        """Make a smaller variant of a version under the next free version, and evaluate it; errors as of `retrain`.

        Raises:
            NotForThisKind, UnknownChange, VariantOfAVariant: The change is not possible; no version was used up.
        """
        from mlreg_dagster.models.optimisation.ordering import variant_order

        order = variant_order(self.registry, self.artifacts, of, change)
        self.require_room()
        (version,) = self.take_versions(1)
        self.train_and_evaluate(version, {"variant_of": order.of, "change": change, "actor": actor})
        return version

    def require_room(self) -> None:
        """Refuse to begin a training while as many as may go on side by side have not ended.

        Raises:
            TrainingUnderWay: They have not.
        """
        at_once = self.settings.automation.trainings_at_once or 1
        if len(busy := all_under_way(self.instance, (RETRAIN, TRAIN, EVALUATE))) >= at_once:
            many = "One version is" if at_once == 1 else f"{at_once} versions are"
            raise TrainingUnderWay(f"{busy[0]} {many} trained at a time: wait until it has ended.")

    def train_and_evaluate(
        self, version: str, config: Mapping[str, Any], tags: Mapping[str, str] | None = None
    ) -> None:
        """Train under a version that was taken, and evaluate it; `config` is that of `candidate_model`.

        Raises:
            RunFailed: The training or the evaluation failed; a gate that says no is no failure.
        """
        evaluate = asset_config("evaluated_model", {"actor": config.get("actor")})["ops"]
        both = {"ops": {**asset_config("candidate_model", config)["ops"], **evaluate}}
        self.run_partition(RETRAIN, version, both, tags)

    def _take_version(self, config: Mapping[str, Any]) -> str:
        """The next free version, once what is asked for can be trained."""
        from mlreg_dagster.models.sweeps.order import requested
        from mlreg_dagster.models.training_request import place_order

        order, _ = requested(self.artifacts, {name: value for name, value in config.items() if value is not None})
        place_order(self.settings, self.artifacts, **order)
        (version,) = self.take_versions(1)
        return version

    def take_versions(self, number: int) -> list[str]:
        """The next free versions, each with a partition, which nobody else takes."""
        from mlreg_dagster.models.registration import take_versions

        elsewhere, partitions = taken_elsewhere(self.home), str(MODEL_VERSIONS.name)
        return take_versions(
            number,
            self.registry,
            self.artifacts,
            lambda: [*self.instance.get_dynamic_partitions(partitions), *elsewhere],
            lambda names: self.instance.add_dynamic_partitions(partitions, names),
        )

    def backlog(self, hours: pd.DatetimeIndex) -> Backlog:
        """What is missing or outdated among consecutive hours.

        Raises:
            WarehouseBusy: Another process kept the tables.
        """
        tables = self.warehouse
        return find_backlog(
            hours,
            *hourly_orders(self.instance, hours, tables, tables.guard.timeout_s),
            lookback_hours=self.settings.max_lookback_hours,
            horizon_hours=self.settings.outcomes.horizon_hours,
            recent=hours[0],
        )

    def has_made(self, asset: str, keys: Iterable[str]) -> bool:
        """Whether runs have recorded that they made all these partitions of an asset, and the tables still hold them.

        A run that was killed may have written data without a record; the next run makes them again.
        """
        wanted = set(keys)
        if not wanted <= self.instance.get_materialized_partitions(dg.AssetKey(asset)):
            return False
        if asset not in HOURLY_ASSETS or not wanted:
            return True
        hours = pd.DatetimeIndex(sorted(map(as_hour, wanted)))
        stored = self.warehouse.hours(asset, hours[0], hours[-1])
        return lost_hours(self.instance, asset, hours, stored).empty

    def add_version(self, version: str) -> None:
        """Make a partition for a version, so that runs can name it."""
        self.instance.add_dynamic_partitions(str(MODEL_VERSIONS.name), [version])

    def _by_ids(self, config: Mapping[str, Any] | None) -> dict[str, Any]:
        """Run config, which Dagster keeps, without the names of people that the directory has ids for.

        Raises:
            InvalidRecord: A reason holds a name, or the person may not act.
        """
        found = {**(config or {})}
        ops = {name: {**op} for name, op in found.get("ops", {}).items()}
        for op in ops.values():
            values = {**(op.get("config") or {})}
            if isinstance(actor := values.get("actor"), str):
                values["actor"] = self.registry.acting(actor)
            if isinstance(reason := values.get("reason"), str) and values.get("actor") not in OF_THE_PROJECT:
                self.registry.directory().refuse_names("reason", reason)
            if values:
                op["config"] = values
        return {**found, "ops": ops} if ops else found

    def _execute(self, job: str, config: Mapping[str, Any] | None, **how: Any) -> str:
        config = self._by_ids(config)
        definition = self.definitions.resolve_job_def(job).with_logger_defs({"console": terse_console})
        try:
            with explained(f"Dagster's storage in {self.instance.root_directory}"):
                result = definition.execute_in_process(
                    instance=self.instance, run_config={**_ON_CONSOLE, **config}, raise_on_error=False, **how
                )
        except dg.DagsterError as error:  # an unknown partition, config of another form: no run was made
            raise RunFailed(f"Job {job} could not start. {error}") from error
        if result.success:
            return str(result.run_id)
        failures = [event for event in result.all_events if event.is_step_failure]
        if not failures:
            raise RunFailed(f"Run {result.run_id} of job {job} failed before its first step; see it in the UI.")
        reason = reason_of(failures[0].step_failure_data.error)
        raise RunFailed(f"{reason}\n(step {failures[0].step_key} of job {job}, run {result.run_id})")

    def _resource(self, name: str) -> Any:
        return (self.definitions.resources or {})[PREFIX + name].value


def asset_config(asset: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Run config for one asset."""
    return {"ops": {asset: {"config": dict(config)}}}
