"""What the UI marks as out of date, asked as the UI asks it."""

import dagster as dg
import pytest

from mlreg_dagster import jobs
from mlreg_dagster.runner import Runner, asset_config
from mlreg_dagster_tests.graphql import page_of

STATUS = "query ($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode { %s } } }"


@pytest.fixture
def stale(on_trained):  # noqa: ARG001 - sets up the home that the code location finds
    def ask(asset, fields="staleStatus staleCauses { reason }"):
        with dg.DagsterInstance.get() as instance, page_of(instance) as page:
            return page.ask(STATUS % fields, key={"path": [asset]})["assetNodeOrError"]

    return ask


@pytest.mark.slow
def test_the_champion_stays_in_sync_when_other_versions_are_judged(stale):
    runner = Runner()
    for version in ("v1", "v2", "v3"):
        runner.add_version(version)
        runner.run_partition(jobs.EVALUATE, version)
    config = {"version": "v1", "reason": "the first one", "actor": "anna"}
    runner.run(jobs.PROMOTE, asset_config("champion_model", config))
    assert stale("champion_model") == {"staleStatus": "FRESH", "staleCauses": []}
    runner.run_partition(jobs.EVALUATE, "v3")
    assert runner.registry.status("v3") == "rejected"
    assert stale("champion_model") == {"staleStatus": "FRESH", "staleCauses": []}


def test_its_lineage_leads_to_the_evaluated_versions(stale):
    lineage = stale("champion_model", "dependencies { asset { assetKey { path } } }")
    assert lineage == {"dependencies": [{"asset": {"assetKey": {"path": ["evaluated_model"]}}}]}
