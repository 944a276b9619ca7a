"""The post-incident report: what is on record of an incident, with marks where people have something to write.

It is a beginning: people go on with the file, and `mlreg incident review` keeps the hash of what they reviewed. The
marks are those of `recording.TO_WRITE`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlreg_dagster.evidence import templating
from mlreg_dagster.evidence.card.elements import when
from mlreg_dagster.incidents.impact import Impact
from mlreg_dagster.incidents.measured import Measured, measure
from mlreg_dagster.incidents.timeline import Entry, timeline
from mlreg_dagster.outcomes.names import is_ranking
from mlreg_dagster.registry import Incident, Registry
from mlreg_dagster.registry.records.incidents import LINKS


@dataclass(frozen=True)
class Report:
    """What is on record of an incident.

    Attributes:
        incident: Which.
        made_at: As of when.
        times: How long the four steps took.
        entries: What happened, the first thing first.
        impacts: The blast radius of each hour of the market that the incident names.
        audit_head: Sequence and hash of the registry's newest record.
    """

    incident: Incident
    made_at: datetime
    times: Sequence[Measured]
    entries: Sequence[Entry]
    impacts: Sequence[Impact]
    audit_head: tuple[int, str]

    @property
    def facts(self) -> dict[str, Any]:
        """The same as plain values, for programs."""
        newest = self.incident.newest
        return {
            "incident": self.incident.number,
            "title": newest.title,
            "severity": newest.severity,
            "owner": newest.owner,
            "state": self.incident.state,
            "began": self.incident.began,
            "made_at": self.made_at,
            "times": [vars(each) | {"minutes": each.minutes} for each in self.times],
            "timeline": [vars(each) for each in self.entries],
            "links": {kind: list(names) for kind in LINKS if (names := self.incident.links(kind))},
            "blast_radius": [row for impact in self.impacts for row in blast_radius(impact)],
            "audit_head": f"{self.audit_head[0]}:{self.audit_head[1]}",
        }


def make_report(
    registry: Registry, incident: Incident, impacts: Sequence[Impact], now: datetime, others: Iterable[Entry] = ()
) -> Report:
    """Join everything on record.

    Args:
        registry: Where it is read.
        incident: Which.
        impacts: Of the hours that it names.
        now: The current time.
        others: What runs did, as Dagster tells it.
    """
    entries = timeline(registry, incident, now, others)
    times = measure(incident, registry.alert_events(), entries)
    return Report(incident, now, times, entries, impacts, registry.audit_head())


def render(report: Report, *, html: bool) -> str:
    """The document, as one HTML file or as Markdown."""
    incident = report.incident
    return templating.render(
        "incident.html.jinja" if html else "incident.md.jinja",
        title=f"Incident {incident.number}: {incident.newest.title}",
        report=report,
        incident=incident,
        summary=_summary(report),
        times=[
            {
                "time to": each.name,
                "took": "not known" if each.took is None else in_words(each.took.total_seconds()),
                "from": when(each.since),
                "until": when(each.at) if each.at else None,
                "by": each.source,
            }
            for each in report.times
        ],
        entries=[
            {
                "when": when(each.at),
                "what": each.text,
                "by": each.by,
                "why": each.why,
                "record": each.record,
            }
            for each in report.entries
        ],
        radius=[row for impact in report.impacts for row in blast_radius(impact)],
        remarks=list(dict.fromkeys(remark for impact in report.impacts for remark in impact.remarks)),
    )


def blast_radius(impact: Impact) -> list[dict[str, Any]]:
    """What rests on one hour, a row for each kind of thing, whose `mlreg impact` has the details."""
    hour = f"{impact.hour:%Y-%m-%d %H:%M}"
    predictions = [each for each in impact.predictions if not is_ranking(each.version)]
    outcomes = [each for each in impact.outcomes if not is_ranking(each.version)]
    versions = ", ".join(sorted({each.version for each in predictions}))
    counted: list[tuple[str, int, str]] = [
        ("frozen datasets", len(impact.datasets), ", ".join(f"{each.kind} {each.day}" for each in impact.datasets)),
        ("versions trained on it", *_named(each.version for each in impact.versions if each.trained)),
        ("versions evaluated on it", *_named(each.version for each in impact.versions if each.evaluations)),
        ("rows of features", impact.feature_rows, f"{impact.feature_hours} hours"),
        ("predictions", sum(each.rows for each in predictions), versions),
        ("flags", sum(each.flagged for each in predictions), ""),
        ("outcomes", sum(each.rows for each in outcomes), ""),
        ("reigns", *_named(f"{each.alias} {each.version}" for each in impact.reigns)),
        ("rollouts", *_named(f"{each.alias} {each.rollout}" for each in impact.rollouts)),
        ("rows of answers", sum(each.rows for each in impact.served), ""),
    ]  # fmt: skip
    return [{"hour": hour, "what": what, "count": count, "which": which} for what, count, which in counted]


def in_words(seconds: float) -> str:
    """A length of time, for people: two units at most."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    days, hours = divmod(minutes // 60, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


def _named(names: Iterable[str]) -> tuple[int, str]:
    found = list(names)
    return len(found), ", ".join(found)


def _summary(report: Report) -> dict[str, Any]:
    incident, newest = report.incident, report.incident.newest
    resolved = incident.resolved
    return {
        "severity": newest.severity,
        "owner": newest.owner,
        "state": incident.state,
        "began": when(incident.began),
        "over": when(resolved.occurred_at) if resolved else "not yet",
        **{kind: list(names) for kind in LINKS if (names := incident.links(kind))},
        "audit log": f"record {report.audit_head[0]}, {report.audit_head[1]}",
    }
