"""What dead processes left goes, what people put into a home stays."""

import os
import time

from mlreg_dagster.operations.retention.tasks import retention_tasks
from mlreg_dagster_tests.lifecycle import START
from mlreg_dagster_tests.operations.conftest import NOW
from mlreg_dagster_tests.operations.retention.homes import carry_out, write_file


def test_drafts_of_dead_processes_go(home, live):
    old, young = home.folder / "warehouse.new", home.folder / "warehouse.compacted.new"
    staging = home.folder / "artifacts" / ".staging"
    staging.mkdir()
    for path in (old, young):
        path.write_bytes(b"half")
    for path in (old, staging):
        os.utime(path, (time.time() - 7200,) * 2)
    carry_out(*retention_tasks(home, live.settings, NOW))
    assert (old.exists(), staging.exists(), young.exists()) == (False, False, True)


def _aged(*paths):
    for path in paths:
        os.utime(path, (time.time() - 7200,) * 2, follow_symlinks=False)


def test_what_people_put_into_a_home_stays(home, live, tmp_path):
    folder, outside = home.folder, write_file(tmp_path / "outside" / "precious.txt").parent
    theirs = [
        write_file(folder / "audit.newest.jsonl"),
        write_file(folder / "notes.tmp"),
        write_file(folder / "my.newsletters" / "a"),
        write_file(folder / "warehouse.new.backup"),
        write_file(folder / "old.compacted.new"),
        write_file(folder / "bundles" / "thesis.draft"),
        write_file(folder / "bundles" / ".v1.draft" / "notes.txt"),
        write_file(folder / "bundles" / ".v2.draft" / "more" / "card.html"),
        write_file(folder / "artifacts" / ".staging" / "more" / "weights"),
        write_file(folder / "raw" / "coingecko" / "coins_markets" / "2026-01-05" / "05" / ".mine.part"),
        write_file(folder / "warehouse.duckdb.tmp" / "diary.txt"),
        write_file(folder / "dagster" / "history" / "runs" / "mine.new"),
        write_file(folder / "mirror" / "tables" / "predictions" / ".mine.parquet.draft"),
    ]
    links = {
        folder / "linked.draft": outside,
        folder / "warehouse.new": outside / "precious.txt",
        folder / "bundles" / ".v3.draft": outside,
        folder / "dagster" / "dagster.draft": outside / "precious.txt",
        folder / "warehouse.compacted.new.tmp": outside,
    }
    for link, to in links.items():
        link.symlink_to(to)
    _aged(*theirs, *links, *(path.parent for path in theirs), outside)
    assert list(retention_tasks(home, live.settings, NOW)) == []
    assert all(path.read_bytes() == b"precious" for path in theirs)
    assert all(link.is_symlink() for link in links)


def test_everything_that_we_leave_behind_is_known(home, live):
    ours = [
        write_file(home.folder / "warehouse.new"),
        write_file(home.folder / "warehouse.new.wal"),
        write_file(home.folder / "warehouse.compacted.new"),
        write_file(home.folder / "artifacts" / ".staging" / "model.onnx").parent,
        write_file(home.folder / "bundles" / ".v1.draft" / "card.html").parent,
        write_file(home.folder / "bundles" / ".v1.old" / "SHA256SUMS").parent,
        write_file(home.folder / "mirror" / ".behind.json.draft"),
        write_file(home.folder / "mirror" / "tables" / "predictions" / ".2026-01-05.1767571200000.parquet.draft"),
        write_file(home.folder / "dagster" / "dagster.draft"),
        write_file(home.folder / "dagster" / "history" / "runs" / "0f1f3a52-3d43-4fd1-9a5c-0f1f3a523d43.77.new"),
        write_file(home.folder / "warehouse.duckdb.tmp" / "duckdb_temp_storage_DEFAULT-0.tmp").parent,
    ]
    landed = home.landing.land("coingecko", "coins_markets", START, b"[]", START)
    ours.append(write_file(landed.with_name(f".{landed.name}.part")))
    _aged(*ours)
    (task,) = retention_tasks(home, live.settings, NOW)
    assert task.found == f"{len(ours)} left by processes that died"
    task.do()
    assert [path for path in ours if path.exists()] == []
    assert landed.exists()
