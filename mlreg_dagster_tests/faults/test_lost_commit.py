"""Runs whose step is tried again, since the answer to its COMMIT was lost and the server could not be asked."""

from dataclasses import asdict

import dagster as dg
import pytest

from mlreg_dagster.orchestration import retries
from mlreg_dagster.orchestration.resources import RegistryResource
from mlreg_dagster.registry import Attribution, Registry
from mlreg_dagster_tests.lifecycle import failure
from mlreg_dagster_tests.postgres import postgres_server, postgres_url
from mlreg_dagster_tests.registry.proxy import before

pytestmark = pytest.mark.slow

__all__ = ["postgres_server", "postgres_url"]


@pytest.fixture
def proxied(make_world, trained_home, postgres_url, monkeypatch):
    """A trained world whose registry is behind a proxy, and that registry past it."""
    monkeypatch.setattr(retries, "WAIT_S", 0)
    old, direct = make_world(trained_home, "old").registry, Registry(postgres_url)
    for version in old.versions():
        known = asdict(version)
        by = Attribution(known.pop("created_by"), known.pop("created_at"), run_id=known.pop("run_id"))
        direct.register(known.pop("version"), by, **known)
        for each in old.evaluations(version.version):
            unasked = ("id", "version", "passed", "departures", "recorded_at", "actor", "run_id")
            values = {name: value for name, value in vars(each).items() if name not in unasked}
            by = Attribution(each.actor, each.recorded_at, run_id=each.run_id)
            direct.record_evaluation(each.version, by, **values)
    with before(postgres_url) as (proxy, url):
        world = make_world(trained_home, registry=RegistryResource(url=url))
        assert len(world.registry.versions()) == 3
        yield proxy, world, direct


@pytest.mark.parametrize(("loses", "expected"), [("answer", None), ("answer", "nobody"), ("commit", "nobody")])
def test_a_promotion_is_made_once_and_succeeds(proxied, loses, expected):
    proxy, world, direct = proxied
    proxy.lose, proxy.refuse = loses, 1
    config = {"version": "v1", "reason": "a test wants it", "actor": "tester", "expected": expected}
    result = world.ask_for(config)
    assert result.success, failure(result)
    assert proxy.lose is None  # it was lost, and somebody had to come again
    (move,) = direct.recorded_moves("champion")
    assert (move.version, move.run_id) == ("v1", result.run_id)
    (told,) = world.instance.fetch_materializations(dg.AssetKey("champion_model"), limit=9).records
    assert told.asset_materialization.metadata["champion"].value == "v1"


def test_an_evaluation_is_recorded_once(proxied):
    proxy, world, direct = proxied
    known = len(direct.evaluations("v1"))
    proxy.lose, proxy.refuse = "answer", 1
    result = world.attempt("evaluated_model", key="v1")
    assert result.success, failure(result)
    assert proxy.lose is None
    recorded = direct.evaluations("v1")[known:]
    assert [each.run_id for each in recorded] == [result.run_id]
