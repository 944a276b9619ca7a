"""Exports against every edit, cut, insertion, reordering and rewrite: by `verify`, and by the program of the docs."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.governance.audit_export.export import head_of
from mlreg_dagster.governance.audit_export.lines import NotAsWritten, spelled
from mlreg_dagster.governance.audit_export.verification import lost_in, published_in, signer, verify
from mlreg_dagster.governance.audit_export.witnesses import ContradictsHead, confirmed, named_head
from mlreg_dagster.governance.decisions.signing import public_key
from mlreg_dagster.registry import AuditRecord
from mlreg_dagster_tests.documentation.pages import PROJECT, blocks
from mlreg_dagster_tests.governance.audit_export.builders import (
    KEY,
    NOW,
    OTHER_KEY,
    chained,
    lines_of,
    log_of,
    write,
)

LOG = log_of(8)
PAGE = PROJECT / "docs" / "how-to" / "audit.md"
PROGRAM = next(block.text for block in blocks(PAGE) if block.file == "verify_audit.py")
COMPILED = compile(PROGRAM, "verify_audit.py", "exec")
FOUND = (NotAsWritten, ContradictsHead)


def verified(path, *heads, keys=()):
    export = verify(path, keys)
    return confirmed(export.chain, [*map(published_in, heads), *signer(export, keys)])


def by_program(*arguments) -> str | int | None:
    """What the program of the docs exits with, run in this process: None where it finds nothing."""
    arguments = ["verify_audit.py", *map(str, arguments)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", arguments)
        try:
            exec(COMPILED, {"print": lambda *_: None})
        except SystemExit as found:
            return found.code
        except Exception as error:  # noqa: BLE001 - a line of another form ends it with a traceback
            return type(error).__name__
    return None


@pytest.fixture
def heads(tmp_path):
    """What was published of the first five records."""
    return write(tmp_path / "heads.jsonl", [f"{spelled(head_of(LOG[:5], NOW))}\n".encode()])


@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize("length", [0, 1, 8])
def test_what_is_exported_is_verified(tmp_path, length, key):
    path = write(tmp_path / "audit.jsonl", lines_of(LOG[:length], key=key))
    assert verify(path).chain == {0: "0" * 64} | {each.sequence: each.hash for each in LOG[:length]}
    assert by_program(path) is None


def test_how_many_witnesses_there_are_is_always_told(tmp_path, heads):
    path = write(tmp_path / "audit.jsonl", lines_of(LOG, key=KEY))
    alone = verified(path)
    assert (alone.is_blind, alone.text) == (True, "Independent witnesses: 0.")
    with_heads = verified(path, heads)
    assert (with_heads.is_blind, with_heads.witnessed) == (False, 5)
    assert with_heads.text == (
        f"Independent witnesses: 1 ({heads} up to record 5). 3 newer records have none: if they were cut or rewritten, "
        f"it would not show."
    )
    both = verified(path, heads, keys=[public_key(KEY)])
    assert both.newest == {str(heads): 5, "--key": 8} or both.newest == {"--key": 8, str(heads): 5}
    assert not verified(write(tmp_path / "empty.jsonl", lines_of([]))).is_blind


SHORT = b"".join(lines_of(LOG[:1], key=KEY))


def assert_is_found(path, place, bits):
    whole = bytearray(SHORT)
    whole[place] ^= bits
    path.write_bytes(whole)
    with pytest.raises(FOUND):
        verify(path)
    assert by_program(path) is not None, bytes(whole)


def test_a_change_of_any_byte_of_a_signed_export_is_found(tmp_path):
    for place in range(len(SHORT)):
        assert_is_found(tmp_path / "audit.jsonl", place, 1 << place % 8)


@given(st.integers(0, len(SHORT) - 1), st.integers(1, 255))
def test_whatever_a_byte_of_a_signed_export_is_changed_to(tmp_path, place, bits):
    assert_is_found(tmp_path / "audit.jsonl", place, bits)


def test_another_spelling_of_the_signature_is_found(tmp_path):
    """The last letter of a signature holds bits that are not read."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = head_of(LOG[:1], NOW, key=KEY).signature[85]
    other = letters[letters.index(last) + 1]
    path = tmp_path / "audit.jsonl"
    path.write_bytes(SHORT.replace(f'{last}=="'.encode(), f'{other}=="'.encode()))
    with pytest.raises(NotAsWritten, match="the signature is not of this head"):
        verify(path)
    assert "another spelling" in by_program(path)


def test_every_gap_and_every_swap_is_found(tmp_path):
    lines, path = lines_of(LOG[:5]), tmp_path / "audit.jsonl"
    for first in range(len(lines)):
        for last in range(first + 1, len(lines) + 1):
            swapped = list(lines)
            swapped[first], swapped[last - 1] = swapped[last - 1], swapped[first]
            for changed in ([*lines[:first], *lines[last:]], swapped):
                if changed != lines:
                    with pytest.raises(NotAsWritten):
                        verify(write(path, changed))
                    assert by_program(path) is not None, changed


@st.composite
def moved_lines(draw):
    """Lines of an export that were removed, doubled, swapped or put elsewhere; the rest is as it was."""
    lines = lines_of(LOG)
    first, second = draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, len(lines) - 1))
    how = draw(st.sampled_from(["cut", "remove", "double", "swap", "move", "shuffle", "half a line", "empty line"]))
    if how == "cut":
        return lines[:first]
    if how == "remove":
        return lines[: min(first, second)] + lines[max(first, second) + 1 :]
    if how == "double":
        return [*lines[:first], lines[second], *lines[first:]]
    if how == "swap":
        lines[first], lines[second] = lines[second], lines[first]
        return lines
    if how == "move":
        line = lines.pop(first)
        return [*lines[:second], line, *lines[second:]]
    if how == "half a line":
        return [*lines[:first], lines[first][: draw(st.integers(1, len(lines[first]) - 1))]]
    if how == "empty line":
        return [*lines[:first], b"\n", *lines[first:]]
    return draw(st.permutations(lines))


@given(moved_lines())
@settings(max_examples=50)
def test_every_cut_insertion_and_reordering_is_found(tmp_path, lines):
    assume(lines != lines_of(LOG))
    path = write(tmp_path / "audit.jsonl", lines)
    with pytest.raises(NotAsWritten):
        verify(path)
    assert by_program(path) is not None


FIELDS = ("kind", "row", "content")
values = st.text(st.characters(codec="utf-8"), max_size=5)


@st.composite
def rewritten(draw):
    """A log that a forger changed among its first five records, and chained again as a whole."""
    log = list(LOG)
    place, other = draw(st.integers(0, 4)), draw(st.integers(0, 7))
    how = draw(st.sampled_from(["edit", "remove", "insert", "swap", "cut", "all"]))
    if how == "edit":
        field = draw(st.sampled_from(FIELDS))
        log[place] = replace(log[place], **{field: draw(st.integers(0, 99) if field == "row" else values)})
    elif how == "remove":
        del log[place]
    elif how == "insert":
        log.insert(place, AuditRecord(0, draw(values), draw(st.integers(0, 99)), draw(values), "", ""))
    elif how == "swap":
        log[place], log[other] = log[other], log[place]
    elif how == "cut":
        del log[place:]
    else:
        log = [replace(each, content=each.content.replace("nna", "va")) for each in log]
    return chained(log)


@given(rewritten(), st.booleans())
@settings(max_examples=50)
def test_every_rewrite_after_a_published_head_is_found(tmp_path, log, is_signed):
    assume(log[:5] != LOG[:5])
    path = write(tmp_path / "audit.jsonl", lines_of(log, key=OTHER_KEY if is_signed else None))
    heads = write(tmp_path / "heads.jsonl", [f"{spelled(head_of(LOG[:5], NOW))}\n".encode()])
    assert verified(path).text == "Independent witnesses: 0."  # what the file alone can't show
    assert by_program(path) is None
    for check in (lambda: verified(path, heads), lambda: verified(path, write(tmp_path / "old", lines_of(LOG[:5])))):
        with pytest.raises(ContradictsHead):
            check()
    with pytest.raises(ContradictsHead):
        confirmed(verify(path).chain, [named_head(f"5:{LOG[4].hash}")])
    with pytest.raises(NotAsWritten):
        verify(path, [public_key(KEY)])
    assert by_program(path, heads) is not None
    assert by_program(path, f"--key={public_key(KEY)}") is not None


def test_a_log_that_grew_since_a_head_is_fine(tmp_path, heads):
    path = write(tmp_path / "audit.jsonl", lines_of(LOG))
    assert verified(path, heads).witnessed == 5
    assert verified(path, write(tmp_path / "old.jsonl", lines_of(LOG[:6]))).witnessed == 6
    assert by_program(path, heads) is None


def test_of_the_heads_of_a_file_each_must_fit(tmp_path, heads):
    path = write(tmp_path / "audit.jsonl", lines_of(LOG))
    newer = head_of(chained([*LOG[:6], LOG[0]]), NOW)
    write(heads, [heads.read_bytes(), f"{spelled(newer)}\n".encode()])
    with pytest.raises(ContradictsHead, match="record 7 has hash"):
        verified(path, heads)
    assert by_program(path, heads) is not None


@pytest.mark.parametrize("changed", ["time", "signature", "unsigned", "other key"])
def test_a_published_head_counts_only_as_it_was_signed(tmp_path, changed):
    head = json.loads(spelled(head_of(LOG[:5], NOW, key=OTHER_KEY if changed == "other key" else KEY)))
    if changed == "time":
        head["time"] = head["time"].replace("2026", "2025")
    if changed == "signature":
        head["signature"] = "B" + head["signature"][1:]
    if changed == "unsigned":
        head["signature"] = head["public_key"] = None
    heads = write(tmp_path / "heads", [(json.dumps(head, sort_keys=True, separators=(",", ":")) + "\n").encode()])
    with pytest.raises(NotAsWritten):
        published_in(heads, [public_key(KEY)])
    path = write(tmp_path / "audit.jsonl", lines_of(LOG, key=KEY))
    assert by_program(path, heads, f"--key={public_key(KEY)}") is not None
    assert by_program(path, f"--key={public_key(KEY)}") is None


def test_what_a_restore_lost_is_missed_unless_it_is_accepted(tmp_path, heads):
    facts = {"lost_records": [[5, LOG[4].hash]]}
    content = {"id": 1, "actor": "anna", "reason": "the disk broke", "facts": facts, "run_id": None}
    restored = AuditRecord(0, "restores", 1, json.dumps(content | {"recorded_at": NOW.isoformat()}), "", "")
    export = verify(write(tmp_path / "audit.jsonl", lines_of(chained([*LOG[:3], restored, *LOG[:2]]))))
    with pytest.raises(ContradictsHead, match="--allow-restores"):
        confirmed(export.chain, [published_in(heads)])
    assert confirmed(export.chain, [published_in(heads)], lost_in(export.restores)).is_blind
    assert export.restores[0].reason == "the disk broke"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"facts":{"lost_records":[1]}}', "[" * 100_000])
def test_a_restore_that_the_registry_did_not_write_is_found(tmp_path, content):
    forged = chained([*LOG[:3], AuditRecord(0, "restores", 1, content, "", "")])
    with pytest.raises(NotAsWritten, match="Record 4 can't be read as a restore"):
        verify(write(tmp_path / "audit.jsonl", lines_of(forged)))


@pytest.mark.parametrize("text", ["", "5", "5:", f"5:{'g' * 64}", f"0:{'0' * 64}", f"-1:{'0' * 64}", "x:y", ":"])
def test_a_head_that_is_none(text):
    with pytest.raises(MlregError, match=r"is no head\. Write"):
        named_head(text)


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\n", b"[]\n", b"{}\n", b"[" * 100_000, b'{"line":"record"}\n'])
def test_a_file_of_another_kind(tmp_path, content):
    path = write(tmp_path / "file", [content])
    for read in (verify, published_in):
        with pytest.raises(NotAsWritten):
            read(path)
    with pytest.raises(MlregError, match=r"can't be read|not a file"):
        verify(tmp_path)
    with pytest.raises(MlregError, match="can't be read"):
        published_in(tmp_path / "nowhere")


def test_the_program_of_the_docs_is_short_imports_nothing_of_ours_and_runs_alone(tmp_path, heads):
    assert PROGRAM.count("\n") <= 40
    assert "mlreg_dagster" not in PROGRAM
    program = tmp_path / "verify_audit.py"
    program.write_text(PROGRAM, encoding="utf-8")
    path = write(tmp_path / "audit.jsonl", lines_of(LOG, key=KEY))

    def run():
        command = [sys.executable, "-I", program, path, heads, f"--key={public_key(KEY)}"]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert "not signed with" in run().stderr  # the head that was published
    write(heads, [f"{spelled(head_of(LOG[:5], NOW, key=KEY))}\n".encode()])
    assert run().stdout == "8 records, all as they were written. Published files that agree: 1\n"
    write(path, lines_of(LOG[:4], key=KEY))
    assert (run().returncode, run().stderr) == (
        1,
        "NOT AS IT WAS WRITTEN: head 5: the log was cut or rewritten since\n",
    )
