"""Commands that answer what is, what was, and whether all is well with what is served."""

from typing import Annotated

import pandas as pd
import typer

from mlreg_dagster.cli.opening import console, open_runner


def status() -> None:
    """Versions, aliases, and how right each version was."""
    from mlreg_dagster.outcomes.metrics import summary
    from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES
    from mlreg_dagster.tables import history_table, outcomes_table, versions_table

    runner = open_runner()
    now = pd.Timestamp.now(tz="UTC")
    console.print(versions_table(runner.registry, now))
    moves = [event for alias in runner.registry.aliases() for event in runner.registry.history(alias)]
    moves = [event for event in moves if event.effective_at <= now]
    console.print(history_table(moves) if moves else "Nobody holds an alias yet.")
    outcomes = summary(runner.warehouse.read(PREDICTION_OUTCOMES), runner.settings.outcomes)
    confidence = runner.settings.outcomes.confidence
    console.print("No prediction has fallen due yet." if outcomes.empty else outcomes_table(outcomes, confidence))


def verify(
    url: Annotated[str, typer.Option(help="Where the UI is served.")] = "http://127.0.0.1:3000",
) -> None:
    """Look at a running deployment as a person does in the UI. Exits with 1 when something is amiss."""
    from mlreg_dagster.tables import findings_table
    from mlreg_dagster.verification.client import Client
    from mlreg_dagster.verification.state import verify as look

    findings = look(Client(url))
    console.print(findings_table(url, findings))
    raise typer.Exit(1 if any(finding.state == "miss" for finding in findings) else 0)
