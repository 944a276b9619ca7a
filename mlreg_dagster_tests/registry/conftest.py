"""The registry's two databases for every test that asks for `registry_url`, and a registry of four versions."""

import shutil
from collections.abc import Callable
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


@pytest.fixture(scope="session")
def filled_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Registry], None]], Registry]:
    """Opens a registry that a function has filled; where it is a file, that is done once, and the file is copied."""
    made: dict[Callable[[Registry], None], Path] = {}

    def opened(url: str, fill: Callable[[Registry], None]) -> Registry:
        registry, address = Registry(url), sa.make_url(url)
        if address.get_backend_name() != "sqlite":
            fill(registry)
            return registry
        if fill not in made:
            file = tmp_path_factory.mktemp("filled") / "registry.db"
            fill(Registry(f"sqlite:///{file}"))
            made[fill] = file
        target = Path(str(address.database))
        target.parent.mkdir(exist_ok=True)
        shutil.copy(made[fill], target)
        return registry

    return opened


@pytest.fixture
def registry(registry_url: str, filled_once: Callable[[str, Callable[[Registry], None]], Registry]) -> Registry:
    """Versions v1 … v4, all of them evaluated and passed."""
    return filled_once(registry_url, _four_versions)


def _four_versions(registry: Registry) -> None:
    for number in range(1, 5):
        register(registry, f"v{number}")
        evaluate(registry, f"v{number}")


@pytest.fixture
def raw(registry_url: str):
    """A connection to an empty registry's database, past the registry."""
    Registry(registry_url).versions()
    engine = sa.create_engine(registry_url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
