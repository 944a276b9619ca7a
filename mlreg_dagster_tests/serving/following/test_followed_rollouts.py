"""A name follows the split of its traffic together with its alias; a candidate that can't be loaded costs nothing."""

import shutil

import pytest

from mlreg_dagster.serving.following import follower as following_module
from mlreg_dagster.storage.artifacts import LocalArtifactStore
from mlreg_dagster_tests.registry.builders import NOW, move, roll_out, shift, split
from mlreg_dagster_tests.registry.test_audit import sql_past
from mlreg_dagster_tests.serving.following.test_follower import file_of, require_unmoved

CANARY = split("canary_25", 2_500)
FULL = split("full", 10_000)
BACK = split("rolled_back", 0, "roll_back")


def now(follower):
    """Version, move, arm and change of the champion, and the candidate that is loaded beside it."""
    served = follower.get("champion")
    candidate = served.rollout.candidate if served.rollout is not None else None
    return (
        served.model.version, served.sequence, served.arm, served.traffic_sequence,
        candidate.version if candidate is not None else None,
    )  # fmt: skip


@pytest.fixture
def rolling(deployment):
    """v1 is champion, and v2 is rolled out against it."""
    deployment.promote("v1")
    roll_out(deployment.registry, "v2")
    return deployment


def test_every_change_is_followed_from_the_first_to_the_end(rolling, following):
    follower = following()
    assert now(follower) == ("v1", 1, "champion", 1, "v2")
    for number, to in enumerate((split("shadow", 0), split("canary_5", 500), CANARY), 2):
        changed = shift(rolling.registry, to)
        follower.look()
        rollout = follower.get("champion").rollout
        assert now(follower) == ("v1", 1, "champion", number, "v2")
        assert (rollout.rollout, rollout.state, rollout.weight) == (1, changed.state, changed.weight)
        assert (rollout.shadow, rollout.salt) == (changed.shadow, "s1")
    shift(rolling.registry, FULL)
    follower.look()
    assert now(follower) == ("v2", 2, "candidate", 5, "v2")
    shift(rolling.registry, split("closed", 10_000))
    follower.look()
    assert now(follower) == ("v2", 2, None, None, None)


def test_the_way_back_from_all_traffic_needs_no_loading(rolling, following, monkeypatch):
    follower = following()
    shift(rolling.registry, FULL)
    follower.look()
    assert follower.get("champion").rollout.champion.version == "v1"
    monkeypatch.setattr(LocalArtifactStore, "read", lambda *_: pytest.fail("a bundle was read"))
    shift(rolling.registry, BACK)
    follower.look()
    assert now(follower) == ("v1", 3, None, None, None)


def test_a_server_that_starts_late_has_both_versions(rolling, following):
    shift(rolling.registry, FULL)
    follower = following()
    assert now(follower) == ("v2", 2, "candidate", 2, "v2")
    assert follower.get("champion").rollout.champion.version == "v1"


def test_a_candidate_is_the_same_model_under_all_of_its_names(rolling, following):
    rolling.promote("v2", "challenger")
    follower = following()
    candidate = follower.get("champion").rollout.candidate
    assert follower.get("challenger").model is candidate
    assert follower.get("v2").model is candidate
    assert (follower.get("v2").rollout, follower.get("challenger").rollout) == (None, None)


def test_alias_and_split_are_one_assignment(rolling, following, monkeypatch):
    """Whatever a request takes, at any moment: all of it is of one change."""
    follower = following()
    seen = []
    assign = following_module.Follower.__setattr__

    def note(self, name, value):
        assign(self, name, value)
        if name == "_now" and "champion" in value.served:
            seen.append(now(self))

    monkeypatch.setattr(following_module.Follower, "__setattr__", note)
    shift(rolling.registry, CANARY)
    follower.look()
    shift(rolling.registry, FULL)
    follower.look()
    move(rolling.registry, "v3", "v2", NOW)
    follower.look()
    assert set(seen) == {
        ("v1", 1, "champion", 1, "v2"),
        ("v1", 1, "champion", 2, "v2"),
        ("v2", 2, "candidate", 3, "v2"),
        ("v3", 3, None, None, None),
    }


def test_a_move_by_hand_ends_the_split_even_where_its_version_cannot_be_loaded(rolling, following):
    shift(rolling.registry, CANARY)
    follower = following()
    shutil.rmtree(rolling.bundle("v3"))
    rolling.promote("v3")
    follower.look()
    assert now(follower) == ("v1", 1, None, None, None), "a candidate that was given up answers no more"
    assert follower.knowledge().not_taken["champion"].version == "v3"


def test_a_candidate_that_cannot_be_loaded_is_told_and_the_champion_answers(rolling, following, caplog):
    bundle = rolling.bundle("v2")
    bundle.rename(bundle.with_name("away"))
    shift(rolling.registry, CANARY)
    follower = following()
    assert now(follower) == ("v1", 1, "champion", 2, None)
    rollout = follower.get("champion").rollout
    assert (rollout.candidate_version, rollout.weight) == ("v2", 2_500)
    assert "v2" in rollout.unloadable
    follower.look()
    assert len([each for each in caplog.records if "the champion answers alone" in each.message]) == 1
    assert follower.knowledge().ready
    assert not follower.knowledge().not_taken
    bundle.with_name("away").rename(bundle)
    follower._loading.forget("champion candidate")
    follower.look()
    assert now(follower) == ("v1", 1, "champion", 2, "v2")
    assert follower.get("champion").rollout.unloadable is None


def test_a_candidate_that_cannot_be_loaded_is_not_read_at_every_look(rolling, following, monkeypatch):
    shutil.rmtree(rolling.bundle("v2"))
    reads = []
    read = LocalArtifactStore.read
    monkeypatch.setattr(LocalArtifactStore, "read", lambda *args: reads.append(args[2]) or read(*args))
    follower = following(poll_seconds=5)
    for _ in range(20):
        follower.look()
    assert reads == ["v1", "v2"]


def test_a_candidate_that_cannot_be_loaded_gets_nothing_when_it_is_given_all_traffic(rolling, following):
    shutil.rmtree(rolling.bundle("v2"))
    follower = following()
    shift(rolling.registry, FULL)
    follower.look()
    assert now(follower) == ("v1", 1, "champion", 2, None)
    assert follower.get("champion").rollout.unloadable
    assert follower.knowledge().not_taken["champion"].version == "v2"
    shift(rolling.registry, BACK)
    follower.look()
    assert now(follower) == ("v1", 3, None, None, None)
    assert not follower.knowledge().not_taken


def test_a_note_of_a_move_that_was_taken_back_goes_also_while_the_candidate_cannot_be_loaded(rolling, following):
    shutil.rmtree(rolling.bundle("v2"))
    follower = following()
    follower._take_note("champion", following_module.NotTaken("v3", 9, follower.knowledge().checked_at, "damaged"))
    follower.look()
    assert not follower.knowledge().not_taken


def test_a_row_of_traffic_that_was_edited_is_not_believed_and_the_last_good_split_goes_on(rolling, following):
    file_of(rolling)
    shift(rolling.registry, CANARY)
    follower = following()
    before = now(follower)
    sql_past(rolling.registry)("UPDATE traffic_events SET weight = 9000 WHERE sequence = 2")
    require_unmoved(follower, "traffic_events 2")
    assert now(follower) == before
    assert follower.get("champion").rollout.weight == 2_500
    sql_past(rolling.registry)("UPDATE traffic_events SET weight = 2500 WHERE sequence = 2")
    shift(rolling.registry, split("canary_50", 5_000))
    follower.look()
    assert follower.knowledge().problem is None
    assert follower.get("champion").rollout.weight == 5_000
