"""Projects: what is taken for one, what it changes, and how one is made."""

import os
from pathlib import Path

import pytest
from dagster._core.secrets.env_file import get_env_var_dict

from mlreg_dagster.config import (
    ConfigError,
    current_project,
    home_dir,
    load_project_environment,
    load_settings,
    shipped,
)
from mlreg_dagster.config.new_project import NotAnEmptyFolder, make_project
from mlreg_dagster_tests.repository import PROJECT_DIR

UNIVERSE = "universe: 3\n"


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A shell whose variables are restored after the test, whatever `.env` sets."""
    for name in ("MLREG_HOME", "DAGSTER_HOME"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return monkeypatch


@pytest.fixture
def project(tmp_path: Path, shell: pytest.MonkeyPatch) -> Path:
    """A project that is the current folder, in a shell without any variable of ours."""
    folder = make_project(tmp_path / "shop")
    shell.chdir(folder)
    return folder


def test_a_project_begins_with_the_settings_of_the_package_in_words(project):
    assert current_project().configs == project / "configs"
    shipped_files = {path.name: path.read_bytes() for path in (PROJECT_DIR / "configs").glob("*.yaml")}
    assert {path.name: path.read_bytes() for path in (project / "configs").iterdir()} == shipped_files
    assert load_settings() == load_settings(PROJECT_DIR / "configs")


def test_its_files_count_in_its_folder_and_nowhere_else(project, tmp_path, monkeypatch):
    (project / "configs" / "ingest.yaml").write_text(UNIVERSE)
    assert load_settings().ingest.universe == 3
    monkeypatch.chdir(tmp_path)
    assert load_settings().ingest.universe == 100


def test_a_config_folder_that_is_named_goes_before_that_of_the_project(project, tmp_path, monkeypatch):
    (project / "configs" / "ingest.yaml").write_text(UNIVERSE)
    (tmp_path / "named").mkdir()
    monkeypatch.setenv("MLREG_CONFIG_DIR", str(tmp_path / "named"))
    assert load_settings().ingest.universe == 100


@pytest.mark.parametrize("pyproject", [None, "", "[tool.dagster]\nmodule_name = 'theirs'\n"])
def test_the_configs_of_a_folder_that_is_no_project_are_not_touched(tmp_path, monkeypatch, pyproject):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "ingest.yaml").write_text(UNIVERSE)
    if pyproject is not None:
        (tmp_path / "pyproject.toml").write_text(pyproject)
    monkeypatch.chdir(tmp_path)
    assert current_project() is None
    assert load_settings().ingest.universe == 100


@pytest.mark.parametrize(
    ("pyproject", "message"),
    [
        ("[tool.mlreg]\nconfig = 'configs'\n", r"\[tool\.mlreg\] may hold configs"),
        ("[tool.mlreg]\nconfigs = 3\n", r"\[tool\.mlreg\] may hold configs"),
        ("[tool]\nmlreg = 3\n", r"\[tool\.mlreg\] may hold configs"),
        ("[tool.mlreg]\nconfigs = 'elsewhere'\n", r"elsewhere, which is not there"),
        ("[tool.mlreg\n", r"can't be read as TOML"),
    ],
)
def test_a_broken_marker_is_an_error_and_not_a_folder_without_a_project(project, pyproject, message):
    (project / "pyproject.toml").write_text(pyproject)
    with pytest.raises(ConfigError, match=rf"pyproject\.toml.*{message}"):
        load_settings()


def test_the_home_is_named_or_lies_in_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MLREG_HOME", str(tmp_path / "named"))
    assert home_dir() == tmp_path / "named"
    monkeypatch.delenv("MLREG_HOME")
    monkeypatch.chdir(tmp_path)
    assert home_dir() == tmp_path / ".mlreg"


def test_its_environment_is_the_same_for_dagster_and_for_us(project):
    home = {"MLREG_HOME": str(project / ".mlreg"), "DAGSTER_HOME": str(project / ".mlreg" / "dagster")}
    assert get_env_var_dict(str(project)) == home
    load_project_environment()
    assert {name: os.environ[name] for name in home} == home


def test_a_home_that_the_shell_names_goes_before_that_of_the_project(project, shell, tmp_path):
    shell.setenv("MLREG_HOME", str(tmp_path / "other"))
    home = {"MLREG_HOME": str(tmp_path / "other"), "DAGSTER_HOME": str(tmp_path / "other" / "dagster")}
    assert get_env_var_dict(str(project)) == home
    load_project_environment()
    assert {name: os.environ[name] for name in home} == home


@pytest.mark.parametrize(
    ("name", "theirs"), [("MLREG_HOME", "/elsewhere"), ("MLREG_ACTOR", "mallory"), ("MLREG_SIGNING_KEY", "/key.pem")]
)
def test_a_project_does_not_overrule_the_shell_unnoticed(project, shell, name, theirs):
    (project / ".env").write_text(f"{name}={theirs}\n")
    shell.setenv(name, "/ours")
    with pytest.raises(ConfigError, match=rf"\.env sets {name}, and the shell sets it to another value"):
        load_project_environment()
    assert os.environ[name] == "/ours"
    shell.setenv(name, theirs)
    load_project_environment()
    assert os.environ[name] == theirs


def test_the_environment_of_a_folder_that_is_no_project_is_left_alone(tmp_path, shell):
    (tmp_path / ".env").write_text("MLREG_HOME=/elsewhere\n")
    shell.chdir(tmp_path)
    load_project_environment()
    assert home_dir() == tmp_path / ".mlreg"


@pytest.mark.parametrize("name", ["a b", "it's", "a#b", "ü", "a[b]*", "a:b", "a;c"])
def test_a_project_of_any_usual_name_keeps_its_data_within_it(tmp_path, shell, name):
    folder = make_project(tmp_path / name)
    shell.chdir(folder)
    load_project_environment()
    assert home_dir() == folder / ".mlreg"


@pytest.mark.parametrize("name", ['a"b', "a$b", "a}b", "a`b", "a\\b"])
def test_a_name_that_would_mean_something_in_a_file_of_variables_is_refused(tmp_path, name):
    with pytest.raises(NotAnEmptyFolder, match="Choose another name"):
        make_project(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_becomes_a_project_and_a_full_one_is_left_as_it_is(tmp_path):
    empty, full, file = tmp_path / "empty", tmp_path / "full", tmp_path / "file"
    empty.mkdir()
    full.mkdir()
    (full / "pyproject.toml").write_text("# theirs\n")
    file.touch()
    assert (make_project(empty) / "defs.py").is_file()
    for taken in (empty, full, file):
        with pytest.raises(NotAnEmptyFolder, match="is not an empty folder"):
            make_project(taken)
    assert [path.read_text() for path in full.iterdir()] == ["# theirs\n"]


def test_in_a_clone_only_what_belongs_to_the_machine_is_written(project, tmp_path, monkeypatch):
    (project / "configs" / "ingest.yaml").write_text(UNIVERSE)
    clone = project.rename(tmp_path / "clone")
    (clone / ".env").unlink()  # which .gitignore keeps out of version control
    assert ".env\n" in (clone / ".gitignore").read_text()
    monkeypatch.chdir(clone)
    make_project(Path())
    assert (clone / "configs" / "ingest.yaml").read_text() == UNIVERSE
    assert str(clone / ".mlreg") in (clone / ".env").read_text()
    with pytest.raises(NotAnEmptyFolder):
        make_project(Path())


def test_what_the_package_ships_is_that_of_the_repository():
    assert shipped("configs") == PROJECT_DIR / "configs"
    assert shipped("docs/runbook.md").is_file()
