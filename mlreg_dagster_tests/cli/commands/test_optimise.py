"""`mlreg optimise`: a report changes nothing; a registered variant is a version like any other."""

import json

import pytest

from mlreg_dagster.evidence.reproduction import reproduce
from mlreg_dagster.models.optimisation import report
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster_tests.cli.test_json import keys_of
from mlreg_dagster_tests.commands import refused


@pytest.mark.slow
def test_a_report_is_printed_and_written_and_changes_nothing(on_trained, registry, tmp_path, monkeypatch):
    monkeypatch.setattr(report, "ROWS", (1, 50))
    before, file = registry.audit_log(), tmp_path / "made" / "v3.html"
    answer = on_trained("optimise", "v3", "--seconds", "0.001", "--report", str(file), "--json")
    assert answer.code == 0, answer
    found = json.loads(answer.out)
    assert set(found) == keys_of("optimise")
    for name, documented in (
        ("files", "bundle_files"),
        ("parts", "profiled_parts"),
        ("variants", "smaller_variants"),
    ):
        assert set(found[name][0]) <= keys_of(documented, "object")
    assert (found["version"], found["detector"]) == ("v3", "isolation_forest")
    assert {each["change"]: bool(each["reason"]) for each in found["variants"]} == {
        "half_trees": False,
        "quarter_trees": False,
        "float32": False,
        "quantised": False,
    }
    assert {each["rows"] for each in found["parts"]} == {None, 1, 50}
    assert "What v3 costs" in file.read_text(encoding="utf-8")
    assert registry.audit_log() == before


@pytest.mark.slow
def test_a_variant_becomes_a_version_by_the_ordinary_way(on_trained, registry, own_home):
    answer = on_trained("optimise", "v3", "--register", "half_trees", "--json")
    found = json.loads(answer.out)
    assert set(found) == keys_of("optimise")
    made, evaluation = registry.version("v4"), registry.evaluations("v4")[-1]
    assert (found["version"], found["status"]) == ("v4", registry.status("v4"))
    assert found["evaluation"]["gates"]
    assert answer.code == (0 if evaluation.passed else 1)
    assert (made.manifest["variant"], made.created_by) == ({"of": "v3", "change": "half_trees"}, "anna")
    assert made.dataset_day == registry.version("v3").dataset_day
    assert evaluation.artifact_sha256 == made.artifact_sha256
    assert not evaluation.departures
    assert reproduce(made, open_artifacts(str(own_home / "artifacts"))).is_exact
    refused(on_trained("optimise", "v4", "--register", "float32"), "it is a variant of v3 already")
    compared = json.loads(on_trained("compare", "v4", "v3", "--json").out)
    assert compared["on_holdout"]["left"] == "v4"


def test_what_can_not_be_made_uses_no_version_up(on_trained, registry):
    refused(
        on_trained("optimise", "v1", "--register", "half_trees"),
        "The change half_trees is not for v1, a model of the detector local_outlier_factor: it has no trees. "
        "mlreg optimise v1 lists what it admits.",
    )
    refused(on_trained("optimise", "v3", "--register", "tenth"), "There is no change 'tenth'. Choose one of half_trees")
    assert [each.version for each in registry.versions()] == ["v1", "v2", "v3"]
