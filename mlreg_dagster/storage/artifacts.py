"""Frozen bundles of named files: models, datasets, whatever is named by its hash.

A bundle is a folder `<root>/<kind>/<key>/` with a `SHA256SUMS` file that `sha256sum -c` understands; the hash
of the bundle is the hash of that file. Bundles are written once and never rewritten. What a bundle holds is
its writers' matter.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from upath import UPath

from mlreg_dagster.core.errors import MlregError, TransientError
from mlreg_dagster.core.untrusted.redaction import shown_url
from mlreg_dagster.core.untrusted.text import one_line, visible
from mlreg_dagster.storage import private_files, regular_files
from mlreg_dagster.storage.faults import explained
from mlreg_dagster.storage.regular_files import OddFile, require_files_alone, require_folder

SUMS = "SHA256SUMS"

_NAME = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,128}")  # no path separators; the leading dot is for the store itself
_LARGEST_FILE, _LARGEST_SUMS = 8 << 30, 1 << 20
_LINE = re.compile(r"([0-9a-f]{64})  (.+)\n")
_LOCK_WAIT_S = 60.0


class ArtifactError(MlregError):
    """Anything that is wrong with a bundle."""


class InvalidArtifact(ArtifactError):
    """A kind, key or file name that can't be stored, or a bundle without files."""


class ArtifactFrozen(ArtifactError):
    """The bundle exists, with other content."""


class ArtifactMissing(ArtifactError):
    """There is no such bundle."""


class ArtifactTampered(ArtifactError):
    """The bundle is not what was frozen, or something else lies in its place: a link, a pipe."""


class ArtifactStoreBusy(ArtifactError, TransientError):
    """Another process kept the store locked for too long."""


@dataclass(frozen=True)
class Artifact:
    """A frozen bundle.

    Attributes:
        kind: What it is: `models`, `training_dataset`, ….
        key: Which one: `v1`, `2017-12-19`, ….
        uri: Where it is.
        sha256: The hash of the whole bundle.
        files: File name to the file's hash.
    """

    kind: str
    key: str
    uri: str
    sha256: str
    files: dict[str, str]


class ArtifactStore:
    """Bundles under one folder, on a local disk or on anything that fsspec knows.

    On a local disk a bundle appears as a whole or not at all, and of several processes that freeze the same
    key one wins. Object stores have no such lock: there a key must have one writer at a time.

    Args:
        root: The folder; it is made when first needed.

    Raises:
        ArtifactError: It names no kind of store that is known here, or one whose package is not installed.
    """

    def __init__(self, root: UPath | str) -> None:
        try:
            self.root = UPath(root).absolute()
            self.root.fs  # noqa: B018 - where it needs a package, that is said now
            if "://" in str(root) and not self.root.protocol:
                raise ValueError("its beginning is no protocol")
        except (ValueError, ImportError) as error:
            raise ArtifactError(
                f"Artifacts can't be kept in {shown_url(str(root))}: {str(error).rstrip('.')}. Name a folder or a URL "
                f"that fsspec knows (s3://bucket/folder, gs://…, file:///…), and install the package that it needs."
            ) from error
        self.local = Path(self.root.path) if self.root.protocol in {"", "file", "local"} else None

    def freeze(self, kind: str, key: str, files: Mapping[str, bytes]) -> Artifact:
        """Write a bundle, once; freezing the same content again changes nothing.

        Raises:
            InvalidArtifact: A name can't be stored, or there are no files.
            ArtifactFrozen: The bundle exists with other content.
            ArtifactTampered: The bundle exists, but is not what was frozen.
            ArtifactStoreBusy: Another process kept the store locked.
            StorageFull, StorageNotWritable: The bundle is not there, and no part of it.
        """
        _check_names(kind, key, *files)
        if not files or SUMS in files:
            raise InvalidArtifact(f"The bundle {kind}/{key} needs files, none of them called {SUMS}.")
        sums = _sums({name: _sha256(content) for name, content in files.items()})
        with explained(f"{self.root}/{kind}/{key}"):
            if self.local is not None:
                with _locked(self.local):
                    if not self._is_frozen(kind, key, files):
                        _write_local(self.local / ".staging", self.local / kind / key, {**files, SUMS: sums})
            elif not self._is_frozen(kind, key, files):
                _write_remote(self._folder(kind, key), {**files, SUMS: sums})
        return self._artifact(kind, key, sums)

    def read(self, kind: str, key: str, sha256: str | None = None) -> dict[str, bytes]:
        """The files of a bundle, all of them verified; use these bytes, the files may change after.

        Args:
            kind: What it is.
            key: Which one.
            sha256: The hash that the bundle must have. Without it the files are held against the bundle's own
                `SHA256SUMS` alone, which whoever changes a file can change as well.

        Raises:
            ArtifactMissing: There is no such bundle.
            ArtifactTampered: A file is changed, missing or too many, or the bundle has another hash.
        """
        sums = self._read_sums(kind, key)
        if sums is None:
            known = ", ".join(self.keys(kind)) or "none"
            raise ArtifactMissing(f"There is no bundle {kind}/{key} in {self.root}. Bundles of {kind}: {known}.")
        artifact = self._artifact(kind, key, sums)
        if sha256 is not None and artifact.sha256 != sha256:
            raise _tampered(artifact.uri, SUMS, sha256, artifact.sha256)
        folder = self._folder(kind, key)
        for path in folder.iterdir():
            if path.name not in {*artifact.files, SUMS}:
                raise _tampered(artifact.uri, visible(path.name, 200), "nothing", "something that was not frozen")
        contents = {}
        for name, expected in artifact.files.items():
            try:
                contents[name] = regular_files.read(folder / name, _LARGEST_FILE)
            except FileNotFoundError:
                raise _tampered(artifact.uri, name, expected, "no such file") from None
            except OddFile as error:
                raise ArtifactTampered(f"{error} The bundle {kind}/{key} needs the file that was frozen.") from error
            if (found := _sha256(contents[name])) != expected:
                raise _tampered(artifact.uri, name, expected, found)
        return contents

    def find(self, kind: str, key: str) -> Artifact | None:
        """What was frozen under a key, if anything; the files themselves are not verified.

        Raises:
            ArtifactTampered: Its `SHA256SUMS` is damaged.
        """
        sums = self._read_sums(kind, key)
        return None if sums is None else self._artifact(kind, key, sums)

    def keys(self, kind: str) -> list[str]:
        """The keys of all bundles of a kind, in the order of text."""
        _check_names(kind)
        folder = self.root / kind
        if not folder.is_dir():
            return []
        if self.local is not None:
            require_folder(self.local / kind)
        named = [path for path in folder.iterdir() if _NAME.fullmatch(path.name) and not path.is_symlink()]
        return sorted(path.name for path in named if (path / SUMS).is_file())

    def _folder(self, kind: str, key: str) -> UPath:
        _check_names(kind, key)
        return self.root / kind / key

    def _read_sums(self, kind: str, key: str) -> bytes | None:
        folder = self._folder(kind, key)
        try:
            if self.local is not None:
                for part in (self.local / kind, self.local / kind / key):
                    require_folder(part)
            return regular_files.read(folder / SUMS, _LARGEST_SUMS)
        except FileNotFoundError:
            return None
        except OddFile as error:
            raise ArtifactTampered(f"{error} The bundle {kind}/{key} can't be there.") from error

    def _artifact(self, kind: str, key: str, sums: bytes) -> Artifact:
        folder = self._folder(kind, key)
        text = sums.decode("ascii", errors="replace")
        files = {name: digest for digest, name in _LINE.findall(text) if _NAME.fullmatch(name)}
        if _sums(files) != sums:
            raise ArtifactTampered(f"{folder}: {SUMS} is damaged: it is not the sorted list that was frozen.")
        return Artifact(kind, key, folder.as_uri(), _sha256(sums), files)

    def _is_frozen(self, kind: str, key: str, files: Mapping[str, bytes]) -> bool:
        if self._read_sums(kind, key) is None:
            return False
        stored = self.read(kind, key)
        differing = sorted(name for name in {*stored, *files} if stored.get(name) != files.get(name))
        if differing:
            raise ArtifactFrozen(
                f"{kind}/{key} is frozen with other content (differing: {', '.join(differing)}). "
                f"A frozen bundle is never rewritten: use another key."
            )
        return True


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    private_files.make_folder(root)
    lock = FileLock(root / ".lock", timeout=_LOCK_WAIT_S, mode=private_files.OF_FILES)
    try:
        lock.acquire()
    except Timeout:
        raise ArtifactStoreBusy(
            f"Another process kept {root} locked for more than {_LOCK_WAIT_S:g} s; nothing was written. "
            f"Run this again when it has ended."
        ) from None
    try:
        yield
    finally:
        lock.release()


def _check_names(*names: str) -> None:
    for name in names:
        if not _NAME.fullmatch(name):
            raise InvalidArtifact(
                f"{one_line(ascii(name), 200)} can't be a kind, key or file name. Use up to 128 letters, digits, '.', "
                f"'_' and '-', and no dot at the start."
            )


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _sums(files: Mapping[str, str]) -> bytes:
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(files.items())).encode("ascii")


def _write_local(staging: Path, folder: Path, contents: Mapping[str, bytes]) -> None:
    """Under the lock: whatever lies in `staging`, or in `folder` without sums, was left by a dead process."""
    for remains in (staging, folder):
        require_files_alone(remains)
        if remains.exists():
            shutil.rmtree(remains)
    try:
        private_files.make_folder(staging)
        for name, content in contents.items():
            private_files.make_file(staging / name)
            with (staging / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        private_files.make_folder(folder.parent)
        staging.rename(folder)
    except OSError:
        shutil.rmtree(staging, ignore_errors=True)  # on a full disk it would stand in the way of what makes room
        raise


def _write_remote(folder: UPath, contents: Mapping[str, bytes]) -> None:
    if folder.is_dir():
        for remains in folder.iterdir():
            remains.unlink()
    for name, content in contents.items():  # the sums come last: they make it a bundle
        (folder / name).write_bytes(content)


def _tampered(uri: str, name: str, expected: str, found: str) -> ArtifactTampered:
    return ArtifactTampered(
        f"{uri} is not what was frozen. {name}: expected {expected}, found {found}. "
        f"Don't use it; restore the file from a copy."
    )
