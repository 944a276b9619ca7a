"""A version moves once, with bytes, number and origin; what differs in the target is refused and changes nothing."""

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from types import SimpleNamespace

import dagster as dg
import pytest

from mlreg_dagster.config.places import own_registry_url, warehouse_file
from mlreg_dagster.config.settings import Settings
from mlreg_dagster.datasets.freezing import HOLDOUT, TRAINING
from mlreg_dagster.operations.branches.creation import create
from mlreg_dagster.operations.branches.sending import NotSent, Target, send
from mlreg_dagster.orchestration.instance.provenance import is_recorded
from mlreg_dagster.registry import Attribution, Registry, UnknownVersion
from mlreg_dagster.registry.errors import RegistryTampered
from mlreg_dagster.storage.artifacts import ArtifactTampered, open_artifacts
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster_tests.operations.conftest import content_of
from mlreg_dagster_tests.registry.builders import evaluate, register

BY = Attribution("bert", datetime(2026, 1, 9, tzinfo=UTC), "it is good in staging")
DAY = "2026-01-04"
BUNDLE = {"manifest.json": b'{"version": "v4"}', "pipeline.skops": b"weights"}


def opened(home):
    return SimpleNamespace(
        home=home,
        registry=Registry(own_registry_url(home)),
        store=open_artifacts(str(home / "artifacts")),
        tables=DuckDBWarehouse(warehouse_file(home)),
    )


def train(side, version, files):
    """A version on the dataset of the day, without the time that a training takes."""
    frozen, dataset = side.store.freeze("models", version, files), side.store.find(TRAINING, DAY)
    return register(
        side.registry, version, artifact_sha256=frozen.sha256, dataset_day=DAY, dataset_sha256=dataset.sha256
    )


@pytest.fixture(scope="module")
def made(trained_home, tmp_path_factory):
    home = tmp_path_factory.mktemp("family") / "home"
    shutil.copytree(trained_home, home)
    branch = create(home, "staging", Attribution("anna", BY.time, "to try"), Settings())
    train(opened(branch.home), "v4", BUNDLE)
    return home


@pytest.fixture
def prod(made, own_home):
    shutil.copytree(made, own_home)
    return opened(own_home)


@pytest.fixture
def staging(prod):
    return opened(prod.home / "branches" / "staging")


def sent(staging, prod, spec="v4", partitions=()):
    target = Target("prod", prod.registry, prod.store, prod.tables, partitions)
    return send(staging.home, "staging", spec, target, BY)


def state(side):
    """Its registry's log and its bundles."""
    bundles = content_of(side.home / "artifacts")
    return side.registry.audit_log(), {name: sha for name, sha in bundles.items() if not name.startswith(".")}


def test_a_version_arrives_as_a_candidate_with_its_bytes_and_origin(prod, staging):
    evaluate(staging.registry, "v4", artifact_sha256=staging.registry.version("v4").artifact_sha256)
    before, there = content_of(staging.home), staging.registry.version("v4")
    found = sent(staging, prod)
    assert (found.was_there, found.arrived, found.remarks) == (False, ("models/v4",), ())
    version = prod.registry.version("v4")
    assert version == found.version
    assert prod.registry.status("v4") == "candidate"
    assert prod.registry.evaluations("v4") == []
    assert (version.artifact_sha256, version.created_by, version.created_at) == (there.artifact_sha256, "ann", BY.time)
    assert version.origin | {"audit_head": None} == {
        "branch": "staging",
        "version": "v4",
        "artifact_sha256": there.artifact_sha256,
        "trained_at": there.created_at.isoformat(),
        "run_id": "run-1",
        "audit_head": None,
        "sent_by": "bert",
        "sent_at": BY.time.isoformat(),
        "reason": BY.reason,
        "datasets": {f"{kind}/{DAY}": staging.store.find(kind, DAY).sha256 for kind in (TRAINING, HOLDOUT)},
    }
    assert {name: value for name, value in version.manifest.items() if name != "origin"} == there.manifest
    assert prod.store.read("models", "v4", there.artifact_sha256) == BUNDLE
    assert prod.registry.find_tampering() is None
    assert content_of(staging.home) == before


def test_the_same_version_is_sent_once(prod, staging):
    first = sent(staging, prod)
    before = state(prod)
    again = sent(staging, prod)
    assert (again.version, again.was_there) == (first.version, True)
    assert state(prod) == before
    assert sent(staging, prod, "v1").was_there


def test_a_move_that_was_interrupted_goes_on(prod, staging, monkeypatch):
    with monkeypatch.context() as dying:
        dying.setattr(Registry, "register", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            sent(staging, prod)
    assert prod.store.find("models", "v4") is not None
    assert not sent(staging, prod, partitions=["v4"]).was_there
    assert prod.registry.version("v4").origin["branch"] == "staging"


@pytest.mark.parametrize("taken", ["registered", "frozen", "in training"])
def test_a_number_that_is_another_version_in_the_target_is_refused(prod, staging, taken):
    if taken == "registered":
        train(prod, "v4", {"manifest.json": b"other"})
    if taken == "frozen":
        prod.store.freeze("models", "v4", {"manifest.json": b"other"})
    before = state(prod)
    with pytest.raises(NotSent, match=r"v4 is another version in prod, .* keeps its number .* Nothing was sent"):
        sent(staging, prod, partitions=["v4"])
    assert state(prod) == before


def test_datasets_that_the_target_lacks_come_along(prod, staging):
    for kind in (TRAINING, HOLDOUT):
        shutil.rmtree(prod.home / "artifacts" / kind)
    for table in ("market_features",):
        with prod.tables.connect() as connection:
            connection.execute(f"DELETE FROM {table} WHERE hour >= '2026-01-04 12:00'")
    found = sent(staging, prod)
    assert found.arrived == (f"{TRAINING}/{DAY}", f"{HOLDOUT}/{DAY}", "models/v4")
    assert "prod has no rows for 12 of 24 hours of the holdout" in found.remarks[0]
    assert prod.store.find(HOLDOUT, DAY) is not None


def test_a_holdout_that_came_with_a_version_is_on_record(staging, tmp_path):
    empty = opened(tmp_path / "empty")
    assert "prod has no rows for 24 of 24 hours of the holdout" in sent(staging, empty).remarks[0]
    sha256 = staging.store.find(HOLDOUT, DAY).sha256
    assert empty.store.find(HOLDOUT, DAY).sha256 == sha256
    with dg.DagsterInstance.ephemeral() as instance:
        assert is_recorded(instance, empty.registry, HOLDOUT, DAY, sha256)
        assert not is_recorded(instance, empty.registry, HOLDOUT, DAY, "0" * 64)


def test_a_holdout_that_the_targets_tables_contradict_is_refused(prod, staging):
    shutil.rmtree(prod.home / "artifacts" / HOLDOUT)
    with prod.tables.connect() as connection:
        connection.execute("UPDATE market_features SET volatility_7d_pct = 0 WHERE hour = '2026-01-04 03:00'")
    before = state(prod)
    with pytest.raises(NotSent, match=r"1 hold other rows there \(the first is 2026-01-04-03:00\)"):
        sent(staging, prod)
    assert state(prod) == before


def test_the_target_judges_by_its_own_holdout_and_another_training_dataset_is_refused(prod, staging):
    shutil.rmtree(prod.home / "artifacts" / HOLDOUT / DAY)
    own = prod.store.freeze(HOLDOUT, DAY, {"rows.parquet": b"its own"})
    assert sent(staging, prod).arrived == ("models/v4",)
    assert prod.store.find(HOLDOUT, DAY) == own
    train(staging, "v5", {"manifest.json": b"5"})
    shutil.rmtree(prod.home / "artifacts" / TRAINING / DAY)
    prod.store.freeze(TRAINING, DAY, {"rows.parquet": b"another"})
    before = state(prod)
    with pytest.raises(NotSent, match=f"prod has another {TRAINING} of {DAY}"):
        sent(staging, prod, "v5")
    assert state(prod) == before


def test_nothing_comes_of_what_is_damaged_or_not_there(prod, staging):
    before = state(prod)
    with pytest.raises(UnknownVersion):
        sent(staging, prod, "v9")
    (staging.home / "artifacts/models/v4/pipeline.skops").write_bytes(b"other")
    with pytest.raises(ArtifactTampered):
        sent(staging, prod)
    with closing(sqlite3.connect(staging.home / "registry.sqlite")) as registry:
        for (name,) in registry.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            registry.execute(f'DROP TRIGGER "{name}"')
        registry.execute("UPDATE model_versions SET manifest = ?", [json.dumps({"threshold": 0})])
        registry.commit()
    with pytest.raises(RegistryTampered, match="The registry of staging does not fit"):
        sent(staging, prod)
    assert state(prod) == before
