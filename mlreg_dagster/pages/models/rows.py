"""A version as a row of the list: what it is, how it stands, what its gates and its outcomes say."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlreg_dagster.governance.standing import Badge, VersionStanding
from mlreg_dagster.models.gates.planted import AVERAGE_PRECISION
from mlreg_dagster.models.manifests import STUDY, SWEEP, cause_in, name_in
from mlreg_dagster.outcomes.names import RANKING, WorthVerdict

SCHEDULE = "schedule"
"""Cause of a training that has none of its own."""


@dataclass(frozen=True)
class WorthOnRecord:
    """What matured outcomes say of a version against the best simple ranking.

    Attributes:
        verdict: Against all rankings.
        opponent: The ranking against which it stands worst.
        difference: In precision at the same flag budget.
        low: Lower end of its interval; None: not known.
        high: Upper end of it.
        weeks: Complete weeks that were counted.
        day: At whose end it was asked.
    """

    verdict: WorthVerdict | None
    opponent: str
    difference: float | None
    low: float | None
    high: float | None
    weeks: int | None
    day: str


@dataclass(frozen=True)
class ModelRow:
    """A version as of a time.

    Attributes:
        version: Its name.
        detector: Which detector.
        trigger: By what its training was started.
        cause: Why it was trained; None: on schedule, or by hand without a cause.
        study: The study that it came from; None: from none.
        sweep: The sweep that it is of; None: of none.
        dataset_day: The day of its dataset.
        trained_at: When it was registered.
        trained_by: Who trained it, as recorded.
        status: By the evaluation that counts.
        badges: What it is and was.
        experiments: How many evaluations of it were experiments.
        evaluated_at: When the evaluation that counts was recorded; None: there is none.
        average_precision: At finding planted anomalies, by that evaluation; None: not measured.
        baseline_average_precision: Of the baseline.
        margin: The first minus the second, as the gate measured it.
        margin_low: Lower end of its interval; None: not known.
        margin_high: Upper end of it.
        failed_gates: The gates that it failed.
        worth: What outcomes say; None: no verdict was asked yet.
    """

    version: str
    detector: str
    trigger: str
    cause: str | None
    study: str | None
    sweep: str | None
    dataset_day: str
    trained_at: datetime
    trained_by: str
    status: str
    badges: tuple[Badge, ...]
    experiments: int
    evaluated_at: datetime | None
    average_precision: float | None
    baseline_average_precision: float | None
    margin: float | None
    margin_low: float | None
    margin_high: float | None
    failed_gates: tuple[str, ...]
    worth: WorthOnRecord | None


def model_row(standing: VersionStanding, worth: WorthOnRecord | None) -> ModelRow:
    """A version as a row."""
    version, evaluation = standing.version, standing.evaluation
    metrics = evaluation.metrics if evaluation else {}
    gates = evaluation.gates if evaluation else ()
    margin = next((each for each in gates if each.name == AVERAGE_PRECISION), None)
    interval = (margin.interval if margin else None) or {}
    cause = cause_in(version.manifest)
    return ModelRow(
        version=version.version,
        detector=version.detector,
        trigger=cause["trigger"] if cause else SCHEDULE,
        cause=cause.get("reason") if cause else None,
        study=name_in(version.manifest, STUDY),
        sweep=name_in(version.manifest, SWEEP),
        dataset_day=version.dataset_day,
        trained_at=version.created_at,
        trained_by=version.created_by,
        status=standing.status,
        badges=standing.badges,
        experiments=standing.experiments,
        evaluated_at=evaluation.recorded_at if evaluation else None,
        average_precision=metrics.get("average_precision"),
        baseline_average_precision=metrics.get("baseline_average_precision"),
        margin=margin.value if margin else None,
        margin_low=interval.get("low"),
        margin_high=interval.get("high"),
        failed_gates=tuple(each.name for each in gates if not each.passed),
        worth=worth,
    )


def worth_by_version(rows: Iterable[Mapping[str, Any]]) -> dict[str, WorthOnRecord]:
    """What `outcomes.worth.newest.newest_worth` gives, by version."""
    return {
        row["model_version"]: WorthOnRecord(
            verdict=row["worth"],
            opponent=str(row["opponent"]).removeprefix(f"{RANKING}:"),
            difference=row["precision_difference"],
            low=row["precision_difference_low"],
            high=row["precision_difference_high"],
            weeks=None if row["weeks"] is None else int(row["weeks"]),
            day=row["as_of"],
        )
        for row in rows
    }
