"""The registry's two databases for every test that asks for `registry_url`, and a registry of four versions."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from mlreg_dagster.registry import Registry
from mlreg_dagster_tests.postgres import postgres_server, postgres_url
from mlreg_dagster_tests.registry.builders import evaluate, register

__all__ = ["postgres_server", "postgres_url"]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def registry_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that nobody has opened yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/home/registry.db"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def registry(registry_url: str) -> Registry:
    """Versions v1 … v4, all of them evaluated and passed."""
    registry = Registry(registry_url)
    for number in range(1, 5):
        register(registry, f"v{number}")
        evaluate(registry, f"v{number}")
    return registry


@pytest.fixture
def raw(registry_url: str):
    """A connection to an empty registry's database, past the registry."""
    Registry(registry_url).versions()
    engine = sa.create_engine(registry_url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
