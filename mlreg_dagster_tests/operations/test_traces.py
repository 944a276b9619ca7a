"""Files that hold a name from before the directory of people knew it."""

import gzip

from mlreg_dagster.operations.traces import records_with, traces_in
from mlreg_dagster.registry import Registry
from mlreg_dagster_tests.registry.builders import evaluate, register


def test_files_that_hold_a_name_are_found_whatever_they_are(tmp_path):
    files = {
        "bundles/v1/card.md": b"approved by Zoe Quux.",
        "dagster/history/runs.db": b'\0\1{"actor": "zoe quux"}\0',
        "registry.sqlite.schema6": b"zoe quux",
        "weekly/2026-W03.html": b"zoe&nbsp;quux zoe\nquux",
        "notes.txt": b"zoe.quux@bank.example",
        "other.txt": b"zoe quuxley and azoe quux",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    found = traces_in([tmp_path], ["zoe quux", "zoe.quux@bank.example"])
    assert {str(each.file.relative_to(tmp_path)) for each in found} == set(files) - {"other.txt"}
    assert all(each.is_certain for each in found)
    advice = {each.file.name: each.advice for each in found}
    assert "mlreg bundle" in advice["card.md"]
    assert "runs" in advice["runs.db"]


def test_a_name_across_the_pieces_of_a_large_file_is_found(tmp_path):
    (tmp_path / "large.log").write_bytes(b"x" * ((1 << 20) - 4) + b" zoe quux " + b"x" * 100)
    assert len(traces_in([tmp_path], ["zoe quux"])) == 1


def test_packed_files_are_named_as_uncertain_but_for_those_of_the_market(tmp_path):
    for name in ("old.tar.gz", "raw/coingecko/hour.json.gz"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(gzip.compress(b"zoe quux"))
    (found,) = traces_in([tmp_path], ["zoe quux"])
    assert (found.file.name, found.is_certain) == ("old.tar.gz", False)


def test_nothing_is_found_of_nobody(tmp_path):
    (tmp_path / "a.txt").write_text("anything at all")
    assert traces_in([tmp_path], []) == []


def test_records_from_before_the_directory_are_named(tmp_path):
    registry = Registry(f"sqlite:///{tmp_path}/registry.db")
    register(registry, "v1", created_by="zoe quux")
    evaluate(registry, "v1", actor="bert")
    assert records_with(registry, ["zoe quux"]) == [1]
