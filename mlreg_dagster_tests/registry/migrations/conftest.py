"""Registries of an older release, and empty databases."""

import time

import pytest

from mlreg_dagster_tests.postgres import schema_of_its_own
from mlreg_dagster_tests.registry.migrations.old_registry import copy_rows, create_by_scripts, restore_dump


@pytest.fixture
def old_file(tmp_path):
    return restore_dump(tmp_path / "registry.sqlite")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def url(request, old_file):
    if request.param == "sqlite":
        return f"sqlite:///{old_file}"
    target = request.getfixturevalue("postgres_url")
    create_by_scripts(target, 2)
    copy_rows(old_file, target)
    return target


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def empty(request, tmp_path):
    """Gives the URL of one empty database after the other."""
    if request.param == "sqlite":
        return lambda: f"sqlite:///{tmp_path}/{time.monotonic_ns()}.sqlite"
    server = request.getfixturevalue("postgres_server")
    return lambda: schema_of_its_own(server)
