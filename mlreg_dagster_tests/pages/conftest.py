"""The pages of the tests' world: v1 was champion of the fifth day's first half, v2 is."""

import dataclasses
import shutil
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from mlreg_dagster.config.places import artifacts_root
from mlreg_dagster.core.hours import day_key
from mlreg_dagster.models.sweeps.plan import freeze_plan
from mlreg_dagster.models.tuning.record import write_study
from mlreg_dagster.pages.background import BACKGROUND
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster_tests.lifecycle import DATASET_DAY, LIVE
from mlreg_dagster_tests.models.sweeps.plans import a_plan
from mlreg_dagster_tests.models.tuning.studies import a_study
from mlreg_dagster_tests.pages.at_once import AtOnce
from mlreg_dagster_tests.pages.recorded import recorded_home
from mlreg_dagster_tests.pages.sites import client_of

__all__ = ["client_of", "recorded_home"]


@pytest.fixture(scope="session")
def pages_home(live_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the live world that only the pages read, with a study and a planned sweep; nothing may write to it."""
    home = tmp_path_factory.mktemp("pages") / "home"
    shutil.copytree(live_home, home)
    day, store = day_key(DATASET_DAY), open_artifacts(artifacts_root(home))
    write_study(store, dataclasses.replace(a_study(), dataset_day=day, finished_at=LIVE.isoformat()))
    freeze_plan(a_plan(first=90, day=day, now=LIVE), store)
    configs = live_home.with_name(f"{live_home.name}-configs")
    if configs.is_dir():
        shutil.copytree(configs, home.with_name(f"{home.name}-configs"))
    return home


@pytest.fixture
def site(pages_home: Path) -> TestClient:
    """The pages of the live world: `site.get("/models")`."""
    return client_of(pages_home)


@pytest.fixture(autouse=True)
def computes_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes long is made in this process."""
    monkeypatch.setattr(BACKGROUND, "_worker", AtOnce())
