"""Frozen bundles: written once and whole, read only as they were frozen."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlreg_dagster.storage.artifacts import (
    ArtifactMissing,
    ArtifactStore,
    ArtifactTampered,
    InvalidArtifact,
    open_artifacts,
)
from mlreg_dagster.storage.artifacts.borrowing_store import borrow
from mlreg_dagster.storage.regular_files import OddFile
from mlreg_dagster_tests.registry.racing import freeze, race
from mlreg_dagster_tests.storage.artifacts.contract import FILES, ArtifactStoreContract

STORES = ["disk", "file url", "memory", "borrowing", pytest.param("s3", marks=pytest.mark.slow)]


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    if request.param == "s3":
        return open_artifacts(f"s3://{request.getfixturevalue('s3_bucket')}/artifacts")
    roots = {
        "disk": str(tmp_path / "artifacts"),
        "file url": f"file://{tmp_path}/artifacts",
        "memory": f"memory://{uuid.uuid4().hex}/artifacts",
        "borrowing": str(tmp_path / "borrowing"),
    }
    borrow(tmp_path / "borrowing", roots["memory"])
    return open_artifacts(roots[request.param])


class TestContract(ArtifactStoreContract):
    pass


class TestFreezing:
    @pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no sha256sum")
    def test_sha256sum_understands_the_sums(self, tmp_path):
        artifact = open_artifacts(tmp_path).freeze("models", "v1", FILES)
        bundle = tmp_path / "models" / "v1"
        checked = subprocess.run(
            ["sha256sum", "--strict", "-c", "SHA256SUMS"],
            cwd=bundle,
            check=True,
            capture_output=True,
            text=True,
        )
        assert checked.stdout.splitlines() == [f"{name}: OK" for name in sorted(FILES)]
        assert hashlib.sha256((bundle / "SHA256SUMS").read_bytes()).hexdigest() == artifact.sha256

    @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        files=st.dictionaries(
            st.from_regex(r"(?!\.)[A-Za-z0-9._-]{1,20}", fullmatch=True),
            st.binary(max_size=50),
            min_size=1,
            max_size=4,
        )
    )
    def test_any_files(self, tmp_path, files):
        store, key = open_artifacts(tmp_path), uuid.uuid4().hex
        artifact = store.freeze("models", key, files)
        assert store.read("models", key, artifact.sha256) == files
        assert list(artifact.files) == sorted(files)


class TestNames:
    bad_names = pytest.mark.parametrize(
        "name",
        [
            "",
            ".",
            "..",
            "../v1",
            "a/b",
            "/etc/passwd",
            "a\\b",
            ".hidden",
            "a b",
            "a\n",
            "a\0",
            "ä",
            "file://x",
            "C:",
        ],
    )

    @bad_names
    def test_no_name_leads_out_of_the_store(self, tmp_path, name):
        root = tmp_path / "artifacts"
        store = open_artifacts(root)
        for arguments in (
            ("models", name, FILES),
            (name, "v1", FILES),
            ("models", "v1", FILES | {name: b"x"}),
        ):
            with pytest.raises(InvalidArtifact, match="can't be a kind, key or file name"):
                store.freeze(*arguments)
        for ask in (store.read, store.find):
            for arguments in (("models", name), (name, "v1")):
                with pytest.raises(InvalidArtifact):
                    ask(*arguments)
        with pytest.raises(InvalidArtifact):
            store.keys(name)
        assert list(tmp_path.iterdir()) == []


class TestInterruptions:
    def test_a_freeze_that_dies_leaves_no_bundle_and_no_obstacle(self, tmp_path):
        code = f"from mlreg_dagster_tests.registry import racing; racing.die_while_freezing({str(tmp_path)!r})"
        done = subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(__file__).parents[3])
        assert done.returncode == -signal.SIGKILL
        store = open_artifacts(tmp_path)
        assert any(path.name == "a.bin" for path in tmp_path.rglob("*"))
        assert store.find("models", "v1") is None
        assert store.keys("models") == []
        with pytest.raises(ArtifactMissing):
            store.read("models", "v1")

        artifact = store.freeze("models", "v1", FILES)
        assert store.read("models", "v1", artifact.sha256) == FILES
        left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
        assert left == {".lock", "models/v1/SHA256SUMS", *(f"models/v1/{name}" for name in FILES)}

    def test_files_are_on_the_disk_before_the_bundle_appears(self, tmp_path, monkeypatch):
        appeared = []
        fsync = os.fsync

        def watched(descriptor: int) -> None:
            fsync(descriptor)
            appeared.append((tmp_path / "models" / "v1").exists())

        monkeypatch.setattr(os, "fsync", watched)
        open_artifacts(tmp_path).freeze("models", "v1", FILES)
        assert appeared == [False] * (len(FILES) + 1)


class TestRaces:
    def test_of_eight_different_bundles_one_is_frozen(self, tmp_path):
        outcomes = race(freeze, [(tmp_path, letter) for letter in "abcdefgh"])
        winners = [letter for letter, outcome, _ in outcomes if outcome == "done"]
        assert sorted(outcome for _, outcome, _ in outcomes) == ["ArtifactFrozen"] * 7 + ["done"]
        files = open_artifacts(tmp_path).read("models", "v1")
        assert {content[:1] for content in files.values() if content} == {winners[0].encode()}
        assert f"only-{winners[0]}.bin" in files

    def test_the_same_content_at_once_is_one_bundle(self, tmp_path):
        outcomes = race(freeze, [(tmp_path, "a") for _ in range(8)])
        assert {outcome for _, outcome, _ in outcomes} == {"done"}
        assert len(open_artifacts(tmp_path).read("models", "v1")) == 4


class TestOddFiles:
    """Something else lies where a file or folder of ours belongs: it is refused in words, and nothing waits for it."""

    @pytest.fixture
    def root(self, tmp_path):
        return tmp_path / "artifacts"

    def put(self, what: str, path: Path, elsewhere: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir() and not path.is_symlink():
            elsewhere.parent.mkdir(exist_ok=True)
            shutil.move(path, elsewhere)
        elif path.exists():
            shutil.copy(path, elsewhere)
            path.unlink()
        if what == "a pipe":
            os.mkfifo(path)
        elif what == "a link":
            path.symlink_to(elsewhere)
        elif what == "a device":
            path.symlink_to("/dev/zero")
        elif what == "a folder":
            path.mkdir()
        elif what == "a file":
            path.write_bytes(b"")
        elif what == "a loop":
            path.symlink_to(path)

    @pytest.mark.parametrize("what", ["a pipe", "a link", "a device", "a folder", "a loop"])
    @pytest.mark.parametrize("name", ["empty", "SHA256SUMS"])
    def test_in_place_of_a_file(self, root, tmp_path, what, name):
        store = open_artifacts(root)
        artifact = store.freeze("models", "v1", FILES)
        self.put(what, root / "models" / "v1" / name, tmp_path / "elsewhere")
        said = "a link" if what in {"a device", "a loop"} else what
        for ask in (lambda: store.read("models", "v1", artifact.sha256), lambda: store.freeze("models", "v1", FILES)):
            with pytest.raises(ArtifactTampered, match=f"{name} is {said}, not a file"):
                ask()
        if name == "SHA256SUMS":
            with pytest.raises(ArtifactTampered, match=f"is {said}, not a file"):
                store.find("models", "v1")

    @pytest.mark.parametrize("what", ["a pipe", "a link", "a file", "a loop"])
    @pytest.mark.parametrize("place", ["models", "models/v1"])
    def test_in_place_of_a_folder(self, root, tmp_path, what, place):
        store = open_artifacts(root)
        store.freeze("models", "v1", FILES)
        self.put(what, root / place, tmp_path / "elsewhere")
        said = "a link" if what == "a loop" else what
        for ask in (store.read, store.find, lambda kind, key: store.freeze(kind, key, FILES)):
            with pytest.raises((ArtifactTampered, OddFile), match=f"is {said}, not a folder"):
                ask("models", "v1")
        if place == "models/v1":
            assert store.keys("models") == []

    @pytest.mark.parametrize("what", ["a pipe", "a link", "a file"])
    def test_in_place_of_the_folder_for_drafts(self, root, tmp_path, what):
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "precious").write_bytes(b"")
        root.mkdir()
        self.put(what, root / ".staging", tmp_path / "elsewhere")
        with pytest.raises(OddFile, match=f"staging is {what}, not a folder"):
            open_artifacts(root).freeze("models", "v1", FILES)
        assert (tmp_path / "elsewhere" / "precious").exists()

    @pytest.mark.parametrize("what", ["a pipe", "a link", "a folder"])
    def test_what_is_not_ours_is_not_cleared_away(self, root, tmp_path, what):
        self.put(what, root / "models" / "v1" / "mine", tmp_path)
        with pytest.raises(OddFile, match=f"mine is {what}, not a file"):
            open_artifacts(root).freeze("models", "v1", FILES)
        assert os.path.lexists(root / "models" / "v1" / "mine")

    def test_odd_names_beside_bundles_are_no_bundles(self, root):
        store = open_artifacts(root)
        store.freeze("models", "v1", FILES)
        for name in ("x" * 255, "a b", "\udcff", "a\nb", "\u202ev2"):
            shutil.copytree(root / "models" / "v1", root / "models" / name)
        (root / "models" / "v3").symlink_to(root / "models" / "v1")
        assert store.keys("models") == ["v1"]
        with pytest.raises(ArtifactMissing, match="Bundles of models: v1"):
            store.read("models", "v2")

    @pytest.mark.parametrize("name", ["x" * 129, "x" * 10**6])
    def test_a_name_has_a_length(self, root, name):
        with pytest.raises(InvalidArtifact, match="up to 128 letters") as refusal:
            open_artifacts(root).find("models", name)
        assert len(str(refusal.value)) < 500

    def test_a_file_beyond_any_size_is_not_read(self, root):
        store = open_artifacts(root)
        store.freeze("models", "v1", FILES)
        with (root / "models" / "v1" / "SHA256SUMS").open("r+b") as file:
            file.truncate(1 << 40)
        with pytest.raises(ArtifactTampered, match="at most 1,048,576 are read"):
            store.find("models", "v1")
