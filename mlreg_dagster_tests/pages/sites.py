"""Clients of the pages of a home."""

from pathlib import Path

from starlette.testclient import TestClient

from mlreg_dagster.config import load_settings
from mlreg_dagster.pages.access import Access
from mlreg_dagster.pages.process import pages_app

HERE = Access(hosts=("testserver",))


def client_of(home: Path, access: Access = HERE, dagster_url: str | None = None) -> TestClient:
    """The pages of a home; the configuration of the tests' worlds lies beside it."""
    configs = home.with_name(f"{home.name}-configs")
    settings = load_settings(configs) if configs.is_dir() else load_settings()
    return TestClient(pages_app(home, settings, access, dagster_url))
