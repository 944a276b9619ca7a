"""Policies: what promotions are judged by, which one is in force, and since when. Judging stands in `governance`."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from mlreg_dagster.core.people import REGISTRY
from mlreg_dagster.registry import audit
from mlreg_dagster.registry.database import queries
from mlreg_dagster.registry.database.connection import Database
from mlreg_dagster.registry.database.schema import policies, policy_approvals
from mlreg_dagster.registry.errors import AliasConflict
from mlreg_dagster.registry.records.governance import PolicyApproval, PolicyRecord
from mlreg_dagster.registry.records.models import Attribution

FirstPolicy = Callable[[], tuple[Mapping[str, Any], datetime]]
"""Gives the content of the policy that a registry begins with, and the current time."""

PolicyPermit = Callable[[PolicyRecord, list[PolicyApproval]], Iterable[str]]
"""Asked within the transaction that adopts a policy: the one in force, and the approvals of this change.
Gives the names of those whose approvals count, or raises."""


class Policies:
    """The part of the registry that holds policies."""

    _database: Database

    def policy_in_force(self) -> PolicyRecord | None:
        """The policy that was adopted last; None where none was recorded yet."""
        with self._database.reading() as connection:
            return queries.policy_in_force(connection)

    def policies(self) -> list[PolicyRecord]:
        """All policies, in the order in which they were adopted."""
        with self._database.reading() as connection:
            return queries.all_of(connection, PolicyRecord, policies)

    def record_first_policy(self, content: Mapping[str, Any], now: datetime) -> PolicyRecord:
        """Record the policy that a registry begins with, unless it has one.

        Args:
            content: The values of promotion.yaml, use_case.yaml and evaluation.yaml, by file name.
            now: The current time.

        Returns:
            The policy in force.
        """
        in_force = self.policy_in_force()
        if in_force is not None:
            return in_force
        with self._database.writing() as connection:
            return add_first_policy(connection, content, now)

    def approve_policy(
        self, content_sha256: str, previous_sha256: str, by: Attribution, *, signature: str | None = None
    ) -> PolicyApproval:
        """Add a person's consent to replace one policy by another.

        Raises:
            InvalidRecord: An actor or reason of a forbidden form.
        """
        by = by.checked()
        with self._database.writing() as connection:
            return queries.append(
                connection,
                PolicyApproval,
                policy_approvals,
                content_sha256=content_sha256,
                previous_sha256=previous_sha256,
                signature=signature,
                **by.columns,
            )

    def policy_approvals(self, content_sha256: str, previous_sha256: str) -> list[PolicyApproval]:
        """The approvals of one change of the policy, in the order in which they were recorded."""
        with self._database.reading() as connection:
            return queries.approvals_of_policy(connection, content_sha256, previous_sha256)

    def adopt_policy(
        self,
        content: Mapping[str, Any],
        by: Attribution,
        *,
        expected_sha256: str,
        signature: str | None,
        permit: PolicyPermit,
    ) -> PolicyRecord:
        """Put another policy in force; all in one transaction.

        Args:
            content: The new policy.
            by: Who adopts it, when and why.
            expected_sha256: Hash of the policy in force, as far as the caller knows.
            signature: Of the actor.
            permit: Asked last, within the transaction; what it raises goes to the caller, and nothing is adopted.

        Raises:
            AliasConflict: Another policy is in force than expected.
            InvalidRecord: An actor or reason of a forbidden form.
        """
        by, digest = by.checked(), audit.digest(content)
        with self._database.writing() as connection:
            known = {"content_sha256": digest, "actor": by.actor, "reason": by.reason, "run_id": by.run_id}
            if (own := queries.of_run(connection, PolicyRecord, policies, **known)) is not None:
                return own
            current = queries.policy_in_force(connection)
            if current is None or current.content_sha256 != expected_sha256:
                in_force = current.content_sha256[:12] if current else "none"
                raise AliasConflict(
                    f"The policy was not adopted: {expected_sha256[:12]} was expected to be in force, but it is "
                    f"{in_force}. Look at what was adopted meanwhile, and try again."
                )
            counted = tuple(permit(current, queries.approvals_of_policy(connection, digest, expected_sha256)))
            return _append(
                connection,
                content,
                by,
                previous_sha256=current.content_sha256,
                approved_by=counted,
                signature=signature,
            )


def add_first_policy(connection: Connection, content: Mapping[str, Any], now: datetime) -> PolicyRecord:
    """Add the policy that a registry begins with, in the transaction that makes or upgrades it; once."""
    if (in_force := queries.policy_in_force(connection)) is not None:
        return in_force
    reason = "the first policy: what the configuration files said when the registry was made or upgraded"
    return _append(connection, content, Attribution(REGISTRY, now, reason))


def _append(
    connection: Connection,
    content: Mapping[str, Any],
    by: Attribution,
    *,
    previous_sha256: str | None = None,
    approved_by: tuple[str, ...] = (),
    signature: str | None = None,
) -> PolicyRecord:
    return queries.append(
        connection,
        PolicyRecord,
        policies,
        content_sha256=audit.digest(content),
        content=dict(content),
        previous_sha256=previous_sha256,
        approved_by=approved_by,
        signature=signature,
        **by.columns,
    )
