"""What the policy says may go goes, and nothing else."""

from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.operations.retention.tasks import retention_tasks
from mlreg_dagster.outcomes.schema import MODEL_PERFORMANCE, PREDICTION_OUTCOMES, PREDICTIONS
from mlreg_dagster_tests.faults.home import HOURS, noisy
from mlreg_dagster_tests.lifecycle import END, START
from mlreg_dagster_tests.operations.conftest import NOW, content_of
from mlreg_dagster_tests.operations.retention.homes import DAY, carry_out, keeping, write_file
from mlreg_dagster_tests.storage.warehouse.sample_table import READINGS


def _hours(world, table):
    return world.warehouse.read(table, columns=[table.partition_column]).iloc[:, 0]


def test_by_default_nothing_that_anyone_may_ask_about_goes(home, live):
    home.landing.land("coingecko", "coins_markets", START, b"[]", START)
    before = content_of(home.folder)
    assert [task.name for task in retention_tasks(home, live.settings, NOW)] == []
    assert {name: sha for name, sha in content_of(home.folder).items() if "lock" not in name} == {
        name: sha for name, sha in before.items() if "lock" not in name
    }


def test_old_rows_of_the_market_go_and_the_rest_stays(home, live):
    features = features_table(live.settings.features)
    kept = {table.name: live.warehouse.read(table) for table in (PREDICTIONS, PREDICTION_OUTCOMES, MODEL_PERFORMANCE)}
    bundles = content_of(home.folder / "artifacts")
    settings = keeping(live.settings, snapshot_days=3, feature_days=1, compact_free_share=1.0)
    for task in retention_tasks(home, settings, NOW):
        task.do()
        task.do()  # again: it changes nothing
    newest = END - HOUR
    assert _hours(live, MARKET_SNAPSHOT).min() == newest - 3 * DAY
    assert _hours(live, features).min() == newest - DAY
    assert _hours(live, features).max() == newest
    for table in (PREDICTIONS, PREDICTION_OUTCOMES, MODEL_PERFORMANCE):
        assert live.warehouse.read(table).equals(kept[table.name])
    assert content_of(home.folder / "artifacts") == bundles
    assert list(retention_tasks(home, settings, NOW)) == []


def test_what_was_pruned_is_no_finding(home, live, findings):
    carry_out(*retention_tasks(home, keeping(live.settings, snapshot_days=3, feature_days=1), NOW))
    assert {name for name, finding in findings().items() if finding.state == "miss"} <= {"disk"}


def test_a_dry_look_does_nothing(home, live):
    settings = keeping(live.settings, snapshot_days=3, feature_days=3)
    before = live.warehouse.read(MARKET_SNAPSHOT)
    assert [(task.name, task.found) for task in retention_tasks(home, settings, NOW)] == [
        ("rows of market_features", "71 hours up to 2026-01-03 22:00"),
        ("rows of market_snapshot", "71 hours up to 2026-01-03 22:00"),
    ]
    assert live.warehouse.read(MARKET_SNAPSHOT).equals(before)


def test_payloads_go_once_their_hour_is_stored_but_for_the_newest(home, live):
    def land(kind, hour):
        return home.landing.land("coingecko", kind, hour, b"[]", hour)

    stored, young, never = START + HOUR, END - 2 * HOUR, START - HOUR
    paths = {name: land("coins_markets", hour) for name, hour in
             {"stored": stored, "again": stored, "young": young, "never stored": never}.items()}  # fmt: skip
    paths["newest of its kind"] = land("market_chart_range", START)
    settings = keeping(live.settings, raw_days=2)
    (task,) = retention_tasks(home, settings, NOW)
    assert (task.name, task.found) == ("raw payloads", "of 1 hours")
    task.do()
    assert {name for name, path in paths.items() if path.exists()} == {"young", "never stored", "newest of its kind"}
    assert not paths["stored"].parent.exists()
    assert home.landing.read(paths["never stored"]) == b"[]"


def test_free_room_goes(home, live):
    live.warehouse.write(READINGS, noisy(HOURS, names=4000), HOURS)
    live.warehouse.write(READINGS, READINGS.empty(), HOURS)
    (task,) = retention_tasks(home, live.settings, NOW)
    assert (task.name, str(home.warehouse.path) in task.found) == ("free room", True)
    task.do()
    assert list(retention_tasks(home, live.settings, NOW)) == []


def test_payloads_go_through_no_link_and_leave_what_is_not_theirs(home, live, tmp_path):
    outside = tmp_path / "outside"
    kind = home.folder / "raw" / "coingecko" / "coins_markets"
    landed = home.landing.land("coingecko", "coins_markets", START, b"[]", START)
    home.landing.land("coingecko", "coins_markets", END, b"[]", END)
    note = write_file(landed.parent / "note.txt")
    precious = [
        write_file(outside / "hour" / landed.name),
        write_file(outside / "day" / "07" / landed.name),
        write_file(outside / "kind" / "2026-01-02" / "05" / landed.name),
        write_file(outside / "source" / "coins_markets" / "2026-01-02" / "05" / landed.name),
    ]
    links = {
        kind / f"{START:%Y-%m-%d}" / "05": outside / "hour",
        kind / "2026-01-02": outside / "day",
        kind.with_name("linked_kind"): outside / "kind",
        kind.parent.with_name("linked_source"): outside / "source",
    }
    for link, to in links.items():
        link.symlink_to(to)
    carry_out(*retention_tasks(home, keeping(live.settings, raw_days=1), NOW))
    assert not landed.exists()
    assert note.exists()
    assert all(path.exists() for path in precious)
    assert all(link.is_symlink() for link in links)
    assert list(retention_tasks(home, keeping(live.settings, raw_days=1), NOW)) == []
