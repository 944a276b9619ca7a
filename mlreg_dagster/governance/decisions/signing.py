"""Signatures of decisions: Ed25519 (RFC 8032) over what was decided, about which bytes, by whom, when and why."""

import base64
import binascii
import hashlib
import json
import os
import shlex
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.times import plain
from mlreg_dagster.registry import Attribution, Decision, PersonChange
from mlreg_dagster.storage import private_files, regular_files
from mlreg_dagster.storage.private_files import NotAFolder
from mlreg_dagster.storage.regular_files import OddFile

_LARGEST_KEY = 16 << 10


class UnusableKey(MlregError):
    """A signing key that can't be read, or is none."""


def sign(private_key: Ed25519PrivateKey, text: bytes) -> str:
    """The signature of `text`, in base64."""
    return base64.b64encode(private_key.sign(text)).decode()


def signature_of(private_key: Ed25519PrivateKey | None, text: bytes) -> str | None:
    """The signature of a text, where there is a key."""
    return None if private_key is None else sign(private_key, text)


def decision_message(decision: Decision) -> bytes:
    """What is signed of a decision: its fields, but for its id and run, which are not known before."""
    fields = [
        *(decision.kind, decision.version, decision.artifact_sha256, decision.evaluation_id),
        *(decision.actor, decision.reason, list(decision.lifts)),
        *(None if time is None else _iso(time) for time in (decision.expires_at, decision.recorded_at)),
    ]
    return _message("mlreg decision 1", fields)


def withdrawal_message(by: Attribution, decision: Decision) -> bytes:
    """What is signed of a withdrawal: of which decision, whose content is part of it, by whom, why and when."""
    digest = hashlib.sha256(decision_message(decision)).hexdigest()
    return _message("mlreg withdrawal 1", [decision.id, digest, by.actor, by.reason, _iso(by.time)])


def suspension_message(
    event: str, alias: str, sequence: int, version: str, artifact_sha256: str, by: Attribution
) -> bytes:
    """What is signed of a suspension or a resumption: of which alias, as which change of it, with which holder."""
    fields = [event, alias, sequence, version, artifact_sha256, by.actor, by.reason, _iso(by.time)]
    return _message("mlreg suspension 1", fields)


def policy_message(what: str, content_sha256: str, previous_sha256: str, by: Attribution) -> bytes:
    """What is signed of a change of the policy: an `approval` of it, or its `adoption`."""
    return _message("mlreg policy 1", [what, content_sha256, previous_sha256, by.actor, by.reason, _iso(by.time)])


def person_message(change: PersonChange) -> bytes:
    """What is signed of a change of the directory of people: its fields, but for its id and run."""
    fields = [
        *(change.event, change.person, change.sequence, change.entry_sha256, list(change.roles), change.public_key),
        *(change.actor, change.reason, _iso(change.recorded_at)),
    ]
    return _message("mlreg person 1", fields)


def _message(form: str, fields: list[Any]) -> bytes:
    return json.dumps([form, *fields], ensure_ascii=True, separators=(",", ":")).encode()


def _iso(time: datetime) -> str:
    return plain(time).isoformat()


def verifies(public_key: str, signature: str | None, text: bytes) -> bool:
    """Whether a signature in base64 is of `text`, by the holder of `public_key` (32 bytes in base64)."""
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key))
        key.verify(base64.b64decode(signature or "", validate=True), text)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def read_key(path: Path) -> Ed25519PrivateKey:
    """A private key from a PEM file without a password.

    Raises:
        UnusableKey: The file is not there, holds no such key, or others than its owner can read it.
    """
    try:
        with regular_files.opened(path.resolve(), _LARGEST_KEY) as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read()
        if os.name == "posix" and mode & 0o077:
            raise UnusableKey(
                f"{path} can't be used to sign: others than its owner can read or change it (mode {mode & 0o777:o}), "
                f"so a signature would prove nothing. Make a new pair with `mlreg keygen`; or, if no one else had "
                f"access: chmod 600 {shlex.quote(str(path))}"
            )
        key = load_pem_private_key(content, password=None)
    except (OSError, RuntimeError, ValueError, TypeError, OddFile, UnsupportedAlgorithm) as error:
        raise UnusableKey(f"{path} can't be used to sign: {error}. `mlreg keygen` makes a pair of keys.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UnusableKey(f"{path} holds a key of another kind than Ed25519. `mlreg keygen` makes a pair of keys.")
    return key


def make_key(path: Path) -> str:
    """Write a new private key that only its owner may read.

    Returns:
        The public key in base64, for promotion.yaml.

    Raises:
        UnusableKey: The file is there already, or can't be written.
    """
    key = Ed25519PrivateKey.generate()
    try:
        private_files.make_folder(path.absolute().parent)
        with open(path, "xb", opener=lambda name, flags: os.open(name, flags, private_files.OF_FILES)) as file:
            file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    except (OSError, ValueError, NotAFolder) as error:  # ValueError: a NUL in the name
        raise UnusableKey(f"No key was written to {path}: {error}. Name another file.") from error
    return public_key(key)


def public_key(key: Ed25519PrivateKey) -> str:
    """The public half, in base64."""
    return base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
