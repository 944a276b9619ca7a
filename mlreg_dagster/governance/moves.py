"""Moves of aliases as facts and in words: the same in commands and on pages."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from mlreg_dagster.registry import AliasEvent, Registry


def move_facts(move: AliasEvent) -> dict[str, Any]:
    """A move of an alias as plain facts, for programs."""
    names = ("alias", "version", "previous_version", "effective_at", "recorded_at", "actor", "reason")
    facts = {name: getattr(move, name) for name in (*names, "artifact_sha256", "run_id")}
    return facts | {"approved_by": approved_by(move)}


def approved_by(move: AliasEvent) -> list[str]:
    """Who had approved the version, by the evidence that the move was recorded with."""
    return list(move.evidence.get("facts", {}).get("approved_by", ()))


def uncounted_moves(registry: Registry, alias: str, now: datetime) -> Iterator[str]:
    """The moves of an alias that do not count as of now, in words: those that were taken back or lie in the future."""
    taken_back = {each.sequence: each for each in registry.corrections() if each.alias == alias}
    for move in registry.recorded_moves(alias):
        said = f"The move to {move.version}, recorded {move.recorded_at:%Y-%m-%d %H:%M}, "
        if correction := taken_back.get(move.sequence):
            when = f"{correction.recorded_at:%Y-%m-%d %H:%M}"
            yield f"{said}was taken back by {correction.actor} at {when}: {correction.reason}"
        elif move.effective_at > now:
            yield f'{said}lies after now. Take it back: mlreg correct {alias} --reason "…"'
