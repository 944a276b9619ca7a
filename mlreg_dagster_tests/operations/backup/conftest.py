from pathlib import Path

import pytest

from mlreg_dagster_tests.operations.backup.small_home import make_home


@pytest.fixture
def home(own_home: Path) -> Path:
    return make_home(own_home)
