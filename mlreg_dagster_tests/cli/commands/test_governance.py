"""The commands that decide, and that ask what was decided."""

import json
import sqlite3
from contextlib import closing

import pandas as pd
import pytest

from mlreg_dagster_tests.commands import refused


@pytest.mark.parametrize(
    ("arguments", "version"),
    [
        (["--as-of", "2026-01-05T11:59:59"], "v1"),
        (["--as-of", "2026-01-05T12:00"], "v2"),
        (["--as-of", "2026-01-05T12:30+01:00"], "v1"),
        ([], "v2"),
    ],
)
def test_champion_as_of(on_live, arguments, version):
    answer = on_live("champion", *arguments)
    assert answer.code == 0
    assert f" {version} " in answer.out
    assert "a test wants it" in answer.out


def test_champion_of_a_time_without_one_says_so(on_live):
    refused(on_live("champion", "--as-of", "2026-01-04T23:59"), "Nobody held champion as of 2026-01-04 23:59 UTC.")
    refused(on_live("champion", "--alias", "challenger"), "Nobody held challenger as of ")


@pytest.mark.parametrize("text", ["yesterday", "10:00", "NaT", "2026-13-01"])
def test_a_time_that_is_none_says_so(on_live, text):
    refused(on_live("champion", "--as-of", text), f"'{text}' is not a time. Write it as 2017-12-20T00:00.")


@pytest.mark.slow
def test_decisions_are_taken_and_shown(on_trained, registry):
    assert on_trained("reject", "v1", "--reason", "smells [bad]", "--actor", "bert").code == 0
    refused(on_trained("promote", "v1", "--reason", "looks fine"), "rejected by bert (smells [bad])")
    answer = on_trained("approve", "v1", "--reason", "it was the data", "--actor", "bert")
    assert "smells [bad]" in answer.out
    assert "it was the data" in answer.out
    until = f"{pd.Timestamp.now(tz='UTC').floor('h') + pd.Timedelta(days=7):%Y-%m-%dT%H:%M}"
    answer = on_trained(
        "waive", "latest-2", "--reason", "too quiet", "--rule", "freeze", "--rule", "stability", "--until", until
    )
    assert f"freeze, stability until {until.replace('T', ' ')}" in answer.out
    assert [each.title for each in registry.decisions("v1")] == ["rejection", "approval", "waiver"]
    old = on_trained("except", "v1", "--reason", "too quiet", "--lift", "stability", "--until", until, "--json")
    assert [each["decision"] for each in json.loads(old.out)["decisions"]] == [
        "rejection",
        "approval",
        "waiver",
        "waiver",
    ]
    assert "except" not in on_trained("--help").out
    assert on_trained("promote", "v1", "--reason", "looks fine").code == 0


def test_a_decision_on_what_is_not_there_gets_a_message(on_trained):
    refused(on_trained("approve", "v9", "--reason", "looks fine"), "v9 is not registered")
    refused(on_trained("approve", "v1", "--reason", "ok"), "The reason 'ok' is too short")


def test_nobody_is_told_history_from_a_registry_that_was_tampered_with(on_live, own_home):
    assert on_live("history", "champion").out.count("a test wants it") == 2
    assert "a test wants it" not in on_live("history", "challenger").out
    with closing(sqlite3.connect(own_home / "registry.sqlite")) as connection:
        connection.executescript(
            "DROP TRIGGER alias_events_no_update; UPDATE alias_events SET reason = 'a bribe' WHERE id = 1"
        )
    for command in (["audit", "verify"], ["history"], ["champion"], ["champion", "--as-of", "2026-01-05T12:00"]):
        answer = on_live(*command)
        refused(answer, "The registry was tampered with. Record ")
        assert "alias_events 1 otherwise than it now is" in answer.err


def test_a_pair_of_keys_is_made_once(mlreg, tmp_path):
    answer = mlreg("keygen", str(tmp_path / "anna.pem"))
    assert answer.code == 0
    assert 'public_key: "' in answer.out
    assert (tmp_path / "anna.pem").stat().st_mode & 0o077 == 0
    refused(mlreg("keygen", str(tmp_path / "anna.pem")), "No key was written")
