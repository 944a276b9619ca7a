"""The page of a version: its facts are those of its card, as of now and as of then."""

import json
import shutil

import pandas as pd
import pytest

from mlreg_dagster.config import load_settings
from mlreg_dagster.evidence.card.build import make_card
from mlreg_dagster.evidence.card.collect import collect
from mlreg_dagster.evidence.card.context import Watch
from mlreg_dagster.evidence.card.elements import SECTIONS
from mlreg_dagster.evidence.rendering import to_json
from mlreg_dagster.registry import Registry
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster_tests.lifecycle import NOW, Lifecycle
from mlreg_dagster_tests.pages.at_once import when_ready
from mlreg_dagster_tests.pages.conftest import client_of

THEN = f"{NOW}Z"
BEFORE_NOON = "2026-01-05T06:30:00Z"


@pytest.fixture(scope="module")
def card(live_home, tmp_path_factory):
    """card.json of v2 at NOW, collected as the bundle does it; the model is not loaded, and nothing is tried."""
    home = tmp_path_factory.mktemp("card") / "home"
    shutil.copytree(live_home, home)
    registry = Registry(f"sqlite:///{home / 'registry.sqlite'}")
    context = collect(
        registry.version("v2"),
        registry,
        open_artifacts(str(home / "artifacts")),
        DuckDBWarehouse(home / "warehouse.duckdb"),
        load_settings(live_home.with_name(f"{live_home.name}-configs")),
        now=pd.Timestamp(NOW, tz="UTC"),
        tampering=None,
        watch=Watch(known=False),
        verify=False,
        tries=False,
    )
    return json.loads(to_json(make_card(context)))


def test_the_facts_are_those_of_the_card(site, card):
    short = when_ready(site, f"/versions/v2.json?as_of={THEN}", "card")["card"]
    assert (short["headline"], short["verdict"], short["answers"]) == (card["headline"], card["state"], card["answers"])
    for key in SECTIONS:
        found = when_ready(site, f"/versions/v2.json?as_of={THEN}&section={key}", "card")["card"]["section"]
        assert found == card["sections"][key], key


def test_every_section_is_a_page_of_its_own(site):
    when_ready(site, f"/versions/v2.json?as_of={THEN}", "card")
    for key, title in SECTIONS.items():
        page = site.get(f"/versions/v2?as_of={THEN}&section={key}")
        assert page.status_code == 200
        assert title in page.text
        assert len(page.content) < 200_000


def test_nothing_is_complete_before_it_is_known(site):
    page = site.get("/versions/v3?as_of=2026-01-08T00:31:00Z")
    assert "being computed" in page.text
    assert "state good" not in page.text.partition("What its card says")[2].partition("How it was made")[0]


def test_what_is_not_tried_keeps_a_card_from_being_complete(site):
    found = when_ready(site, f"/versions/v2.json?as_of={THEN}", "card")["card"]
    remarks = {line["key"]: " ".join(line["remarks"]) for line in found["sections"]}
    assert "whether it loads was not tried" in remarks["serving"]
    assert "Whether the policy lets v1 back now was not tried" in remarks["rollback"]
    assert "was not tried" in found["headline"]
    assert "Dagster knows them" in remarks["monitoring"]


@pytest.mark.parametrize(("named", "version"), [("latest", "v3"), ("latest-1", "v2"), ("champion", "v2"), ("v1", "v1")])
def test_a_version_is_found_by_every_name(site, named, version):
    facts = site.get(f"/versions/{named}.json").json()["facts"]
    assert (facts["version"], facts["asked"]) == (version, named)
    assert ("<q>" in site.get(f"/versions/{named}").text) == (named != version)


def test_an_alias_is_as_of_the_time_that_is_asked_about(site):
    assert site.get(f"/versions/champion.json?as_of={BEFORE_NOON}").json()["facts"]["version"] == "v1"
    facts = site.get(f"/versions/v1.json?as_of={BEFORE_NOON}").json()["facts"]
    assert [badge["kind"] for badge in facts["badges"]] == ["champion"]
    facts = when_ready(site, f"/versions/v1.json?as_of={BEFORE_NOON}&section=serving", "card")
    (rows,) = (fact["rows"] for name, fact in facts["card"]["section"]["facts"].items() if name == "predictions")
    assert rows[0]["last_hour"] == "2026-01-05T06:00:00+00:00"


def test_a_version_that_was_not_there_yet_is_not_there(site):
    answer = site.get("/versions/v1?as_of=2026-01-01T00:00:00Z")
    assert answer.status_code == 404
    assert "v1 did not exist at 2026-01-01 00:00 UTC: it was registered at 2026-01-08 00:30" in answer.text
    assert site.get("/versions/v9").status_code == 404
    assert site.get("/versions/nobody").status_code == 404
    assert site.get("/versions/v1?section=nonsense").status_code == 404


def test_a_tampered_artifact_is_shown(live_home, tmp_path):
    home = tmp_path / "tampered"
    shutil.copytree(live_home, home)
    site = client_of(home)
    assert site.get("/versions/v1.json").json()["facts"]["artifact"]["state"] == "intact"
    Lifecycle(home, adopts=False).tamper("v1")
    facts = site.get("/versions/v1.json").json()["facts"]
    assert facts["artifact"]["state"] == "tampered"
    assert "TAMPERED" in site.get("/versions/v1").text
    shutil.rmtree(home / "artifacts" / "models" / "v1")
    assert site.get("/versions/v1.json").json()["facts"]["artifact"]["state"] == "missing"


def test_a_large_artifact_is_not_hashed_and_that_is_said(site, monkeypatch):
    monkeypatch.setattr("mlreg_dagster.pages.version.artifact._LARGEST", 1000)
    found = site.get("/versions/v1.json").json()["facts"]["artifact"]
    assert found["state"] == "listed"
    assert "were not hashed for this page" in found["sentence"]


def test_the_last_bundle_is_shown_as_of_when_it_was_made(live_home, tmp_path):
    home = tmp_path / "bundled"
    shutil.copytree(live_home, home)
    (home / "bundles" / "v1").mkdir(parents=True)
    undo = {"kind": "values", "title": "How to undo", "values": {"largest_difference_of_a_score": 0.0}}
    card = {
        "made_at": "2026-01-09T00:00:00+00:00",
        "state": "against",
        "headline": "v1 is this.",
        "sections": {"rollback": {"facts": {"undo": undo, "retraining": {}}}, "reproducibility": {"facts": {}}},
    }
    (home / "bundles" / "v1" / "card.json").write_text(json.dumps(card))
    site = client_of(home)
    bundle = site.get("/versions/v1.json").json()["facts"]["bundle"]
    assert (bundle["state"], bundle["tried"]) == ("against", {"undo": undo})
    assert "What that bundle says" in site.get("/versions/v1").text
    assert site.get(f"/versions/v1.json?as_of={THEN}").json()["facts"]["bundle"] is None
    (home / "bundles" / "v1" / "card.json").write_text("{}")
    assert site.get("/versions/v1.json").json()["facts"]["bundle"] is None
