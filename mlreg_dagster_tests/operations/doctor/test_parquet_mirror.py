"""The doctor compares the Parquet mirror with the tables, and the command that it names makes them equal again."""

import re
import shutil

import duckdb
import pytest

from mlreg_dagster import Client
from mlreg_dagster.config.places import mirror_root
from mlreg_dagster.operations.doctor.parquet_mirror import tables_are_mirrored
from mlreg_dagster.storage.parquet_mirror.layout import Layout
from mlreg_dagster.storage.parquet_mirror.reader import MirrorReader, NotMirrored
from mlreg_dagster_tests.lifecycle import LIVE_HOURS, NOON
from mlreg_dagster_tests.operations.conftest import content_of

NAME = "parquet mirror"
DAY = f"{NOON:%Y-%m-%d}"
ONE = "(SELECT min(instrument_id) FROM predictions)"


def by_hand(home, *statements):
    with duckdb.connect(str(home.warehouse.path)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for statement in statements:
            connection.execute(statement)


def cut(home):
    path = next(iter(mirror_root(home.folder).rglob("tables/predictions/*.parquet")))
    path.write_bytes(path.read_bytes()[:200])


def lose(home):
    for path in mirror_root(home.folder).rglob("tables/predictions/*.parquet"):
        path.unlink()


DAMAGE = {
    "a deleted row": (
        lambda home: by_hand(home, f"DELETE FROM predictions WHERE hour = '{NOON}' AND instrument_id = {ONE}"),
        rf"predictions: {DAY}\.",
    ),
    "a changed value": (
        lambda home: by_hand(home, f"UPDATE market_snapshot SET price = price + 1 WHERE hour = '{NOON}'"),
        rf"market_snapshot: {DAY}\.",
    ),
    "a dropped table": (lambda home: by_hand(home, "DROP TABLE model_worth"), "model_worth: it is no table any more"),
    "another column": (
        lambda home: by_hand(home, "ALTER TABLE predictions ADD COLUMN mood VARCHAR"),
        "predictions: its columns differ: mood",
    ),
    "a file that was cut short": (cut, "A file in .* can't be read"),
    "files that were lost": (lose, rf"predictions: {DAY}"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_differs_is_found_and_written_again(home, damage):
    cause, seen = DAMAGE[damage]
    cause(home)
    (found,) = tables_are_mirrored(home)
    assert found.state == "miss"
    assert re.search(seen, found.seen), found.seen
    assert found.advice == "mlreg mirror"
    home.warehouse.mirror_again()
    (found,) = tables_are_mirrored(home)
    assert found.state == "ok"


def test_a_home_of_an_earlier_release_waits_for_its_mirror(home):
    shutil.rmtree(mirror_root(home.folder))
    (found,) = tables_are_mirrored(home)
    assert (found.state, "mlreg mirror" in found.advice) == ("waiting", True)


@pytest.mark.parametrize("command", ["upgrade", "mirror"])
def test_commands_mirror_a_home_of_an_earlier_release(on_live, own_home, command):
    shutil.rmtree(mirror_root(own_home))
    with pytest.raises(NotMirrored):
        Client(own_home).predictions()
    answer = on_live(command)
    assert (answer.code, "mirrored" in answer.out) == (0, True)
    assert set(Client(own_home).predictions()["hour"]) == set(LIVE_HOURS)


def test_a_mirror_of_a_lived_in_home_equals_its_tables(home, findings):
    before = content_of(home.folder)
    assert findings()[NAME].state == "ok"
    assert content_of(home.folder) == before
    layout = Layout(mirror_root(home.folder))
    with home.warehouse.connect() as connection:
        stored = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    assert {"market_features", "predictions", "feature_sketch", "prediction_outcomes"} <= set(layout.names()) <= stored
    assert MirrorReader(home.folder).behind() == {}
