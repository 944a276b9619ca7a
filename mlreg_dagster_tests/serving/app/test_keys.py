"""Which requests keys let pass, how often, and what happens to their file while the server runs."""

import pytest

from mlreg_dagster.serving.app.key_file import KeysUnreadable, add_key, revoke_key
from mlreg_dagster.serving.app.keys import Keyring, TokenBucket
from mlreg_dagster.serving.app.refusals import KeysGone, NoKey, ScopeMissing, TooManyRequests


@pytest.fixture
def place(tmp_path):
    return tmp_path / "keys.json"


def bearer(key):
    return f"Bearer {key}"


def test_a_bucket_holds_its_burst_and_fills_up_by_its_rate():
    now = [100.0]
    bucket = TokenBucket(2.0, 3, lambda: now[0])
    assert [bucket.take() for _ in range(4)] == [0, 0, 0, 0.5]
    now[0] += 0.5
    assert [bucket.take(), bucket.take()] == [0, 0.5]
    now[0] += 1000
    assert [bucket.take() > 0 for _ in range(4)] == [False, False, False, True]


def test_without_a_file_everybody_is_let_in_until_there_is_one(place):
    ring = Keyring(place)
    assert not ring.required
    assert ring.admit(None, None, "score") is None
    key = add_key(place, "anna", ("score",), 5.0, 10)
    ring.refresh()
    with pytest.raises(NoKey):
        ring.admit(None, None, "score")
    assert ring.admit(bearer(key), None, "score") == "anna"


def test_the_key_comes_by_either_header_and_any_other_is_refused(place):
    key = add_key(place, "anna", ("score",), 100.0, 100)
    ring = Keyring(place)
    assert ring.admit(bearer(key), None, "score") == ring.admit(None, key, "score") == "anna"
    assert ring.admit(f"bEARER  {key} ", None, "score") == "anna"
    for sent in (None, "", "Bearer ", bearer(key[:-1]), bearer(key + "x"), f"Basic {key}", key, bearer("x" * 10_000)):
        with pytest.raises(NoKey) as caught:
            ring.admit(sent, None, "score")
        assert key not in str(caught.value)


def test_a_key_that_reads_does_not_score_and_one_that_scores_reads(place):
    reads, scores = (add_key(place, name, (name,), 100.0, 100) for name in ("read", "score"))
    ring = Keyring(place)
    assert ring.admit(bearer(scores), None, "read") == "score"
    with pytest.raises(ScopeMissing, match="The key read lacks the scope score"):
        ring.admit(bearer(reads), None, "score")


def test_a_key_that_asks_too_often_has_to_wait_and_others_do_not(place):
    fast, other = (add_key(place, name, ("score",), 0.001, 2) for name in ("fast", "other"))
    ring = Keyring(place)
    for _ in range(2):
        ring.admit(bearer(fast), None, "score")
    with pytest.raises(TooManyRequests) as caught:
        ring.admit(bearer(fast), None, "score")
    assert 500 < caught.value.wait_s <= 1000  # a thousand seconds after the one before
    ring.admit(bearer(other), None, "score")


def test_what_a_key_has_used_up_is_remembered_when_the_file_changes(place):
    key = add_key(place, "anna", ("score",), 0.001, 1)
    ring = Keyring(place)
    ring.admit(bearer(key), None, "score")
    add_key(place, "ben", ("score",), 5.0, 10)
    ring.refresh()
    with pytest.raises(TooManyRequests):
        ring.admit(bearer(key), None, "score")


def test_a_revoked_key_stops_and_the_others_go_on(place):
    anna, ben = (add_key(place, name, ("score",), 100.0, 100) for name in ("anna", "ben"))
    ring = Keyring(place)
    revoke_key(place, "anna")
    ring.refresh()
    ring.admit(bearer(ben), None, "score")
    with pytest.raises(NoKey):
        ring.admit(bearer(anna), None, "score")


@pytest.mark.parametrize("damage", [lambda place: place.unlink(), lambda place: place.write_text("{")])
def test_a_file_that_is_lost_lets_no_one_in_until_it_is_back(place, damage):
    key = add_key(place, "anna", ("score",), 100.0, 100)
    content, ring = place.read_bytes(), Keyring(place)
    damage(place)
    ring.refresh()
    assert ring.problem.startswith("The keys file")
    for sent in (bearer(key), None):
        with pytest.raises(KeysGone):
            ring.admit(sent, None, "score")
    place.write_bytes(content)
    ring.refresh()
    assert ring.problem is None
    assert ring.admit(bearer(key), None, "score") == "anna"


def test_a_server_does_not_begin_with_a_file_that_it_can_not_use(place):
    place.write_text("{")
    with pytest.raises(KeysUnreadable):
        Keyring(place)
