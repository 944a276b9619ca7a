"""A registry as of a time answers every question with what was there then."""

from datetime import timedelta

import pytest

from mlreg_dagster.registry import Attribution, GateResult, Registry, UnknownVersion
from mlreg_dagster.registry.as_of import RegistryAsOf
from mlreg_dagster.registry.errors import RegistryReadOnly
from mlreg_dagster_tests.lifecycle import LIVE, NOON

MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def of_world(live_home):
    return Registry(f"sqlite:///{live_home / 'registry.sqlite'}")


def test_as_of_now_it_answers_as_the_registry(of_world):
    then = RegistryAsOf(of_world, LIVE + timedelta(days=3000))
    for ask in ("versions", "aliases", "audit_log", "open_alerts", "incidents", "policy_in_force"):
        assert getattr(then, ask)() == getattr(of_world, ask)(), ask
    for version in ("v1", "v2", "v3"):
        assert then.evaluations(version) == of_world.evaluations(version)
        assert then.dossier(version, "champion") == of_world.dossier(version, "champion")


@pytest.mark.parametrize(
    ("at", "holder", "known"), [(LIVE - MINUTE, None, []), (LIVE, "v1", ["v1"]), (NOON, "v2", ["v1", "v2"])]
)
def test_moves_count_from_their_effective_time_and_bring_their_evaluation(of_world, at, holder, known):
    then = RegistryAsOf(of_world, at)
    found = then.holder("champion")
    assert (found.version if found else None) == holder
    assert found == of_world.holder("champion", at)
    assert [each.version for each in then.versions()] == known
    assert all(then.latest_evaluation(name) == of_world.latest_evaluation(name) for name in known)
    assert then.policy_in_force() is None  # it was recorded later


def test_a_version_that_was_not_there_is_named_with_the_time(of_world):
    with pytest.raises(
        UnknownVersion, match="v3 did not exist at 2026-01-05 12:00 UTC: it was registered at 2026-01-08"
    ):
        RegistryAsOf(of_world, NOON).version("v3")
    assert RegistryAsOf(of_world, NOON).resolve("latest").version == "v2"


def test_evaluations_decisions_and_policies_of_later_do_not_show(tmp_path, of_world):
    own = Registry(f"sqlite:///{tmp_path / 'registry.sqlite'}")
    like = of_world.version("v1")
    first = LIVE.to_pydatetime()
    names = ("detector", "dataset_day", "dataset_sha256", "artifact_sha256", "manifest")
    fields = {name: getattr(like, name) for name in names}
    own.register("v1", Attribution("anna", first), **fields)
    for minutes, passed in ((1, False), (3, True)):
        own.record_evaluation(
            "v1",
            Attribution("anna", first + minutes * MINUTE),
            artifact_sha256=like.artifact_sha256,
            holdout_sha256="0" * 64,
            gates=[GateResult("a", passed, 1.0, "at least 0", "")],
            metrics={},
            thresholds={},
        )
    statuses = [RegistryAsOf(own, first + minutes * MINUTE).status("v1") for minutes in (0, 1, 2, 3)]
    assert statuses == ["candidate", "rejected", "rejected", "evaluated"]


def test_it_is_not_written(of_world):
    then = RegistryAsOf(of_world, NOON)
    with pytest.raises(RegistryReadOnly):
        then.upgrade()
    with pytest.raises(RegistryReadOnly):
        then.record_first_policy({}, NOON)
