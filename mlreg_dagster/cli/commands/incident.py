"""`mlreg incident`: the record of an incident, from its opening to the review of its report."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mlreg_dagster.cli.arguments import Actor, Reason, writing_to
from mlreg_dagster.cli.session import AsJson, open_registry, show

if TYPE_CHECKING:
    from mlreg_dagster.incidents.recording import Author
    from mlreg_dagster.registry import IncidentEvent, Registry

incident = typer.Typer(help="Incidents: who writes down what when, how long each step took, and the report.")

Number = Annotated[int, typer.Argument(help="Of the incident; `mlreg incident list` lists them.", min=1)]
Urgency = Literal["info", "ticket", "page"]
_At = Annotated[str | None, typer.Option(help="When it was so, UTC (2017-12-20T14:05); default: now.")]
_Alerts = Annotated[list[str] | None, typer.Option("--alert", help="An alert of it, as `mlreg alerts` names it.")]
_Hours = Annotated[list[str] | None, typer.Option("--hour", help="An hour of the market that was wrong.")]
_Versions = Annotated[list[str] | None, typer.Option("--version", help="A version that has part in it.")]
_Suspensions = Annotated[list[str] | None, typer.Option("--suspension", help="ALIAS:SEQUENCE of a suspension.")]
_Moves = Annotated[list[str] | None, typer.Option("--move", help="ALIAS:SEQUENCE of a move of an alias.")]


@incident.command("open")
def open_incident(
    title: Annotated[str, typer.Argument(help="What it is, in a few words.")],
    severity: Annotated[Urgency, typer.Option(help="How urgent it is.")],
    owner: Annotated[str, typer.Option(help="Who leads the response.")],
    since: Annotated[str, typer.Option(help="When it began, UTC (2017-12-20T14:05).")],
    reason: Annotated[str, typer.Option(help="What is known; default: the title.")] = "",
    detected: Annotated[
        str | None, typer.Option(help="When it was noticed, UTC; default: when the first --alert fired, else now.")
    ] = None,
    alert: _Alerts = None,
    hour: _Hours = None,
    version: _Versions = None,
    suspension: _Suspensions = None,
    move: _Moves = None,
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Open an incident. It gets a number; what happens from its begin on becomes part of its report by itself."""
    from mlreg_dagster.core.times import read_time
    from mlreg_dagster.incidents import recording

    links = recording.Links(*(tuple(each or ()) for each in (alert, hour, version, suspension, move)))
    times = (read_time(since), read_time(detected) if detected else None)
    registry = open_registry()
    opening = recording.Opening(title, severity, owner, *times, links)
    event = recording.open_incident(registry, opening, _author(registry, reason or title, actor))
    _show_added(registry, event, as_json)


@incident.command()
def note(
    number: Number,
    text: Annotated[str, typer.Argument(help="What happened, was found or was decided; kept for ever.")],
    at: _At = None,
    mitigated: Annotated[bool, typer.Option("--mitigated", help="From then on users are no longer affected.")] = False,
    severity: Annotated[Urgency | None, typer.Option(help="From now on; default: as before.")] = None,
    owner: Annotated[str | None, typer.Option(help="From now on; default: as before.")] = None,
    alert: _Alerts = None,
    hour: _Hours = None,
    version: _Versions = None,
    suspension: _Suspensions = None,
    move: _Moves = None,
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Add a note to an incident, also after its end."""
    from mlreg_dagster.core.times import read_time
    from mlreg_dagster.incidents import recording

    links = recording.Links(*(tuple(each or ()) for each in (alert, hour, version, suspension, move)))
    when, registry = read_time(at) if at else None, open_registry()
    author = _author(registry, text, actor)
    event = recording.note(
        registry, number, author, at=when, links=links, mitigated=mitigated, severity=severity, owner=owner
    )
    _show_added(registry, event, as_json)


@incident.command()
def resolve(number: Number, reason: Reason, at: _At = None, actor: Actor = None, as_json: AsJson = False) -> None:
    """Record that an incident is over."""
    from mlreg_dagster.core.times import read_time
    from mlreg_dagster.incidents import recording

    when, registry = read_time(at) if at else None, open_registry()
    event = recording.resolve(registry, registry.incident(number), _author(registry, reason, actor), when)
    _show_added(registry, event, as_json)


@incident.command()
def review(
    number: Number,
    file: Annotated[Path, typer.Option(help="The report, as people finished it; its hash is kept.")],
    reason: Annotated[str, typer.Option(help="What the review came to; kept for ever.")] = "The report was reviewed.",
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Record that the report of an incident was reviewed; one in which something is still to be written is refused."""
    from mlreg_dagster.incidents import recording

    registry = open_registry()
    event = recording.review(registry, registry.incident(number), file, _author(registry, reason, actor))
    _show_added(registry, event, as_json)


@incident.command("show")
def show_incident(number: Number, as_json: AsJson = False) -> None:
    """All that people wrote down about an incident, and how long each step took."""
    from mlreg_dagster.cli.incident_record_tables import events_table, incidents_table, times_table
    from mlreg_dagster.incidents.measured import measure
    from mlreg_dagster.incidents.timeline import timeline

    registry, now = open_registry(), datetime.now(UTC)
    found = registry.incident(number)
    times = measure(found, registry.alert_events(), timeline(registry, found, now))
    show(as_json, incidents=incidents_table([found]), times=times_table(times), events=events_table(found.events))


@incident.command("list")
def list_incidents(
    only_open: Annotated[bool, typer.Option("--open", help="Only those that go on.")] = False,
    as_json: AsJson = False,
) -> None:
    """All incidents, the newest last."""
    from mlreg_dagster.cli.incident_record_tables import incidents_table

    found = [each for each in open_registry().incidents() if each.is_open or not only_open]
    show(as_json, incidents=incidents_table(found))


@incident.command()
def report(
    number: Number,
    output: Annotated[
        Path | None, typer.Option(help="F.md or F.html; default: Markdown to the standard output.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The post-incident report: timeline, times and blast radius from the records, and marks for what people write."""
    from mlreg_dagster.cli.commands.incidents import impacts_of
    from mlreg_dagster.core.errors import MlregError
    from mlreg_dagster.incidents.report import make_report, render
    from mlreg_dagster.incidents.timeline import Entry
    from mlreg_dagster.orchestration.instance.troubled_runs import runs_between

    if output is not None and output.suffix not in {".md", ".html"}:
        raise MlregError(f"{output}: the report is Markdown or HTML. Let the name end with .md or .html.")
    registry, now = open_registry(), datetime.now(UTC)
    found = registry.incident(number)
    impacts = impacts_of(registry, found.links("hours"))
    until = found.resolved.occurred_at if found.resolved else now
    runs = [
        Entry(each.at, "run", each.text, each.started_by, each.reason, f"run {each.run_id}")
        for each in runs_between(found.began, until)
    ]
    made = make_report(registry, found, impacts, now, runs)
    if output is not None:
        with writing_to(output):
            output.parent.mkdir(parents=True, exist_ok=True)
            output.write_text(render(made, html=output.suffix == ".html"), encoding="utf-8", newline="\n")
    if as_json:
        show(True, **made.facts, file=output and str(output))
    elif output is None:
        typer.echo(render(made, html=False), nl=False)
    else:
        show(False, f"The report is in {output}. Write what is marked there, then: mlreg incident review {number} …")


def _author(registry: "Registry", text: str, actor: str | None) -> "Author":
    from mlreg_dagster.cli.session import configured_rules
    from mlreg_dagster.core.people import current_actor
    from mlreg_dagster.governance.decisions.authority import signing_key
    from mlreg_dagster.governance.policy.in_force import rules_now
    from mlreg_dagster.incidents.recording import Author
    from mlreg_dagster.registry import Attribution

    now = datetime.now(UTC)
    policy = rules_now(registry, configured_rules(), now).promotion
    return Author(Attribution(current_actor(actor), now, text), policy, signing_key())


def _show_added(registry: "Registry", event: "IncidentEvent", as_json: bool) -> None:
    """Print the incident as it stands, and let Dagster remember how long the audit log is."""
    from mlreg_dagster.cli.incident_record_tables import events_table, incidents_table
    from mlreg_dagster.cli.intact import leave_witness

    what = f"incident {event.incident} was {event.event} by {event.actor}: {event.reason}"
    leave_witness(registry, what, {"incident": event.incident, "severity": event.severity})
    found = registry.incident(event.incident)
    show(as_json, incidents=incidents_table([found]), events=events_table([event]))
