"""How aliases and versions stand at a time: the same answer for one alias and for all, at any time."""

import random
from datetime import timedelta

import pytest

from mlreg_dagster.governance.standing import alias_standing, standings
from mlreg_dagster.registry import Registry
from mlreg_dagster_tests.governance.busy_registry import BEGIN, make_busy
from mlreg_dagster_tests.registry.builders import (
    NOW,
    START,
    evaluate,
    move,
    register,
    roll_out,
    shift,
    split,
    suspend,
)

LATER = NOW + timedelta(days=1)


@pytest.fixture
def empty(tmp_path) -> Registry:
    return Registry(f"sqlite:///{tmp_path}/r.db")


def badges(registry: Registry, version: str, as_of=LATER) -> list[str]:
    return [each.text for each in standings(registry, as_of).of(version).badges]


def test_a_candidate_is_evaluated_becomes_champion_and_is_followed(empty):
    register(empty, "v1", created_at=NOW)
    assert standings(empty, NOW - timedelta(seconds=1)).versions == ()
    assert standings(empty, NOW).of("v1").status == "candidate"
    evaluate(empty, "v1", recorded_at=NOW + timedelta(minutes=1))
    assert standings(empty, NOW).of("v1").status == "candidate"
    assert standings(empty, LATER).of("v1").status == "evaluated"
    assert badges(empty, "v1") == []
    move(empty, "v1", None, time=LATER, effective_at=LATER)
    assert badges(empty, "v1") == ["champion"]
    assert badges(empty, "v1", LATER - timedelta(seconds=1)) == []
    register(empty, "v2")
    evaluate(empty, "v2")
    move(empty, "v2", "v1", time=LATER + timedelta(hours=1), effective_at=LATER + timedelta(hours=1))
    move(empty, "v1", "v2", time=LATER + timedelta(hours=3), effective_at=LATER + timedelta(hours=3))
    assert badges(empty, "v1", LATER + timedelta(hours=2)) == ["former champion"]
    assert badges(empty, "v2", LATER + timedelta(hours=3)) == ["rolled back as champion"]


def test_rollout_suspension_and_experiment_are_badges(empty):
    for version in ("v1", "v2", "v3"):
        register(empty, version)
    evaluate(empty, "v1")
    evaluate(empty, "v2")
    evaluate(empty, "v3", departures=("another seed",))
    move(empty, "v1", None)
    roll_out(empty, "v2")
    shift(empty, split("canary_25", 2_500))
    suspend(empty)
    found = standings(empty, LATER)
    assert badges(empty, "v1") == ["champion", "champion suspended"]
    assert badges(empty, "v2") == ["rollout: canary 25, 25 %"]
    assert badges(empty, "v3") == ["experiment"]
    assert found.of("v3").status == "candidate"
    assert found.aliases["champion"].weights == {"v1": 7_500, "v2": 2_500}
    assert [each.alias for each in found.suspended] == ["champion"]


def test_a_replayed_holder_is_there_before_it_was_recorded(empty):
    register(empty, "v1")
    evaluate(empty, "v1")
    move(empty, "v1", None, effective_at=START)
    found = standings(empty, START)
    assert START < NOW
    assert found.of("v1").status == "evaluated"
    assert badges(empty, "v1", START) == ["champion"]
    assert standings(empty, START - timedelta(seconds=1)).versions == ()


def test_one_alias_stands_as_it_does_among_all_at_any_time(empty):
    end = make_busy(empty)
    rng = random.Random(1)
    seen = set()
    for _ in range(40):
        when = BEGIN - timedelta(days=70) + rng.random() * (end - BEGIN + timedelta(days=80))
        found = standings(empty, when)
        for alias, each in found.aliases.items():
            assert each == alias_standing(empty, alias, when)
            holders = [version.version.version for version in found.versions if alias in version.aliases]
            assert holders == ([each.move.version] if each.move else [])
            assert (each.move is None) == (empty.holder(alias, when) is None)
            assert sum(each.weights.values()) == (10_000 if each.move else 0)
            seen |= {badge.kind for version in found.versions for badge in version.badges}
    kinds = {"champion", "challenger", "alias", "rollout", "suspended", "experiment", "rolled_back", "former"}
    assert seen == kinds
