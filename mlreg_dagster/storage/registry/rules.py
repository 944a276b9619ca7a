"""What a move of an alias must satisfy, and how a history is cut into spells."""

from itertools import groupby

import pandas as pd

from mlreg_dagster.storage.registry.errors import (
    AliasConflict,
    AlreadyHolder,
    EffectiveTimeError,
    GatesNotPassed,
)
from mlreg_dagster.storage.registry.records import AliasEvent, Evaluation, Spell


def passed_evaluation(version: str, evaluations: list[Evaluation]) -> Evaluation:
    """The latest evaluation, if it passed.

    Raises:
        GatesNotPassed: There is none, or it failed; the failed gates are named.
    """
    if not evaluations:
        raise GatesNotPassed(f"{version} was never evaluated. Evaluate it before it takes an alias.")
    latest = evaluations[-1]
    if not latest.passed:
        failed = "; ".join(
            f"{gate.name} (found {gate.value}, asked {gate.threshold}: {gate.detail})"
            for gate in latest.gates
            if not gate.passed
        )
        raise GatesNotPassed(
            f"{version} failed its latest evaluation (no. {latest.id}, {latest.recorded_at}): {failed}. "
            f"Promote another version, or train a better one."
        )
    return latest


def check_move(
    alias: str,
    version: str,
    expected: str | None,
    current: AliasEvent | None,
    effective_at: pd.Timestamp,
    now: pd.Timestamp,
) -> None:
    """Compare what the caller believes with what is there.

    Raises:
        AliasConflict: Another version than `expected` holds the alias.
        AlreadyHolder: The version holds it already.
        EffectiveTimeError: The move would count from before the last one, or be recorded before it.
    """
    if expected != (current.version if current else None):
        raise conflict(alias, expected, current)
    if current is None:
        return
    if current.version == version:
        raise AlreadyHolder(f"{version} holds {alias} already, since {current.effective_at}.")
    if now < current.recorded_at:
        raise EffectiveTimeError(
            f"{alias} can't move at {now}: its last move was recorded at {current.recorded_at}, so the clock was put "
            f"back since, or was ahead then. Set it right, or wait until it has passed that time."
        )
    if effective_at < current.effective_at:
        raise EffectiveTimeError(
            f"{alias} can't move as of {effective_at}: its last move counts from {current.effective_at}, "
            f"and history is written forward."
        )


def conflict(alias: str, expected: str | None, current: AliasEvent | None) -> AliasConflict:
    """The error that names who holds the alias instead of `expected`."""
    found = (
        f"{current.version} holds it since {current.effective_at}, by the word of {current.actor} "
        f"({current.reason}; recorded {current.recorded_at})"
        if current
        else "nobody holds it"
    )
    return AliasConflict(
        f"{alias} did not move: it was expected with {expected or 'nobody'}, but {found}. "
        f"Look at that decision; if it should be replaced, try again with the present holder as expected."
    )


def cut_into_spells(moves: list[AliasEvent], hours: pd.DatetimeIndex) -> list[Spell]:
    """Runs of hours with the same holder; hours before the first move are left out.

    Args:
        moves: The moves of one alias, in their order.
        hours: Whole hours, ascending.
    """
    starts = pd.DatetimeIndex([move.effective_at for move in moves], dtype=hours.dtype)
    latest = starts.searchsorted(hours, side="right") - 1
    held = [(moves[index], hour) for index, hour in zip(latest, hours, strict=True) if index >= 0]
    spells = []
    for _, group in groupby(held, key=lambda pair: pair[0].version):
        run = list(group)
        (move, first), (_, last) = run[0], run[-1]
        spells.append(Spell(move.version, move.artifact_sha256, first, last))
    return spells
