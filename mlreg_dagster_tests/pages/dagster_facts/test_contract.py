"""Both ways to ask Dagster give the same facts of the same instance."""

from datetime import timedelta

import pytest

from mlreg_dagster.core.names import ASSETS
from mlreg_dagster.orchestration.page_links import PAGE
from mlreg_dagster.pages.dagster_facts.facts import Partitions
from mlreg_dagster_tests.pages.recorded import HOURS, ODD, PAGES, PICTURE

pytestmark = pytest.mark.pictures

MATERIALIZED = ("champion_model", "evaluated_model", "market_snapshot", "predictions")


def test_assets_are_those_that_were_materialized(facts):
    assert facts().assets() == MATERIALIZED


@pytest.mark.parametrize("asset", [*MATERIALIZED, "feature_sketch", "candidate_model", "no_such_asset"])
def test_both_tell_the_same(files, web_server, asset):
    ours, theirs = files(), web_server()
    assert ours.materializations(asset, 100) == theirs.materializations(asset, 100)
    assert ours.materializations(asset, 3) == theirs.materializations(asset, 3)
    assert ours.pictured(asset, 2) == theirs.pictured(asset, 2)
    assert ours.pictured(asset, 2, skip=1) == theirs.pictured(asset, 2, skip=1)
    assert ours.pictures(asset) == theirs.pictures(asset)
    assert ours.checks(asset) == theirs.checks(asset)
    assert ours.partitions(asset).materialized == (theirs.partitions(asset).materialized or 0)
    assert ours.partitions(asset).newest == theirs.partitions(asset).newest
    assert ours.why is theirs.why is None


def test_values_are_those_that_the_step_gave(facts):
    [made] = facts().materializations("predictions")
    plain = ODD | {"link": ODD["link"].url, "path": None, "table": [{"x": 1, "y": "two"}]}
    assert (made.partition, dict(made.metadata)) == (HOURS[0], plain)
    [evaluated] = facts().materializations("evaluated_model")
    assert (evaluated.partition, evaluated.metadata[PAGE]) == ("v1", f"{PAGES}/versions/v1")
    assert {each.label for each in facts().pictures("evaluated_model")} == {"gate_summary", "scores"}


def test_pictures_are_those_of_the_newest_that_has_any(facts):
    newest = facts().pictured("market_snapshot")
    assert [(each.partition, *each.metadata.keys() & {"picture", "said"}) for each in newest] == [
        (HOURS[3], "said"),
        (HOURS[7], "picture"),
        (HOURS[3], "picture"),
    ]
    assert [each.markdown for each in facts().pictures("market_snapshot")] == ["_Nothing was drawn._"]
    [of_hour] = facts().pictures("market_snapshot", HOURS[7])
    assert (of_hour.label, of_hour.markdown, of_hour.at) == ("picture", PICTURE, newest[1].at)
    assert facts().pictures("market_snapshot", HOURS[8]) == []


def test_a_run_is_found_among_others(facts):
    [made] = facts().materializations("evaluated_model")
    assert facts().materializations("evaluated_model", run_id=made.run_id) == [made]
    assert facts().pictured("evaluated_model", run_id=made.run_id, partition="v1") == [made]
    assert facts().pictured("evaluated_model", run_id="no such run") == []
    assert facts().pictures("evaluated_model", "v2", made.run_id) == []


def test_checks_have_their_newest_result(facts):
    checks = {check.name: check for check in facts().checks("evaluated_model", "v1")}
    assert "anomaly_rate_in_range" in checks
    assert {check.status for check in checks.values()} == {"SUCCEEDED"}
    assert facts().checks("evaluated_model", "v9") == []


def test_partitions_are_counted(facts):
    found = facts().partitions("market_snapshot")
    assert (found.materialized, found.newest[:2], len(found.newest)) == (24, (HOURS[23], HOURS[22]), 20)
    assert facts().partitions("champion_model").newest == ()


def test_what_was_recorded_later_is_left_out(files, web_server):
    hours = files().materializations("market_snapshot", 100)
    for at in (hours[0].at, hours[5].at, hours[-1].at - timedelta(milliseconds=1), hours[-1].at - timedelta(days=1)):
        ours, theirs = files(at), web_server(at)
        known = [each for each in hours if each.at <= at]
        assert ours.materializations("market_snapshot", 100) == theirs.materializations("market_snapshot", 100) == known
        assert ours.assets() == theirs.assets()
        assert ours.pictured("market_snapshot") == theirs.pictured("market_snapshot")
        assert ours.checks("evaluated_model") == theirs.checks("evaluated_model")
        assert ours.partitions("market_snapshot").materialized == len({each.partition for each in known})
        assert theirs.partitions("market_snapshot") == Partitions()
        assert theirs.why == "A web server tells the number of partitions as of now alone."


def test_every_asset_of_the_graph_can_be_asked_about(facts):
    asked = facts()
    for asset in ASSETS:
        asked.checks(asset)
        asked.partitions(asset)
    assert asked.why is None
