"""`mlreg audit`: the log and its exports are verified, exported and published."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from mlreg_dagster.governance.audit_export.lines import shipped_schema
from mlreg_dagster.governance.audit_export.verification import published_in, verify
from mlreg_dagster.orchestration.dagster_internals.audit_heads import recorded_heads
from mlreg_dagster_tests.commands import refused

WHY = ("--reason", "a witness")


def in_one_line(answer):
    return answer.out.replace("\n", " ")


def past_the_registry(home, *statements):
    with closing(sqlite3.connect(home / "registry.sqlite")) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        connection.executescript("; ".join([*(f"DROP TRIGGER {name}" for (name,) in names), *statements]))


def cut_last(home, registry):
    """Remove the newest record together with its row."""
    last = registry.audit_log()[-1]
    past_the_registry(
        home,
        f"DELETE FROM {last.kind} WHERE id = {last.row}",
        f"DELETE FROM audit_log WHERE sequence = {last.sequence}",
    )


@pytest.fixture
def public_key(mlreg, tmp_path, monkeypatch):
    said = mlreg("keygen", str(tmp_path / "anna.pem")).out
    monkeypatch.setenv("MLREG_SIGNING_KEY", str(tmp_path / "anna.pem"))
    return said.split('"')[1]


def test_the_audit_log_is_verified_and_exported_line_by_line(on_live, registry, tmp_path):
    blind = on_live("audit", "verify")
    assert blind.code == 1  # the runs that made this home are not on record here
    assert f"None of the {len(registry.audit_log())} records has a witness" in blind.out
    assert "Independent witnesses: 0." in blind.out
    assert on_live("promote", "v1", "--alias", "challenger", *WHY).code == 0
    log = registry.audit_log()
    answer = on_live("audit", "verify")
    assert answer.code == 0
    assert f"{len(log)} records, all as they were written. Head: {log[-1].hash}" in in_one_line(answer)
    assert f"witness of the first {len(log)} of {len(log)} records" in in_one_line(answer)
    assert f"Independent witnesses: 1 (Dagster's run history up to record {len(log)})." in in_one_line(answer)
    export = on_live("audit", "export", "--out", str(tmp_path / "audit.jsonl"))
    assert export.code == 0
    assert "Independent witnesses: 1 (" in export.err
    header, *lines, head = map(json.loads, (tmp_path / "audit.jsonl").read_text().splitlines())
    assert header == {"format": "mlreg-audit", "line": "header", "version": 1}
    assert [line["hash"] for line in lines] == [link.hash for link in log]
    assert json.loads(lines[-1]["content"])["version"] == "v1"
    assert (head["sequence"], head["witnesses"], head["signature"]) == (len(log), 1, None)
    assert list(map(json.loads, on_live("audit", "export").out.splitlines()))[:-1] == [header, *lines]
    refused(on_live("audit", "export", "--out", str(tmp_path / "no" / "where")), "can't be written: ")


def test_a_signed_export_is_verified_without_registry_dagster_or_home(on_live, public_key, tmp_path, registry):
    path, length = tmp_path / "audit.jsonl", len(registry.audit_log())
    on_live("audit", "export", "--signed", "--out", str(path))
    assert verify(path, [public_key]).head.sequence == length
    program = f"""
import sys
sys.argv = ["mlreg", "audit", "verify", "--file", {str(path)!r}, *sys.argv[1:]]
try:
    from mlreg_dagster.cli import main
    main()
finally:
    heavy = {{"dagster", "pandas", "duckdb"}} & set(sys.modules)
    print(sorted(heavy - {{"duckdb"}}), file=sys.stderr)
"""

    def alone(*arguments):
        nowhere = tmp_path / "nowhere"
        nowhere.mkdir()
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLREG", "DAGSTER"))}
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            capture_output=True, text=True, check=False, cwd=nowhere, env=environment,
        )  # fmt: skip
        assert list(nowhere.iterdir()) == []
        return done

    known = alone("--key", public_key)
    assert (known.returncode, known.stderr) == (0, "[]\n")
    assert f"{length} records, all as they were written" in known.stdout
    assert f"Independent witnesses: 1 (--key up to record {length})." in known.stdout
    assert f"The head is signed with {public_key}." in known.stdout
    unknown = on_live("audit", "verify", "--file", str(path))
    assert unknown.code == 1
    assert "Independent witnesses: 0." in unknown.out
    assert "Whose key that is, the file can't prove" in unknown.out
    path.write_bytes(path.read_bytes().replace(b"a test wants it", b"a test wants me", 1))
    refused(on_live("audit", "verify", "--file", str(path)), " was changed: its hash is of another content.")


def test_what_was_published_outlives_a_cut_and_a_wiped_witness(on_live, own_home, registry, tmp_path):
    on_live("audit", "export", "--out", str(tmp_path / "old.jsonl"))
    log = registry.audit_log()
    head = f"{len(log)}:{log[-1].hash}"
    known = on_live("audit", "verify", "--against", str(tmp_path / "old.jsonl"), "--head", head, "--json")
    assert known.code == 0
    found = json.loads(known.out)
    assert {name: found[name] for name in ("records", "witnessed", "witnesses", "signed_by")} == {
        "records": len(log),
        "witnessed": len(log),
        "witnesses": 2,
        "signed_by": None,
    }
    text = on_live(
        "audit", "verify", "--against", str(tmp_path / "old.jsonl"), "--against", str(tmp_path / "old.jsonl")
    )
    assert f"Independent witnesses: 1 ({tmp_path / 'old.jsonl'} up to record {len(log)})." in in_one_line(text)
    assert "None of the" not in text.out
    cut_last(own_home, registry)
    assert on_live("audit", "verify").out.startswith(f"{len(log) - 1} records, all as they were written.")
    refused(on_live("audit", "verify", "--head", head), f"but the log ends at {len(log) - 1}. The log was cut or")
    refused(on_live("audit", "verify", "--against", str(tmp_path / "old.jsonl")), "The log was cut or rewritten since")
    on_live("audit", "export", "--out", str(tmp_path / "new.jsonl"))
    assert on_live("audit", "verify", "--file", str(tmp_path / "new.jsonl")).code == 1  # without a witness
    refused(on_live("audit", "verify", "--file", str(tmp_path / "new.jsonl"), "--head", head), "the log ends at")


def test_what_was_tampered_with_is_exported_but_never_signed(on_live, own_home, public_key, tmp_path):
    past_the_registry(own_home, "UPDATE alias_events SET reason = 'a bribe' WHERE id = 1")
    answer = on_live("audit", "export", "--out", str(tmp_path / "audit.jsonl"))
    assert answer.code == 0
    assert "Independent witnesses: 0. The registry was tampered with" in answer.err
    refused(on_live("audit", "export", "--signed"), "alias_events 1 otherwise than it now is")
    assert public_key


def test_a_signature_needs_a_key(on_live):
    refused(on_live("audit", "export", "--signed"), "MLREG_SIGNING_KEY is not set")


def test_the_schema_is_printed(mlreg, own_home):
    assert mlreg("audit", "schema").out == shipped_schema()
    assert not own_home.exists()


@pytest.fixture
def publishing(on_live, tmp_path):
    """audit.yaml with a file and a folder."""
    text = f"heads_file: {tmp_path / 'heads.jsonl'}\ntime_stamp_folder: {tmp_path / 'stamps'}\n"
    (tmp_path / "configs" / "audit.yaml").write_text(text)
    return on_live


def test_a_head_is_published_and_dagster_remembers_it(publishing, registry, tmp_path, dagster_home):
    head = registry.audit_head()
    answer = publishing("audit", "publish")
    assert answer.code == 0, answer.err
    assert f"Published in {tmp_path / 'heads.jsonl'}, {tmp_path / 'stamps'}. Independent witnesses: 0." in answer.out
    assert f"Head: {head[0]}:{head[1]}" in in_one_line(answer)
    assert published_in(tmp_path / "heads.jsonl").claims == {head}
    assert recorded_heads(dagster_home) == {head}
    found = json.loads(publishing("audit", "publish", "--json").out)
    assert found["head"]["witnesses"] == 2  # the file, and Dagster's run history
    assert found["places"] == [str(tmp_path / "heads.jsonl"), str(tmp_path / "stamps")]
    assert {path.suffix for path in (tmp_path / "stamps").iterdir()} == {".jsonl", ".tsq"}
    assert publishing("audit", "verify", "--against", str(tmp_path / "heads.jsonl")).code == 0


def test_nothing_is_published_of_a_log_that_was_cut(publishing, own_home, registry, tmp_path, dagster_home):
    assert publishing("audit", "publish").code == 0
    cut_last(own_home, registry)
    before = (tmp_path / "heads.jsonl").read_bytes()
    answer = publishing("audit", "publish")
    assert answer.code == 1
    assert "The registry was tampered with" in answer.err  # by what Dagster remembers
    (dagster_home / "history" / "runs" / "index.db").unlink()
    answer = publishing("audit", "publish")
    assert answer.code == 1
    assert "The log was cut or rewritten since" in answer.err
    assert (tmp_path / "heads.jsonl").read_bytes() == before


def test_without_a_place_nothing_is_published(on_live):
    answer = on_live("audit", "publish")
    assert answer.code == 1
    assert "audit.yaml names no place" in answer.err
