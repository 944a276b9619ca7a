"""Verifies the signatures of decisions in the audit log by the keys on record; it needs no registry.

Whether a decision counts is asked in `decisions.counting`, with the policy in force. Here a key that any policy or
the directory of people, on record, names for a person will do: it may have been replaced since.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlreg_dagster.config import PromotionSettings
from mlreg_dagster.governance.decisions import signing
from mlreg_dagster.registry import Attribution, AuditRecord, Decision, PersonChange
from mlreg_dagster.registry.database import schema

DECIDED = frozenset(
    table.name
    for table in (
        schema.decisions, schema.withdrawals, schema.policies, schema.policy_approvals, schema.person_changes,
    )
)  # fmt: skip
"""The kinds of records that people sign."""

_UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, RecursionError)


@dataclass(frozen=True)
class Signatures:
    """How the signatures of decisions fit.

    Attributes:
        valid: How many are by a key on record for the person who decided.
        unknown: How many are by people for whom no key is on record; they can't be verified.
        invalid: The sequences of the records whose signature is of something else.
    """

    valid: int
    unknown: int
    invalid: tuple[int, ...]

    @property
    def text(self) -> str:
        """In words, for people."""
        total = self.valid + self.unknown + len(self.invalid)
        text = f"Signatures of decisions: {total}, {self.valid} of them by keys that a policy on record names."
        if self.unknown:
            text += f" {self.unknown} can't be verified: no policy names a key for the person."
        if self.invalid:
            records = ", ".join(map(str, self.invalid))
            text += f" Of something else or by another key: record {records}."
        return text


def signatures_in(log: Iterable[AuditRecord]) -> Signatures:
    """Verify the signature of each record that has one.

    Args:
        log: Of the log, at least what is in `DECIDED`.
    """
    rows = [(each, content) for each in log if each.kind in DECIDED and (content := _content(each)) is not None]
    keys = _keys_by_person(rows)
    decisions: dict[int, Decision] = {}
    valid, unknown, invalid = 0, 0, []
    for each, content in rows:
        try:
            text: bytes | None = _message(each.kind, content, decisions)
        except _UNREADABLE:
            text = None
        if not (signature := content.get("signature")):
            continue
        known = keys[_person(str(content.get("actor")))]
        if not known:
            unknown += 1
        elif text is not None and any(signing.verifies(key, str(signature), text) for key in known):
            valid += 1
        else:
            invalid.append(each.sequence)
    return Signatures(valid, unknown, tuple(invalid))


def _message(kind: str, content: Mapping[str, Any], decisions: dict[int, Decision]) -> bytes:
    """What was signed; a decision is remembered for its withdrawal."""
    by = Attribution(content["actor"], datetime.fromisoformat(content["recorded_at"]), content["reason"])
    if kind == schema.decisions.name:
        expires_at = content["expires_at"] and datetime.fromisoformat(content["expires_at"])
        lifts = tuple(content["lifts"])
        decision = Decision(**{**content, "lifts": lifts, "recorded_at": by.time, "expires_at": expires_at})
        decisions[decision.id] = decision
        return signing.decision_message(decision)
    if kind == schema.person_changes.name:
        change = PersonChange(**{**content, "roles": tuple(content["roles"]), "recorded_at": by.time})
        return signing.person_message(change)
    if kind == schema.withdrawals.name:
        return signing.withdrawal_message(by, decisions[content["decision_id"]])
    what = "approval" if kind == schema.policy_approvals.name else "adoption"
    return signing.policy_message(what, content["content_sha256"], content["previous_sha256"], by)


def _keys_by_person(rows: Iterable[tuple[AuditRecord, Mapping[str, Any]]]) -> dict[str, set[str]]:
    """The keys that a policy or the directory of people, on record, names for each person."""
    keys: dict[str, set[str]] = defaultdict(set)
    for each, content in rows:
        if each.kind == schema.policies.name:
            for name, key in _people_in(content):
                keys[_person(name)].add(key)
        elif each.kind == schema.person_changes.name and content.get("public_key"):
            keys[str(content.get("person"))].add(str(content["public_key"]))
    return keys


_person = PromotionSettings().person


def _people_in(policy: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    try:
        for name, facts in policy["content"]["promotion"]["people"].items():
            if facts["public_key"]:
                yield str(name), str(facts["public_key"])
    except _UNREADABLE:  # a policy of another form names no one
        return


def _content(record: AuditRecord) -> dict[str, Any] | None:
    try:
        content = json.loads(record.content)
    except _UNREADABLE:
        return None
    return content if isinstance(content, dict) else None
