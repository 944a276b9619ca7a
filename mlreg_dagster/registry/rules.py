"""What a move of an alias must satisfy, and how a history is cut into tenures.

Pure functions on records: nothing is read or stored here. Who may promote on what evidence is decided in `governance`.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby

from mlreg_dagster.registry.errors import (
    AliasConflict,
    AlreadyHolder,
    EffectiveTimeError,
    GatesNotPassed,
    InvalidRecord,
)
from mlreg_dagster.registry.records.models import AliasEvent, Evaluation, ModelVersion, Status, Tenure


def counting_evaluation(evaluations: Sequence[Evaluation]) -> Evaluation | None:
    """The evaluation that counts, of those of a version, the latest one last: the latest that is no experiment."""
    return next((each for each in reversed(evaluations) if not each.is_experiment), None)


def status_by(latest: Evaluation | None) -> Status:
    """The status of a version whose evaluation that counts is this one; None: there is none."""
    if latest is None:
        return "candidate"
    return "evaluated" if latest.passed else "rejected"


def passed_evaluation(version: str, evaluations: Sequence[Evaluation], *, experiments: bool = False) -> Evaluation:
    """The latest evaluation that counts, if it passed.

    Args:
        version: Whose evaluations they are.
        evaluations: The latest one last.
        experiments: Whether those that depart from the configuration in force count, too.

    Raises:
        GatesNotPassed: There is none, or it failed; the failed gates are named.
    """
    counting = [each for each in evaluations if experiments or not each.is_experiment]
    if not counting:
        known = "was never evaluated"
        if evaluations:
            known = f"was only evaluated in experiments ({'; '.join(evaluations[-1].departures or ())})"
        raise GatesNotPassed(f"{version} {known}. Evaluate it as configured before it takes an alias.")
    latest = counting[-1]
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
    effective_at: datetime,
    now: datetime,
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
            f"back since, or was ahead then. Set it right; if it was ahead then, take that move back: "
            f'mlreg correct {alias} --reason "…"'
        )
    if effective_at < current.effective_at:
        raise EffectiveTimeError(
            f"{alias} can't move as of {effective_at}: its last move counts from {current.effective_at}, "
            f"and history is written forward."
        )


def conflict(alias: str, expected: str | None, current: AliasEvent | None) -> AliasConflict:
    """The error that names who holds the alias instead of `expected`."""
    found = (
        f"{current.version} holds it since {current.effective_at}, requested by {current.actor} "
        f"({current.reason}; recorded {current.recorded_at})"
        if current
        else "nobody holds it"
    )
    return AliasConflict(
        f"{alias} did not move: it was expected with {expected or 'nobody'}, but {found}. "
        f"Look at that decision; if it should be replaced, try again with the present holder as expected."
    )


def tenures_in(moves: list[AliasEvent], hours: Iterable[datetime]) -> list[Tenure]:
    """Runs of hours with the same holder; hours before the first move are left out.

    Args:
        moves: The moves of one alias, in their order.
        hours: Whole hours, ascending.
    """
    starts = [move.effective_at for move in moves]
    counts = ((bisect_right(starts, hour), hour) for hour in hours)
    held = [(moves[begun - 1], hour) for begun, hour in counts if begun]
    tenures = []
    for _, group in groupby(held, key=lambda pair: pair[0].version):
        run = list(group)
        (move, first), (_, last) = run[0], run[-1]
        tenures.append(Tenure(move.version, move.artifact_sha256, first, last))
    return tenures


def left_by_rollbacks(moves: Iterable[AliasEvent]) -> set[str]:
    """Versions that a rollback took an alias away from; a rollback never leads back to them.

    A promotion of such a version that went through the whole policy again makes it an ordinary holder.

    Args:
        moves: Of one alias, the first one first.
    """
    held: set[str] = set()
    left: set[str] = set()
    for move in moves:
        if move.version in left:
            left.discard(move.version)
        elif move.version in held and move.previous_version is not None:
            left.add(move.previous_version)
        held.add(move.version)
    return left


def former_holders(moves: Sequence[AliasEvent]) -> set[str]:
    """Versions to which a move of the alias is a rollback: they held it, and no rollback left them."""
    return {move.version for move in moves} - left_by_rollbacks(moves)


def rollback_target(moves: Sequence[AliasEvent]) -> str | None:
    """The holder before the present one that no rollback left; None where none remains."""
    if not moves:
        return None
    targets = former_holders(moves) - {moves[-1].version}
    return next((move.version for move in reversed(moves) if move.version in targets), None)


def check_same_bytes(model: ModelVersion, artifact_sha256: str, what: str) -> None:
    """Refuse what is of other bytes than those registered.

    Raises:
        InvalidRecord: It is.
    """
    if artifact_sha256 != model.artifact_sha256:
        raise InvalidRecord(
            f"The {what} is of other bytes than {model.version}: registered is SHA-256 {model.artifact_sha256}, it is "
            f"of {artifact_sha256}. Take the frozen artifact of {model.version}."
        )
