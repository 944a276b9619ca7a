import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pytest
import yaml

from mlreg_dagster import cli
from mlreg_dagster.runner import Runner
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster_tests.lifecycle import DUE_HOURS, LIVE_HOURS


def _refused(answer, message):
    """Exit code 1, the message for people, no traceback."""
    assert (answer.code, answer.out) == (1, "")
    assert message in answer.err
    assert answer.err.startswith("mlreg: ")
    assert "Traceback" not in answer.err
    assert "Stack Trace" not in answer.err


# --- train, evaluate -----------------------------------------------------------------------------------------


def test_train_takes_nested_values_over_the_file(on_trained, registry):
    answer = on_trained("train", "--model", "model_lof", "--set", "contamination=0.1", "--set", "params.n_neighbors=7")
    assert answer.code == 0
    version = registry.version("v4")
    assert (
        f"v4 is a candidate: local_outlier_factor, dataset 2026-01-04, artifact {version.artifact_sha256[:12]}."
        in answer.out
    )
    assert version.manifest["settings"]["contamination"] == 0.1
    assert version.manifest["settings"]["params"] == {"n_neighbors": 7}
    assert version.created_by == "anna"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["contaminaton=0.1"], "contaminaton: unknown key; allowed are detector"),
        (["contamination"], "--set contamination: write key=value, or section.key=value."),
        (["seed=1", "seed.sub=2"], "--set seed.sub=2: seed has a value already."),
        (["params.n_neighbors=[7"], "--set params.n_neighbors=[7: this is no YAML value"),
        (["seed=many"], "seed: Input should be a valid integer (found 'many')"),
    ],
)
def test_train_says_what_is_wrong_with_an_override(on_trained, registry, overrides, message):
    arguments = [part for override in overrides for part in ("--set", override)]
    _refused(on_trained("train", *arguments), message)
    assert len(registry.versions()) == 3


@pytest.mark.parametrize(
    ("arguments", "code", "version", "status"),
    [
        (["v1"], 0, "v1", "evaluated"),
        (["latest"], 1, "v3", "rejected"),
        (["latest-1", "--set", "min_silhouette=0.99"], 1, "v2", "evaluated"),
        (["v3", "--set", "min_average_precision_margin=-1", "--set", "injection.rounds=1"], 0, "v3", "rejected"),
    ],
)
def test_evaluate_shows_every_gate_and_its_exit_code_tells_the_result(
    on_trained, registry, arguments, code, version, status
):
    answer = on_trained("evaluate", *arguments)
    assert answer.code == code
    assert f"{version} is {status}." in answer.out
    assert registry.status(version) == status
    for gate in registry.latest_evaluation(version).gates:
        assert gate.name in answer.out
    assert ("NO" in answer.out) == bool(code)


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
    _refused(on_trained(*command, spec), message)


# --- promote, rollback ---------------------------------------------------------------------------------------


def test_promote_then_rollback_to_the_holder_before(on_trained, registry):
    past = on_trained("promote", "v1", "--reason", "the first", "--effective-at", "2026-01-05T00:00")
    _refused(past, "champion can't move as of 2026-01-05 00:00 UTC: that is in the past, where only a replay")
    assert on_trained("promote", "v1", "--reason", "the first").code == 0
    assert on_trained("promote", "latest-1", "--reason", "the better one", "--actor", "bert").code == 0
    assert on_trained("rollback", "--reason", "it was not better").code == 0
    assert [(move.version, move.actor) for move in registry.history("champion")] == [
        ("v1", "anna"),
        ("v2", "bert"),
        ("v1", "anna"),
    ]
    _refused(on_trained("rollback", "--reason", "nor is this"), "there is nothing to roll back to")
    _refused(on_trained("rollback", "v2", "--reason", "nor is this"), "A rollback left v2, and never leads back to it.")
    assert registry.holder("champion").version == "v1"


def test_rollback_to_a_named_version(on_live, registry):
    answer = on_live("rollback", "v1", "--reason", "it was not better")
    assert answer.code == 0
    assert "it was not better" in answer.out
    assert registry.holder("champion").version == "v1"


def test_rollback_without_a_holder_before_says_so(on_trained):
    message = "No version held champion before that a rollback has not left: there is nothing to roll back to."
    _refused(on_trained("rollback", "--reason", "it was not better"), message)


def test_a_refused_promotion_fails_and_says_why(on_live, registry):
    before = registry.history("champion")
    _refused(on_live("promote", "v3", "--reason", "looks fine"), "v3 failed its latest evaluation")
    _refused(on_live("promote", "v1", "--reason", "looks fine", "--expected", "nobody"), "v2 holds it since")
    _refused(on_live("promote", "v1", "--reason", "looks fine", "--effective-at", "soon"), "'soon' is not a time")
    assert registry.history("champion") == before


def test_words_in_brackets_are_shown_as_they_were_written(on_live, registry):
    reason = "see [/tmp/report] and [red]v1[/red]"
    answer = on_live("promote", "v1", "--reason", reason)
    assert answer.code == 0
    assert reason in answer.out
    _refused(on_live("promote", "v2", "--reason", reason, "--actor", "[anna]"), "'[anna]' can't be a name")
    assert registry.holder("champion").reason == reason
    _refused(on_live("promote", "[/v1]", "--reason", "looks fine"), "'[/v1]' is no version")


# --- status, champion, compare -------------------------------------------------------------------------------


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
    ):
        assert words in answer.out


def test_status_of_an_empty_home(mlreg):
    answer = mlreg("status")
    assert answer.code == 0
    assert "Nobody holds an alias yet." in answer.out
    assert "Flagged share, unknown: Not known: no champion has scored an hour yet." in answer.out
    assert "No prediction has fallen due yet." in answer.out


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
    _refused(on_live("champion", "--as-of", "2026-01-04T23:59"), "Nobody held champion as of 2026-01-04 23:59 UTC.")
    _refused(on_live("champion", "--alias", "challenger"), "Nobody held challenger as of ")


@pytest.mark.parametrize("text", ["yesterday", "10:00", "NaT", "2026-13-01"])
def test_a_time_that_is_none_says_so(on_live, text):
    _refused(on_live("champion", "--as-of", text), f"'{text}' is not a time. Write it as 2017-12-20T00:00.")


def test_compare_scores_the_same_rows_with_both(on_live):
    answer = on_live("compare", "v1", "champion")
    assert answer.code == 0
    assert "On the same 288 holdout rows" in answer.out
    assert "v1" in answer.out
    assert "v2" in answer.out


def test_compare_holds_two_versions_against_what_became_of_their_predictions(on_live, live_home):  # noqa: ARG001
    for job, hours in (("predictions_only", LIVE_HOURS), ("outcomes_only", DUE_HOURS)):
        config = {"ops": {"predictions": {"config": {"versions": ["v1", "v2"]}}}} if "pred" in job else {}
        Runner().run_hours(job, hours, config)
    answer = on_live("compare", "v1", "v2")
    assert answer.code == 0
    assert "On 288 predictions of both" in answer.out
    assert "informedness" in answer.out


def test_compare_judges_by_evaluation_yaml_and_says_whether_they_are_told_apart(on_live, tmp_path):
    few = "instruments tell something, asked are 20."
    assert few in on_live("compare", "v1", "v2").out
    settings = {"injection": {"rounds": 8, "instrument_share": 0.4}, "comparison": {"min_instruments": 2}}
    (tmp_path / "configs" / "evaluation.yaml").write_text(yaml.safe_dump(settings))
    said = on_live("compare", "v1", "v2").out
    assert re.search(r"v1 is [a-z ]+ (from|than) v2 at finding planted anomalies: .* 95% interval .* to ", said)


def test_compare_without_a_holdout_says_what_to_do(on_trained, own_home):
    store = open_artifacts(str(own_home / "artifacts"))
    shutil.rmtree(own_home / "artifacts" / "eval_holdout")
    assert store.keys("eval_holdout") == []
    _refused(on_trained("compare", "v1", "v2"), "No holdout is frozen yet. Materialize eval_holdout for a day.")


# --- governance ----------------------------------------------------------------------------------------------


def test_decisions_are_taken_and_shown(on_trained, registry):
    assert on_trained("reject", "v1", "--reason", "smells [bad]", "--actor", "bert").code == 0
    _refused(on_trained("promote", "v1", "--reason", "looks fine"), "rejected by bert (smells [bad])")
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
    _refused(on_trained("approve", "v9", "--reason", "looks fine"), "v9 is not registered")
    _refused(on_trained("approve", "v1", "--reason", "ok"), "The reason 'ok' is too short")


def test_the_audit_log_is_verified_and_exported_line_by_line(on_live, registry, tmp_path):
    blind = on_live("audit", "verify")
    assert blind.code == 1  # the runs that made this home are not on record here
    assert f"None of the {len(registry.audit_log())} records has a witness" in blind.out
    assert on_live("promote", "v1", "--alias", "challenger", "--reason", "a witness").code == 0
    log = registry.audit_log()
    answer = on_live("audit", "verify")
    assert answer.code == 0
    assert f"{len(log)} records, all as they were written. Head: {log[-1].hash}" in answer.out.replace("\n", " ")
    assert f"witness of the first {len(log)} of {len(log)} records" in answer.out.replace("\n", " ")
    assert on_live("audit", "export", "--out", str(tmp_path / "audit.jsonl")).code == 0
    lines = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert [line["hash"] for line in lines] == [link.hash for link in log]
    assert lines[-1]["content"]["version"] == "v1"
    assert [json.loads(line) for line in on_live("audit", "export").out.splitlines()] == lines
    _refused(on_live("audit", "export", "--out", str(tmp_path / "no" / "where")), "can't be written: ")


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


def test_nobody_is_told_history_from_a_registry_that_was_tampered_with(on_live, own_home):
    assert on_live("history", "champion").out.count("a test wants it") == 2
    assert "a test wants it" not in on_live("history", "challenger").out
    with closing(sqlite3.connect(own_home / "registry.sqlite")) as connection:
        connection.executescript(
            "DROP TRIGGER alias_events_no_update; UPDATE alias_events SET reason = 'a bribe' WHERE id = 1"
        )
    for command in (["audit", "verify"], ["history"], ["champion"], ["champion", "--as-of", "2026-01-05T12:00"]):
        answer = on_live(*command)
        _refused(answer, "The registry was tampered with. Record ")
        assert "alias_events 1 otherwise than it now is" in answer.err


def test_a_pair_of_keys_is_made_once(mlreg, tmp_path):
    answer = mlreg("keygen", str(tmp_path / "anna.pem"))
    assert answer.code == 0
    assert 'public_key: "' in answer.out
    assert (tmp_path / "anna.pem").stat().st_mode & 0o077 == 0
    _refused(mlreg("keygen", str(tmp_path / "anna.pem")), "No key was written")


def test_a_version_is_trained_again_and_found_the_same(on_trained, own_home):
    answer = on_trained("retrain", "--verify", "v3")
    assert answer.code == 0
    assert "the same to the last bit" in answer.out
    (own_home / "artifacts" / "training_dataset" / "2026-01-04" / "rows.parquet").write_bytes(b"other rows")
    _refused(on_trained("retrain", "--verify", "v3"), "rows.parquet")


# --- mistakes around it --------------------------------------------------------------------------------------


def test_a_mistake_in_a_config_file_gets_a_message(mlreg, tmp_path):
    (tmp_path / "configs" / "ingest.yaml").write_text("univers: 3\n")
    _refused(mlreg("status"), "univers: unknown key; allowed are source")


def test_the_version_is_told(mlreg):
    assert mlreg("--version").out == f"mlreg {version('mlreg-dagster')}\n"


def test_a_narrow_terminal_gets_every_word(on_live, monkeypatch):
    monkeypatch.setattr(cli.console, "_force_terminal", True)
    for width in (20, 80):
        monkeypatch.setattr(cli.console, "width", width)
        said = on_live("status").out
        for words in ("isolation", "2026-01-05", "champion", "baseline", "recorded", "rejected"):
            assert words in said


# --- the tab key ---------------------------------------------------------------------------------------------


def completed(home, *words):
    """What bash is offered for the last of these words."""
    environment = {**os.environ, "MLREG_HOME": str(home), "_MLREG_COMPLETE": "complete_bash"}
    environment |= {"COMP_WORDS": " ".join(("mlreg", *words)), "COMP_CWORD": str(len(words))}
    program = Path(sys.executable).with_name("mlreg")
    return subprocess.run([program], env=environment, capture_output=True, text=True, check=True).stdout.split()


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
        "env",
        "demo",
        "train",
        "evaluate",
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
        "compare",
        "doctor",
        "tidy",
    ):
        assert f" {command} " in answer.out
