"""Keeps payloads exactly as a source sent them, before they are parsed; parsing belongs to the sources.

Append-only: a payload gets a name of its own and is never written over. Beside each body (gzip, readable with
`zcat`) lies a JSON file that describes where it came from.
"""

import gzip
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pandas as pd
from upath import UPath

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.untrusted.unpacking import LARGEST_PAYLOAD, Receiver, TooLarge
from mlreg_dagster.storage import private_files, regular_files
from mlreg_dagster.storage.faults import explained
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
    """

    def __init__(self, root: str | Path | UPath) -> None:
        self.root = UPath(root)

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
        folder = self._folder(source, kind, hour)
        with explained(folder):
            return self._land(folder, payload, received_at, about or {})

    def _land(self, folder: UPath, payload: bytes, received_at: pd.Timestamp, about: Mapping[str, Any]) -> UPath:
        if folder.protocol in {"", "file", "local"}:
            private_files.make_folder(Path(folder.path))
        else:
            folder.mkdir(parents=True, exist_ok=True)
        number = sum(1 for _ in folder.glob(f"*{_BODY}"))
        path = folder / f"{received_at:%Y%m%dT%H%M%S.%fZ}-{number:06d}-{uuid4().hex[:8]}{_BODY}"
        described = {"received_at": received_at.isoformat(), **about}
        # The description first: every body that can be seen has one.
        _write_whole(path.with_suffix(_ABOUT), json.dumps(described, indent=1).encode())
        try:
            _write_whole(path, gzip.compress(payload, mtime=0))
        except OSError:
            path.with_suffix(_ABOUT).unlink(missing_ok=True)
            raise
        return path

    def landed(self, source: str, kind: str, hour: pd.Timestamp) -> list[UPath]:
        """The bodies landed for an hour, newest last."""
        return sorted(self._folder(source, kind, hour).glob(f"*{_BODY}"), key=lambda path: path.name)

    def kinds(self) -> list[tuple[str, str]]:
        """Source and kind of everything landed."""
        return [
            (source.name, kind.name)
            for source in _newest_first(self.root, _PLAIN_NAME)
            for kind in _newest_first(source, _PLAIN_NAME)
        ]

    def folders(self) -> Iterator[UPath]:
        """The folder of each hour for which something was landed."""
        for source, kind in self.kinds():
            for hour in self.hours(source, kind):
                yield self._folder(source, kind, hour)

    def hours(self, source: str, kind: str) -> Iterator[pd.Timestamp]:
        """The hours for which something was landed, newest first."""
        for day in _newest_first(self.root / source / kind, _A_DAY):
            for hour in _newest_first(day, _AN_HOUR):
                yield pd.Timestamp(f"{day.name}T{hour.name}:00", tz="UTC").as_unit("us")

    def read(self, path: UPath) -> bytes:
        """The body as it was received.

        Raises:
            PayloadDamaged: The file was changed since, or is larger than any payload.
        """
        receiver = Receiver(LARGEST_PAYLOAD, packed=True)
        try:
            with regular_files.opened(path, LARGEST_PAYLOAD) as file:
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
            described = json.loads(regular_files.read(beside, _LARGEST_ABOUT))
        except (ValueError, RecursionError, FileNotFoundError, OddFile) as error:
            raise _damaged(beside, error) from error
        if not isinstance(described, dict):
            raise _damaged(beside, f"it holds a {type(described).__name__}")
        return described

    def _folder(self, source: str, kind: str, hour: pd.Timestamp) -> UPath:
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
