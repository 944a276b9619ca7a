"""Commands on a registry in PostgreSQL and artifacts outside of the home; with MLREG_LONG=1 also in a plain folder."""

import json
import shutil
import uuid
from pathlib import Path

import pytest
from upath import UPath

from mlreg_dagster.registry import Registry
from mlreg_dagster_tests.postgres import postgres_server, postgres_url
from mlreg_dagster_tests.registry.migrations.old_registry import copy_rows, create_by_scripts, restore_dump
from mlreg_dagster_tests.serving.running import LONG

__all__ = ["postgres_server", "postgres_url"]

WHY = ("--reason", "a good reason")
PASSWORD = "topsecret-topsecret"


@pytest.fixture(params=["a folder", "memory"] if LONG else ["memory"])
def elsewhere(request, on_trained, own_home, postgres_url, tmp_path, monkeypatch):
    """The trained home, whose registry is in PostgreSQL, and whose artifacts are in another folder or in memory."""
    url = postgres_url.replace("postgres@", f"postgres:{PASSWORD}@")
    Registry(url).versions()
    copy_rows(own_home / "registry.sqlite", url)
    (own_home / "registry.sqlite").unlink()
    shutil.move(own_home / "artifacts", tmp_path / "artifacts")
    root = f"file://{tmp_path}/artifacts"
    if request.param == "memory":
        root = f"memory://{uuid.uuid4().hex}/artifacts"
        for path in (tmp_path / "artifacts").rglob("*"):
            if path.is_file() and path.name != ".lock":
                (UPath(root) / path.relative_to(tmp_path / "artifacts").as_posix()).write_bytes(path.read_bytes())
    monkeypatch.setenv("MLREG_REGISTRY", url)
    monkeypatch.setenv("MLREG_ARTIFACTS", root)
    return on_trained


def found(answer):
    assert answer.code == 0, answer
    return json.loads(answer.out)


@pytest.mark.slow
def test_every_command_works_on_them(elsewhere, own_home, dagster_home, tmp_path):
    mlreg = elsewhere
    assert [version["version"] for version in found(mlreg("status", "--json"))["versions"]] == ["v1", "v2", "v3"]
    assert found(mlreg("train", "--model", "model_forest", "--json"))["version"] == "v4"
    assert mlreg("evaluate", "v4").code in {0, 1}
    found(mlreg("approve", "v1", *WHY, "--actor", "bert", "--json"))
    for version in ("v1", "v2"):
        found(mlreg("promote", version, *WHY, "--json"))
    assert found(mlreg("rollback", *WHY, "--json"))["moves"][-1]["version"] == "v1"
    assert found(mlreg("champion", "--json"))["moves"][-1]["version"] == "v1"
    assert len(found(mlreg("history", "--json"))["moves"]) > 2
    for command in ("decisions v1", "refusals", "policy show", "audit verify", "compare v1 v2", "retrain --verify v1"):
        found(mlreg(*command.split(), "--json"))
    assert json.loads(mlreg("bundle", "v1", "--out", str(tmp_path / "bundle"), "--json").out)["version"] == "v1"
    assert mlreg("report", "--out", str(tmp_path / "report")).code in {0, 1}
    assert found(mlreg("tidy", "--dry-run", "--json"))["dry_run"] is True
    assert "Nothing is to be upgraded" in mlreg("upgrade").out

    findings = {each["name"]: each for each in json.loads(mlreg("doctor", "--json").out)["findings"]}
    assert "answers. Its files and backups are not looked at" in findings["registry"]["seen"]
    assert [findings[name]["state"] for name in ("registry", "audit log", "model bundles", "datasets")] == ["ok"] * 4

    assert not (own_home / "registry.sqlite").exists()
    assert not (own_home / "artifacts").exists()
    assert [path for folder in (own_home, dagster_home) for path in holding(folder, PASSWORD)] == []


@pytest.mark.slow
def test_a_registry_of_an_older_release_in_postgresql_is_upgraded_once_there_is_a_copy(
    mlreg, postgres_url, tmp_path, monkeypatch
):
    create_by_scripts(postgres_url, 2)
    copy_rows(restore_dump(tmp_path / "old.sqlite"), postgres_url)
    monkeypatch.setenv("MLREG_REGISTRY", postgres_url)
    refused = mlreg("upgrade")
    assert (refused.code, "mlreg upgrade --backup-made" in refused.err) == (1, True)
    assert "has schema 2" in mlreg("champion").err
    assert "from schema 2 to" in mlreg("upgrade", "--backup-made").out
    assert found(mlreg("champion", "--json"))["moves"][-1]["version"] == "v2"


def holding(folder: Path, text: str) -> list[Path]:
    """The files below a folder that hold a text."""
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]
