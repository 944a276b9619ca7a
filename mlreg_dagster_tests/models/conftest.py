"""One world for all tests of the models: datasets and models are frozen, so sharing them is safe."""

from collections.abc import Callable
from functools import cache

import pytest

from mlreg_dagster.config import InjectionSettings
from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.models.evaluation.rounds import PlantedRound, plant_anomalies
from mlreg_dagster.registry import Registry
from mlreg_dagster.storage.artifacts import ArtifactStore, open_artifacts
from mlreg_dagster_tests.models.builders import FEATURES, INJECTION, LOOKBACK, World, build_world


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return build_world(tmp_path_factory.mktemp("artifacts"))


@pytest.fixture(scope="session")
def model_of(world: World) -> Callable[..., Model]:
    """Trains a detector on the world's training dataset, once."""
    return cache(world.train)


@pytest.fixture(scope="session")
def rounds(world: World) -> list[PlantedRound]:
    return plant_anomalies(world.holdout, INJECTION, FEATURES, LOOKBACK)


@pytest.fixture(scope="session")
def many_rounds(world: World) -> list[PlantedRound]:
    """Anomalies in so many instruments that nearly every resample of a bootstrap has some."""
    return plant_anomalies(world.holdout, InjectionSettings(seeds=3, instrument_share=0.5), FEATURES, LOOKBACK)


@pytest.fixture
def store(tmp_path) -> ArtifactStore:
    """An empty store."""
    return open_artifacts(str(tmp_path / "artifacts"))


@pytest.fixture
def registry(tmp_path) -> Registry:
    """An empty registry."""
    return Registry(f"sqlite:///{tmp_path}/registry.db")
