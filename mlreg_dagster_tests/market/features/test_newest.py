"""The mirror of the newest hour of features: the rows of the table, whatever order writers come in and die in."""

import io
import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlreg_dagster.market.features.newest import decode, mirror_newest_features
from mlreg_dagster.operations.retention.compaction import compact
from mlreg_dagster.storage.mirror import FEATURES_FILE, Mirror, MirrorError
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster_tests.market.features.stored import TABLE, hour, store

LONG = bool(os.environ.get("MLREG_LONG"))


def step(folder: Path, offsets: range, seed: int = 0) -> pd.Timestamp | None:
    """What the step does that stores features."""
    tables = store(folder, offsets, seed)
    return mirror_newest_features(tables, TABLE, Mirror(folder / "latest"), hour(offsets[-1]))


def mirrored(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "latest" / FEATURES_FILE)


def newest_of(folder: Path) -> pd.DataFrame:
    tables = DuckDBWarehouse(folder / "warehouse.duckdb")
    newest = tables.newest(TABLE)
    return tables.read(TABLE, newest, newest)


def assert_shows_the_newest_hour(folder: Path) -> None:
    """Anything that reads Parquet finds the rows of the table in it."""
    pd.testing.assert_frame_equal(mirrored(folder), newest_of(folder), check_dtype=False, check_exact=True)
    found = decode((folder / "latest" / FEATURES_FILE).read_bytes(), "it")
    assert list(found.instruments) == list(newest_of(folder)["instrument_id"])


def test_the_step_that_stores_the_newest_hour_mirrors_it(tmp_path):
    assert step(tmp_path, range(30)) == hour(29)
    assert_shows_the_newest_hour(tmp_path)
    assert {path.name for path in (tmp_path / "latest").iterdir()} == {FEATURES_FILE}
    assert (tmp_path / "latest" / FEATURES_FILE).stat().st_mode & 0o077 == 0


def test_a_step_on_old_hours_leaves_the_mirror_alone(tmp_path):
    step(tmp_path, range(20, 30))
    before = (tmp_path / "latest" / FEATURES_FILE).stat()
    assert step(tmp_path, range(20)) is None
    assert (tmp_path / "latest" / FEATURES_FILE).stat() == before


def test_a_repaired_newest_hour_replaces_it(tmp_path):
    step(tmp_path, range(30))
    before = mirrored(tmp_path)
    step(tmp_path, range(29, 30), seed=1)
    assert not mirrored(tmp_path).equals(before)
    assert_shows_the_newest_hour(tmp_path)


def test_an_old_home_gets_its_mirror_with_any_step(tmp_path):
    store(tmp_path, range(30))
    step(tmp_path, range(5))
    assert_shows_the_newest_hour(tmp_path)


def test_an_hour_that_the_table_no_longer_holds_leaves_the_mirror(tmp_path):
    step(tmp_path, range(30))
    tables = DuckDBWarehouse(tmp_path / "warehouse.duckdb")
    tables.write(TABLE, TABLE.empty(), [hour(29)])
    mirror_newest_features(tables, TABLE, Mirror(tmp_path / "latest"), hour(29))
    assert_shows_the_newest_hour(tmp_path)
    tables.write(TABLE, TABLE.empty(), [hour(n) for n in range(29)])
    assert mirror_newest_features(tables, TABLE, Mirror(tmp_path / "latest"), hour(28)) is None
    assert not (tmp_path / "latest" / FEATURES_FILE).exists()


def test_compaction_of_the_tables_leaves_it_as_it_is(tmp_path):
    step(tmp_path, range(30))
    compact(DuckDBWarehouse(tmp_path / "warehouse.duckdb"))
    assert_shows_the_newest_hour(tmp_path)
    step(tmp_path, range(30, 31))
    assert_shows_the_newest_hour(tmp_path)


def test_a_mirror_that_can_not_be_written_is_as_it_was(tmp_path):
    step(tmp_path, range(30))
    before = (tmp_path / "latest" / FEATURES_FILE).read_bytes()
    (tmp_path / "latest" / f".{FEATURES_FILE}.draft").mkdir()
    with pytest.raises(MirrorError, match=f"{FEATURES_FILE} can't be written: .*directory"):
        step(tmp_path, range(30, 31))
    assert (tmp_path / "latest" / FEATURES_FILE).read_bytes() == before


def test_no_altered_byte_goes_unnoticed(tmp_path):
    step(tmp_path, range(30))
    content = (tmp_path / "latest" / FEATURES_FILE).read_bytes()
    good, noticed, chance = decode(content, "it"), 0, random.Random(0)
    for _ in range(2000 if LONG else 200):
        altered = bytearray(content)
        altered[chance.randrange(len(altered))] ^= 1 << chance.randrange(8)
        try:
            found = decode(bytes(altered), "it")
        except MirrorError:
            noticed += 1
        else:  # in statistics, padding or the name of the writing library
            assert found.values.tobytes() == good.values.tobytes()
            assert (found.hour, found.instruments, found.features) == (good.hour, good.instruments, good.features)
    assert noticed


@pytest.mark.parametrize("missing", ["hour", "instrument_id", "feature_settings"])
def test_other_parquet_files_are_refused(tmp_path, missing):
    step(tmp_path, range(30))
    table = pq.read_table(tmp_path / "latest" / FEATURES_FILE)
    for other in (table.drop_columns([missing]), table.replace_schema_metadata(None), pa.concat_tables([table, table])):
        sink = io.BytesIO()
        pq.write_table(other, sink)
        with pytest.raises(MirrorError, match=r"other\.parquet is no whole file of the mirror of the newest hour"):
            decode(sink.getvalue(), "other.parquet")


@pytest.mark.slow
def test_concurrent_steps_never_leave_an_older_hour(tmp_path):
    """Processes store old and new hours in any order, while a reader looks: the hour never goes back."""
    offsets = list(range(10, 50 if LONG else 16))
    random.Random(1).shuffle(offsets)
    step(tmp_path, range(10))

    def look():
        return decode((tmp_path / "latest" / FEATURES_FILE).read_bytes(), "it").hour

    forks = multiprocessing.get_context("fork")
    processes = [forks.Process(target=_steps, args=(tmp_path, offsets[place::3])) for place in range(3)]
    for process in processes:
        process.start()
    seen = [look()]
    while any(process.is_alive() for process in processes):
        seen.append(look())
    assert [process.exitcode for process in processes] == [0] * 3
    assert seen == sorted(seen)
    assert_shows_the_newest_hour(tmp_path)


@pytest.mark.slow
def test_killed_steps_leave_the_old_or_the_new_file(tmp_path):
    chance, forks = random.Random(2), multiprocessing.get_context("fork")
    step(tmp_path, range(10))
    kills = 100 if LONG else 4
    for number in range(kills):
        process = forks.Process(target=_steps, args=(tmp_path, range(10 + number, LAST)))
        process.start()
        time.sleep(chance.uniform(0.02, 0.25))
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        found = decode((tmp_path / "latest" / FEATURES_FILE).read_bytes(), "it")
        tables = DuckDBWarehouse(tmp_path / "warehouse.duckdb")
        assert found.hour <= tables.newest(TABLE)
        stored = tables.read(TABLE, found.hour, found.hour)
        assert list(found.instruments) == list(stored["instrument_id"])
    step(tmp_path, range(LAST, LAST + 1))
    assert_shows_the_newest_hour(tmp_path)
    assert {path.name for path in (tmp_path / "latest").iterdir()} == {FEATURES_FILE}


LAST = 200


def _steps(folder: Path, offsets: list[int] | range) -> None:
    for offset in offsets:
        step(folder, range(offset, offset + 1))
