"""Homes of projects; `test_runner.py` has those of the other folders."""

import pytest
import yaml

from mlreg_dagster.config import ConfigError
from mlreg_dagster.config.new_project import make_project
from mlreg_dagster.storage.homes import DAGSTER_YAML, prepare_home


@pytest.fixture
def project(tmp_path, monkeypatch):
    folder = make_project(tmp_path / "shop")
    monkeypatch.delenv("MLREG_HOME")
    monkeypatch.chdir(folder)
    return folder


def test_dagster_goes_by_the_file_of_the_project(project):
    config = project / ".mlreg" / "dagster" / "dagster.yaml"
    assert prepare_home()["DAGSTER_HOME"] == str(config.parent)
    assert config.read_text() == DAGSTER_YAML
    (project / "dagster.yaml").write_text("telemetry: {enabled: true}\n")
    prepare_home()
    assert yaml.safe_load(config.read_text()) == {"telemetry": {"enabled": True}}


def test_a_project_that_moved_still_goes_by_its_own_file(project, tmp_path, monkeypatch):
    prepare_home()
    moved = project.rename(tmp_path / "moved")
    monkeypatch.chdir(moved)
    (moved / "dagster.yaml").write_text("# moved\n")
    prepare_home()
    assert (moved / ".mlreg" / "dagster" / "dagster.yaml").read_text() == "# moved\n"


def test_a_file_that_is_gone_is_told_and_never_replaced_by_dagsters_defaults(project):
    prepare_home()
    (project / "dagster.yaml").unlink()
    with pytest.raises(ConfigError, match=r"dagster\.yaml is a link to .*which is not there.*Put that file back"):
        prepare_home()


def test_a_project_that_keeps_no_file_gets_that_of_the_package(project):
    (project / "dagster.yaml").unlink()
    prepare_home()
    assert (project / ".mlreg" / "dagster" / "dagster.yaml").read_text() == DAGSTER_YAML


def test_a_draft_of_a_process_that_was_killed_is_no_obstacle(project):
    (project / ".mlreg" / "dagster").mkdir(parents=True)
    (project / ".mlreg" / "dagster" / "dagster.draft").symlink_to("nowhere")
    prepare_home()
    assert (project / ".mlreg" / "dagster" / "dagster.yaml").read_text() == DAGSTER_YAML
