import hashlib
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from mlreg_dagster.core.health import Finding
from mlreg_dagster.operations.doctor.doctor import examine
from mlreg_dagster.operations.home import Home
from mlreg_dagster.operations.retention.jobs import open_home
from mlreg_dagster_tests.lifecycle import Lifecycle
from mlreg_dagster_tests.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]

NOW = pd.Timestamp.now(tz="UTC")


def home_of(world: Lifecycle) -> Home:
    """The home that a graph works on."""
    resources = world.definitions.resources or {}
    return open_home(
        world.home, *(resources[name].value for name in ("mlreg_warehouse", "mlreg_artifacts", "mlreg_registry"))
    )


@pytest.fixture
def home(live: Lifecycle) -> Home:
    """The home of the small lifecycle; processes that wait for its tables do not wait long."""
    home = home_of(live)
    home.warehouse.file.lock.timeout_s = 0.2
    return home


@pytest.fixture
def findings(live: Lifecycle, home: Home) -> Callable[[], dict[str, Finding]]:
    """What the doctor finds, by name."""
    return lambda: {finding.name: finding for finding in examine(home, live.settings, NOW)}


def content_of(folder: Path) -> dict[str, str]:
    """Every file below a folder and its hash."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }
