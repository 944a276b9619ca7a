"""Recorded repairs: taking back alias moves that lie in the future, and a registry restored from a copy."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from mlreg_dagster.config import PromotionSettings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.governance.decisions.authority import key_of
from mlreg_dagster.governance.policy.in_force import applied_rules
from mlreg_dagster.registry import AliasEvent, Attribution, Registry, Restore
from mlreg_dagster.registry.names import as_utc

Heads = Iterable[tuple[int, str]]
"""Sequence and hash of audit records, as others remember them."""


class NothingToCorrect(MlregError):
    """No move of the alias lies in the future."""


class NothingRestored(MlregError):
    """The registry is not an older copy of itself, or more is wrong with it than that."""


def moves_after(registry: Registry, now: datetime, alias: str | None = None) -> list[AliasEvent]:
    """The moves that count and were recorded after now, the newest of each alias first."""
    names = registry.aliases() if alias is None else [alias]
    return [move for name in names for move in reversed(registry.history(name)) if move.recorded_at > now]


def correct(
    registry: Registry,
    alias: str,
    by: Attribution,
    policy: PromotionSettings,
    key: Path | None = None,
) -> list[AliasEvent]:
    """Take back every move of an alias that was recorded after now.

    Args:
        registry: Whose alias.
        alias: champion, challenger, or another.
        by: Who takes the moves back, when and why.
        policy: Who may decide, where the registry has no policy of its own yet.
        key: The file of the actor's private key, if they have one.

    Returns:
        The moves that were taken back, the newest first.

    Raises:
        NothingToCorrect: There is none.
        DecisionRefused: People are named, and the actor is none of them or does not sign.
        InvalidRecord: An actor or a reason of a forbidden form.
    """
    now = as_utc(by.time)
    _require_may_decide(registry, by, policy, key)
    moves = moves_after(registry, now, alias)
    if not moves:
        raise NothingToCorrect(
            f"No move of {alias} was recorded after now ({now:%Y-%m-%d %H:%M} UTC), and no other can be taken back. "
            f"Promote another version, or roll back."
        )
    for move in moves:
        registry.take_back(alias, move.sequence, by)
    return moves


def restore(
    registry: Registry,
    witnessed: Heads,
    made: Collection[str],
    by: Attribution,
    policy: PromotionSettings,
    key: Path | None = None,
) -> Restore:
    """Record that the registry is an older copy of itself, and what is known to be lost with it.

    Args:
        registry: The copy that was put back.
        witnessed: What Dagster's event log remembers of the audit log.
        made: The versions that runs have trained, by Dagster's event log.
        by: Who put it back, when and why.
        policy: Who may decide, where the registry has no policy of its own yet.
        key: The file of the actor's private key, if they have one.

    Raises:
        NothingRestored: Nothing is lost, or the log is broken in itself.
        DecisionRefused: People are named, and the actor is none of them or does not sign.
        InvalidRecord: An actor or a reason of a forbidden form.
    """
    _require_may_decide(registry, by, policy, key)
    if broken := registry.find_tampering():
        raise NothingRestored(
            f"This is no sound copy: {broken} Put another one back; mlreg restore records what a sound one lacks."
        )
    facts = _facts(registry, set(witnessed), made)
    if not facts["lost_records"] and not facts["lost_versions"]:
        raise NothingRestored("Nothing is lost: the registry holds every record that Dagster's event log remembers.")
    return registry.record_restore(facts, by)


def record_backup(
    registry: Registry,
    made_at: datetime,
    head: tuple[int, str],
    unregistered: Sequence[str],
    by: Attribution,
    policy: PromotionSettings,
    key: Path | None = None,
) -> Restore:
    """Record that the registry is that of a backup, whose end is known, and not what was recorded after it.

    Args:
        registry: The copy.
        made_at: When the backup was made.
        head: Sequence and hash of the newest record of the backup.
        unregistered: Versions that had been trained and are not in it; their names stay taken.
        by: Who restores it, when and why.
        policy: Who may decide, where the registry has no policy of its own yet.
        key: The file of the actor's private key, if they have one.

    Raises:
        DecisionRefused: People are named, and the actor is none of them or does not sign.
        InvalidRecord: An actor or a reason of a forbidden form.
    """
    _require_may_decide(registry, by, policy, key)
    facts = {
        "backup": {"made_at": as_utc(made_at).isoformat(), "audit_head": list(head)},
        "last_common_record": head[0],
        "lost": 0,
        "lost_records": [],
        "lost_versions": list(unregistered),
    }
    return registry.record_restore(facts, by)


def describe_restore(restored: Restore) -> str:
    """A restore in one sentence."""
    facts, when = restored.facts, f"{restored.recorded_at:%Y-%m-%d %H:%M}"
    if branch := facts.get("branch"):
        source = branch["source"]
        return (
            f"A branch of {source}: {branch['name']}, made at {when} by {restored.actor} ({restored.reason}). Records "
            f"up to {facts['last_common_record']} are those of {source}. The chain is intact since."
        )
    versions = ", ".join(facts.get("lost_versions", ())) or "none"
    if "backup" in facts:
        made_at = datetime.fromisoformat(facts["backup"]["made_at"])
        return (
            f"Restored from the backup of {made_at:%Y-%m-%d %H:%M}, whose newest record is "
            f"{facts['last_common_record']}, at {when} by {restored.actor} ({restored.reason}). Versions known to be "
            f"lost: {versions}. The chain is intact since."
        )
    return (
        f"Restored from an older copy at {when} by {restored.actor} ({restored.reason}). {facts.get('lost', 0)} "
        f"records lost; versions among them: {versions}. The chain is intact since."
    )


def _facts(registry: Registry, witnessed: set[tuple[int, str]], made: Collection[str]) -> dict[str, Any]:
    chain = {record.sequence: record.hash for record in registry.audit_log()}
    known = registry.lost_records()
    lost = sorted(head for head in witnessed - known if chain.get(head[0]) != head[1])
    before = (sequence for sequence, _ in witnessed - set(lost) - known if not lost or sequence < lost[0][0])
    kept = max(before, default=0)
    versions = set(made) - {version.version for version in registry.versions()} - registry.lost_versions()
    return {
        "last_common_record": kept,
        "lost": lost[-1][0] - kept if lost else 0,
        "lost_records": [list(head) for head in lost],
        "lost_versions": sorted(versions, key=lambda name: (len(name), name)),
    }


def _require_may_decide(registry: Registry, by: Attribution, policy: PromotionSettings, key: Path | None) -> None:
    in_force = registry.policy_in_force()
    rules = applied_rules(registry, in_force).promotion if in_force else policy
    key_of(registry.acting(by.actor), rules, key)
