"""Logs and files of exports as these tests write them, and what a forger makes of them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mlreg_dagster.governance.audit_export.export import export, head_of
from mlreg_dagster.governance.audit_export.lines import spelled
from mlreg_dagster.registry import AuditRecord
from mlreg_dagster.registry.audit import GENESIS, _hash

NOW = pd.Timestamp("2026-01-17T00:20", tz="UTC")
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(31) + b"1")


def chained(records: Iterable[AuditRecord]) -> list[AuditRecord]:
    """The same records with sequences and hashes that fit, as a forger makes them."""
    chain: list[AuditRecord] = []
    for sequence, each in enumerate(records, 1):
        previous = chain[-1].hash if chain else GENESIS
        digest = _hash(sequence, each.kind, each.row, each.content, previous)
        chain.append(replace(each, sequence=sequence, previous_hash=previous, hash=digest))
    return chain


def log_of(length: int) -> list[AuditRecord]:
    contents = (json.dumps({"id": row, "actor": "änna", "reason": "good"}) for row in range(length))
    return chained(AuditRecord(0, "decisions", row, content, "", "") for row, content in enumerate(contents))


def lines_of(log: Sequence[AuditRecord], **how) -> list[bytes]:
    return [f"{spelled(line)}\n".encode() for line in export(log, head_of(log, NOW, **how))]


def write(path: Path, lines: Iterable[bytes]) -> Path:
    path.write_bytes(b"".join(lines))
    return path
