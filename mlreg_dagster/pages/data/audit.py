"""What the page of the audit shows: the last weeks of every table; `?table=` its columns, `&column=` one of them.

It is computed in the background, once for each state of the mirror and hour: reading weeks of all tables takes longer
than a page may.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from mlreg_dagster.evidence.data_audit import pictures
from mlreg_dagster.evidence.data_audit.audit import Scope, audit_tables
from mlreg_dagster.evidence.data_audit.facts import DataAudit, Fault, Profile, TableAudit
from mlreg_dagster.extensions.registration.loading import load_extensions
from mlreg_dagster.pages.background import BACKGROUND
from mlreg_dagster.pages.page import NotThere
from mlreg_dagster.pages.pictures import drawn
from mlreg_dagster.pages.source import Source
from mlreg_dagster.pages.view import View
from mlreg_dagster.storage.warehouse.for_readers import open_for_readers

DAYS = 35
"""Five weeks: four pairs of weeks, of which three say what is usual."""

_WAIT_S = 0.15
_MOST_FAULTS = 100


@dataclass(frozen=True)
class AuditFacts:
    """The audit, as far as it is there.

    Attributes:
        state: Whether it is `ready`, `computing`, waits for others (`busy`), or `failed`.
        problem: Why it failed.
        days: How many days it covers.
        as_of: Up to when rows were read; None: it is not there yet.
        sentence: Its result in words.
        tables: What the tables hold, without their columns.
        counts: By table how many findings are wrong, and how many unusual.
        faults: What was found, what is wrong first; of the chosen table alone where one is chosen.
        faults_left_out: How many more there are.
        table: The chosen table, its columns without their histograms and weeks; None: none is chosen.
        column: The chosen column; None: none is.
        distribution: A picture of its values.
        weekly: A picture of its weeks, or of those of all columns of the table.
    """

    state: str
    problem: str | None
    days: int
    as_of: datetime | None = None
    sentence: str | None = None
    tables: tuple[TableAudit, ...] = ()
    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    faults_left_out: int = 0
    table: TableAudit | None = None
    column: Profile | None = None
    distribution: str | None = None
    weekly: str | None = None


def title(facts: AuditFacts) -> str:
    """The heading."""
    if facts.column is not None and facts.table is not None:
        return f"Data audit: {facts.table.name}.{facts.column.name}"
    return "Data audit" if facts.table is None else f"Data audit: {facts.table.name}"


def facts(view: View) -> AuditFacts:
    """The audit as of the time that is asked about.

    Raises:
        NotThere: There is no such table or column.
    """
    last = view.as_of.replace(minute=0, second=0, microsecond=0)
    found = BACKGROUND.result(
        ("data audit", view.home, view.mirrored_at, last), make_audit, Source.of(view), last, wait_s=_WAIT_S
    )
    if found.value is None:
        return AuditFacts(found.state, found.problem, DAYS)
    return _chosen(found.value, view.query.get("table") or None, view.query.get("column") or None)


def make_audit(source: Source, last: datetime) -> DataAudit:
    """Read and judge the last weeks of every table.

    Args:
        source: Where everything is.
        last: The last hour.
    """
    load_extensions(source.settings.extensions.modules)
    with open_for_readers(source.home).tables() as tables:
        scope = Scope(last - timedelta(days=DAYS) + timedelta(hours=1), last)
        return audit_tables(tables, source.settings, scope, source.as_of)


def _chosen(audit: DataAudit, name: str | None, column: str | None) -> AuditFacts:
    faults = [each for each in audit.faults if name in (None, each.table) and column in (None, each.column)]
    ready = AuditFacts(
        "ready",
        None,
        DAYS,
        audit.as_of,
        audit.sentence,
        tuple(replace(each, columns=()) for each in audit.tables),
        {each.name: _counts(audit, each.name) for each in audit.tables},
        tuple(faults[:_MOST_FAULTS]),
        max(len(faults) - _MOST_FAULTS, 0),
    )
    if name is None:
        return ready
    table = next((each for each in audit.tables if each.name == name), None)
    if table is None:
        raise NotThere(f"There is no table {name[:40]!r}. Name one of {', '.join(each.name for each in audit.tables)}.")
    if column is None:
        short = tuple(replace(each, histogram=None, weeks=each.weeks[-1:]) for each in table.columns)
        compared = pictures.compared(table.columns)
        weekly = drawn(pictures.weekly_differences, table.name, compared) if compared else None
        return replace(ready, table=replace(table, columns=short), weekly=weekly)
    profile = next((each for each in table.columns if each.name == column), None)
    if profile is None:
        raise NotThere(f"{name} has no column {column[:40]!r}; /data/dictionary?table={name} lists them.")
    distribution = None
    if profile.histogram is not None:
        distribution = drawn(pictures.distribution, profile.name, profile.histogram)
    weekly = drawn(pictures.weeks_of_column, profile.name, profile.weeks) if profile.weeks else None
    return replace(ready, table=replace(table, columns=()), column=profile, distribution=distribution, weekly=weekly)


def _counts(audit: DataAudit, table: str) -> tuple[int, int]:
    states = [each.state for each in audit.faults if each.table == table]
    return states.count("wrong"), states.count("unusual")
