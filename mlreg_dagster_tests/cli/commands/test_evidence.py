"""`mlreg bundle` and `mlreg report`."""

import csv
import json

import pytest
import typer

from mlreg_dagster.cli.commands import evidence
from mlreg_dagster.evidence.schemas.by import By


@pytest.fixture
def world(live, monkeypatch):
    monkeypatch.setattr(evidence, "open_runner", lambda: live)
    monkeypatch.setenv("MLREG_HOME", str(live.home))
    return live


@pytest.mark.usefixtures("world")
def test_a_bundle_is_made_and_copied(tmp_path, capsys):
    with pytest.raises(typer.Exit) as ended:
        evidence.bundle("champion", tmp_path / "out", verify=True)
    assert ended.value.exit_code == 0
    files = {"card.html", "card.md", "card.json", "bundle.json", "sbom.cdx.json", "SHA256SUMS"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == files
    card = json.loads((tmp_path / "out" / "card.json").read_text(encoding="utf-8"))
    assert (card["version"], card["complete"], card["state"]) == ("v2", False, "unknown")
    assert card["sections"]["reproducibility"]["facts"]["reproduction"]["values"]["the_same_to_the_last_bit"] is True
    printed = " ".join(capsys.readouterr().out.split())
    assert "is champion now" in printed
    assert "gate_06_monitoring: Drift on 2026-01-06: unknown." in printed


def test_an_incomplete_bundle_is_written_but_ends_with_1(world, tmp_path, capsys):
    world.tamper("v2")
    with pytest.raises(typer.Exit) as ended:
        evidence.bundle("v2", tmp_path / "out", verify=False)
    assert ended.value.exit_code == 1
    assert "gate_05_serving: The artifact can't be used" in capsys.readouterr().out
    assert (tmp_path / "out" / "card.html").is_file()


def test_a_report_is_written_as_page_tables_and_document(world, tmp_path, capsys):
    world.attempt(checks="champion_model")
    evidence.report(tmp_path / "out", None, None)
    with (tmp_path / "out" / "checks.csv").open(newline="", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 4
    assert "gates_passed" in (tmp_path / "out" / "checks.html").read_text(encoding="utf-8")
    assert len(json.loads((tmp_path / "out" / "checks.json").read_text(encoding="utf-8"))["results"]) == 4
    assert "4 results, 1 of them failed" in capsys.readouterr().out  # no run has witnessed this registry


def test_a_report_of_the_wrong_kind_of_time_warns(world, tmp_path, capsys):
    world.attempt(checks="champion_model")
    evidence.report(tmp_path / "out", "2026-11-01", None, By.market)
    assert "Warning: 4 results are about no hours of the market" in " ".join(capsys.readouterr().err.split())


def test_a_dossier_names_what_people_have_to_write_and_ends_with_1(world, tmp_path, capsys):
    with pytest.raises(typer.Exit) as ended:
        evidence.dossier("champion", tmp_path / "out", as_json=True)
    assert ended.value.exit_code == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["version"], told["state"]) == ("v2", "incomplete")
    assert ("feasibility", "feasibility") in {(each["document"], each["key"]) for each in told["to_write"]}
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"index.html", "SHA256SUMS", "card.html", "01_problem_statement.md", "09_model_card.md"} <= names
    assert (world.home / "dossiers" / "v2" / "index.html").is_file()
