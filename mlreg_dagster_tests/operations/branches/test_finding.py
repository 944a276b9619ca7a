"""Branches are found by names and records alone: no name leads out of the home, and no variable out of a branch."""

from datetime import UTC, datetime

import pytest

from mlreg_dagster.config import ConfigError, load_settings, places
from mlreg_dagster.definitions import build_definitions
from mlreg_dagster.operations.branches.finding import (
    BranchRefused,
    UnknownBranch,
    branch_home,
    branches,
    not_branches,
    require_name,
    require_not_branch,
)
from mlreg_dagster.operations.branches.record import FORM, BranchRecord, write_record
from mlreg_dagster.storage.homes import prepare_home, require_own_dagster

MADE = datetime(2026, 1, 8, tzinfo=UTC)


def record_of(name, **changes):
    values = {
        "form": FORM,
        "name": name,
        "source": "prod",
        "made_at": MADE,
        "made_by": "anna",
        "reason": "a test",
        "release": "0.4",
        "audit_sequence": 3,
        "audit_hash": "0" * 64,
        "versions": ("v1",),
        "tables": {},
        "configs": {},
        "artifacts": "linked",
    }
    return BranchRecord(**(values | changes))


@pytest.fixture
def home(tmp_path):
    for name in ("staging", "a-2"):
        folder = tmp_path / "branches" / name
        folder.mkdir(parents=True)
        write_record(folder, record_of(name))
    return tmp_path


def test_branches_are_listed_by_name_with_their_times(home):
    assert [(each.name, each.made_at, each.source) for each in branches(home)] == [
        ("a-2", MADE, "prod"),
        ("staging", MADE, "prod"),
    ]
    assert branch_home(home, "staging") == home / "branches" / "staging"
    assert branch_home(home, "prod") == home


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "staging/", "staging/../a-2", "/etc", "Staging", "gone", "a" * 5000, "\x1b[2J", "ä"]
)
def test_an_unknown_branch_is_refused_in_a_sentence_that_lists_the_known_ones(home, name):
    with pytest.raises(UnknownBranch, match=r"There are: prod, a-2, staging\. mlreg branch create") as refused:
        branch_home(home, name)
    assert len(str(refused.value)) < 600
    assert "\x1b" not in str(refused.value)


def test_a_home_without_branches_has_none(tmp_path):
    assert (branches(tmp_path), not_branches(tmp_path)) == ([], [])
    with pytest.raises(UnknownBranch, match=r"There are: prod\."):
        branch_home(tmp_path, "staging")


def test_what_has_no_record_of_its_own_is_no_branch(home):
    root = home / "branches"
    (root / "bare").mkdir()
    outside = home / "outside"
    outside.mkdir()
    write_record(outside, record_of("link"))
    (root / "link").symlink_to(outside)
    (root / "broken").mkdir()
    (root / "broken" / "branch.json").write_text("{")
    (root / "moved").mkdir()
    write_record(root / "moved", record_of("another"))
    (root / "newer").mkdir()
    write_record(root / "newer", record_of("newer", form=FORM + 1))
    (root / ".draft.mlreg-draft").mkdir()
    assert [each.name for each in branches(home)] == ["a-2", "staging"]
    assert [path.name for path in not_branches(home)] == ["bare", "broken", "link", "moved", "newer"]


@pytest.mark.parametrize("name", ["prod", "", "-a", "1a", "A", "a b", "../a", "a/b", "a" * 41, ".a"])
def test_a_name_that_is_a_path_or_production_is_refused(name):
    with pytest.raises(BranchRefused, match="can't name a branch"):
        require_name(name)


def test_a_branch_manages_no_branches(home):
    require_not_branch(home)
    with pytest.raises(BranchRefused, match=rf"MLREG_HOME={home.resolve()}"):
        require_not_branch(home / "branches" / "staging")


def test_no_variable_leads_out_of_a_branch(home, monkeypatch):
    for name in (places.REGISTRY, places.ARTIFACTS, places.LATEST, places.SERVING_KEYS, "DAGSTER_HOME"):
        monkeypatch.setenv(name, "/production/file")
    branch = home / "branches" / "staging"
    assert places.registry_url(branch) == f"sqlite:///{branch}/registry.sqlite"
    assert places.artifacts_root(branch) == str(branch / "artifacts")
    assert places.latest_root(branch) == str(branch / "latest")
    assert places.serving_keys_file(branch) == branch / "serving-keys.json"
    assert places.dagster_home(branch) == branch / "dagster"
    assert not places.is_registry_elsewhere(branch)
    assert places.registry_url(home) == "sqlite:////production/file"
    assert str(places.dagster_home(home)) == "/production/file"


def test_a_branch_has_its_own_dagster_whatever_the_shell_and_the_project_name(home, tmp_path, monkeypatch):
    project = tmp_path / "project"
    (project / "configs").mkdir(parents=True)
    (project / "pyproject.toml").write_text("[tool.mlreg]\n")
    (project / "dagster.yaml").write_text("storage: {postgres: {}}\n")
    monkeypatch.chdir(project)
    monkeypatch.setenv("DAGSTER_HOME", str(home / "dagster"))
    branch = home / "branches" / "staging"
    assert prepare_home(branch) == {"MLREG_HOME": str(branch), "DAGSTER_HOME": str(branch / "dagster")}
    assert "postgres" not in (branch / "dagster" / "dagster.yaml").read_text()
    assert not (home / "dagster").exists()


def test_one_dagster_never_records_the_runs_of_another_home(home, monkeypatch):
    branch = home / "branches" / "staging"
    monkeypatch.setenv("DAGSTER_HOME", str(home / "dagster"))
    require_own_dagster(home)
    with pytest.raises(ConfigError, match=r"DAGSTER_HOME names .* and MLREG_HOME .*mlreg branch env"):
        require_own_dagster(branch)
    monkeypatch.setenv("DAGSTER_HOME", str(branch / "dagster"))
    require_own_dagster(branch)
    with pytest.raises(ConfigError, match="DAGSTER_HOME names"):
        prepare_home(home)
    monkeypatch.setenv("MLREG_HOME", str(home))
    with pytest.raises(ConfigError, match="DAGSTER_HOME names"):
        build_definitions()


def test_a_branch_tells_nobody_outside(home, tmp_path, monkeypatch):
    configs = tmp_path / "configs"
    configs.mkdir()
    (configs / "notifications.yaml").write_text(
        "webhook_url: https://example.org/hook\nchannels: {log: {kind: log}}\nowners: {drift: anna}\n"
    )
    (configs / "audit.yaml").write_text("heads_file: /mnt/auditors/heads.jsonl\n")
    (configs / "retention.yaml").write_text("raw_days: 9\nbackups: {folder: /mnt/backups}\n")
    settings = load_settings(configs)
    assert (settings.retention.backups.folder, len(settings.notifications.channels)) == ("/mnt/backups", 1)
    monkeypatch.setenv("MLREG_HOME", str(home / "branches" / "staging"))
    told = load_settings(configs)
    assert told == settings.of_branch()
    assert (told.notifications.webhook_url, told.notifications.channels) == (None, {})
    assert (told.audit.heads_file, told.retention.backups.folder) == (None, None)
    assert (told.retention.raw_days, told.notifications.owners) == (9, {"drift": "anna"})
