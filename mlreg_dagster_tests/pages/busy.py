"""Pages of a home that has nothing but a registry with a long history."""

from datetime import datetime
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from mlreg_dagster.config.places import registry_url
from mlreg_dagster.registry import Registry
from mlreg_dagster_tests.governance.busy_registry import make_busy
from mlreg_dagster_tests.pages.conftest import client_of


class BusyHome:
    """A home with a long history.

    Attributes:
        folder: The home.
        registry: To ask what the pages should say.
        end: A time after the last record.
        site: A client of its pages.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.registry = Registry(registry_url(folder))
        self.end: datetime = make_busy(self.registry)
        self.site: TestClient = client_of(folder)


@pytest.fixture(scope="session")
def busy(tmp_path_factory: pytest.TempPathFactory) -> BusyHome:
    """A home with a long history, for the whole session; nothing may write to it."""
    return BusyHome(tmp_path_factory.mktemp("busy") / "home")
