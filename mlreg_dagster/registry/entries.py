"""The rows of the directory: how a name is bound to the audit log without being in it, and rows that are not.

The log holds an HMAC of name and contact under a random salt that lies beside them. Without the salt nobody can try
names against the HMAC; once name and salt are erased, it says nothing.
"""

import hashlib
import hmac
import json
import secrets
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from mlreg_dagster.registry.database.schema import people, person_changes

_SALT_BYTES = 32


def new_salt() -> str:
    """A random salt, in hex digits."""
    return secrets.token_hex(_SALT_BYTES)


def entry_sha256(name: str, contact: str | None, salt: str) -> str:
    """HMAC-SHA256 of the canonical form of name and contact."""
    text = json.dumps({"contact": contact, "name": name}, sort_keys=True, separators=(",", ":"))
    return hmac.new(bytes.fromhex(salt), text.encode(), hashlib.sha256).hexdigest()


def differing_entry(connection: Connection) -> str | None:
    """The first entry that is not as its newest change says, in words; None if all are.

    Args:
        connection: To a registry whose changes fit their audit records.
    """
    columns = (person_changes.c.person, person_changes.c.event, person_changes.c.entry_sha256)
    newest = {
        row.person: (row.event, row.entry_sha256)
        for row in connection.execute(select(*columns).order_by(person_changes.c.id))
    }
    entries = {row["person"]: row for row in connection.execute(select(people)).mappings()}
    for person, (event, digest) in newest.items():
        if (entry := entries.get(person)) is None:
            return f"The entry of {person} is missing in the directory of people."
        if event == "erased" and not _is_empty(entry):
            return f"The entry of {person} was erased, and the directory of people holds one again."
        if event != "erased" and not _is(entry, digest):
            return f"The entry of {person} in the directory of people was edited past the registry."
    for person in entries:
        if person not in newest:
            return f"The directory of people has an entry {person!a} of which no record tells."
    return None


def _is_empty(entry: RowMapping) -> bool:
    return entry["name"] is None and entry["contact"] is None and entry["salt"] is None


def _is(entry: RowMapping, digest: Any) -> bool:
    try:
        return hmac.compare_digest(entry_sha256(entry["name"], entry["contact"], entry["salt"]), str(digest))
    except (TypeError, ValueError):  # of another type, or no hex digits
        return False
