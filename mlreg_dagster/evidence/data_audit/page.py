"""The audit as one HTML file, with its pictures inside; it needs neither network nor JavaScript."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlreg_dagster.evidence import templating
from mlreg_dagster.evidence.data_audit import pictures
from mlreg_dagster.evidence.data_audit.facts import DataAudit, Fault, Profile, TableAudit


@dataclass(frozen=True)
class _Shown:
    """What the page says of a table."""

    audit: TableAudit
    faults: list[Fault]
    numbers: dict[str, Any]
    columns: list[dict[str, Any]]
    pictures: list[str]


def render(audit: DataAudit, now: datetime) -> str:
    """The page.

    Args:
        audit: What it says.
        now: When it is made.
    """
    return templating.render(
        "data_audit.html.jinja",
        package="mlreg_dagster.evidence.data_audit",
        title="Data audit",
        made=now,
        audit=audit,
        tables=[_shown(each, audit) for each in audit.tables if each.is_there],
        absent=[each.name for each in audit.tables if not each.is_there],
    )


def _shown(table: TableAudit, audit: DataAudit) -> _Shown:
    drawn = []
    if any(each.histogram is not None for each in table.columns):
        drawn.append(pictures.distributions(table.name, table.columns))
    if compared := pictures.compared(table.columns):
        drawn.append(pictures.weekly_differences(table.name, compared))
    faults = [each for each in audit.faults if each.table == table.name]
    return _Shown(table, faults, numbers_of(table), [row_of(each) for each in table.columns], drawn)


def numbers_of(table: TableAudit) -> dict[str, Any]:
    """The numbers of a table, by what they are."""
    return {
        "rows": table.rows,
        "hours or days": table.partitions,
        "from": table.first,
        "to": table.last,
        "without rows in between": table.absent,
        "rows that repeat a key": table.duplicates,
        "instruments": table.instruments,
        "rows of an hour or day, usually": table.usual_rows,
        "the fewest": table.least_rows,
    }


def row_of(profile: Profile) -> dict[str, Any]:
    """The numbers of a column, by what they are."""
    psi = [week.psi for week in profile.weeks if week.psi is not None]
    return {
        "column": profile.name,
        "nulls, %": None if profile.null_share is None else 100 * profile.null_share,
        "impossible": profile.impossible,
        "least": profile.least,
        **{name: profile.quantiles.get(name) for name in ("5 %", "50 %", "95 %")},
        "most": profile.most,
        "mean": profile.mean,
        "deviation": profile.deviation,
        "different": profile.distinct,
        "most frequent": ", ".join(value for value, _ in profile.common[:3]) or None,
        "last weekly PSI": profile.weeks[-1].psi if profile.weeks else None,
        "largest": max(psi, default=None),
    }
