"""The file of API keys: names, hashes, scopes and rates; keys are added and revoked here. `keys` checks requests.

A key itself is in no file: it is shown once, when it is added.
"""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from filelock import FileLock, Timeout

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.storage import private_files
from mlreg_dagster.storage.faults import explained

Scope = Literal["score", "read"]
"""What a key may do: `read` asks about models, `score` has rows scored as well."""

LARGEST = 1 << 20
_PREFIX = "mlreg_"
_BYTES = 32
_WAIT_S = 10.0


class KeysUnreadable(MlregError):
    """The file of keys can't be used; the message quotes nothing of it."""


class KeyRefused(MlregError):
    """A key that can't be added or revoked."""


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One key, by its hash.

    Attributes:
        name: By which it is revoked.
        sha256: Of the key, in hexadecimal digits.
        scopes: What it may do.
        requests_per_second: How fast its bucket of requests fills up.
        burst: How many requests the bucket holds.
        created_at: When it was added.
    """

    name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
    scopes: Annotated[tuple[Scope, ...], msgspec.Meta(min_length=1)]
    requests_per_second: Annotated[float, msgspec.Meta(gt=0, le=1e6)]
    burst: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    created_at: datetime


class _File(msgspec.Struct, forbid_unknown_fields=True):
    keys: tuple[Key, ...] = ()


def hash_of(key: str) -> str:
    """The hash by which a key is known."""
    return sha256(key.encode()).hexdigest()


def parse_keys(content: bytes, place: Path) -> tuple[Key, ...]:
    """The keys of a file.

    Raises:
        KeysUnreadable: It is not such a file.
    """
    try:
        keys = msgspec.json.decode(content, type=_File).keys
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        what = str(error) if isinstance(error, msgspec.ValidationError) else "it is not JSON"
        raise KeysUnreadable(
            f"The keys file {place} can't be used: {what}. Put a copy back, or remove it and add keys with "
            f"`mlreg keys add`."
        ) from None  # whose text may quote the file
    if len({key.name for key in keys}) < len(keys):
        raise KeysUnreadable(f"The keys file {place} can't be used: a name stands in it twice. Remove one of the two.")
    return keys


def read_content(place: Path) -> bytes | None:
    """The content of the file, which may be a link, as mounted secrets are; None where there is none.

    Raises:
        KeysUnreadable: It can't be read.
    """
    try:
        with place.open("rb") as file:
            content = file.read(LARGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KeysUnreadable(
            f"The keys file {place} can't be read: {error.strerror or type(error).__name__}. Put it back, or make one "
            f"with `mlreg keys add`."
        ) from None
    if len(content) > LARGEST:
        raise KeysUnreadable(f"The keys file {place} has more than {LARGEST:,} bytes. Name another file.")
    return content


def read_keys(place: Path) -> tuple[Key, ...]:
    """The keys of a file; none where there is no file.

    Raises:
        KeysUnreadable: It can't be used.
    """
    content = read_content(place)
    return () if content is None else parse_keys(content, place)


def add_key(place: Path, name: str, scopes: Sequence[str], requests_per_second: float, burst: int) -> str:
    """Make a key and write its hash.

    Returns:
        The key, which can't be had again.

    Raises:
        KeyRefused: The name is taken, or a value is not allowed.
        KeysUnreadable: The file can't be used.
    """
    secret = _PREFIX + secrets.token_urlsafe(_BYTES)
    values = {
        "name": name,
        "sha256": hash_of(secret),
        "scopes": tuple(scopes),
        "requests_per_second": requests_per_second,
        "burst": burst,
        "created_at": datetime.now(UTC).replace(microsecond=0),
    }
    try:
        key = msgspec.convert(values, Key)
    except msgspec.ValidationError as error:
        raise KeyRefused(f"The key {name[:64]!a} can't be added: {error}.") from None
    with _changing(place):
        keys = read_keys(place)
        if any(each.name == name for each in keys):
            raise KeyRefused(f"There is a key {name} already. Revoke it first, or choose another name.")
        _write(place, (*keys, key))
    return secret


def revoke_key(place: Path, name: str) -> None:
    """Take a key out of the file; running servers refuse it within 2 s.

    Raises:
        KeyRefused: There is no such key.
        KeysUnreadable: The file can't be used.
    """
    with _changing(place):
        keys = read_keys(place)
        left = tuple(key for key in keys if key.name != name)
        if len(left) == len(keys):
            known = ", ".join(key.name for key in keys) or "none"
            raise KeyRefused(f"There is no key {name[:64]!a} in {place}. Known are: {known}.")
        _write(place, left)


@contextmanager
def _changing(place: Path) -> Iterator[None]:
    with explained(place):
        private_files.make_folder(place.parent)
        try:
            with FileLock(f"{place}.lock", timeout=_WAIT_S):
                yield
        except Timeout:
            raise KeyRefused(f"Another process changes {place}. Try again.") from None


def _write(place: Path, keys: tuple[Key, ...]) -> None:
    draft = place.with_name(f"{place.name}.draft")
    draft.unlink(missing_ok=True)
    private_files.write(draft, msgspec.json.format(msgspec.json.encode(_File(keys))) + b"\n")
    draft.replace(place.resolve())
