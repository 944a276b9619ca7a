"""`mlreg keys`, and what `mlreg serve` refuses before it begins."""

import json
import socket

import pytest

from mlreg_dagster_tests.cli.test_json import keys_of
from mlreg_dagster_tests.commands import refused


def test_keys_are_added_listed_and_revoked(mlreg, own_home):
    assert "There is no key." in mlreg("keys", "list").out
    added = json.loads(mlreg("keys", "add", "anna", "--rate", "5", "--json").out)
    assert set(added) == keys_of("keys add")
    shown = mlreg("keys", "add", "ben", "--scope", "read", "--burst", "7").out
    assert f"{own_home}/serving-keys.json holds its hash" in shown
    listed = json.loads(mlreg("keys", "list", "--json").out)["keys"]
    assert set(listed[0]) == keys_of("keys", "object")
    told = [(key["name"], key["scopes"], key["requests_per_second"], key["burst"]) for key in listed]
    assert told == [("anna", ["score"], 5.0, 10), ("ben", ["read"], 100.0, 7)]
    table = mlreg("keys", "list").out
    assert "anna" in table
    assert added["key"] not in table + (own_home / "serving-keys.json").read_text()
    assert set(json.loads(mlreg("keys", "revoke", "anna", "--json").out)) == keys_of("keys revoke")
    refused(mlreg("keys", "revoke", "anna"), "There is no key 'anna'")
    refused(mlreg("keys", "add", "ben"), "There is a key ben already")
    refused(mlreg("keys", "add", "no blanks"), "can't be added")


def test_the_file_of_keys_can_be_elsewhere(mlreg, tmp_path, monkeypatch):
    monkeypatch.setenv("MLREG_SERVING_KEYS", str(tmp_path / "elsewhere.json"))
    mlreg("keys", "add", "anna")
    assert (tmp_path / "elsewhere.json").is_file()
    monkeypatch.setenv("MLREG_SERVING_KEYS", "elsewhere.json")
    refused(mlreg("keys", "list"), "MLREG_SERVING_KEYS names 'elsewhere.json' by a relative path")


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield str(listener.getsockname()[1])


def test_a_port_in_use_is_told_in_a_sentence(mlreg, taken):
    refused(mlreg("serve", "--port", taken), f"127.0.0.1:{taken} can't be listened on: Address already in use")
    refused(mlreg("serve", "--port", "0", "--admin-port", taken), "Choose another with --admin-port.")


def test_beyond_this_machine_it_asks_for_keys(mlreg):
    refused(mlreg("serve", "--host", "0.0.0.0", "--port", "0"), "there are no API keys")


def test_a_keys_file_that_can_not_be_used_is_told_in_a_sentence(mlreg, own_home):
    own_home.mkdir()
    (own_home / "serving-keys.json").write_text("{")
    refused(mlreg("serve", "--port", "0"), "serving-keys.json can't be used: it is not JSON")
