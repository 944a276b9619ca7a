"""One small lifecycle on the simulated market, built once for all tests; each test gets a copy of its own.

Twelve instruments, six days, datasets that end with the fourth. `trained`: v1 and v2 pass their gates, v3 fails one,
nobody is champion. `live`: v1 is champion from the fifth day on and v2 from its noon on; the fifth day is predicted,
its outcomes are due on the sixth.
"""

import logging
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest
import yaml
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.base import PartitionKeyFilter
from filelock import FileLock

from mlreg_dagster import jobs
from mlreg_dagster.config import load_settings
from mlreg_dagster.core.hours import HOUR, as_hour, day_key, hour_key, hour_range
from mlreg_dagster.governance.policy.adoption import adopt
from mlreg_dagster.governance.policy.in_force import differences, recorded_rules, rules_of
from mlreg_dagster.governance.promotion.request import PromotionRequest
from mlreg_dagster.orchestration.resources import Clock
from mlreg_dagster.registry import Attribution
from mlreg_dagster.runner import Runner, asset_config
from mlreg_dagster.storage.homes import prepare_home

START = as_hour("2026-01-01")
DATASET_DAY = as_hour("2026-01-04")
LIVE = as_hour("2026-01-05")
NOON = LIVE + 12 * HOUR
DUE = as_hour("2026-01-06")
END = as_hour("2026-01-07")
NOW = "2026-01-08T00:30:00"

MARKET_HOURS = hour_range(START, END - HOUR)
LIVE_HOURS = hour_range(LIVE, DUE - HOUR)
DUE_HOURS = hour_range(DUE, END - HOUR)

_FEATURES = ["change_1h_pct", "change_24h_pct", "volatility_7d_pct", "slog_volume_24h", "slog_volume_24h_lag_1h"]
_NEIGHBOURS = {"detector": "local_outlier_factor", "contamination": 0.05, "features": _FEATURES}
CONFIGS = {
    "ingest": {
        "start": START.isoformat(),
        "universe": 12,
        "simulated": {"opens": "2025-12-15T00:00", "crashes": 8.0},
    },
    "features": {"lag_hours": [1], "rolling_hours": [24]},
    "datasets": {"history_hours": 72, "min_training_hours": 40, "min_snapshots_per_instrument": 12},
    "model": {**_NEIGHBOURS, "params": {"n_neighbors": 20}},
    "model_lof": {**_NEIGHBOURS, "params": {"n_neighbors": 30}},
    "model_forest": {"params": {"n_estimators": 10}, "features": _FEATURES},
    "evaluation": {"injection": {"seeds": 2}},
    "outcomes": {"bootstrap_samples": 100, "rankings": {"panel": []}},
}
"""Only what differs from the project's own files; most tests are about versions, so there are no rankings."""


class Lifecycle(Runner):
    """The graph on a home of its own, with the clock at NOW; runs are kept in memory unless an instance is given."""

    def __init__(
        self,
        home: Path,
        configs: Mapping[str, Any] | None = None,
        instance: dg.DagsterInstance | None = None,
        adopts: bool = True,
        **resources: Any,
    ) -> None:
        self.home = home
        self.config_dir = write_configs(home.with_name(f"{home.name}-configs"), configs)
        if instance is None:
            instance = dg.DagsterInstance.ephemeral()
            weakref.finalize(self, instance.dispose)  # it has a temporary folder
        super().__init__(instance, load_settings(self.config_dir), home, {"clock": Clock(fixed=NOW), **resources})
        for version in self.registry.versions():
            self.add_version(version.version)
        if adopts and self.registry.versions():
            self.adopt()

    def adopt(self) -> None:
        """Put the configuration of this world in force, where it differs from the one that the home was made with."""
        files = rules_of(self.settings)
        in_force = recorded_rules(self.registry.record_first_policy(files.content, self.clock.now()))
        if differences(in_force, files):
            adopt(self.registry, files, Attribution("tester", self.clock.now(), "a test wants it"))

    def attempt(
        self,
        *assets: str,
        config: Mapping[str, Any] | None = None,
        key: str | None = None,
        hours: pd.DatetimeIndex | None = None,
        checks: str | None = None,
    ) -> dg.ExecuteInProcessResult:
        """Materialize assets, or run the checks of one asset alone; a failed run is an answer, too.

        Args:
            assets: Which, with their checks.
            config: Of the only asset.
            key: A day or a version.
            hours: A range of hours.
            checks: The asset whose checks are to run alone.
        """
        graph = self.definitions.resolve_asset_graph()
        selection = dg.AssetSelection.checks_for_assets(checks) if checks else dg.AssetSelection.assets(*assets)
        job = self.definitions.resolve_implicit_global_asset_job_def().get_subset(
            asset_selection=selection.resolve(graph), asset_check_selection=selection.resolve_checks(graph)
        )
        tags = {}
        if hours is not None:
            tags["dagster/asset_partition_range_start"] = hour_key(hours[0])
            tags["dagster/asset_partition_range_end"] = hour_key(hours[-1])
        return job.execute_in_process(
            run_config=asset_config(assets[0], config) if config else {},
            instance=self.instance,
            partition_key=key,
            tags=tags,
            raise_on_error=False,
        )

    def promote(self, version: str, effective_at: pd.Timestamp | None = None, **changes: Any) -> None:
        """Run the promote job."""
        when = None if effective_at is None else effective_at.isoformat()
        wanted = {"reason": "a test wants it", "actor": "tester", "effective_at": when, **changes}
        self.move_alias(PromotionRequest(version, **wanted))

    def ask_for(self, config: Mapping[str, Any]) -> dg.ExecuteInProcessResult:
        """Run the promote job; a refusal is an answer, too."""
        return self.definitions.resolve_job_def(jobs.PROMOTE).execute_in_process(
            run_config=asset_config("champion_model", config), instance=self.instance, raise_on_error=False
        )

    def tamper(self, version: str) -> None:
        """Change the bytes of an artifact, as someone might who has access to the disk."""
        manifest = self.home / "artifacts" / "models" / version / "manifest.json"
        manifest.write_text(manifest.read_text().replace('"threshold": ', '"threshold": 1'))

    def warnings(self, result: dg.ExecuteInProcessResult) -> str:
        """What a run warned of."""
        logs = self.instance.all_logs(result.run_id)
        return "\n".join(entry.user_message for entry in logs if entry.level == logging.WARNING)


def metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    """What the last materialization of an asset tells."""
    return {name: value.value for name, value in result.asset_materializations_for_node(asset)[-1].metadata.items()}


def verdicts(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    """Check name to whether it passed."""
    return {check.check_name: check.passed for check in result.get_asset_check_evaluations()}


def latest_verdict(world: Lifecycle, gate: str, version: str) -> bool:
    """Whether a gate passed when it was last recorded for a version, as the UI shows it."""
    key = dg.AssetCheckKey(dg.AssetKey("evaluated_model"), gate)
    storage = world.instance.event_log_storage
    found = storage.get_latest_asset_check_execution_by_key([key], partition_filter=PartitionKeyFilter(key=version))
    return found[key].status == AssetCheckExecutionRecordStatus.SUCCEEDED


def failure(result: dg.ExecuteInProcessResult) -> str:
    """The error of the first failed step, with its causes."""
    assert not result.success
    error = next(event for event in result.all_events if event.is_step_failure).step_failure_data.error
    return "".join(part.message for part in _chain(error))


def _chain(error: Any) -> Iterator[Any]:
    while error is not None:
        yield error
        error = error.cause


def write_configs(folder: Path, changes: Mapping[str, Any] | None = None) -> Path:
    """CONFIGS as files; `changes` replace whole files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in {**CONFIGS, **(changes or {})}.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(values))
    return folder


# --- the homes that are copied ------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def trained_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with made_once(tmp_path_factory, "trained") as (home, made):
        if not made:
            train(Lifecycle(home))
    return home


@pytest.fixture(scope="session")
def live_home(trained_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with made_once(tmp_path_factory, "live") as (home, made):
        if not made:
            shutil.copytree(trained_home, home)
            go_live(Lifecycle(home))
    return home


@contextmanager
def made_once(factory: pytest.TempPathFactory, name: str) -> Iterator[tuple[Path, bool]]:
    """A folder that all test processes share, and whether one of them has made it; the lock is held meanwhile."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "lifecycle"
    folder.mkdir(exist_ok=True)
    with FileLock(folder / f"{name}.lock"):
        done = folder / f"{name}.done"
        yield folder / name, done.exists()
        done.touch()


def train(world: Lifecycle) -> None:
    """Three versions: two that pass their gates, one that does not; nobody is champion."""
    world.run_hours(jobs.MARKET, MARKET_HOURS)
    world.run_partition(jobs.DATASETS, day_key(DATASET_DAY))
    for model in ("model", "model_lof", "model_forest"):
        version = world.train({"model": model, "actor": "tester"})
        world.run_partition(jobs.EVALUATE, version, asset_config("evaluated_model", {"actor": "tester"}))
    assert [world.registry.status(f"v{number}") for number in (1, 2, 3)] == ["evaluated", "evaluated", "rejected"]


def go_live(world: Lifecycle) -> None:
    """One day predicted by two champions, and its outcomes."""
    world.promote("v1", LIVE)
    world.promote("v2", NOON)
    world.run_hours(jobs.PREDICTIONS, LIVE_HOURS)
    world.run_hours(jobs.OUTCOMES, DUE_HOURS)
    world.run_partition(jobs.PERFORMANCE, day_key(DUE))


@pytest.fixture(scope="session")
def made_dagster_home() -> Iterator[Path]:
    """A Dagster home with its databases made, in memory where the system has such a folder."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        home = Path(folder) / "made"
        home.mkdir()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DAGSTER_HOME", str(home))
            prepare_home()
            with dg.DagsterInstance.get() as instance:
                instance.get_dynamic_partitions("none")
        yield home


@pytest.fixture
def dagster_home(made_dagster_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Dagster home of the test's own, which every command and `DagsterInstance.get()` find."""
    home = made_dagster_home.with_name(tmp_path.name)
    shutil.copytree(made_dagster_home, home)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    return home


@pytest.fixture
def make_world(tmp_path: Path) -> Callable[..., Lifecycle]:
    """Copy a home (None: an empty one) and open it; further arguments are those of `Lifecycle`."""

    def make(home: Path | None, name: str = "world", **changes: Any) -> Lifecycle:
        if home is not None:
            shutil.copytree(home, tmp_path / name)
        return Lifecycle(tmp_path / name, **changes)

    return make


@pytest.fixture
def trained(make_world: Callable[..., Lifecycle], trained_home: Path) -> Lifecycle:
    return make_world(trained_home)


@pytest.fixture
def live(make_world: Callable[..., Lifecycle], live_home: Path) -> Lifecycle:
    return make_world(live_home)
