"""The file of API keys: what it holds, who may read it, what is refused."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from mlreg_dagster.serving.app.key_file import (
    KeyRefused,
    KeysUnreadable,
    add_key,
    hash_of,
    read_keys,
    revoke_key,
)


@pytest.fixture
def place(tmp_path):
    return tmp_path / "new" / "keys.json"


def test_a_key_is_shown_once_and_the_file_knows_its_hash(place):
    secret = add_key(place, "anna", ("score",), 5.0, 10)
    (key,) = read_keys(place)
    assert (key.name, key.sha256, key.scopes, key.requests_per_second, key.burst) == (
        "anna", hash_of(secret), ("score",), 5.0, 10,
    )  # fmt: skip
    assert len(secret) > 40
    assert all(secret not in path.read_text() for path in place.parent.iterdir())
    assert stat.S_IMODE(place.stat().st_mode) == 0o600


def test_keys_that_are_added_at_once_are_all_there(place):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: add_key(place, f"k{number}", ("read",), 1.0, 1), range(16)))
    assert len(read_keys(place)) == 16


def test_a_revoked_key_is_gone_and_the_others_stay(place):
    add_key(place, "anna", ("score",), 5.0, 10)
    add_key(place, "ben", ("score",), 5.0, 10)
    revoke_key(place, "anna")
    assert [key.name for key in read_keys(place)] == ["ben"]
    with pytest.raises(KeyRefused, match=r"There is no key 'anna' in .*\. Known are: ben\."):
        revoke_key(place, "anna")


def test_a_mounted_secret_is_a_link_and_stays_one(place, tmp_path):
    add_key(tmp_path / "real.json", "anna", ("score",), 5.0, 10)
    place.parent.mkdir()
    place.symlink_to(tmp_path / "real.json")
    add_key(place, "ben", ("score",), 5.0, 10)
    assert place.is_symlink()
    assert len(read_keys(tmp_path / "real.json")) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "a b"}, "matching regex"),
        ({"scopes": ("everything",)}, "Invalid enum value"),
        ({"scopes": ()}, "length >= 1"),
        ({"requests_per_second": 0.0}, "> 0"),
        ({"burst": 0}, ">= 1"),
    ],
)
def test_values_that_are_not_allowed(place, change, message):
    values = {"name": "anna", "scopes": ("score",), "requests_per_second": 5.0, "burst": 10, **change}
    with pytest.raises(KeyRefused, match=message):
        add_key(place, **values)
    assert not place.exists()


def test_a_name_is_used_once(place):
    add_key(place, "anna", ("score",), 5.0, 10)
    with pytest.raises(KeyRefused, match="There is a key anna already"):
        add_key(place, "anna", ("read",), 5.0, 10)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"keys": [{"name": "secret-text"}]}', b"\xff\xfe", b'{"other": 1}', b"[" * 100_000],
)
def test_a_file_that_is_none_is_refused_and_not_quoted(place, content):
    place.parent.mkdir()
    place.write_bytes(content)
    with pytest.raises(KeysUnreadable, match=r"can't be used") as caught:
        read_keys(place)
    assert "secret-text" not in str(caught.value)


def test_a_name_that_stands_there_twice(place):
    add_key(place, "anna", ("score",), 5.0, 10)
    keys = json.loads(place.read_text())["keys"]
    place.write_text(json.dumps({"keys": keys * 2}))
    with pytest.raises(KeysUnreadable, match="twice"):
        read_keys(place)


def test_a_folder_in_its_place_and_a_file_without_end(place):
    place.mkdir(parents=True)
    with pytest.raises(KeysUnreadable, match="can't be read"):
        read_keys(place)
    place.rmdir()
    place.write_bytes(b" " * (2 << 20))
    with pytest.raises(KeysUnreadable, match="more than"):
        read_keys(place)
