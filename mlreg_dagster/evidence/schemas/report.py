"""checks.json: the results of all checks over a period."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from mlreg_dagster.evidence.schemas.by import By
from mlreg_dagster.evidence.schemas.types import Count, Scalar, Time

_Edge = Annotated[Time | None, Meta(description="null: the period has no such end.")]


class Period(Struct, frozen=True, kw_only=True):
    """Which results are reported: from the first time to the second, which is excluded."""

    by: Annotated[By, Meta(description="market: the hours or day that a result is about. recording: when it was made.")]
    first: _Edge
    until: _Edge


class ResultDocument(Struct, frozen=True, kw_only=True):
    """One result of one check."""

    result: Annotated[int, Meta(ge=1, description="Its number within the report: that of check_values.csv.")]
    recorded_at: Time
    market_first: Annotated[Time | None, Meta(description="null: it is about no hours of the market.")]
    market_until: Annotated[Time | None, Meta(description="Excluded.")]
    asset: str
    check: str
    partition: str | None
    version: str | None
    passed: bool
    severity: Literal["WARN", "ERROR"]
    description: str
    run_id: str
    values: Annotated[dict[str, Scalar], Meta(description="Names and units: docs/machine.md.")]


class ReportDocument(Struct, frozen=True, kw_only=True):
    """The results of all checks over a period, the newest first."""

    format: Literal["mlreg-report"] = "mlreg-report"
    schema_version: Literal[1] = 1
    made_at: Time
    period: Period
    left_out: Annotated[Count, Meta(description="Results about no hours of the market; none unless by market.")]
    failed: Count
    results: list[ResultDocument]
