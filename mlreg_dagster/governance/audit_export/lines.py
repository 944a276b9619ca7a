"""The format of exports and of published heads: JSON Lines, of which each line has one spelling.

docs/how-to/audit.md describes it for programs of others; `line.schema.json` is its JSON Schema.
"""

import base64
import binascii
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.untrusted.text import one_line
from mlreg_dagster.governance.decisions import signing
from mlreg_dagster.registry import audit
from mlreg_dagster.storage import regular_files

_LARGEST_FILE = 16 << 30
_LONGEST_LINE = 64 << 20
_SIGNED = b"mlreg audit head 1\n"

Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
PublicKey = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9+/]{43}=$", description="Ed25519, 32 bytes in base64.")]
Signature = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9+/]{86}==$", description="Ed25519, 64 bytes in base64.")]
Time = Annotated[
    str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{6})?\+00:00$", description="ISO 8601, UTC.")
]
Number = Annotated[int, msgspec.Meta(ge=1)]
Length = Annotated[int, msgspec.Meta(ge=0)]


class NotAsWritten(MlregError):
    """A file that holds something other than what this project wrote: it was edited, cut, or is of another kind."""


class _Line(msgspec.Struct, tag_field="line", forbid_unknown_fields=True, frozen=True, kw_only=True):
    pass


class Header(_Line, tag="header", frozen=True):
    """The first line of an export: its format and the version of the format."""

    format: Literal["mlreg-audit"]
    version: Literal[1]


class Record(_Line, tag="record", frozen=True):
    """A record of the audit log; the content is the text that is hashed, JSON itself."""

    sequence: Number
    kind: str
    row: int
    content: str
    previous_hash: Sha256
    hash: Sha256


class Head(_Line, tag="head", frozen=True):
    """The last line of an export, and each line of a file of published heads: length of the log, and its last hash."""

    sequence: Length
    hash: Sha256
    time: Time
    witnesses: Annotated[int, msgspec.Meta(ge=0, description="Independent ones that the log agreed with.")]
    keys: Annotated[dict[str, PublicKey], msgspec.Meta(description="Of people by name, in the policy in force.")]
    public_key: PublicKey | None
    signature: Signature | None

    @property
    def text(self) -> str:
        """Sequence and hash as people write them."""
        return f"{self.sequence}:{self.hash}"

    @property
    def is_signed(self) -> bool:
        """Whether it holds a signature, valid or not."""
        return self.signature is not None or self.public_key is not None

    @property
    def is_validly_signed(self) -> bool:
        """Whether its signature is of the key that it names, over everything else in it."""
        if self.public_key is None or self.signature is None or not _is_plain_base64(self.signature):
            return False
        return signing.verifies(self.public_key, self.signature, _message(self))

    def signed(self, key: Ed25519PrivateKey) -> "Head":
        """The same, signed."""
        named = msgspec.structs.replace(self, public_key=signing.public_key(key), signature=None)
        return msgspec.structs.replace(named, signature=signing.sign(key, _message(named)))


Line = Header | Record | Head

HEADER = Header(format="mlreg-audit", version=1)

_decode = msgspec.json.Decoder(Line).decode


def spelled(line: Line) -> str:
    """A line in its one spelling: keys sorted, no spaces, ASCII; without the line break."""
    return audit.canonical_json(msgspec.to_builtins(line))


def schema() -> str:
    """The JSON Schema of a line, made of the classes above; `line.schema.json` holds it."""
    found = msgspec.json.schema(Line)
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line of an export of the audit log, or of a file of its published heads, version 1",
        **found,
    }
    return msgspec.json.format(msgspec.json.encode(whole), indent=2).decode() + "\n"


def shipped_schema() -> str:
    """The JSON Schema of a line, as the package ships it; a test compares it with `schema`."""
    return (Path(__file__).parent / "line.schema.json").read_text(encoding="utf-8")


def read(path: Path) -> Iterator[tuple[str, Line]]:
    """Each line of a file, after the words by which a message names it.

    Raises:
        NotAsWritten: A line has another form or spelling than this project writes.
        MlregError: The file can't be read.
    """
    try:
        with regular_files.opened(path.resolve(), _LARGEST_FILE) as file:
            number = 0
            while raw := file.readline(_LONGEST_LINE):
                number += 1
                where = f"{path}, line {number}"
                yield where, _line(raw, where)
    except OSError as error:
        raise MlregError(f"{path} can't be read: {error}. Name another file.") from error


def _line(raw: bytes, where: str) -> Line:
    try:
        line: Line = _decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise NotAsWritten(
            f"{where}: this is no line of version {HEADER.version} of the format: {one_line(str(error), 200)}. It was "
            f"edited, or another program or release wrote it."
        ) from error
    if f"{spelled(line)}\n".encode() != raw:
        raise NotAsWritten(
            f"{where}: it says the same in another spelling than it was written in: spaces, line breaks or the order "
            f"of keys were changed, or the file was cut within the line."
        )
    return line


def _message(head: Head) -> bytes:
    fields = msgspec.to_builtins(head)
    del fields["signature"]
    return _SIGNED + audit.canonical_json(fields).encode()


def _is_plain_base64(text: str) -> bool:
    """Whether no other text has these bytes: the last letter may hold bits that are not read."""
    try:
        return base64.b64encode(base64.b64decode(text, validate=True)).decode() == text
    except (binascii.Error, ValueError):
        return False
