"""Artifacts on an object store that several hosts write, each a process of its own that shares no disk with others."""

import os
import signal
from datetime import UTC, datetime, timedelta

import pytest

from mlreg_dagster.storage.artifacts import ArtifactFrozen, ArtifactMissing, RemoteArtifactStore, open_artifacts
from mlreg_dagster_tests.object_store import variables
from mlreg_dagster_tests.registry.racing import die_at_put, exit_code, freeze_in_store, race

pytestmark = pytest.mark.slow
LATER = datetime.now(UTC) + timedelta(days=2)


@pytest.fixture
def root(s3_bucket: str) -> str:
    return f"s3://{s3_bucket}/artifacts"


def test_of_four_different_bundles_one_is_frozen_and_all_read_it(root, s3_server):
    outcomes = race(freeze_in_store, [(variables(s3_server), root, letter) for letter in "abcd"])
    assert sorted(outcome for _, outcome, _ in outcomes) == ["ArtifactFrozen"] * 3 + ["done"]
    (winner,) = (letter for letter, outcome, _ in outcomes if outcome == "done")
    assert set(open_artifacts(root).read("models", "v1")) == {"a.bin", f"only-{winner}.bin"}
    assert open_artifacts(root).remains(LATER) == []  # those who were beaten have cleaned up


def test_the_same_content_at_once_is_one_bundle(root, s3_server):
    outcomes = race(freeze_in_store, [(variables(s3_server), root, "a")] * 4)
    assert {outcome for _, outcome, _ in outcomes} == {"done"}


def test_a_writer_killed_at_any_put_leaves_no_bundle_and_no_obstacle(root, s3_server):
    store = open_artifacts(root)
    assert isinstance(store, RemoteArtifactStore)
    store.freeze("other", "first", {"x": b""})  # the store is known to create only: no probe is among the puts
    ended = {}
    for number in range(1, 6):
        ended[number] = exit_code(die_at_put, variables(s3_server), root, f"v{number}", number)
        if ended[number] == 0:
            break
        assert ended[number] == -signal.SIGKILL
        with pytest.raises(ArtifactMissing):
            store.read("models", f"v{number}")
        assert store.keys("models") == []
    assert list(ended.values()) == [-signal.SIGKILL] * 4 + [0]  # the probe, two files, the sums
    left = store.remains(LATER)
    assert left
    assert {place.split("/")[1] for place in left} <= {"v2", "v3", "v4"}
    assert store.remains(datetime.now(UTC) - timedelta(days=1)) == []

    store.freeze("models", "v4", {"a.bin": b"other"})
    store.freeze("models", "v3", {"a.bin": b"1", "b.bin": b"2"})  # what the dead writer began
    with pytest.raises(ArtifactFrozen):
        store.freeze("models", "v4", {"a.bin": b"1", "b.bin": b"2"})
    assert store.remove_remains(LATER)
    assert store.remains(LATER) == []
    assert store.read("models", "v4") == {"a.bin": b"other"}
    assert store.read("models", "v3") == store.read("models", "v5") == {"a.bin": b"1", "b.bin": b"2"}


def test_bundles_of_older_releases_are_read_and_kept(root, tmp_path):
    local = open_artifacts(tmp_path)
    frozen = local.freeze("models", "v1", {"a.bin": b"1", "b.bin": b"2"})
    store = open_artifacts(root)
    for path in (tmp_path / "models" / "v1").iterdir():  # with the files beside the sums
        (store.root / "models" / "v1" / path.name).write_bytes(path.read_bytes())
    assert store.read("models", "v1", frozen.sha256) == {"a.bin": b"1", "b.bin": b"2"}
    assert store.freeze("models", "v1", {"a.bin": b"1", "b.bin": b"2"}).sha256 == frozen.sha256
    assert store.remove_remains(LATER) == []
    assert store.read("models", "v1") == {"a.bin": b"1", "b.bin": b"2"}


def test_the_store_is_reached_by_variables_alone(root):
    assert os.environ["AWS_REGION"]
    assert "AWS_DEFAULT_REGION" not in os.environ
    options = open_artifacts(root).root.storage_options
    assert options["use_listings_cache"] is False
    assert options["client_kwargs"] == {"region_name": os.environ["AWS_REGION"]}
