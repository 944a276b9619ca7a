"""How a suspension or resumption shows on the asset `champion_model`, made by a run or by a command."""

from typing import Any

from mlreg_dagster.registry import Suspension


def sentence_of(change: Suspension) -> str:
    """A change in words."""
    return change.in_words if change.is_suspended else f"{change.alias} is resumed by {change.actor}: {change.reason}"


def metadata_of(change: Suspension) -> dict[str, Any]:
    """Its metadata, as plain values."""
    return {
        "alias": change.alias,
        "event": change.event,
        "version": change.version,
        "artifact_sha256": change.artifact_sha256,
        "reason": change.reason,
        "actor": change.actor,
        "effective_at": f"{change.effective_at:%Y-%m-%d %H:%M:%S} UTC",
        "signed": change.signature is not None,
        "facts": change.facts,
    }
