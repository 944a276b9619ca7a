"""One trained model behind all versions of a test, and one registry that each test gets a copy of."""

import shutil

import pytest

from mlreg_dagster.registry import Registry
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster_tests.governance.rollout.rolling import ready


@pytest.fixture(scope="session")
def model(model_of):
    return model_of("robust_z_score")


@pytest.fixture(scope="session")
def template(tmp_path_factory, model):
    folder = tmp_path_factory.mktemp("rolling")
    ready(f"sqlite:///{folder}/registry.db", folder / "artifacts", model)
    return folder


@pytest.fixture
def rolling(template, tmp_path):
    """Registry and store: v1 is the champion; v2 and v3 have passed their gates."""
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    return Registry(f"sqlite:///{tmp_path}/registry.db"), open_artifacts(str(tmp_path / "artifacts"))
