"""What is believed of a registry that is looked at again: only what follows from what was verified before."""

import pandas as pd
import pytest

from mlreg_dagster.registry import Attribution, Registry
from mlreg_dagster.registry.errors import RegistryTampered
from mlreg_dagster_tests.registry.builders import (
    NOW,
    evaluate,
    move,
    register,
    resume,
    roll_out,
    sha,
    shift,
    split,
    suspend,
)
from mlreg_dagster_tests.registry.test_audit import sql_past

LATER = NOW + pd.Timedelta(hours=1)


def test_what_is_added_is_believed_as_if_all_had_been_verified(registry):
    known = registry.trusted()
    assert known.moves == {}
    assert known.versions == {f"v{number}": sha(f"v{number}") for number in range(1, 5)}
    for version, before in (("v1", None), ("v2", "v1"), ("v1", "v2")):
        move(registry, version, before)
        known = registry.trusted(known)
        assert known.moves["champion"] == registry.holder("champion")
        assert known == registry.trusted() == registry.trusted(known, whole=True)
    assert registry.trusted(known) == known
    register(registry, "v5")
    move(registry, "v1", None, alias="challenger")
    known = registry.trusted(known)
    assert known == registry.trusted()
    assert (set(known.moves), known.versions["v5"]) == ({"champion", "challenger"}, sha("v5"))
    assert known.head == registry.audit_head()


def test_a_move_that_was_taken_back_does_not_count(registry):
    move(registry, "v1", None)
    known = registry.trusted()
    move(registry, "v2", "v1", time=LATER)
    known = registry.trusted(known)
    assert known.moves["champion"].version == "v2"
    registry.take_back("champion", 2, Attribution("bob", NOW, "the clock was ahead"))
    assert registry.trusted(known).moves["champion"].version == "v1"
    assert registry.trusted(known) == registry.trusted()


def test_the_newest_change_of_the_traffic_of_each_alias_is_believed(registry):
    move(registry, "v1", None)
    known = registry.trusted()
    assert known.traffic == {}
    roll_out(registry, "v2")
    for to in (split("shadow", 0), split("canary_5", 500), split("full", 10_000), split("rolled_back", 0)):
        changed = shift(registry, to)
        known = registry.trusted(known)
        assert known.traffic == {"champion": changed}
        assert known.moves["champion"] == registry.holder("champion")
        assert known == registry.trusted() == registry.trusted(known, whole=True)


TAMPERING_WITH_TRAFFIC = {
    "an old change edited": ["UPDATE traffic_events SET weight = 9999 WHERE sequence = 1"],
    "the newest change edited": ["UPDATE traffic_events SET weight = 9999 WHERE sequence = 2"],
    "a salt edited": ["UPDATE traffic_events SET salt = 'of mine' WHERE sequence = 2"],
    "a change removed": ["DELETE FROM traffic_events WHERE sequence = 2"],
    "a change put in past the registry": [
        "INSERT INTO traffic_events SELECT 9, alias, 3, rollout, state, champion, champion_sha256, candidate, "
        "candidate_sha256, 10000, shadow, salt, ruling, facts, alias_sequence, effective_at, actor, reason, "
        "recorded_at, run_id FROM traffic_events WHERE sequence = 2"
    ],
    "a change and its record edited alike": [
        "UPDATE traffic_events SET salt = 's2' WHERE sequence = 1",
        """UPDATE audit_log SET content = replace(content, '"s1"', '"s2"') WHERE kind = 'traffic_events'""",
    ],
}


@pytest.mark.parametrize("statements", TAMPERING_WITH_TRAFFIC.values(), ids=TAMPERING_WITH_TRAFFIC.keys())
def test_no_change_of_traffic_is_believed_that_is_not_what_was_recorded(registry, statements):
    move(registry, "v1", None)
    roll_out(registry, "v2")
    known = registry.trusted()
    shift(registry, split("canary_5", 500))
    sql_past(registry)(*statements)
    for whole in (False, True):
        with pytest.raises(RegistryTampered, match="does not fit its audit log"):
            registry.trusted(known, whole=whole)


def test_the_suspension_that_holds_is_believed(registry):
    move(registry, "v1", None)
    known = registry.trusted()
    assert known.suspended == {}
    stopped = suspend(registry)
    known = registry.trusted(known)
    assert known.suspended == {"champion": stopped}
    resume(registry)
    known = registry.trusted(known)
    assert known.suspended == {}
    assert known == registry.trusted() == registry.trusted(known, whole=True)


TAMPERING_WITH_SUSPENSIONS = {
    "an old one edited": ["UPDATE suspensions SET event = 'resumed' WHERE sequence = 1"],
    "the newest edited": ["UPDATE suspensions SET event = 'suspended' WHERE sequence = 2"],
    "its reason edited": ["UPDATE suspensions SET reason = 'of mine' WHERE sequence = 2"],
    "one removed": ["DELETE FROM suspensions WHERE sequence = 1"],
    "one put in past the registry": [
        "INSERT INTO suspensions SELECT 9, alias, 3, 'suspended', version, artifact_sha256, facts, effective_at, "
        "actor, reason, recorded_at, run_id, signature FROM suspensions WHERE sequence = 2"
    ],
}


@pytest.mark.parametrize("statements", TAMPERING_WITH_SUSPENSIONS.values(), ids=TAMPERING_WITH_SUSPENSIONS.keys())
def test_no_suspension_is_believed_that_is_not_what_was_recorded(registry, statements):
    move(registry, "v1", None)
    suspend(registry)
    known = registry.trusted()
    resume(registry)
    sql_past(registry)(*statements)
    for whole in (False, True):
        with pytest.raises(RegistryTampered, match="does not fit its audit log"):
            registry.trusted(known, whole=whole)


TAMPERING = {
    "an edited move": ["UPDATE alias_events SET version = 'v3' WHERE id = 1"],
    "a removed move": ["DELETE FROM alias_events WHERE id = 1"],
    "a move put in past the registry": [
        "INSERT INTO alias_events (id, alias, sequence, version, previous_version, artifact_sha256, evaluation_id, "
        "effective_at, recorded_at, actor, reason, run_id, evidence) SELECT 3, alias, 3, 'v3', 'v2', artifact_sha256, "
        "evaluation_id, effective_at, recorded_at, actor, reason, run_id, evidence FROM alias_events WHERE id = 1"
    ],
    "a move and its record edited alike": [
        "UPDATE alias_events SET reason = 'mine' WHERE id = 1",
        "UPDATE audit_log SET content = replace(content, 'better recall', 'mine') WHERE kind = 'alias_events'",
    ],
    "a new record edited": ["UPDATE audit_log SET content = '{}' WHERE sequence = {newest}"],
    "a new record removed": ["DELETE FROM audit_log WHERE sequence = {newest} - 1"],
    "a new record of another chain": ["UPDATE audit_log SET previous_hash = hash WHERE sequence = {newest}"],
}


@pytest.mark.parametrize("statements", TAMPERING.values(), ids=TAMPERING.keys())
def test_no_row_is_believed_that_is_not_what_was_recorded(registry, statements):
    move(registry, "v1", None)
    known = registry.trusted()
    move(registry, "v2", "v1")
    evaluate(registry, "v3", run_id="later")
    newest = str(registry.audit_head()[0])
    sql_past(registry)(*(each.replace("{newest}", newest) for each in statements))
    for whole in (False, True):
        with pytest.raises(RegistryTampered, match="does not fit its audit log"):
            registry.trusted(known, whole=whole)
    with pytest.raises(RegistryTampered):
        registry.trusted()


def test_an_old_record_that_was_edited_is_found_when_all_is_verified(registry):
    move(registry, "v1", None)
    known = registry.trusted()
    sql_past(registry)("UPDATE evaluations SET metrics = '{}' WHERE id = 1")
    assert registry.trusted(known) == known, "nothing that is believed depends on it"
    with pytest.raises(RegistryTampered, match="was edited"):
        registry.trusted(known, whole=True)


def test_an_older_registry_and_another_one_are_refused(registry, tmp_path):
    move(registry, "v1", None)
    known = registry.trusted()
    other = Registry(f"sqlite:///{tmp_path}/other.db")
    for number in range(1, 9):
        register(other, f"v{number}")
        evaluate(other, f"v{number}")
    with pytest.raises(RegistryTampered, match=r"was witnessed with hash .* but it has hash"):
        other.trusted(known)
    older = Registry(f"sqlite:///{tmp_path}/older.db")
    with pytest.raises(RegistryTampered, match="is missing: the log ends at 0"):
        older.trusted(known)


def test_a_restore_that_is_on_record_is_believed(registry, tmp_path):
    known = registry.trusted()
    copy = Registry(f"sqlite:///{tmp_path}/copy.db")
    register(copy, "v1")
    with pytest.raises(RegistryTampered):
        copy.trusted(known)
    copy.record_restore({"lost_records": [list(known.head)]}, Attribution("ann", NOW, "from the copy of Monday"))
    assert copy.trusted(known).versions == {"v1": sha("v1")}
