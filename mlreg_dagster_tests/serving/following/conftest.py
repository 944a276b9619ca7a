"""A registry with real bundles, on both databases."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mlreg_dagster.config.sections.serving import ServingSettings
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.registry import Registry
from mlreg_dagster.serving.following.follower import Follower
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster_tests.models.conftest import model_of, world
from mlreg_dagster_tests.postgres import postgres_server, postgres_url
from mlreg_dagster_tests.registry.builders import evaluate, move, register
from mlreg_dagster_tests.registry.conftest import registry_url
from mlreg_dagster_tests.serving.running import LONG

__all__ = ["model_of", "postgres_server", "postgres_url", "registry_url", "world"]

VERSIONS = ("v1", "v2", "v3")


@dataclass
class Deployment:
    """A registry, the bundles of its versions, and what follows them."""

    url: str
    registry: Registry
    home: Path

    def follow(self, **changes: object) -> Follower:
        return Follower(self.url, str(self.home / "artifacts"), ServingSettings(**{"poll_seconds": 0.05, **changes}))

    def promote(self, version: str, alias: str = "champion") -> None:
        before = self.registry.holder(alias)
        move(self.registry, version, before.version if before else None, alias=alias)

    def bundle(self, version: str) -> Path:
        return self.home / "artifacts" / "models" / version


@pytest.fixture(scope="session")
def bundles(world, tmp_path_factory) -> tuple[Path, dict[str, str]]:
    """Three forests and their hashes; where proofs run in full, as large as those of a market."""
    folder = tmp_path_factory.mktemp("served")
    store = open_artifacts(str(folder))
    params = {"n_estimators": 200, "max_samples": 1.0} if LONG else {"n_estimators": 10}
    hashes = {}
    for number, version in enumerate(VERSIONS, 1):
        model = world.train(version=version, seed=number, params=params)
        hashes[version] = artifact.save(store, version, model).sha256
    return folder, hashes


@pytest.fixture(scope="session")
def made_registry(bundles, tmp_path_factory) -> Path:
    """An SQLite registry of the three, evaluated; nobody is champion."""
    file = tmp_path_factory.mktemp("registry") / "registry.db"
    _fill(Registry(f"sqlite:///{file}"), bundles[1])
    return file


@pytest.fixture
def deployment(bundles, registry_url, request, tmp_path) -> Deployment:
    """Three versions, and nobody is champion."""
    folder, hashes = bundles
    place = tmp_path / "home"
    shutil.copytree(folder, place / "artifacts")
    registry = Registry(registry_url)
    if registry_url.startswith("sqlite"):
        shutil.copy(request.getfixturevalue("made_registry"), place / "registry.db")
    else:
        _fill(registry, hashes)
    return Deployment(registry_url, registry, place)


def _fill(registry: Registry, hashes: dict[str, str]) -> None:
    for version, sha256 in hashes.items():
        register(registry, version, artifact_sha256=sha256)
        evaluate(registry, version, artifact_sha256=sha256)


@pytest.fixture
def following(deployment) -> Iterator[Callable[..., Follower]]:
    """Makes followers that have looked once; the test has them look again."""
    made = []

    def follow(**changes: object) -> Follower:
        made.append(deployment.follow(**changes))
        made[-1].look()
        return made[-1]

    yield follow
    for each in made:
        each.stop()
