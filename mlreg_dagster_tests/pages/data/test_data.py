"""The pages of the data: what is stored, as of any time; numbers are those of the tables and of the frozen files."""

import shutil
import time

import pandas as pd
import pytest

from mlreg_dagster import jobs
from mlreg_dagster.config.places import warehouse_file
from mlreg_dagster.core.hours import HOUR, as_hour, day_key, hour_range
from mlreg_dagster.datasets.freezing import HOLDOUT, TRAINING, load
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster.storage.warehouse.reader import WarehouseReader
from mlreg_dagster_tests.lifecycle import DATASET_DAY, START
from mlreg_dagster_tests.pages.conftest import client_of

DAY = day_key(DATASET_DAY)


def facts_of(site, address):
    answer = site.get(address)
    assert answer.status_code == 200, answer.text
    return answer.json()["facts"]


def assets(site, as_of=""):
    found = facts_of(site, f"/data.json{as_of}")
    return {each["asset"]: each for each in found["assets"]} | {each["day"]: each for each in found["datasets"]}


def copied(pages_home, home):
    """A home of the test's own, with its configuration beside it."""
    shutil.copytree(pages_home, home)
    shutil.copytree(pages_home.with_name(f"{pages_home.name}-configs"), home.with_name(f"{home.name}-configs"))


def audited(site, query):
    """The audit page's facts, once it is computed."""
    for _ in range(600):
        found = facts_of(site, f"/data/audit.json?{query}")
        if found["state"] != "computing":
            assert found["state"] == "ready", found["problem"]
            return found
        time.sleep(0.1)
    raise AssertionError("The audit was never computed.")


def test_partitions_and_rows_are_those_of_the_tables(site, pages_home):
    found = facts_of(site, "/data.json?as_of=2026-01-06T10:30")
    with WarehouseReader(warehouse_file(pages_home)).tables() as tables:
        for each in found["tables"]:
            if each["partitioned_by"] == "hour" and each["is_there"]:
                sql = (
                    f"SELECT count(*), count(DISTINCT hour) FROM {each['table']} WHERE hour <= '2026-01-06 10:00:00+00'"
                )
                assert [(each["rows"], each["partitions"])] == tables.rows(sql), each["table"]
    by_asset = {each["asset"]: each for each in found["assets"]}
    assert by_asset["market_snapshot"]["newest"] == "2026-01-06-10:00"
    assert by_asset["market_snapshot"]["age_hours"] == 0.0  # its hour has not even ended
    assert by_asset["model_performance"]["partitions"] == 0  # of a day that had not ended
    assert by_asset["predictions"]["newest"] == "2026-01-05-23:00"
    assert by_asset["predictions"]["age_hours"] == 10.5


def test_what_was_there_at_a_time(site):
    assert assets(site, "?as_of=2025-12-31T23:30")["market_snapshot"]["partitions"] == 0
    early = assets(site, "?as_of=2026-01-01T05:30")
    assert (early["market_snapshot"]["partitions"], early["market_snapshot"]["newest"]) == (6, "2026-01-01-05:00")
    assert DAY not in assets(site, "?as_of=2026-01-04T23:59")
    later = assets(site, "?as_of=2026-01-05T00:00")
    assert (later[TRAINING]["partitions"], later[HOLDOUT]["newest"]) == (1, DAY)
    assert later[DAY]["versions"] == ["v1"]  # it counts as champion from that hour on; the others came later
    assert assets(site)[DAY]["versions"] == ["v1", "v2", "v3"]


@pytest.mark.slow
def test_assets_appear_after_their_steps_and_not_before(make_world):
    world = make_world(None)
    hours = hour_range(START, DATASET_DAY + 23 * HOUR)
    site = client_of(world.home)
    assert {assets(site)[name]["newest"] for name in ("market_snapshot", TRAINING, HOLDOUT)} == {None}
    world.run_hours(jobs.MARKET, hours)
    found = assets(site)
    assert (found["market_snapshot"]["newest"], found["market_snapshot"]["partitions"]) == ("2026-01-04-23:00", 96)
    assert (found[TRAINING]["partitions"], DAY in found) == (0, False)
    assert site.get(f"/datasets/{DAY}").status_code == 404
    world.run_partition(jobs.DATASETS, DAY)
    found = assets(site)
    assert (found[TRAINING]["newest"], found[HOLDOUT]["newest"]) == (DAY, DAY)
    assert found[DAY]["versions"] == []
    assert site.get(f"/datasets/{DAY}").status_code == 200


def test_a_dataset_is_as_it_was_frozen(site, pages_home):
    facts = facts_of(site, f"/datasets/{DAY}.json")
    store = open_artifacts(str(pages_home / "artifacts"))
    for part, kind in (("training", TRAINING), ("holdout", HOLDOUT)):
        dataset, shown = load(store, kind, DAY), facts[part]
        assert (shown["sha256"], shown["rows"], shown["problem"]) == (dataset.sha256, len(dataset.rows), None)
        assert shown["instruments"] == dataset.rows["instrument_id"].value_counts().to_dict()
        counts = dataset.rows["hour"].value_counts().reindex(dataset.window.hours, fill_value=0)
        assert shown["hours"] == counts.tolist()
        assert shown["columns"] == list(dataset.rows.columns)
        assert shown["source"]["configured"]["source"] == "simulated"
        assert pd.Timestamp(shown["end"]) == dataset.window.end
        assert "Coverage of" in shown["picture"]
    assert [(use["version"], use["same_bytes"]) for use in facts["versions"]] == [
        ("v1", True),
        ("v2", True),
        ("v3", True),
    ]
    assert facts["versions"][2]["status"] == "rejected"
    then = facts_of(site, f"/datasets/{DAY}.json?as_of=2026-01-05T00:00")["versions"]
    assert [use["version"] for use in then] == ["v1"]


def test_a_dataset_that_is_not_there(site):
    for address in ("/datasets/2026-01-03", "/datasets/%3Cscript%3E", f"/datasets/{DAY}?as_of=2026-01-04T12:00"):
        answer = site.get(address)
        assert answer.status_code == 404, address
        assert "<script>" not in answer.text


def test_a_dataset_of_other_bytes_is_not_shown_as_intact(pages_home, tmp_path):
    home = tmp_path / "damaged"
    copied(pages_home, home)
    rows = home / "artifacts" / TRAINING / DAY / "rows.parquet"
    rows.chmod(0o600)
    rows.write_bytes(rows.read_bytes()[:-1] + b"\0")
    site = client_of(home)
    found = facts_of(site, f"/datasets/{DAY}.json")
    assert found["training"]["rows"] == 0
    assert found["training"]["problem"]
    assert found["holdout"]["problem"] is None
    assert found["training"]["problem"][:40] in site.get(f"/datasets/{DAY}").text.replace("&#39;", "'")


def test_the_dictionary_is_searched(site):
    everything = facts_of(site, "/data/dictionary.json")
    assert everything["found"] == everything["entries"] > 200
    found = facts_of(site, "/data/dictionary.json?q=volatility")
    assert {each["name"] for each in found["described"]} >= {"market_snapshot", "market_features"}
    assert 0 < found["found"] < 20
    page = site.get("/data/dictionary?q=%3Cscript%3Ealert(1)%3C/script%3E").text
    assert "No column holds all of these words." in page
    assert "<script>alert" not in page
    assert site.get("/data/dictionary?table=nope").status_code == 404
    (only,) = facts_of(site, "/data/dictionary.json?table=sketch_bins")["described"]
    assert only["name"] == "sketch_bins"


def test_the_audit_has_the_numbers_of_the_rows(site, pages_home):
    past = "as_of=2026-01-06T10:30"
    overview = audited(site, past)
    tables = {each["name"]: each for each in overview["tables"]}
    rows = DuckDBWarehouse(warehouse_file(pages_home)).query(
        "SELECT * FROM market_features WHERE hour <= '2026-01-06 10:00:00+00'"
    )
    assert tables["market_features"]["rows"] == len(rows)
    assert overview["as_of"] == "2026-01-06T10:00:00+00:00"
    table = audited(site, f"table=market_features&{past}")["table"]
    values = rows["slog_volume_24h"]
    column = next(each for each in table["columns"] if each["name"] == "slog_volume_24h")
    assert (column["least"], column["most"], column["nulls"]) == (values.min(), values.max(), values.isna().sum())
    detail = audited(site, f"table=market_features&column=slog_volume_24h&{past}")
    assert sum(detail["column"]["histogram"]["counts"]) > 0.95 * len(values)
    assert "Distribution of slog_volume_24h" in detail["distribution"]
    for query in (past, f"table=predictions&{past}", f"table=market_features&column=is_gap&{past}"):
        assert len(site.get(f"/data/audit?{query}").content) < 200_000
    assert site.get(f"/data/audit?table=nope&{past}").status_code == 404
    assert site.get(f"/data/audit?table=predictions&column=nope&{past}").status_code == 404


@pytest.mark.pictures
def test_a_fault_shows_on_the_page_and_hostile_names_stay_text(pages_home, tmp_path):
    home = tmp_path / "spoilt"
    copied(pages_home, home)
    warehouse = DuckDBWarehouse(warehouse_file(home))
    with warehouse.connect() as connection:
        connection.execute("DELETE FROM market_features WHERE hour = '2026-01-05 06:00:00+00'")
        connection.execute("UPDATE market_snapshot SET source = '<img src=x onerror=alert(1)>'")
        connection.execute('ALTER TABLE model_performance ADD COLUMN "<b onclick=x>" DOUBLE')
    warehouse.mirror_again()
    site = client_of(home)
    past = "as_of=2026-01-06T23:30"
    faults = audited(site, past)["faults"]
    assert {(each["table"], each["kind"], each["state"]) for each in faults} == {
        ("market_features", "missing", "wrong"),
        ("model_performance", "schema", "wrong"),
    }
    for query in (past, f"table=market_snapshot&column=source&{past}"):
        page = site.get(f"/data/audit?{query}").text
        assert "<img src=x" not in page
        assert "<b onclick" not in page
    assert "lt;b onclick=x" in site.get(f"/data/audit?{past}").text
    assert "lt;img src=x" in page
    assert "lacks 1 hours that market_snapshot holds: 2026-01-05 06:00" in site.get(f"/data/audit?{past}").text


def test_times_beyond_the_tables(site):
    assert as_hour("2026-01-06T23:00") == as_hour(audited(site, "as_of=2026-02-01")["tables"][0]["last"])
