"""`mlreg backup`: from the command line, with the JSON that docs/json.md documents."""

import json
import shutil

from mlreg_dagster_tests.cli.test_json import keys_of
from mlreg_dagster_tests.commands import refused
from mlreg_dagster_tests.operations.backup.small_home import make_home, registry_in

WHY = ("--reason", "the disk failed")


def test_a_backup_is_made_verified_listed_and_restored(mlreg, own_home, tmp_path):
    make_home(own_home)
    folder, other = str(tmp_path / "backups"), tmp_path / "other"

    def ask(*arguments):
        answer = mlreg("backup", *arguments, "--json")
        assert (answer.code, answer.err) == (0, ""), answer
        found = json.loads(answer.out)
        assert set(found) == keys_of(f"backup {arguments[0]}")
        return found

    made = ask("create", folder)
    assert (made["versions"], made["tables"]["readings"]["rows"]) == (["v1"], 6)
    assert ask("verify", made["backup"]) == made
    assert ask("list", folder)["backups"] == [made]
    assert f"{made['backup']}  made " in mlreg("backup", "list", folder).out
    restored = ask("restore", made["backup"], "--to", str(other), *WHY)
    assert restored["restore"]["actor"] == "anna"
    assert [each.reason for each in registry_in(other).restores()] == ["the disk failed"]
    refused(mlreg("backup", "restore", made["backup"], "--to", str(other), *WHY), "is not empty")


def test_a_registry_that_is_named_elsewhere_is_not_used_by_chance(mlreg, own_home, tmp_path, monkeypatch):
    make_home(own_home)
    backup = json.loads(mlreg("backup", "create", str(tmp_path / "backups"), "--json").out)["backup"]
    monkeypatch.setenv("MLREG_REGISTRY", str(tmp_path / "live.sqlite"))
    refused(mlreg("backup", "restore", backup, "--to", str(tmp_path / "other"), *WHY), "Unset it, then run this again")
    assert not (tmp_path / "other").exists()


def test_what_is_no_backup_and_no_home_is_refused(mlreg, own_home, tmp_path):
    refused(mlreg("backup", "verify", str(tmp_path)), "is no backup")
    refused(mlreg("backup", "create", str(tmp_path / "backups")), "There is no registry in")
    assert not own_home.exists()


def test_a_restored_home_answers_and_is_examined_as_the_one_that_was_backed_up(
    on_live, own_home, tmp_path, monkeypatch
):
    def state():
        misses = {
            each["name"] for each in json.loads(on_live("doctor", "--json").out)["findings"] if each["state"] == "miss"
        }
        return misses, json.loads(on_live("champion", "--as-of", "2026-01-05T06:00", "--json").out)["moves"]

    made = json.loads(on_live("backup", "create", str(tmp_path / "backups"), "--json").out)
    assert made["damaged"] == made["left_out"] == []
    before = state()
    assert on_live("backup", "restore", made["backup"], "--to", str(tmp_path / "other"), *WHY).code == 0
    shutil.rmtree(own_home)
    monkeypatch.setenv("MLREG_HOME", str(tmp_path / "other"))
    assert state() == before
    assert before[1][0]["version"] == "v1"
