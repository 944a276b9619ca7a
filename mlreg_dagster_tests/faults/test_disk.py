"""A full disk and a home that can't be written: a clear error, no loss, and everything works again once it is fixed."""

import errno
import shutil
import subprocess
import sys

import duckdb
import pytest

from mlreg_dagster.core.errors import MlregError, TransientError
from mlreg_dagster.registry import Registry
from mlreg_dagster.storage.faults import StorageFull, StorageNotWritable, explained
from mlreg_dagster.storage.homes import DAGSTER_YAML, prepare_home
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster_tests.faults import wording
from mlreg_dagster_tests.faults.home import HOURS, Home
from mlreg_dagster_tests.registry.migrations.old_registry import restore_dump
from mlreg_dagster_tests.storage.warehouse.sample_table import READINGS, rows

WHAT = ("warehouse", "artifacts", "landing", "registry")
FULL = rf"{wording.FULL} .*What was being written is not stored; all else is as it was\. Make room on it"
NOT_WRITABLE = rf"{wording.NOT_WRITABLE} .*Nothing was stored\. Look at the owner, the permissions and the mount"


@pytest.mark.parametrize("what", WHAT)
def test_what_does_not_fit_is_not_stored_and_nothing_else_is_lost(disk, what):
    home = Home(disk.folder)
    home.fill()
    before = home.seen()
    with pytest.raises(StorageFull, match=FULL) as error:
        home.writes(size=8_000_000)[what]()
    assert str(disk.folder) in str(error.value)
    assert home.seen() == before
    assert home.litter() == []


@pytest.mark.parametrize("what", WHAT)
def test_on_a_disk_without_any_room_all_can_be_read_and_written_again_when_there_is_some(disk, what):
    home = Home(disk.folder)
    home.fill()
    before = home.seen()
    disk.fill()
    with pytest.raises(StorageFull, match=FULL):
        home.writes(size=20_000)[what]()
    assert home.seen() == before
    disk.make_room()
    home.writes(size=20_000)[what]()
    assert home.seen() != before


def test_an_upgrade_without_room_for_its_copy_changes_nothing(disk):
    file = restore_dump(disk.folder / "registry.sqlite")
    before = file.read_bytes()
    disk.fill()
    with pytest.raises(StorageFull, match=FULL):
        Registry(f"sqlite:///{file}").upgrade()
    assert file.read_bytes() == before
    assert {path.name for path in disk.folder.iterdir()} == {"registry.sqlite", "filler"}
    disk.make_room()
    assert Registry(f"sqlite:///{file}").upgrade().backup.exists()


def test_an_upgrade_where_nothing_can_be_written_changes_nothing(read_only):
    folder, be_read_only = read_only
    file = restore_dump(folder / "registry.sqlite")
    be_read_only()
    with pytest.raises(StorageNotWritable, match=NOT_WRITABLE):
        Registry(f"sqlite:///{file}").upgrade()


def test_a_home_that_was_begun_on_a_full_disk_is_begun_again(disk):
    shutil.copy(__file__, disk.folder / "room-for-names")
    disk.fill()
    (disk.folder / "room-for-names").write_text("")  # a little room: files get names, and not their content
    for _ in range(2):
        with pytest.raises(StorageFull):
            DuckDBWarehouse(disk.folder / "warehouse.duckdb").write(READINGS, rows(HOURS[:1]), HOURS[:1])
    disk.make_room()
    home = Home(disk.folder)
    home.fill()
    assert len(home.seen()[0].splitlines()) == 1 + 5 * 3


def test_a_database_that_was_never_finished_never_gets_the_name(tmp_path):
    path = tmp_path / "warehouse.duckdb"
    path.with_suffix(".new").write_bytes(b"")  # left by a process that was killed while it made the file
    with pytest.raises(duckdb.IOException, match="not a valid DuckDB"):
        duckdb.connect(str(path.with_suffix(".new")))
    DuckDBWarehouse(path).write(READINGS, rows(HOURS[:1]), HOURS[:1])
    assert len(DuckDBWarehouse(path).read(READINGS)) == 3


def test_a_full_disk_may_have_room_a_little_later():
    assert issubclass(StorageFull, TransientError)
    assert not issubclass(StorageNotWritable, TransientError)


@pytest.mark.parametrize("what", WHAT)
def test_a_home_that_can_t_be_written(read_only, what):
    folder, protect = read_only
    home = Home(folder)
    home.fill()
    protect()
    with pytest.raises(StorageNotWritable, match=NOT_WRITABLE) as error:
        home.writes()[what]()
    assert str(folder) in str(error.value)
    assert [model.version for model in home.registry.versions()] == ["v1"]
    assert home.artifacts.keys("models") == ["v1"]


def test_a_home_that_can_t_be_made(read_only):
    folder, protect = read_only
    protect()
    with pytest.raises(StorageNotWritable, match=NOT_WRITABLE):
        prepare_home(folder / "home")
    with pytest.raises(StorageNotWritable, match=NOT_WRITABLE):
        Registry(f"sqlite:///{folder}/home/registry.sqlite").versions()


def test_a_home_that_can_only_be_read_is_read(read_only):
    folder, protect = read_only
    Home(folder).fill()
    protect()
    home = Home(folder)
    assert [model.version for model in home.registry.versions()] == ["v1"]
    assert home.artifacts.read("models", "v1")["model.bin"] == b"one"


def test_a_home_of_a_name_that_no_disk_takes(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for home in (tmp_path / ("x" * 300) / "home", tmp_path / "loop" / "home"):
        with pytest.raises(MlregError, match=r"can't be (written|made)"):
            prepare_home(home)


def test_half_a_dagster_yaml_is_never_taken_for_one(own_home):
    (own_home / "dagster").mkdir(parents=True)
    (own_home / "dagster" / "dagster.draft").write_text(DAGSTER_YAML[:20])  # left by a process that was killed
    prepare_home()
    assert (own_home / "dagster" / "dagster.yaml").read_text() == DAGSTER_YAML
    assert [path.name for path in (own_home / "dagster").iterdir()] == ["dagster.yaml"]


LIMITED = """
import resource, sys
from pathlib import Path
from mlreg_dagster_tests.faults.home import Home
from mlreg_dagster.storage.faults import StorageFull

home = Home(Path(sys.argv[1]))
before = home.seen()
largest = max(path.stat().st_size for path in Path(sys.argv[1]).rglob("*"))
resource.setrlimit(resource.RLIMIT_FSIZE, (largest + 4096, resource.RLIM_INFINITY))
try:
    home.writes(size=8_000_000)[sys.argv[2]]()
except StorageFull as error:
    said = str(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert home.seen() == before
assert home.litter() == []
print(said)
"""


@pytest.mark.parametrize("what", WHAT)
def test_a_limit_on_the_size_of_files_is_told_as_no_room(tmp_path, what):
    folder = tmp_path / "home"
    folder.mkdir()
    Home(folder).fill()
    done = subprocess.run([sys.executable, "-c", LIMITED, str(folder), what], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert str(folder) in done.stdout
    assert "there is no room, for a quota or a limit on the size of files is reached" in done.stdout


def test_a_quota_is_told_as_no_room():
    with pytest.raises(StorageFull, match=r"there is no room, for a quota"), explained("/somewhere"):
        raise OSError(errno.EDQUOT, "whatever")
