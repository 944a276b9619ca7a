"""The overview: families of drift and worth as of a time, and what the tests' world says."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from mlreg_dagster.config import load_settings
from mlreg_dagster.core.json_values import plain
from mlreg_dagster.evidence.state import worth_of_champions
from mlreg_dagster.governance.standing import alias_standing
from mlreg_dagster.monitoring.alerts.decisions import newest_decision
from mlreg_dagster.monitoring.drift.schema import CONCEPT_DRIFT, PREDICTION_DRIFT
from mlreg_dagster.monitoring.response.stored import DRIFT_DECISIONS
from mlreg_dagster.outcomes.performance.flagged_share import flagged_share_in
from mlreg_dagster.outcomes.worth.newest import newest_worth
from mlreg_dagster.outcomes.worth.schema import MODEL_WORTH
from mlreg_dagster.pages.overview.drift import families_of
from mlreg_dagster.registry.read_only import ReadOnlyRegistry
from mlreg_dagster.storage.parquet_mirror.reader import MirrorReader
from mlreg_dagster.storage.warehouse.reader import Tables
from mlreg_dagster.storage.warehouse.tables import Table
from mlreg_dagster_tests.pages.asked import Site
from mlreg_dagster_tests.registry.builders import NOW, evaluate, move, register, suspend

FIRST, SECOND = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)


def put(connection: duckdb.DuckDBPyConnection, table: Table, *rows: dict) -> None:
    """Make a table of rows; columns that they leave out are null."""
    connection.execute(table.ddl().replace("NOT NULL", "").replace("PRIMARY KEY", "UNIQUE"))
    for row in rows:
        names, marks = ", ".join(row), ", ".join(f"${name}" for name in row)
        connection.execute(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", row)


@pytest.fixture
def tables() -> Iterator[Tables]:
    """Two days: on the second one all has become worse."""
    facts = {"quality": "ok", "fast": False, "slow": False, "enough": True, "peak": 1.0, "reasons": []}
    worse = facts | {"quality": "bad", "fast": True, "reasons": ["volatility jumped"]}
    about = {"action": "none", "table_row": 1, "alerts": "[]", "training": "none", "reasons": ""}
    with duckdb.connect() as connection:
        put(
            connection,
            DRIFT_DECISIONS,
            {"day": FIRST, "state": "stable", "facts": json.dumps(facts), **about},
            {"day": SECOND, "state": "confirmed", "facts": json.dumps(worse), **about},
        )
        put(
            connection,
            PREDICTION_DRIFT,
            {"day": FIRST, "model_version": "v1", "is_newest": True, "state": "within", "sentence": "5 %"},
            {"day": SECOND, "model_version": "v1", "is_newest": True, "state": "outside", "sentence": "50 %"},
            {"day": SECOND, "model_version": "v0", "is_newest": False, "state": "within", "sentence": "5 %"},
        )
        put(
            connection,
            CONCEPT_DRIFT,
            {"day": FIRST, "opponent": "v0", "decides": True, "verdict": "same", "sentence": "alike"},
            {"day": SECOND, "opponent": "v0", "decides": True, "verdict": "worse", "sentence": "behind"},
        )
        best = {"model_version": "champion", "opponent": "ranking:a", "is_best": True, "verdict": "unknown"}
        put(
            connection,
            MODEL_WORTH,
            {"day": FIRST, "worth": "better", "sentence": "good", **best},
            {"day": SECOND, "worth": "worse", "sentence": "bad", **best},
        )
        yield Tables(connection, "none")


def test_the_families_of_drift_are_those_of_the_newest_day_that_had_ended(tables):
    before = families_of(tables, newest_decision(tables, SECOND), SECOND)
    assert {each.family: (each.state, each.is_good) for each in before} == {
        "data quality": ("ok", True),
        "features": ("stable", True),
        "predictions": ("within", True),
        "concept": ("same", True),
    }
    after = families_of(tables, newest_decision(tables), None)
    assert {each.family: (each.state, each.is_good) for each in after} == {
        "data quality": ("bad", False),
        "features": ("drifting", False),
        "predictions": ("outside", False),
        "concept": ("worse", False),
    }
    assert after == families_of(tables, newest_decision(tables, SECOND + DAY), SECOND + DAY)
    assert newest_decision(tables, FIRST) is None
    assert families_of(tables, None, FIRST) == ()


def test_features_that_were_not_measured_are_not_stable_where_another_family_was_judged(tables):
    tables.connection.execute("UPDATE drift_decision SET facts = replace(facts, '\"peak\": 1.0', '\"peak\": null')")
    features = families_of(tables, newest_decision(tables, SECOND), SECOND)[1]
    assert (features.family, features.state, features.is_good) == ("features", "unknown", None)


def test_worth_is_that_of_the_days_that_had_ended(tables):
    assert newest_worth(tables, FIRST) == []
    assert worth_of_champions(newest_worth(tables, SECOND))["worth"] == "better"
    assert worth_of_champions(newest_worth(tables, SECOND + DAY))["worth"] == "worse"
    assert worth_of_champions(newest_worth(tables))["worth"] == "worse"


def test_a_suspension_is_the_headline(tmp_path):
    site = Site(tmp_path / "home")
    register(site.registry, "v1", created_at=NOW)
    evaluate(site.registry, "v1", recorded_at=NOW)
    move(site.registry, "v1", None, time=NOW, effective_at=NOW)
    suspend(site.registry, time=NOW + DAY)
    assert site.facts("overview", as_of=NOW + DAY / 2)["health"]["state"] == "unsure"
    found = site.facts("overview", as_of=NOW + DAY)
    assert found["health"]["state"] == "bad"
    assert found["health"]["headline"].startswith("Not healthy: champion is suspended since")
    page = site.html("overview", as_of=NOW + DAY)
    assert '<span class="state bad">not healthy</span>' in page
    assert "SUSPENDED: champion is suspended" in page


def test_it_says_what_commands_say_of_the_same_home(site, pages_home):
    found = site.get("/overview.json").json()["facts"]
    registry = ReadOnlyRegistry(f"sqlite:///{pages_home / 'registry.sqlite'}")
    now = datetime.now(UTC)
    assert found["champion"]["standing"] == plain(alias_standing(registry, "champion", now).facts)
    last = max((each for some in registry.all_evaluations().values() for each in some), key=lambda each: each.id)
    assert (found["evaluation"]["version"], found["evaluation"]["passed"]) == (last.version, last.passed)
    with MirrorReader(pages_home).tables() as tables:
        share = flagged_share_in(tables, load_settings(pages_home.with_name("home-configs")).evaluation)
        worth = worth_of_champions(newest_worth(tables))
        ((newest,),) = tables.rows("SELECT CAST(epoch(max(hour)) AS BIGINT) FROM predictions")
    assert found["flagged"] == plain(share)
    assert found["worth"] == (None if worth is None else [worth["worth"], worth["sentence"]])
    assert found["hours"][1]["hour"] == datetime.fromtimestamp(newest, UTC).isoformat()
