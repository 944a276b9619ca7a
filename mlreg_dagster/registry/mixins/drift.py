"""What was decided about drift. Judging it stands in `monitoring.response`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlreg_dagster.registry.database import queries
from mlreg_dagster.registry.database.connection import Database
from mlreg_dagster.registry.database.schema import drift_decisions
from mlreg_dagster.registry.names import as_utc
from mlreg_dagster.registry.records.drift import DriftDecision
from mlreg_dagster.registry.records.models import Attribution


@dataclass(frozen=True)
class DriftJudgement:
    """A decision about drift that is to be recorded; the fields are those of `DriftDecision`."""

    day: str
    champion: str | None
    state: str
    family: str | None
    action: str
    table_row: int
    cause: str | None
    leave_out: tuple[str, ...]
    facts: Mapping[str, Any]
    threshold: Mapping[str, Any] | None = None


class Drift:
    """The part of the registry that holds what was decided about drift."""

    _database: Database

    def record_drift(self, judged: Iterable[tuple[DriftJudgement, Attribution, datetime]]) -> list[DriftDecision]:
        """Add decisions, all in one transaction.

        Args:
            judged: What was decided, in the order of the days; by whom, when and why; from when on thresholds count.

        Raises:
            InvalidRecord: An actor or reason of a forbidden form.
        """
        checked = [(each, by.checked(), as_utc(effective_at)) for each, by, effective_at in judged]
        with self._database.writing() as connection:
            return [
                queries.append(
                    connection,
                    DriftDecision,
                    drift_decisions,
                    **{
                        name: dict(value) if isinstance(value, Mapping) else value for name, value in vars(each).items()
                    },
                    effective_at=effective_at,
                    **by.columns,
                )
                for each, by, effective_at in checked
            ]

    def drift_decisions(self) -> list[DriftDecision]:
        """All decisions about drift, in the order in which they were recorded."""
        with self._database.reading() as connection:
            return queries.all_of(connection, DriftDecision, drift_decisions)
