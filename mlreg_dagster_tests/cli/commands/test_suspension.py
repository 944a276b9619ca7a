"""Suspending and resuming on the command line, and what each command says of it meanwhile."""

import json
import subprocess
import sys

import pytest

from mlreg_dagster_tests.commands import refused

WHY = ("--reason", "it flags everything")


@pytest.fixture
def stopped(on_live):
    on_live("suspend", "champion", *WHY, "--actor", "carla")
    return on_live


def test_it_is_recorded_with_who_and_why(on_live, registry):
    found = json.loads(on_live("suspend", "champion", *WHY, "--actor", "Carla", "--json").out)
    change = registry.suspension("champion")
    assert (change.version, change.actor, change.reason, change.run_id) == ("v2", "carla", WHY[1], None)
    assert (found["recorded"], found["suspension"]["actor"]) == (True, "carla")


def test_a_second_one_finds_it_done_and_records_nothing(stopped, registry):
    answer = stopped("suspend", "champion", *WHY, "--actor", "eve")
    assert "Nothing to do: champion is suspended since" in answer.out
    assert "by carla" in answer.out
    assert len(registry.suspensions()) == 1


def test_resumed_the_same_version_is_champion(stopped, registry):
    assert "champion is resumed: v2 scores again." in stopped("resume", "champion", "--reason", "it was the feed").out
    assert registry.suspension("champion") is None
    assert registry.holder("champion").version == "v2"


def test_what_is_not_suspended_is_not_resumed(on_live):
    refused(on_live("resume", "champion", "--reason", "it was the feed"), "champion is not suspended")


def test_every_command_says_it(stopped):
    assert "SUSPENDED: champion is suspended since" in stopped("champion").out
    assert "SUSPENDED: champion is suspended since" in stopped("status").out
    assert "it flags everything" in stopped("history").out
    assert json.loads(stopped("champion", "--json").out)["suspension"]["actor"] == "carla"
    assert json.loads(stopped("champion", "--as-of", "2026-01-06T00:00", "--json").out)["suspension"] is None
    assert json.loads(stopped("status", "--json").out)["suspended"][0]["alias"] == "champion"
    assert [each["event"] for each in json.loads(stopped("history", "--json").out)["suspensions"]] == ["suspended"]


def test_nothing_is_promoted_and_the_refusal_is_recorded(stopped, registry):
    answer = stopped("promote", "v1", "--alias", "challenger", "--reason", "to compare it")
    refused(answer, "Nothing moves but back until `mlreg resume champion`")
    assert registry.refusals()[-1].outcome == "hold"


def test_files_are_not_scored_by_it(stopped, tmp_path):
    rows = tmp_path / "rows.csv"
    rows.write_text("instrument_id\nbitcoin\n")
    answer = stopped("score", str(rows), "--out", str(tmp_path / "scores.csv"))
    refused(answer, "champion is suspended since")
    assert "--model v2" in answer.err


def test_dagsters_event_log_is_a_witness_of_it(stopped, registry):
    answer = stopped("audit", "verify")
    assert answer.code == 0
    head, _ = registry.audit_head()
    assert f"{head} of {head} records" in answer.out


def test_a_stop_does_not_fail_for_want_of_a_witness(on_live, registry, dagster_home):
    (dagster_home / "dagster.yaml").write_text("storage: {nonsense: 1}\n")
    answer = on_live("suspend", "champion", *WHY)
    assert answer.code == 0
    assert registry.suspension("champion") is not None
    assert "did not take the head of the audit log" in answer.err


_UP_TO_THE_RECORD = """
import os, sys
from mlreg_dagster import cli
from mlreg_dagster.cli.commands import suspension

def show(*_):
    print([name for name in ("dagster", "pandas", "sklearn", "onnx") if name in sys.modules], flush=True)
    os._exit(0)

suspension._leave_witness = show
sys.argv = ["mlreg", "suspend", "champion", "--reason", "a measurement"]
cli.main()
"""


@pytest.mark.usefixtures("on_live")
def test_nothing_heavy_is_loaded_before_it_is_recorded():
    ended = subprocess.run([sys.executable, "-c", _UP_TO_THE_RECORD], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "[]"
    assert "champion is suspended since" in ended.stdout
