"""The evidence bundle as an asset: its files, its ten checks, and what a death while writing leaves."""

import hashlib
import json
import shutil

import pytest

from mlreg_dagster.evidence import bundles
from mlreg_dagster.evidence.card.elements import GATES
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES
from mlreg_dagster.storage import private_files
from mlreg_dagster.storage.faults import StorageFull
from mlreg_dagster_tests.evidence.test_rendering import card_saying
from mlreg_dagster_tests.lifecycle import DUE_HOURS, failure, metadata, verdicts

BILL = b'{"bomFormat": "CycloneDX"}'


def read(folder):
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def is_whole(folder):
    """Whether every file has the sum that SHA256SUMS tells."""
    sums = dict(reversed(line.split("  ")) for line in (folder / "SHA256SUMS").read_text().splitlines())
    files = {path.name for path in folder.iterdir()} - {"SHA256SUMS"}
    return files == sums.keys() and all(
        hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest for name, digest in sums.items()
    )


def test_the_champions_bundle_is_complete_and_is_made_anew_as_outcomes_mature(live):
    live.warehouse.write(PREDICTION_OUTCOMES, PREDICTION_OUTCOMES.empty(), DUE_HOURS)
    early = live.attempt("delivery_bundle", key="v2")
    assert early.success, failure(early)
    wanting = ["gate_06_monitoring", "gate_08_reproducibility", "gate_10_bundle"]
    assert [gate for gate, passed in verdicts(early).items() if not passed] == wanting
    live.run_hours("outcomes_only", DUE_HOURS)
    result = live.attempt("delivery_bundle", key="v2", config={"verify": True})
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    unsure = {name for name, check in checks.items() if not check.passed}
    assert (set(checks), unsure) == (set(GATES), {"gate_06_monitoring", "gate_10_bundle"})  # drift is not measured
    assert {checks[name].severity.value for name in unsure} == {"WARN"}  # nothing is missing
    assert {check.partition for check in checks.values()} == {"v2"}
    folder = live.home / "bundles" / "v2"
    assert is_whole(folder)
    assert sorted(path.name for path in folder.parent.iterdir()) == [".v2.lock", "v2"]
    bill = (folder / "sbom.cdx.json").read_bytes()
    assert bill == live.artifacts.read("models", "v2", live.registry.version("v2").artifact_sha256)["sbom.cdx.json"]
    told = json.loads((folder / bundles.JSON).read_text(encoding="utf-8"))
    assert (told["complete"], told["state"]) == (False, "unknown")
    assert "Of 144 predictions" in told["answers"]["how_good_since"]["answer"]
    shown = metadata(result, "delivery_bundle")
    assert shown["card"] == str(folder / bundles.HTML)
    assert shown["missing"] == "none"
    head = live.registry.audit_log()[-1]
    assert shown["audit_head"] == f"{head.sequence}:{head.hash}"
    watched = told["sections"]["monitoring"]["facts"]["checks"]["rows"]
    last = {row["check"]: row["last_result"] for row in watched}
    assert last["gate_06_monitoring"] == "FAILED"  # that of the bundle before
    assert last["one_outcome_a_prediction"] == "passed"
    assert last["silhouette"] == "never run"  # on this instance


def test_a_check_says_what_is_missing(live):
    live.tamper("v2")
    result = live.attempt("delivery_bundle", key="v2")
    assert result.success, failure(result)
    said = {
        check.check_name: check.description
        for check in result.get_asset_check_evaluations()
        if not check.passed and check.severity.value == "ERROR"
    }
    assert list(said) == ["gate_05_serving", "gate_10_bundle"]
    assert "manifest.json: expected" in said["gate_05_serving"]


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "bundles" / "v1"
    bundles.write(folder, card_saying("old"), BILL)
    return folder


def test_the_list_names_every_file_with_its_size_and_sum(folder):
    listed = json.loads((folder / bundles.LIST).read_text(encoding="utf-8"))
    assert [each["name"] for each in listed["files"]] == ["card.html", "card.json", "card.md", "sbom.cdx.json"]
    for each in listed["files"]:
        content = (folder / each["name"]).read_bytes()
        assert (each["bytes"], each["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert (listed["version"], listed["state"]) == ("v1", "incomplete")


def test_writing_gives_the_sums_of_what_is_there(folder):
    files = bundles.write(folder, card_saying("new"), BILL)
    assert files.keys() == read(folder).keys()
    assert is_whole(folder)
    assert "old" not in "".join(read(folder).values())


@pytest.mark.parametrize("step", range(8))
def test_a_failure_while_writing_leaves_the_old_one(folder, monkeypatch, step):
    """Each write and each rename fails in turn."""
    before, path, count = read(folder), type(folder), [0]

    def failing(original):
        def attempt(self, *arguments, **named):
            count[0] += 1
            if count[0] == step + 1:
                raise OSError(28, "No space left on device")
            return original(self, *arguments, **named)

        return attempt

    monkeypatch.setattr(private_files, "write", failing(private_files.write))
    monkeypatch.setattr(path, "rename", failing(path.rename))
    with pytest.raises(StorageFull, match="disk is full"):
        bundles.write(folder, card_saying("new"), BILL)
    monkeypatch.undo()
    assert read(folder) == before
    assert sorted(each.name for each in folder.parent.iterdir()) == [".v1.lock", "v1"]


def test_what_a_killed_writer_left_is_cleared_away_by_the_next(folder):
    folder.rename(folder.with_name(".v1.old"))  # killed between the two renames
    draft = folder.with_name(".v1.draft")
    draft.mkdir()
    (draft / "card.html").write_text("half")
    bundles.write(folder, card_saying("new"), BILL)
    assert is_whole(folder)
    assert sorted(each.name for each in folder.parent.iterdir()) == [".v1.lock", "v1"]
    shutil.rmtree(folder)
