"""Objects below one place of an object store, or of anything else that fsspec knows.

No listing is remembered: what another host has written since is seen. A put is whole or not there.
"""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from upath import UPath

from mlreg_dagster.storage.object_faults import StoreRefused, answered, said_by
from mlreg_dagster.storage.regular_files import OddFile

_PROBE = ".create-only"
_ATTEMPTS, _PAUSE_S = 4, 0.2


@dataclass(frozen=True)
class Stored:
    """What a listing tells of an object.

    Attributes:
        size: In bytes.
        modified: When it was written; None: the store does not say.
    """

    size: int
    modified: datetime | None


class Objects:
    """Objects by their keys below a place; every fault of the store is an error in words.

    Args:
        root: The place, as `open_folder` gives it.
    """

    def __init__(self, root: UPath) -> None:
        self.root = root
        self._fs: Any = root.fs  # kept: fsspec makes one a thread, and each opens connections of its own
        self._path = root.path.rstrip("/")
        self._is_create_only = False

    def read(self, key: str, largest: int) -> bytes:
        """The content of an object.

        Raises:
            FileNotFoundError: It is not there.
            OddFile: It has more than `largest` bytes.
            StoreRefused, StoreUnreachable: The store is at fault.
        """
        with answered(self._shown(key)):
            found = self._fs.info(self._at(key))
            if found["type"] != "file":
                raise FileNotFoundError(self._shown(key))
            self._require(key, int(found["size"]), largest)
            content: bytes = self._fs.cat_file(self._at(key))
        return content

    def stamp(self, key: str) -> str:
        """What differs once an object was replaced.

        Raises:
            FileNotFoundError: It is not there.
        """
        with answered(self._shown(key)):
            found = self._fs.info(self._at(key))
        return str(sorted((name, str(value)) for name, value in found.items()))

    def read_all(self, keys: Collection[str]) -> dict[str, bytes | None]:
        """The contents of objects, asked for side by side; None for one that is not there."""
        found: dict[str, bytes | None] = {}
        at = {self._at(key): key for key in keys}
        with answered(self.root):
            contents = self._fs.cat(list(at), on_error="return") if at else {}
        for path, content in contents.items():
            key = at[path]
            with answered(self._shown(key)):
                if isinstance(content, FileNotFoundError):
                    content = None
                elif isinstance(content, BaseException):
                    raise content
            found[key] = content
        return found

    def put(self, contents: Mapping[str, bytes]) -> None:
        """Write objects, each over the one that is there, side by side."""
        with answered(self.root):
            self._fs.pipe({self._at(key): content for key, content in contents.items()})

    def create(self, key: str, content: bytes) -> bool:
        """Write an object that is not there; False: it is there, and stays as it is.

        Raises:
            StoreRefused: The store writes over what is there though it is told not to, or is at fault.
            StoreUnreachable: It may have been written, or not.
        """
        self._require_create_only()
        return self._create(key, content)

    def listed(self, below: str = "") -> dict[str, Stored]:
        """All objects whose key begins with a folder's; a bucket that is not there is an error."""
        path = self._at(below) if below else self._path
        with answered(self._shown(below)):
            found = self._fs.find(path, detail=True)
            if not found:
                try:
                    self._fs.ls(path)
                except FileNotFoundError as error:
                    if error.__cause__ is not None:  # the bucket is missing
                        raise
        return {
            name: Stored(int(info["size"] or 0), _modified(info))
            for path, info in found.items()
            if info["type"] == "file" and (name := path[len(self._path) :].lstrip("/"))
        }

    def folders(self, below: str = "") -> list[str]:
        """The names of the folders directly in one, in the order of text; none where it is not there."""
        with answered(self._shown(below)):
            try:
                found = self._fs.ls(self._at(below) if below else self._path, detail=True)
            except FileNotFoundError as error:
                if error.__cause__ is not None:  # the bucket is missing
                    raise
                return []
        return sorted(info["name"].rstrip("/").rpartition("/")[2] for info in found if info["type"] == "directory")

    def remove(self, keys: Collection[str]) -> None:
        """Remove objects; one that is not there is no error."""
        for key in keys:
            with answered(self._shown(key)):
                try:
                    self._fs.rm_file(self._at(key))
                except FileNotFoundError as error:
                    if error.__cause__ is not None:
                        raise

    def _create(self, key: str, content: bytes) -> bool:
        for last in (*[False] * _ATTEMPTS, True):
            with answered(self._shown(key)):
                try:
                    self._fs.pipe_file(self._at(key), content, mode="create")
                except FileExistsError:
                    return False
                except Exception as error:
                    code, status = said_by(error)
                    if code == "PreconditionFailed" or status == HTTPStatus.PRECONDITION_FAILED:
                        return False
                    if last or code != "ConditionalRequestConflict":
                        raise
                else:
                    return True
            time.sleep(_PAUSE_S)  # two at once: S3 asks one of them to try again
        raise AssertionError("the last attempt returns or raises")

    def _require_create_only(self) -> None:
        """Put two contents under one key, once in each process: the second must be refused."""
        if not self._is_create_only and self._create(_PROBE, b"1\n") and self._create(_PROBE, b"2\n"):
            raise StoreRefused(
                f"{self.root}: the store writes over an object though it is told to create it (If-None-Match: *). Two "
                f"hosts could freeze different bytes under one name, and both be told that they did. Nothing was "
                f"frozen. Use a store with conditional writes; docs/how-to/object-store.md names some."
            )
        self._is_create_only = True

    def _require(self, key: str, size: int, largest: int) -> None:
        if size > largest:
            raise OddFile(f"{self._shown(key)} has {size:,} bytes, and at most {largest:,} are read. Move it away.")

    def _at(self, key: str) -> str:
        return f"{self._path}/{key}"

    def _shown(self, key: str) -> str:
        return f"{self.root}/{key}".rstrip("/")


def _modified(info: Mapping[str, Any]) -> datetime | None:
    found = info.get("LastModified") or info.get("mtime") or info.get("updated") or info.get("created")
    if isinstance(found, str):
        try:
            found = datetime.fromisoformat(found)
        except ValueError:
            return None
    if not isinstance(found, datetime):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
