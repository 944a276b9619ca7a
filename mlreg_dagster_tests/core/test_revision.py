"""Which code runs is told by git where the code is tracked, else by the installer, and never costs a training."""

import shutil
import subprocess
from pathlib import Path

import pytest

from mlreg_dagster.core.revision import checkout_of, code_revision, commit_of_installation, package_revision
from mlreg_dagster.core.version import __version__

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")


def git(folder, *arguments):
    identity = ("-c", "user.name=anna", "-c", "user.email=anna@example.org")
    done = subprocess.run(["git", "-C", folder, *identity, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path):
    folder = tmp_path / "shop"
    (folder / "package").mkdir(parents=True)
    (folder / "package" / "code.py").write_text("one = 1\n")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "first")
    return folder


def test_a_checkout_is_named_by_its_commit_and_dirty_once_a_file_differs(checkout):
    commit = git(checkout, "rev-parse", "HEAD")
    assert checkout_of(checkout) == {"commit": commit, "dirty": False}
    (checkout / "package" / "code.py").write_text("one = 2\n")
    assert checkout_of(checkout) == {"commit": commit, "dirty": True}


def test_what_is_new_and_not_yet_added_is_dirty_too_but_only_in_the_folder(checkout):
    (checkout / "notes.txt").write_text("elsewhere")
    assert checkout_of(checkout / "package")["dirty"] is False
    (checkout / "package" / "more.py").write_text("two = 2\n")
    assert checkout_of(checkout / "package")["dirty"] is True


def test_an_installation_within_a_checkout_is_not_taken_for_it(checkout):
    installed = checkout / ".venv" / "mlreg_dagster"
    installed.mkdir(parents=True)
    (installed / "__init__.py").write_text("")
    assert checkout_of(installed) is None
    assert package_revision(installed)["version"] == __version__
    assert package_revision(installed)["from"] != "checkout"


@pytest.mark.parametrize("folder", ["no-such-folder", "."])
def test_a_folder_that_git_does_not_know_has_no_commit(tmp_path, folder):
    assert checkout_of(tmp_path / folder) is None


def test_without_git_the_release_is_known_alone(checkout, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert checkout_of(checkout) is None
    assert code_revision(checkout) == {"package": package_revision(Path("/"))}


def test_variables_of_another_repository_do_not_mislead(checkout, tmp_path, monkeypatch):
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "--quiet")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    assert checkout_of(checkout)["dirty"] is False


def test_the_project_is_named_beside_the_package(checkout):
    assert code_revision(checkout)["project"] == checkout_of(checkout)
    assert "project" not in code_revision()


@pytest.mark.parametrize(
    ("text", "commit"),
    [
        ('{"url": "https://example.org/m", "vcs_info": {"vcs": "git", "commit_id": "abc123"}}', "abc123"),
        ('{"url": "file:///m", "dir_info": {"editable": true}}', None),
        ('{"vcs_info": {"commit_id": 3}}', None),
        ("[]", None),
        ("{", None),
        (None, None),
    ],
)
def test_an_installer_may_have_written_the_commit_down(text, commit):
    assert commit_of_installation(text) == commit
