"""Keeps payloads exactly as a source sent them, before they are parsed; parsing belongs to the sources.

Append-only: a payload gets a name of its own and is never written over. Beside each body (gzip, readable with
`zcat`) lies a JSON file that describes where it came from.
"""

import gzip
import heapq
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from io import BytesIO
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

import pandas as pd
from upath import UPath

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.untrusted.unpacking import LARGEST_PAYLOAD, Receiver, TooLarge
from mlreg_dagster.storage import private_files, regular_files
from mlreg_dagster.storage.faults import explained
from mlreg_dagster.storage.folders import is_local, open_folder
from mlreg_dagster.storage.objects import Objects
from mlreg_dagster.storage.regular_files import OddFile

_BODY, _ABOUT = ".gz", ".json"
_NAME = r"\d{8}T\d{6}\.\d{6}Z-\d{6,}-[0-9a-f]{8}\.(gz|json)"
A_PAYLOAD, A_DRAFT = re.compile(_NAME), re.compile(rf"\.{_NAME}\.part")
"""Names of the files of a landed payload, and of what a process that died left of one."""
_PIECE = 1 << 20
_LARGEST_ABOUT = 1 << 20
_A_DAY, _AN_HOUR = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"), re.compile(r"[01]\d|2[0-3]")
_PLAIN_NAME = re.compile(r"[a-z0-9_]+")


class PayloadDamaged(MlregError):
    """A landed file that is not as it was written."""


class LandingZone:
    """A folder of landed payloads: `<source>/<kind>/<day>/<hour>/<received at>-<number>-<random>.gz`.

    Args:
        root: Local folder or any address that universal-pathlib knows (`s3://bucket/landing`).
        earlier: A local folder in which payloads were landed before; it is only read.

    Raises:
        UnknownPlace: The root names no kind of store that is known here, or one whose package is not installed.

    Attributes:
        root: The place.
        local: The same, where it is on the local disk; else None.
    """

    def __init__(self, root: str | Path | UPath, earlier: str | Path | None = None) -> None:
        self.root = open_folder(str(root)) if "://" in str(root) else UPath(root)
        self.local = Path(self.root.path) if is_local(self.root) else None
        self._objects = None if self.local is not None else Objects(self.root)
        self._earlier = LandingZone(earlier) if earlier else None

    def land(
        self,
        source: str,
        kind: str,
        hour: pd.Timestamp,
        payload: bytes,
        received_at: pd.Timestamp,
        about: Mapping[str, Any] | None = None,
    ) -> UPath:
        """Keep a payload.

        Args:
            source: Which source sent it.
            kind: What was asked for; with `source` and `hour` it names the folder.
            hour: The hour that the payload was asked for.
            payload: The body as received, well-formed or not.
            received_at: The clock when it came.
            about: What an auditor needs: address without secrets, status, page.

        Returns:
            Where the body now is. A crash leaves the whole body or none.

        Raises:
            StorageFull, StorageNotWritable: The body is not kept, and no part of it.
        """
        folder = self.folder(source, kind, hour)
        with explained(folder):
            return self._land(folder, payload, received_at, about or {})

    def _land(self, folder: UPath, payload: bytes, received_at: pd.Timestamp, about: Mapping[str, Any]) -> UPath:
        if self._objects is None:
            private_files.make_folder(Path(folder.path))
        number = len(self._bodies_in(folder))
        path = folder / f"{received_at:%Y%m%dT%H%M%S.%fZ}-{number:06d}-{uuid4().hex[:8]}{_BODY}"
        described = {"received_at": received_at.isoformat(), **about}
        # The description first: every body that can be seen has one.
        self._write(path.with_suffix(_ABOUT), json.dumps(described, indent=1).encode())
        try:
            self._write(path, gzip.compress(payload, mtime=0))
        except (OSError, MlregError):
            self._remove(path.with_suffix(_ABOUT))
            raise
        return path

    def _write(self, path: UPath, content: bytes) -> None:
        """Whole or not at all, and never over anything."""
        if self._objects is None:
            _write_whole(path, content)
        elif not self._objects.create(self._key(path), content):
            raise FileExistsError(f"{path} is there already")

    def _remove(self, path: UPath) -> None:
        if self._objects is None:
            path.unlink(missing_ok=True)
            return
        with suppress(MlregError):  # a description alone is no payload
            self._objects.remove([self._key(path)])

    def _bodies_in(self, folder: UPath) -> list[UPath]:
        if self._objects is None:
            return list(folder.glob(f"*{_BODY}"))
        names = (key.rpartition("/")[2] for key in self._objects.listed(self._key(folder)))
        return [folder / name for name in names if name.endswith(_BODY)]

    def _key(self, path: UPath) -> str:
        """Of an object, below the root."""
        return path.path.removeprefix(self.root.path).strip("/")

    def landed(self, source: str, kind: str, hour: pd.Timestamp) -> list[UPath]:
        """The bodies landed for an hour, newest last."""
        found = self._bodies_in(self.folder(source, kind, hour))
        found += self._earlier.landed(source, kind, hour) if self._earlier else []
        return sorted(found, key=lambda path: path.name)

    def kinds(self) -> list[tuple[str, str]]:
        """Source and kind of everything landed."""
        found = [
            (source.name, kind.name)
            for source in self._newest_first(self.root, _PLAIN_NAME)
            for kind in self._newest_first(source, _PLAIN_NAME)
        ]
        earlier = self._earlier.kinds() if self._earlier else []
        return found + [each for each in earlier if each not in found]

    def folders(self) -> Iterator[UPath]:
        """The folder of each hour for which something was landed; what was landed elsewhere before is left out."""
        for source, kind in self.kinds():
            for hour in self._own_hours(source, kind):
                yield self.folder(source, kind, hour)

    def hours(self, source: str, kind: str) -> Iterator[pd.Timestamp]:
        """The hours for which something was landed, newest first."""
        if self._earlier is None:
            yield from self._own_hours(source, kind)
            return
        both = heapq.merge(self._own_hours(source, kind), self._earlier.hours(source, kind), reverse=True)
        yield from (hour for hour, _ in groupby(both))

    def stored(self, folder: UPath | None = None) -> list[UPath]:
        """On an object store: the files of payloads below a folder; None: all."""
        if self._objects is None:
            return []
        keys = sorted(self._objects.listed(self._key(folder) if folder is not None else ""))
        return [self.root / key for key in keys if A_PAYLOAD.fullmatch(key.rpartition("/")[2])]

    def copy_to(self, target: Path, folder: UPath | None = None) -> None:
        """Copy files of payloads from an object store into a folder of this disk.

        Args:
            target: They lie below it as below the root.
            folder: Those below this one alone; None: all.
        """
        for path in self.stored(folder):
            file = target / self._key(path)
            with explained(file), self._opened(path, LARGEST_PAYLOAD) as content:
                private_files.make_folder(file.parent)
                private_files.write(file, content.read())

    def remove(self, folder: UPath) -> None:
        """Remove the files of payloads below a folder of an object store, each body before what describes it."""
        if self._objects is not None:
            self._objects.remove(
                [self._key(path) for path in sorted(self.stored(folder), key=lambda path: path.suffix)]
            )

    def _own_hours(self, source: str, kind: str) -> Iterator[pd.Timestamp]:
        for day in self._newest_first(self.root / source / kind, _A_DAY):
            for hour in self._newest_first(day, _AN_HOUR):
                yield pd.Timestamp(f"{day.name}T{hour.name}:00", tz="UTC").as_unit("us")

    def _newest_first(self, folder: UPath, named: re.Pattern[str]) -> list[UPath]:
        if self._objects is None:
            return _newest_first(folder, named)
        names = self._objects.folders(self._key(folder))
        return [folder / name for name in reversed(names) if named.fullmatch(name)]

    def read(self, path: UPath) -> bytes:
        """The body as it was received.

        Raises:
            PayloadDamaged: The file was changed since, or is larger than any payload.
        """
        receiver = Receiver(LARGEST_PAYLOAD, packed=True)
        try:
            with self._opened(path, LARGEST_PAYLOAD) as file:
                while piece := file.read(_PIECE):
                    receiver.take(piece)
            return receiver.finish()
        except (TooLarge, EOFError, zlib.error, OddFile) as error:
            raise _damaged(path, error) from error

    def about(self, path: UPath) -> dict[str, Any]:
        """What was noted beside a body: `received_at` (ISO 8601) and what the source added.

        Raises:
            PayloadDamaged: It is not there, or was changed since.
        """
        beside = path.with_suffix(_ABOUT)
        try:
            with self._opened(beside, _LARGEST_ABOUT) as file:
                described = json.loads(file.read(_LARGEST_ABOUT + 1))
        except (ValueError, RecursionError, FileNotFoundError, OddFile) as error:
            raise _damaged(beside, error) from error
        if not isinstance(described, dict):
            raise _damaged(beside, f"it holds a {type(described).__name__}")
        return described

    def _opened(self, path: UPath, largest: int) -> AbstractContextManager[BinaryIO]:
        if self._objects is None or is_local(UPath(path)):
            return regular_files.opened(path, largest)
        return BytesIO(self._objects.read(self._key(path), largest))

    def folder(self, source: str, kind: str, hour: pd.Timestamp) -> UPath:
        """Where payloads of an hour are landed."""
        for name in (source, kind):
            if not _PLAIN_NAME.fullmatch(name):
                raise ValueError(f"{name!r} can't name a landing folder; allowed are a-z, 0-9 and _.")
        return self.root / source / kind / f"{hour:%Y-%m-%d}" / f"{hour:%H}"


def _damaged(path: UPath, reason: object) -> PayloadDamaged:
    return PayloadDamaged(f"{path} is damaged ({reason}). Restore it from a copy; mlreg doctor names all such files.")


def _write_whole(path: UPath, content: bytes) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        private_files.write(part, content)
        part.rename(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _newest_first(folder: UPath, named: re.Pattern[str]) -> list[UPath]:
    """The folders in a folder that we made: a link, or one of another name, is none of ours."""
    found = folder.iterdir() if folder.is_dir() and not folder.is_symlink() else ()
    ours = [path for path in found if named.fullmatch(path.name) and path.is_dir() and not path.is_symlink()]
    return sorted(ours, key=lambda path: path.name, reverse=True)
