"""What a home holds is its owner's alone, whatever umask the process has."""

import os
import stat

import pytest

from mlreg_dagster.governance.decisions.signing import UnusableKey, make_key, read_key
from mlreg_dagster.storage import private_files
from mlreg_dagster.storage.homes import prepare_home
from mlreg_dagster.storage.private_files import NotAFolder
from mlreg_dagster_tests.faults.home import Home

posix = pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")


@pytest.fixture
def open_umask():
    before = os.umask(0)
    yield
    os.umask(before)


def open_to_others(folder):
    return {str(path.relative_to(folder.parent)): oct(stat.S_IMODE(path.lstat().st_mode))
            for path in [folder, *folder.rglob("*")] if stat.S_IMODE(path.lstat().st_mode) & 0o077}  # fmt: skip


@posix
@pytest.mark.usefixtures("open_umask")
def test_every_store_makes_what_its_owner_alone_may_read(tmp_path):
    folder = tmp_path / "deep" / "home"
    prepare_home(folder)
    home = Home(folder)
    home.fill()
    for write in home.writes().values():
        write()
    make_key(folder / "keys" / "anna.pem")
    assert open_to_others(folder.parent) == {}


@posix
@pytest.mark.usefixtures("open_umask")
def test_a_program_of_ours_keeps_what_it_makes(tmp_path):
    private_files.keep_private()
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    assert open_to_others(tmp_path / "folder") == {}
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600


@posix
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o660, 0o777])
def test_a_key_that_others_can_read_signs_nothing(tmp_path, mode):
    path = tmp_path / "anna's key.pem"
    make_key(path)
    read_key(path)
    path.chmod(mode)
    with pytest.raises(
        UnusableKey, match=rf"others than its owner can read or change it \(mode {mode:o}\).*access: chmod 600 '"
    ):
        read_key(path)


@posix
@pytest.mark.parametrize("what", ["pipe", "folder", "device", "loop", "large"])
def test_a_key_that_is_no_file_is_refused(tmp_path, what):
    path = tmp_path / "key.pem"
    if what == "pipe":
        os.mkfifo(path, 0o600)
    elif what == "folder":
        path.mkdir(0o700)
    elif what == "device":
        path.symlink_to("/dev/zero")
    elif what == "loop":
        path.symlink_to(path)
    else:
        private_files.write(path, b"x" * (1 << 20))
    with pytest.raises(UnusableKey, match="can't be used to sign"):
        read_key(path)


def test_a_key_may_be_reached_through_a_link(tmp_path):
    make_key(tmp_path / "key.pem")
    (tmp_path / "link.pem").symlink_to(tmp_path / "key.pem")
    read_key(tmp_path / "link.pem")


@pytest.mark.parametrize("place", ["file", "file/below", "pipe", "link/below"])
def test_a_folder_where_none_can_be(tmp_path, place):
    (tmp_path / "file").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(NotAFolder, match=r"[Nn]ame another place"):
        private_files.make_folder(tmp_path / place)
