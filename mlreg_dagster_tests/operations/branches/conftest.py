"""A small home with something of each kind, and a branch of it."""

from datetime import UTC, datetime

import pytest

from mlreg_dagster.config.settings import Settings
from mlreg_dagster.operations.branches.creation import create
from mlreg_dagster.registry import Attribution
from mlreg_dagster_tests.operations.backup.small_home import make_home

BY = Attribution("anna", datetime(2026, 2, 1, tzinfo=UTC), "a detector is tried")


@pytest.fixture
def home(own_home):
    return make_home(own_home)


@pytest.fixture
def staging(home):
    return create(home, "staging", BY, Settings())
