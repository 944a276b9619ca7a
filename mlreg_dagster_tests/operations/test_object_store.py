"""A home whose artifacts, raw payloads and newest hour are on S3: looked at, tidied, backed up, rehearsed, branched."""

from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd
import pytest

from mlreg_dagster.config.places import artifacts_root, raw_roots
from mlreg_dagster.core.hours import as_hour
from mlreg_dagster.operations.backup.creation import create as back_up
from mlreg_dagster.operations.branches.creation import create as branch
from mlreg_dagster.operations.doctor.doctor import examine
from mlreg_dagster.operations.doctor.files import payloads_can_be_read
from mlreg_dagster.operations.home_copy import copy_home
from mlreg_dagster.operations.retention.tasks import retention_tasks
from mlreg_dagster.registry import Attribution
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster.storage.landing import LandingZone
from mlreg_dagster.storage.mirror import FILES, Mirror

pytestmark = pytest.mark.slow
HOUR_ASKED, NOW = as_hour("2017-12-20T09:00"), pd.Timestamp.now(tz="UTC")
LATER = NOW + pd.Timedelta(days=3)


@pytest.fixture
def far(home, s3_bucket, monkeypatch):
    """The home of the small lifecycle, its bundles copied onto S3 as people copy them, and a payload there."""
    local = home.artifacts.local
    monkeypatch.setenv("MLREG_ARTIFACTS", f"s3://{s3_bucket}/artifacts")
    monkeypatch.setenv("MLREG_LATEST", f"s3://{s3_bucket}/latest")
    store = open_artifacts(artifacts_root(home.folder))
    for path in local.rglob("*"):
        if path.is_file() and not path.name.startswith("."):
            store.root.joinpath(*path.relative_to(local).parts).write_bytes(path.read_bytes())
    store.freeze("notes", "n1", {"a": b"frozen on S3"})
    landing = LandingZone(*raw_roots(home.folder))
    landing.land("coingecko", "coins_markets", HOUR_ASKED, b"as received", NOW)
    mirror = Mirror(f"s3://{s3_bucket}/latest")
    mirror.replace(FILES[1], b"{}")
    return replace(home, artifacts=store, landing=landing, mirror=mirror)


def test_what_is_left_behind_is_counted_and_removed(far, live):
    def found(now):
        return {finding.name: finding for finding in examine(far, live.settings, now)}

    for key in ("0" * 64, "1" * 64):
        (far.artifacts.root / "models" / "v9" / key / "a").write_bytes(b"of a dead writer")
    young, old = found(NOW), found(LATER)
    assert young["unreferenced objects"].state == young["model bundles"].state == young["payloads"].state == "ok"
    assert old["unreferenced objects"].state == "miss"
    assert "2 in 2 folders were left" in old["unreferenced objects"].seen
    assert [task.name for task in retention_tasks(far, live.settings, NOW) if task.name == "objects"] == []
    (task,) = (task for task in retention_tasks(far, live.settings, LATER) if task.name == "objects")
    task.do()
    after = found(LATER)
    assert after["unreferenced objects"].state == after["model bundles"].state == after["datasets"].state == "ok"
    assert far.artifacts.read("notes", "n1") == {"a": b"frozen on S3"}

    (body,) = far.landing.landed("coingecko", "coins_markets", HOUR_ASKED)
    body.with_suffix(".json").unlink()
    assert payloads_can_be_read(far).state == "miss"


def test_copies_hold_all_of_it(far, live, tmp_path):
    backup, manifest = back_up(live.home, tmp_path / "backups")
    assert manifest.damaged == ()
    copy_home(live.home, tmp_path / "rehearsal")
    made = branch(live.home, "trial", Attribution("anna", datetime.now(UTC), "try it"), live.settings)
    for folder in (backup, tmp_path / "rehearsal", made.home):
        copy = open_artifacts(str(folder / "artifacts"))
        for kind in ("models", "training_dataset", "notes"):
            assert copy.keys(kind) == far.artifacts.keys(kind), (folder, kind)
            for key in copy.keys(kind):
                assert copy.read(kind, key) == far.artifacts.read(kind, key)
    for folder in (backup, made.home):
        landing = LandingZone(folder / "raw")
        (path,) = landing.landed("coingecko", "coins_markets", HOUR_ASKED)
        assert landing.read(path) == b"as received"
    assert (tmp_path / "rehearsal" / "latest" / FILES[1]).read_bytes() == b"{}"
