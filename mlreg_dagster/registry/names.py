"""The forms of names, hashes and times in the registry; whether they exist is not known here."""

import re
from collections.abc import Iterable
from datetime import datetime

from mlreg_dagster.core.people import NO_PERSON, NotAName, account_name, checked_text
from mlreg_dagster.core.times import plain
from mlreg_dagster.registry.errors import InvalidRecord

_VERSION = re.compile(r"v([1-9][0-9]{0,8})")
_LATEST = re.compile(r"latest(?:-([0-9]{1,9}))?")
_ALIAS = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_NOT_AN_ALIAS = re.compile(r"v[0-9]+|latest(-.*)?")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def version_number(name: str) -> int:
    """The 7 of `v7`; versions are ordered by it.

    Raises:
        InvalidRecord: The name has another form.
    """
    if not (match := _VERSION.fullmatch(name)):
        raise InvalidRecord(f"{name!r} is not the name of a version. Versions are called v1, v2, v3, …")
    return int(match[1])


def is_version(name: str) -> bool:
    """Whether `name` has the form of a version's name."""
    return _VERSION.fullmatch(name) is not None


def steps_before_latest(spec: str) -> int | None:
    """0 for `latest`, 1 for `latest-1`; None for any other specifier."""
    match = _LATEST.fullmatch(spec)
    return int(match[1] or 0) if match else None


def check_alias(name: str) -> None:
    """Refuse names that look like a version or like `latest`.

    Raises:
        InvalidRecord: The name can't be an alias.
    """
    if not _ALIAS.fullmatch(name) or _NOT_AN_ALIAS.fullmatch(name) or name in NO_PERSON:
        raise InvalidRecord(
            f"{name[:80]!a} can't be an alias. Use at most 64 lower-case letters, digits, - and _, starting with a "
            f"letter, and nothing that looks like a version (v7), like latest or like nobody."
        )


def check_sha256(what: str, value: str) -> None:
    """Refuse anything but 64 lower-case hex digits.

    Raises:
        InvalidRecord: The value has another form; `what` is named.
    """
    if not _SHA256.fullmatch(value):
        raise InvalidRecord(f"{what} must be a SHA-256 in 64 lower-case hex digits, not {value!r}.")


def check_not_blank(**texts: str) -> None:
    """Refuse empty or white texts, by their argument names.

    Raises:
        InvalidRecord: One of them is blank.
    """
    blank = [name for name, text in texts.items() if not text.strip()]
    if blank:
        raise InvalidRecord(f"{' and '.join(blank)} must not be blank: the history says who did what, and why.")


def checked_actor(name: str) -> str:
    """The one spelling of the name of a person who acts.

    Raises:
        InvalidRecord: It can't be a name.
    """
    try:
        return account_name(name)
    except NotAName as error:
        raise InvalidRecord(f"actor: {error}") from error


def checked_reason(text: str) -> str:
    """A reason as it is kept.

    Raises:
        InvalidRecord: It is blank, too long, or holds what can't be seen.
    """
    check_not_blank(reason=text)
    try:
        return checked_text("reason", text)
    except NotAName as error:
        raise InvalidRecord(str(error)) from error


def as_utc(value: datetime) -> datetime:
    """The time in UTC, in microseconds (what both databases keep).

    Raises:
        InvalidRecord: The time has no zone.
    """
    if value.tzinfo is None:
        raise InvalidRecord(f"{value} has no time zone. Times in the registry are aware; make it UTC.")
    return plain(value)


def listed(names: Iterable[str]) -> str:
    """Names for a message; `none` when there are none."""
    return ", ".join(names) or "none"
