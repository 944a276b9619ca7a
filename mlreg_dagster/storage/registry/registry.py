"""The registry's questions and its four ways to write: a version, an evaluation, a decision, a move of an alias."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError

from mlreg_dagster.hours import as_hour, hour_range
from mlreg_dagster.storage.registry import audit, queries
from mlreg_dagster.storage.registry.database import Database
from mlreg_dagster.storage.registry.errors import (
    EffectiveTimeError,
    InvalidRecord,
    UnknownVersion,
    VersionExists,
)
from mlreg_dagster.storage.registry.names import (
    as_utc,
    check_alias,
    check_not_blank,
    check_sha256,
    is_version,
    listed,
    steps_before_latest,
    version_number,
)
from mlreg_dagster.storage.registry.records import (
    AliasEvent,
    AuditRecord,
    Decision,
    DecisionKind,
    Evaluation,
    GateResult,
    ModelVersion,
    Spell,
    Status,
)
from mlreg_dagster.storage.registry.rules import check_move, conflict, cut_into_spells, passed_evaluation
from mlreg_dagster.storage.registry.schema import alias_events, decisions, evaluations, model_versions

Permit = Callable[[ModelVersion, Evaluation, list[Decision], list[AliasEvent]], Mapping[str, Any]]
"""Asked within the transaction that moves an alias: the version, its evaluation, all decisions about its bytes and the
alias's moves so far. Gives the evidence that is kept with the move, or raises."""


class Registry:
    """The registry in one database; nothing in it is ever changed or deleted.

    Every method raises `RegistryUnavailable` when the database can't be reached, the errors of `storage.faults`
    when its disk or file is at fault, and `SchemaMismatch` when another release made it.

    Args:
        url: `sqlite:////path/registry.db` or `postgresql://user@host/name`. Nothing is opened or made before
            the first question.
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url)

    def register(
        self,
        *,
        version: str,
        created_at: datetime,
        created_by: str,
        detector: str,
        dataset_day: str,
        dataset_sha256: str,
        artifact_sha256: str,
        manifest: Mapping[str, Any],
        run_id: str | None = None,
    ) -> ModelVersion:
        """Add a version; the arguments are the fields of `ModelVersion`.

        Raises:
            InvalidRecord: A name or hash of another form, or a manifest that is no JSON.
            VersionExists: The name is taken.
        """
        check_not_blank(created_by=created_by, detector=detector, dataset_day=dataset_day)
        check_sha256("dataset_sha256", dataset_sha256)
        check_sha256("artifact_sha256", artifact_sha256)
        number = version_number(version)
        with self._database.writing() as connection:
            try:
                return queries.append(
                    connection,
                    ModelVersion,
                    model_versions,
                    number=number,
                    version=version,
                    created_at=created_at,
                    created_by=created_by,
                    run_id=run_id,
                    detector=detector,
                    dataset_day=dataset_day,
                    dataset_sha256=dataset_sha256,
                    artifact_sha256=artifact_sha256,
                    manifest=dict(manifest),
                )
            except IntegrityError as error:
                raise VersionExists(
                    f"{version} is registered already, and names are never reused. "
                    f"The next free name is {self.next_version()}."
                ) from error

    def next_version(self, also_taken: Iterable[str] = ()) -> str:
        """The name after the highest one.

        Args:
            also_taken: Names given away elsewhere; those that are no names of versions don't matter.
        """
        taken = [*self._names(), *(name for name in also_taken if is_version(name))]
        return f"v{max(map(version_number, taken), default=0) + 1}"

    def versions(self) -> list[ModelVersion]:
        """All versions, from v1 up."""
        with self._database.reading() as connection:
            return queries.all_versions(connection)

    def version(self, name: str) -> ModelVersion:
        """One version.

        Raises:
            UnknownVersion: It is not registered; the message lists what is.
        """
        with self._database.reading() as connection:
            return queries.version_named(connection, name)

    def resolve(self, spec: str, as_of: datetime | None = None) -> ModelVersion:
        """The version that a specifier means.

        Args:
            spec: `v7`, `latest`, `latest-1`, or an alias. The latest has the highest number, whatever its
                status.
            as_of: For an alias, the time whose holder is meant; None: now.

        Raises:
            UnknownVersion: It leads to no version; the message lists what exists.
        """
        steps = steps_before_latest(spec)
        if steps is not None:
            names = self._names()
            if steps >= len(names):
                raise UnknownVersion(f"There is no {spec}. Registered versions: {listed(names)}.")
            return self.version(names[-1 - steps])
        if is_version(spec):
            return self.version(spec)
        move = self.holder(spec, as_of)
        if move is None:
            when = "" if as_of is None else f" as of {as_utc(as_of)}"
            raise UnknownVersion(
                f"{spec!r} is no version, and no alias that anyone held{when}. Write v7, latest, latest-1 or "
                f"an alias. Registered versions: {listed(self._names())}. Aliases: {listed(self.aliases())}."
            )
        return self.version(move.version)

    def record_evaluation(
        self,
        *,
        version: str,
        artifact_sha256: str,
        holdout_sha256: str,
        gates: Iterable[GateResult],
        metrics: Mapping[str, Any],
        thresholds: Mapping[str, Any],
        recorded_at: datetime,
        actor: str,
        run_id: str | None = None,
    ) -> Evaluation:
        """Add what the gates said; the version has passed if all of them have.

        The arguments are the fields of `Evaluation`; `gates` holds those that could not be computed, too.

        Raises:
            UnknownVersion: The version is not registered.
            InvalidRecord: Other bytes than the version's, no gates, a gate twice, or no JSON.
        """
        gates = tuple(gates)
        names = [gate.name for gate in gates]
        if not gates or len(set(names)) < len(names):
            raise InvalidRecord(f"Evaluating {version} needs gates, each of them once; got: {listed(names)}.")
        check_not_blank(actor=actor)
        check_sha256("holdout_sha256", holdout_sha256)
        with self._database.writing() as connection:
            _check_same_bytes(queries.version_named(connection, version), artifact_sha256, "evaluation")
            return queries.append(
                connection,
                Evaluation,
                evaluations,
                version=version,
                artifact_sha256=artifact_sha256,
                holdout_sha256=holdout_sha256,
                passed=all(gate.passed for gate in gates),
                gates=gates,
                metrics=dict(metrics),
                thresholds=dict(thresholds),
                recorded_at=recorded_at,
                actor=actor,
                run_id=run_id,
            )

    def evaluations(self, version: str) -> list[Evaluation]:
        """All evaluations of a version, in the order in which they were recorded.

        Raises:
            UnknownVersion: The version is not registered.
        """
        with self._database.reading() as connection:
            return queries.evaluations_of(connection, queries.version_named(connection, version))

    def latest_evaluation(self, version: str) -> Evaluation | None:
        """The evaluation that counts; None if there is none yet.

        Raises:
            UnknownVersion: The version is not registered.
        """
        return next(reversed(self.evaluations(version)), None)

    def status(self, version: str) -> Status:
        """What the latest evaluation made of a version.

        Raises:
            UnknownVersion: The version is not registered.
        """
        latest = self.latest_evaluation(version)
        if latest is None:
            return "candidate"
        return "evaluated" if latest.passed else "rejected"

    def decide(
        self,
        *,
        kind: DecisionKind,
        version: str,
        artifact_sha256: str,
        actor: str,
        reason: str,
        recorded_at: datetime,
        evaluation_id: int | None = None,
        lifts: Iterable[str] = (),
        expires_at: datetime | None = None,
        run_id: str | None = None,
        signature: str | None = None,
    ) -> Decision:
        """Add what a person decided about a version's bytes; the arguments are the fields of `Decision`.

        Raises:
            UnknownVersion: The version is not registered.
            InvalidRecord: Other bytes than the version's, a blank actor or reason, or an exception that lifts nothing
                or does not expire later.
        """
        check_not_blank(actor=actor, reason=reason)
        lifts = tuple(lifts)
        if (kind == "exception") != bool(lifts) or (kind == "exception") != (expires_at is not None):
            raise InvalidRecord("An exception says what it lifts and when it expires; nothing else does.")
        if expires_at is not None and as_utc(expires_at) <= as_utc(recorded_at):
            raise InvalidRecord(f"An exception that expires at {expires_at} has expired already ({recorded_at}).")
        with self._database.writing() as connection:
            _check_same_bytes(queries.version_named(connection, version), artifact_sha256, kind)
            return queries.append(
                connection,
                Decision,
                decisions,
                kind=kind,
                version=version,
                artifact_sha256=artifact_sha256,
                evaluation_id=evaluation_id,
                actor=actor,
                reason=reason,
                lifts=lifts,
                expires_at=expires_at,
                recorded_at=recorded_at,
                run_id=run_id,
                signature=signature,
            )

    def decisions(self, version: str) -> list[Decision]:
        """All decisions about a version's bytes, in the order in which they were recorded.

        Raises:
            UnknownVersion: The version is not registered.
        """
        with self._database.reading() as connection:
            return queries.decisions_on(connection, queries.version_named(connection, version))

    def audit_log(self) -> list[AuditRecord]:
        """A record of everything that was ever stored, in the order in which it was."""
        with self._database.reading() as connection:
            return list(audit.records(connection))

    def audit_head(self) -> tuple[int, str]:
        """Sequence and hash of the newest record, for whoever is to be a witness of it; 0 and zeros without any."""
        with self._database.reading() as connection:
            return audit.head(connection)

    def find_tampering(self, witnessed: Iterable[tuple[int, str]] = ()) -> str | None:
        """The first thing in the registry that does not fit its audit log, in words; None if all does.

        Args:
            witnessed: Sequence and hash of records that were there once, as others remember them: without a witness,
                rows that were removed together with the newest records are not missed.
        """
        with self._database.reading() as connection:
            return audit.find_tampering(connection, witnessed)

    def move_alias(
        self,
        alias: str,
        version: str,
        *,
        expected: str | None,
        effective_at: datetime,
        now: datetime,
        actor: str,
        reason: str,
        run_id: str | None = None,
        permit: Permit = lambda *_: {},
    ) -> AliasEvent:
        """Point an alias to another version, if the caller knows who holds it; all in one transaction.

        Args:
            alias: Which alias.
            version: The name of the new holder.
            expected: Who holds the alias, as far as the caller knows; None: nobody.
            effective_at: From when the move counts: at most `now`, at least that of the alias's last move.
            now: The current time.
            actor: Who moves it.
            reason: Why.
            run_id: The run that does.
            permit: Asked last, within the transaction; what it raises goes to the caller, and nothing is moved.

        Raises:
            InvalidRecord: The alias has a forbidden name, or actor or reason is blank.
            UnknownVersion: The version is not registered.
            GatesNotPassed: Its latest evaluation failed, or there is none.
            AliasConflict: Someone else holds the alias; the message says who, since when, by whose word.
            AlreadyHolder: The version holds it already.
            EffectiveTimeError: `effective_at` is after `now` or before the alias's last move, or `now` is before the
                time at which that was recorded.
        """
        check_alias(alias)
        check_not_blank(actor=actor, reason=reason)
        effective_at, now = as_utc(effective_at), as_utc(now)
        if effective_at > now:
            raise EffectiveTimeError(f"{alias} can't move as of {effective_at}: that is after now ({now}).")
        with self._database.writing() as connection:
            model = queries.version_named(connection, version)
            evaluation = passed_evaluation(version, queries.evaluations_of(connection, model))
            current = queries.latest_move(connection, alias)
            check_move(alias, version, expected, current, effective_at, now)
            moves = queries.all_moves(connection, alias)
            evidence = permit(model, evaluation, queries.decisions_on(connection, model), moves)
            try:
                return queries.append(
                    connection,
                    AliasEvent,
                    alias_events,
                    alias=alias,
                    sequence=current.sequence + 1 if current else 1,
                    version=version,
                    previous_version=expected,
                    artifact_sha256=model.artifact_sha256,
                    evaluation_id=evaluation.id,
                    effective_at=effective_at,
                    recorded_at=now,
                    actor=actor,
                    reason=reason,
                    run_id=run_id,
                    evidence=dict(evidence),
                )
            except IntegrityError as error:  # of two moves that read the same holder, UNIQUE (alias, sequence) lets one
                raise conflict(alias, expected, self.holder(alias)) from error

    def holder(self, alias: str, as_of: datetime | None = None) -> AliasEvent | None:
        """The move that made someone the holder; None if nobody held the alias.

        Args:
            alias: Which alias.
            as_of: The time that is asked about; moves effective at that time count. None: now.
        """
        with self._database.reading() as connection:
            return queries.latest_move(connection, alias, as_of)

    def history(self, alias: str) -> list[AliasEvent]:
        """All moves of an alias, the first one first."""
        with self._database.reading() as connection:
            return queries.all_moves(connection, alias)

    def aliases(self) -> dict[str, AliasEvent]:
        """Every alias with the move that made its holder."""
        with self._database.reading() as connection:
            return {move.alias: move for move in queries.all_moves(connection)}

    def spells(self, alias: str, first: datetime, last: datetime) -> list[Spell]:
        """Cut the whole hours `first … last` (both included) by who held the alias as of each hour.

        Hours without a holder are in no spell.

        Raises:
            NotAnHour: `first` or `last` is not a whole hour.
        """
        return cut_into_spells(self.history(alias), hour_range(as_hour(first), as_hour(last)))

    def _names(self) -> list[str]:
        with self._database.reading() as connection:
            return list(queries.version_names(connection))


def _check_same_bytes(model: ModelVersion, artifact_sha256: str, what: str) -> None:
    if artifact_sha256 != model.artifact_sha256:
        raise InvalidRecord(
            f"The {what} is of other bytes than {model.version}: registered is SHA-256 {model.artifact_sha256}, it is "
            f"of {artifact_sha256}. Take the frozen artifact of {model.version}."
        )
