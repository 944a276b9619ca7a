"""Asks the registry again and again, cheaply where nothing changed, and believes only what fits what it saw before."""

import time
from dataclasses import dataclass

from sqlalchemy import make_url

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.registry.database import sqlite
from mlreg_dagster.registry.read_only import ReadOnlyRegistry
from mlreg_dagster.registry.trust import Trusted

Fingerprint = tuple[int, ...]

_WAIT_S = 1.0
"""How long a question waits for a locked file: meanwhile nobody knows whether the registry answers."""

_WHOLE_EVERY_S = 600.0
"""How often a registry in PostgreSQL is verified as a whole; an SQLite file shows when it was written to."""


_REFUSED_FOR_S = 60.0
"""How long a registry that was refused, and looks the same, is not verified again."""


@dataclass(frozen=True)
class _Refused:
    """A registry that was not believed, and why."""

    fingerprint: Fingerprint | None
    head: tuple[int, str]
    error: MlregError
    at: float

    def is_same(self, fingerprint: Fingerprint | None, head: tuple[int, str]) -> bool:
        return (fingerprint, head) == (self.fingerprint, self.head) and time.monotonic() - self.at < _REFUSED_FOR_S


class Watch:
    """What is believed of a registry.

    As long as the newest record of its audit log is the same, nothing else is read. Where there are further ones, they
    are verified alone. The whole registry is verified at first, when its file was replaced or written to without a new
    record, and where the newest record that was seen is not there any more.

    Args:
        url: As for `Registry`.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        parts = make_url(url)
        self._file = sqlite.file_of(parts) if parts.get_backend_name() == "sqlite" else None
        self._registry: ReadOnlyRegistry | None = None
        self._known: Trusted | None = None
        self._seen: Fingerprint | None = None
        self._whole_at = 0.0
        self._refused: _Refused | None = None

    def look(self) -> Trusted:
        """What can be believed now.

        Raises:
            RegistryUnavailable: It is not there, is locked, or does not answer.
            RegistryTampered: It does not fit its audit log, or is another or an older one than before.
            MlregError: Anything else that is wrong with it.
        """
        try:
            return self._look()
        except BaseException:
            self._registry = None  # opened again: it may be another one by then
            raise

    def _look(self) -> Trusted:
        before = self._fingerprint()
        if self._registry is None or (
            self._file is not None and before is None
        ):  # which says in words that a file is not there
            self._registry = ReadOnlyRegistry(self._url, _WAIT_S)
        head = self._registry.audit_head()
        if self._known is not None and head == self._known.head and not self._was_touched(before):
            self._refused = None
            self._remember(self._known, before)
            return self._known
        if self._refused is not None and self._refused.is_same(before, head):
            raise self._refused.error.with_traceback(None)  # which would grow with every look
        whole = self._known is None or head == self._known.head or self._is_another_file(before)
        try:
            known = self._registry.trusted(self._known, whole=whole)
        except MlregError as error:
            self._refused = _Refused(before, head, error, time.monotonic())
            raise
        if whole:
            self._whole_at = time.monotonic()
        self._refused = None
        self._remember(known, before)
        return known

    def _remember(self, known: Trusted, before: Fingerprint | None) -> None:
        self._known = known
        self._seen = before if before == self._fingerprint() else None  # written to meanwhile: to be verified next

    def _was_touched(self, now: Fingerprint | None) -> bool:
        """Whether there may have been a change that left no record."""
        if now is None:
            return time.monotonic() - self._whole_at > _WHOLE_EVERY_S
        return now != self._seen

    def _is_another_file(self, now: Fingerprint | None) -> bool:
        return now is not None and self._seen is not None and now[:2] != self._seen[:2]

    def _fingerprint(self) -> Fingerprint | None:
        """Device, number, size and times of an SQLite file; None where there is none."""
        try:
            found = self._file.stat() if self._file is not None else None
        except OSError:
            return None  # which the question itself explains
        return None if found is None else (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
