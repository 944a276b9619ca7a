import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from mlreg_dagster import cli
from mlreg_dagster_tests.commands import refused


@pytest.mark.parametrize(
    "command", [["evaluate"], ["promote", "--reason", "why not"], ["rollback", "--reason", "why not"]]
)
@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("v9", "v9 is not registered. Registered versions: v1, v2, v3."),
        ("shadow", "'shadow' is no version, and no alias that anyone held. Write v7, latest, latest-1 or an alias."),
    ],
)
def test_an_unknown_version_gets_a_message(on_trained, command, spec, message):
    refused(on_trained(*command, spec), message)


def test_a_refused_promotion_fails_and_says_why(on_live, registry):
    before = registry.history("champion")
    refused(on_live("promote", "v3", "--reason", "looks fine"), "v3 failed its latest evaluation")
    refused(on_live("promote", "v1", "--reason", "looks fine", "--expected", "nobody"), "v2 holds it since")
    refused(on_live("promote", "v1", "--reason", "looks fine", "--effective-at", "soon"), "'soon' is not a time")
    assert registry.history("champion") == before


def test_words_in_brackets_are_shown_as_they_were_written(on_live, registry):
    reason = "see [/tmp/report] and [red]v1[/red]"
    answer = on_live("promote", "v1", "--reason", reason)
    assert answer.code == 0
    assert reason in answer.out
    refused(on_live("promote", "v2", "--reason", reason, "--actor", "[anna]"), "'[anna]' can't be a name")
    assert registry.holder("champion").reason == reason
    refused(on_live("promote", "[/v1]", "--reason", "looks fine"), "'[/v1]' is no version")


def test_status_shows_versions_moves_and_outcomes(on_live):
    answer = on_live("status")
    assert answer.code == 0
    for words in (
        "v1",
        "v2",
        "v3",
        "rejected",
        "local outlier factor",
        "a test wants it",
        "Flagged share, within: v2 flagged ",
        "Outcomes, with 95% intervals",
        "Hours from the first flag of a crash episode to the crash",
    ):
        assert words in answer.out


def test_status_of_an_empty_home(mlreg):
    answer = mlreg("status")
    assert answer.code == 0
    assert "Nobody holds an alias yet." in answer.out
    assert "Flagged share, unknown: Not known: no champion has scored an hour yet." in answer.out
    assert "No prediction has fallen due yet." in answer.out


@pytest.mark.parametrize(
    "command",
    [
        ["audit", "export", "--out"],
        ["report", "--out"],
        ["bundle", "v1", "--out"],
        ["replay", "--from", "2026-01-05", "--to", "2026-01-05", "--report"],
    ],
)
def test_a_place_that_can_not_be_written_is_named(on_live, tmp_path, command):
    (tmp_path / "file").write_text("a file, no folder")
    place = tmp_path / "file" / "below"
    answer = on_live(*command, str(place))
    assert answer.code == 1
    assert "can't be written: " in " ".join(answer.err.split())
    assert "Traceback" not in answer.err
    assert (tmp_path / "file").read_text() == "a file, no folder"


def test_a_mistake_in_a_config_file_gets_a_message(mlreg, tmp_path):
    (tmp_path / "configs" / "ingest.yaml").write_text("univers: 3\n")
    refused(mlreg("status"), "univers: unknown key; allowed are source")


def test_the_version_is_told(mlreg):
    assert mlreg("--version").out == f"mlreg {version('mlreg-dagster')}\n"


def test_a_narrow_terminal_gets_every_word(on_live, monkeypatch):
    monkeypatch.setattr(cli.console, "_force_terminal", True)
    for width in (20, 80):
        monkeypatch.setattr(cli.console, "width", width)
        said = on_live("status").out
        for words in ("isolation", "2026-01-05", "champion", "baseline", "recorded", "rejected"):
            assert words in said


def completed(home, *words):
    """What bash is offered for the last of these words."""
    environment = {**os.environ, "MLREG_HOME": str(home), "_MLREG_COMPLETE": "complete_bash"}
    environment |= {"COMP_WORDS": " ".join(("mlreg", *words)), "COMP_CWORD": str(len(words))}
    program = Path(sys.executable).with_name("mlreg")
    return subprocess.run([program], env=environment, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="bash")
def test_the_tab_key_knows_commands_versions_and_aliases(live_home, tmp_path):
    assert completed(live_home, "comp") == ["compare"]
    assert completed(live_home, "compare", "v") == ["v1", "v2", "v3"]
    assert completed(live_home, "history", "ch") == ["champion", "challenger"]
    assert completed(live_home, "promote", "l") == ["latest"]
    assert completed(tmp_path / "nowhere", "promote", "v") == []
    assert not (tmp_path / "nowhere").exists()


def test_the_commands_are_listed(mlreg):
    answer = mlreg("--help")
    assert answer.code == 0
    for command in (
        "init",
        "env",
        "demo",
        "train",
        "score",
        "evaluate",
        "evaluations",
        "promote",
        "rollback",
        "status",
        "champion",
        "history",
        "approve",
        "reject",
        "waive",
        "audit",
        "retrain",
        "keygen",
        "people",
        "compare",
        "doctor",
        "prune",
    ):
        assert f" {command} " in answer.out


def test_a_command_of_an_earlier_release_still_works_and_is_not_listed(mlreg):
    assert " tidy " not in mlreg("--help").out
    assert mlreg("tidy", "--dry-run") == mlreg("prune", "--dry-run")
