"""Commands that answer what is, what was, and the state of what is served."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from mlreg_dagster.cli.session import AsJson, open_registry, show


def status(as_json: AsJson = False) -> None:
    """Versions, aliases, suspensions, rollouts, incidents, what the champion flags, how right versions were, worth."""
    from mlreg_dagster.cli.incident_record_tables import incidents_table
    from mlreg_dagster.cli.outcome_tables import lead_times_table, outcomes_table, worth_table
    from mlreg_dagster.cli.tables import history_table, versions_table
    from mlreg_dagster.config import home_dir, load_settings
    from mlreg_dagster.governance.rollout.wording import split_in_words
    from mlreg_dagster.governance.standing import standings
    from mlreg_dagster.outcomes.performance.flagged_share import flagged_share_in
    from mlreg_dagster.outcomes.performance.summary import summarize, summarize_lead_times, summarize_served
    from mlreg_dagster.outcomes.worth.newest import newest_worth
    from mlreg_dagster.registry.records import suspensions, traffic
    from mlreg_dagster.storage.warehouse.opening import open_tables

    settings, registry, now = load_settings(), open_registry(), datetime.now(UTC)
    found = standings(registry, now)
    moves = [event for history in registry.histories().values() for event in history]
    with open_tables(home_dir()) as tables:
        outcomes = [*summarize(tables, settings.outcomes), *summarize_served(tables, settings.outcomes)]
        flagged = flagged_share_in(tables, settings.evaluation)
        lead_times, worth = summarize_lead_times(tables), newest_worth(tables)
    incidents = incidents_table(each for each in registry.incidents() if each.is_open)
    show(
        as_json,
        *(f"SUSPENDED: {each.in_words}." for each in found.suspended),
        f"Flagged share, {flagged.state}: {flagged.text}",
        *map(split_in_words, found.rollouts),
        incidents=incidents if as_json or incidents.rows else None,
        versions=versions_table(found),
        moves=history_table(event for event in moves if event.effective_at <= now),
        outcomes=outcomes_table(outcomes, settings.outcomes.confidence),
        lead_times=lead_times_table(lead_times),
        worth=worth_table(worth),
        flagged_share=flagged,
        rollouts=[traffic.plain_facts(each) for each in found.rollouts],
        suspended=[suspensions.plain_facts(each) for each in found.suspended],
    )


def verify(
    url: Annotated[str, typer.Option(help="Where the UI is served.")] = "http://127.0.0.1:3000",
    as_json: AsJson = False,
) -> None:
    """Look at a running deployment as a person does in the UI. Exits with 1 when something is wrong."""
    from mlreg_dagster.cli.tables import findings_table
    from mlreg_dagster.verification.client import Client
    from mlreg_dagster.verification.state import verify as look

    client = Client(url)
    findings = look(client)
    show(as_json, url=client.url, findings=findings_table(client.url, findings))
    raise typer.Exit(1 if any(finding.state == "miss" for finding in findings) else 0)
