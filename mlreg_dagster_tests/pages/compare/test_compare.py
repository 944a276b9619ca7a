"""The page of a comparison says what `mlreg compare` says, number by number."""

import json

import duckdb
import pytest

from mlreg_dagster.config.places import mirror_root
from mlreg_dagster.storage.parquet_mirror.writer import TableMirror
from mlreg_dagster_tests.lifecycle import NOW
from mlreg_dagster_tests.pages.at_once import when_ready
from mlreg_dagster_tests.pages.conftest import client_of

THEN = f"{NOW}Z"
PAIRS = [("v2", "v1"), ("v1", "v3")]


@pytest.fixture
def of_both(own_home):
    """v2 has predicted the hours of v1 as well: what v1 flagged as long as its score is even in the last digit."""
    with duckdb.connect(str(own_home / "warehouse.duckdb")) as tables:
        tables.execute(
            "INSERT INTO prediction_outcomes SELECT * REPLACE ('v2' AS model_version, "
            "is_anomaly AND hour(prediction_hour) % 2 = 0 AS is_anomaly) "
            "FROM prediction_outcomes WHERE model_version = 'v1'"
        )
        TableMirror(mirror_root(own_home)).write(tables, everything=True)


@pytest.mark.slow
def test_the_page_says_what_the_command_says(on_live, of_both, own_home):  # noqa: ARG001
    site = client_of(own_home)
    for left, right in PAIRS:
        told = json.loads(on_live("compare", left, right, "--json").out)
        facts = when_ready(site, f"/compare/{left}/{right}.json", "on_holdout", "on_record")
        assert facts["on_holdout"]["state"] == facts["on_record"]["state"] == "ready", facts
        assert facts["on_holdout"]["result"] == told["on_holdout"]
        assert facts["on_record"]["result"] == {name: told[name] for name in ("attempts", "on_outcomes", "worth")}
        assert (told["on_outcomes"] is not None) == ({left, right} == {"v1", "v2"})


def test_both_ways_round_differences_turn_their_sign(site):
    there, back = (when_ready(site, f"/compare/{way}.json", "on_holdout")["on_holdout"] for way in ("v1/v2", "v2/v1"))
    there, back = there["result"], back["result"]
    assert there["difference"] == pytest.approx(-back["difference"])
    assert there["average_precision"] == back["average_precision"][::-1]
    assert there["agreement"] == back["agreement"]
    page = site.get("/compare/v1/v2")
    assert f"{there['average_precision'][0]:.4g}" in page.text
    assert len(page.content) < 200_000


def test_a_page_comes_before_it_is_computed_and_says_so(site):
    page = site.get("/compare/v3/v2?holdout=2026-01-04")
    assert page.status_code == 200
    facts = site.get("/compare/v3/v2.json").json()["facts"]
    if facts["on_holdout"]["state"] == "computing":
        assert facts["on_holdout"]["result"] is None
    assert facts["differences"]["manifests"]["settings"]


def test_aliases_are_as_of_the_time_that_is_asked_about(site):
    facts = site.get("/compare/champion/latest.json").json()["facts"]
    assert (facts["left"]["version"], facts["right"]["version"]) == ("v2", "v3")
    facts = site.get("/compare/champion/v1.json?as_of=2026-01-05T06:30:00Z").json()["facts"]
    assert facts["left"]["version"] == "v1"
    assert facts["same"]


def test_a_version_that_was_not_there_yet_is_not_there(site):
    answer = site.get("/compare/v1/v2?as_of=2026-01-01T00:00:00Z")
    assert answer.status_code == 404
    assert "v1 did not exist at 2026-01-01 00:00 UTC" in answer.text
    assert site.get("/compare/v1/v9").status_code == 404
    assert site.get("/compare/v1/v2?holdout=2020-01-01").status_code == 404


def test_the_form_works_without_javascript(site):
    page = site.get("/compare")
    assert 'method="get" action="/compare"' in page.text
    assert all(
        f"<option>{name}</option>" in page.text or f"<option selected>{name}</option>" in page.text
        for name in ("v1", "v2", "v3", "champion")
    )
    chosen = site.get("/compare?left=v1&right=champion")
    assert "v1 and v2" in chosen.text
    assert 'href="/compare/v1/v2"' in chosen.text


def test_a_holdout_that_was_tampered_with_fails_the_part_alone(live_home, tmp_path):
    import shutil

    home = tmp_path / "tampered"
    shutil.copytree(live_home, home)
    (rows,) = (home / "artifacts" / "eval_holdout").glob("*/rows.parquet")
    rows.write_bytes(rows.read_bytes()[:-1] + b"x")
    facts = when_ready(client_of(home), "/compare/v1/v2.json", "on_holdout", "on_record")
    assert facts["on_holdout"]["state"] == "failed"
    assert "rows.parquet" in facts["on_holdout"]["problem"]
    assert facts["on_record"]["state"] == "ready"
    assert facts["gates"]
