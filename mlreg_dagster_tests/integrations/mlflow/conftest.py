"""A small lifecycle mirrored into MLflow once; each test gets a copy of the registry, the bundles and the mirror."""

import dataclasses
import shutil
import sqlite3

import pytest
from mlflow.tracking._tracking_service.utils import _artifact_repos_cache

from mlreg_dagster.integrations.mlflow import mirror
from mlreg_dagster.integrations.mlflow.client import open_client
from mlreg_dagster.integrations.mlflow.place import Place
from mlreg_dagster.registry import Registry
from mlreg_dagster.registry.read_only import ReadOnlyRegistry
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster_tests.lifecycle import made_once

PATHS = (("experiments", "artifact_location"), ("runs", "artifact_uri"))


class Mirrored:
    """A registry and its mirror, without the rest of a home."""

    def __init__(self, home):
        self.home = home
        self.place = Place(f"sqlite:///{home / 'mlflow.sqlite'}", str(home / "mlflow"), home / "mlflow.lock")
        self.url = f"sqlite:///{home / 'registry.sqlite'}"
        self.registry = ReadOnlyRegistry(self.url)
        self.writable = Registry(self.url)
        self.store = open_artifacts(str(home / "artifacts"))

    def sync(self, client=None):
        return mirror.sync(self.registry, self.store, self.place, (), client)

    def look(self):
        return mirror.look(self.registry, self.store, self.place, ())

    @property
    def client(self):
        return open_client(self.place)

    @property
    def bytes(self):
        """Of everything in MLflow."""
        files = [self.home / "mlflow.sqlite", *(path for path in (self.home / "mlflow").rglob("*") if path.is_file())]
        return {path: path.read_bytes() for path in files}

    def run(self, subject="v1"):
        """The id of the run of a subject."""
        return mirror.read(self.client).runs[subject].id

    def model(self, subject="v1"):
        return self.home / "mlflow" / self.run(subject) / "artifacts" / "model"


def quick_build(folder, store, version):
    """In place of a model that MLflow can load, which takes a second: the bundle alone."""
    made = folder / "model" / "artifacts"
    made.mkdir(parents=True)
    (made.parent / "MLmodel").write_text(version.artifact_sha256)
    (made / "manifest.json").write_bytes(store.read("models", version.version)["manifest.json"])
    return made.parent


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(mirror, "build", quick_build)


def copied(source, home, mirrored=True):
    home.mkdir()
    shutil.copy(source / "registry.sqlite", home)
    shutil.copytree(source / "artifacts", home / "artifacts")
    if mirrored:
        shutil.copy(source / "mlflow.sqlite", home)
        shutil.copytree(source / "mlflow", home / "mlflow")
        with sqlite3.connect(home / "mlflow.sqlite") as connection:
            for table, column in PATHS:
                connection.execute(
                    f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (str(source / "mlflow"), f"{home}/mlflow")
                )
        connection.close()
        _artifact_repos_cache.clear()  # by the ids of runs, which all copies share
    return Mirrored(home)


@pytest.fixture(scope="session")
def synced_home(live_home, tmp_path_factory):
    with made_once(tmp_path_factory, "mirrored") as (home, made), pytest.MonkeyPatch.context() as patch:
        if not made:
            patch.setattr(mirror, "build", quick_build)
            copied(live_home, home, mirrored=False).sync()
    return home


@pytest.fixture
def plain(live_home, tmp_path, quick):  # noqa: ARG001
    """Nothing is mirrored yet."""
    return copied(live_home, tmp_path / "home", mirrored=False)


@pytest.fixture
def synced(synced_home, tmp_path, quick):  # noqa: ARG001
    return copied(synced_home, tmp_path / "home")


@pytest.fixture
def without(monkeypatch):
    """Have the registry want a mirror without some versions, as if it did not have them."""
    asked = mirror.asked_for

    def leave_out(*names):
        def fewer(*arguments):
            wanted = asked(*arguments)
            return dataclasses.replace(
                wanted,
                runs={name: run for name, run in wanted.runs.items() if name not in names},
                versions={number: each for number, each in wanted.versions.items() if f"v{number}" not in names},
                model=dataclasses.replace(
                    wanted.model, aliases={a: n for a, n in wanted.model.aliases.items() if f"v{n}" not in names}
                ),
            )

        monkeypatch.setattr(mirror, "asked_for", fewer)

    return leave_out
