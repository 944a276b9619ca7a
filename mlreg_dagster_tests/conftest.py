"""What every test shares: a home of its own, the recorded market data, how hard hypothesis searches."""

import gc
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from mlreg_dagster_tests.commands import mlreg, on_live, on_trained, registry
from mlreg_dagster_tests.drawing import drawing
from mlreg_dagster_tests.first_day import deployment_folder, first_day, made_first_day, made_second_day
from mlreg_dagster_tests.lifecycle import (
    dagster_home,
    live,
    live_home,
    made_dagster_home,
    make_world,
    trained,
    trained_home,
)
from mlreg_dagster_tests.object_store import s3_bucket, s3_server
from mlreg_dagster_tests.read_once import read_once
from mlreg_dagster_tests.repository import PROJECT_DIR

__all__ = [
    "dagster_home",
    "deployment_folder",
    "first_day",
    "live",
    "live_home",
    "made_dagster_home",
    "made_first_day",
    "made_second_day",
    "make_world",
    "mlreg",
    "on_live",
    "on_trained",
    "read_once",
    "registry",
    "s3_bucket",
    "s3_server",
    "trained",
    "trained_home",
]

_COMMON = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
}
# The same examples each time: what a change did not break does not refuse it. The nightly run looks for new ones.
settings.register_profile("default", max_examples=15, derandomize=True, **_COMMON)
settings.register_profile("nightly", max_examples=500, **_COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


_ROOM = 4 * 1024**3
"""Bytes; all tests at once keep less than one of these gigabytes."""

_LONGEST = (
    "registry/test_damaged_cells",
    "replay/test_rolled_back",
    "scenarios/test_rollout_faults",
    "automation/test_ingestion.py",
    "replay/test_rollouts",
    "scenarios/test_causes",
    "replay/test_killed_replay",
    "replay/test_run",
    "scenarios/test_accumulation",
    "scenarios/test_chunks",
    "automation/test_cancelled_runs",
    "automation/test_models",
    "scenarios/test_cold_start",
    "cli/test_demo",
    "cli/test_fresh_dataset",
    "scenarios/",
    "integrations/mlflow/test_killed",
    "faults/test_restored_copies",
    "deploy/test_ci",
    "hosts/",
    "automation/test_ingestion",
    "evidence/card/test_contradictions",
    "pages/test_crawl",
    "evidence/card/test_build",
    "examples/test_project",
    "faults/test_concurrency",
    "test_browser",
    "governance/rollout/test_stops",
    "replay/",
    "automation/test_rollout",
    "automation/test_automation",
    "monitoring/response/test_assets",
    "cli/commands/test_models",
    "governance/test_champion",
    "cli/test_places",
    "outcomes/reasons/test_explaining",
    "outcomes/predicting/test_rankings",
    "operations/test_mirror",
    "operations/doctor/test_warehouse_tables",
    "outcomes/test_assets",
    "models/test_assets",
    "governance/decisions/test_decide",
    "monitoring/drift/test_assets",
    "evidence/card/",
    "documentation/test_compliance",
    "serving/following/test_served",
    "serving/clients/test_schemathesis",
    "storage/warehouse/test_guarded_file",
)
"""Files that take longest, the longest first: begun last, one of them would keep a process busy after all others."""


def pytest_configure() -> None:
    """What is imported while tests are found stays: looking for garbage in it would cost a tenth of that time.

    Temporary folders in memory, where there is room: on a disk SQLite waits for it at each commit, 5 to 30 ms.

    `PYTEST_DEBUG_TEMPROOT`, pytest's own variable, names another place. What a test that passed has left is removed.
    """
    gc.disable()
    memory = Path("/dev/shm")
    if "PYTEST_DEBUG_TEMPROOT" in os.environ or not os.access(memory, os.W_OK):
        return
    place = os.statvfs(memory)
    if not place.f_flag & os.ST_NOEXEC and place.f_bavail * place.f_frsize > _ROOM:
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(memory)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, all else in its order."""

    def rank(item: pytest.Item) -> int:
        found = (number for number, name in enumerate(_LONGEST) if f"mlreg_dagster_tests/{name}" in item.nodeid)
        return next(found, len(_LONGEST))

    items.sort(key=rank)


def pytest_collection_finish() -> None:
    """What is imported by now stays to the end: garbage collection, an eighth of all time, passes it over."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Tests of pictures (`pictures`) draw, and their fixtures; no other test does, nor a fixture of whichever scope."""
    with drawing(item.get_closest_marker("pictures") is not None):
        return (yield)


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads or writes the home, the configs or the Dagster instance of the person who runs it."""
    for name in (
        "MLREG_CONFIG_DIR",
        "MLREG_REGISTRY",
        "MLREG_ARTIFACTS",
        "MLREG_LATEST",
        "MLREG_DAGSTER",
        "DAGSTER_HOME",
    ):
        monkeypatch.setenv(name, "")  # so that whatever the test makes of it is undone
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    monkeypatch.setenv("MLREG_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of recorded markets, which are no part of the project."""
    folder = Path(os.environ.get("MLREG_TEST_DATA") or PROJECT_DIR.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no recorded market data in {folder}; MLREG_TEST_DATA can name another folder")
    return folder
