"""The registry's two databases, for every test that asks for `registry_url`."""

from pathlib import Path

import pytest

from mlreg_dagster_tests.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def registry_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that nobody has opened yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/home/registry.db"
    return request.getfixturevalue("postgres_url")
