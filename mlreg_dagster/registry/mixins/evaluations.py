"""Evaluations: the results of all gates on a version's bytes, and the status that follows from them."""

from collections.abc import Iterable, Mapping
from typing import Any

from mlreg_dagster.registry.database import queries
from mlreg_dagster.registry.database.connection import Database
from mlreg_dagster.registry.database.schema import evaluations
from mlreg_dagster.registry.errors import InvalidRecord
from mlreg_dagster.registry.names import check_sha256, listed
from mlreg_dagster.registry.records.models import Attribution, Evaluation, GateResult, Status
from mlreg_dagster.registry.rules import check_same_bytes, counting_evaluation, status_by


class Evaluations:
    """The part of the registry that holds evaluations."""

    _database: Database

    def record_evaluation(
        self,
        version: str,
        by: Attribution,
        *,
        artifact_sha256: str,
        holdout_sha256: str,
        gates: Iterable[GateResult],
        metrics: Mapping[str, Any],
        thresholds: Mapping[str, Any],
        holdout_day: str | None = None,
        code_sha256: str | None = None,
        departures: Iterable[str] = (),
    ) -> Evaluation:
        """Add the results of all gates, as `by` measured them; the version has passed if all gates have.

        The other arguments are the fields of `Evaluation`; `gates` holds those that could not be computed, too.

        Raises:
            UnknownVersion: The version is not registered.
            InvalidRecord: Other bytes than the version's, no gates, a gate twice, or no JSON.
        """
        gates = tuple(gates)
        names = [gate.name for gate in gates]
        if not gates or len(set(names)) < len(names):
            raise InvalidRecord(f"Evaluating {version} needs gates, each of them once; got: {listed(names)}.")
        by = by.checked_without_reason()
        check_sha256("holdout_sha256", holdout_sha256)
        with self._database.writing() as connection:
            check_same_bytes(queries.version_named(connection, version), artifact_sha256, "evaluation")
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
                recorded_at=by.time,
                actor=by.actor,
                run_id=by.run_id,
                holdout_day=holdout_day,
                code_sha256=code_sha256,
                departures=tuple(departures) or None,
            )

    def evaluations(self, version: str) -> list[Evaluation]:
        """All evaluations of a version, in the order in which they were recorded.

        Raises:
            UnknownVersion: The version is not registered.
        """
        with self._database.reading() as connection:
            return queries.evaluations_of(connection, queries.version_named(connection, version))

    def all_evaluations(self) -> dict[str, list[Evaluation]]:
        """`evaluations` of every version that has any, all as of one moment."""
        with self._database.reading() as connection:
            found: dict[str, list[Evaluation]] = {}
            for each in queries.all_evaluations(connection):
                found.setdefault(each.version, []).append(each)
            return found

    def latest_evaluation(self, version: str) -> Evaluation | None:
        """The evaluation that counts: the latest that is no experiment; None if there is none yet.

        Raises:
            UnknownVersion: The version is not registered.
        """
        return counting_evaluation(self.evaluations(version))

    def status(self, version: str) -> Status:
        """The status of a version by its latest evaluation that counts.

        Raises:
            UnknownVersion: The version is not registered.
        """
        return status_by(self.latest_evaluation(version))
