"""The command line: registers every command in the order of the help, and turns errors into messages and exit codes."""

import sys
from typing import Annotated

import typer
from rich.markup import escape

from mlreg_dagster.cli.commands.alerts import alerts
from mlreg_dagster.cli.commands.audit import audit
from mlreg_dagster.cli.commands.backup import backup
from mlreg_dagster.cli.commands.branch import branch
from mlreg_dagster.cli.commands.data_audit import audit_data
from mlreg_dagster.cli.commands.evidence import bundle, dossier, report, schema, weekly
from mlreg_dagster.cli.commands.features import features
from mlreg_dagster.cli.commands.governance import (
    approve,
    champion,
    decisions,
    except_,
    history,
    keygen,
    policy,
    refusals,
    reject,
    waive,
    withdraw,
)
from mlreg_dagster.cli.commands.incident import incident
from mlreg_dagster.cli.commands.incidents import impact, what_if
from mlreg_dagster.cli.commands.lifecycle import demo, replay
from mlreg_dagster.cli.commands.metrics import metrics
from mlreg_dagster.cli.commands.mlflow import mlflow
from mlreg_dagster.cli.commands.models import compare, evaluate, evaluations, promote, rollback
from mlreg_dagster.cli.commands.operations import correct, doctor, mirror, prune, restore, upgrade
from mlreg_dagster.cli.commands.optimise import optimise
from mlreg_dagster.cli.commands.pages import pages
from mlreg_dagster.cli.commands.people import people
from mlreg_dagster.cli.commands.project import env, init, runbook
from mlreg_dagster.cli.commands.reasons import explain
from mlreg_dagster.cli.commands.release import rehearse, release
from mlreg_dagster.cli.commands.rollout import rollout
from mlreg_dagster.cli.commands.scoring import score
from mlreg_dagster.cli.commands.serving import keys, serve
from mlreg_dagster.cli.commands.status import status, verify
from mlreg_dagster.cli.commands.suspension import resume, suspend
from mlreg_dagster.cli.commands.sweep import sweep
from mlreg_dagster.cli.commands.tables import move_tables, table
from mlreg_dagster.cli.commands.training import retrain, train
from mlreg_dagster.cli.commands.tuning import tune
from mlreg_dagster.cli.session import Terminal
from mlreg_dagster.config import load_project_environment
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.storage.private_files import keep_private

app = typer.Typer(
    help='A model registry lifecycle on Dagster. `eval "$(mlreg env)"` makes the dagster CLI use the same home.',
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"mlreg {version('mlreg-dagster')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


_COMMANDS = (
    init, env, demo, replay, train, retrain, tune, sweep, evaluate, evaluations, approve, reject, waive, withdraw,
    decisions, promote, rollback, suspend, resume, release, rehearse, refusals, score, explain, status, champion,
    history, compare, optimise, impact, what_if, bundle, dossier, report, schema, weekly, verify, metrics, serve,
    pages, doctor, prune, correct, restore, upgrade, mirror, table, move_tables, keygen, runbook,
)  # fmt: skip
for command in _COMMANDS:
    app.command(command.__name__.rstrip("_").replace("_", "-"))(command)
app.command("except", hidden=True)(except_)  # names in release 0.1
app.command("tidy", hidden=True)(prune)
app.add_typer(features, name="features")
app.add_typer(rollout, name="rollout")
app.add_typer(policy, name="policy")
app.add_typer(audit, name="audit")
audit.command("data")(audit_data)
app.add_typer(alerts, name="alerts")
app.add_typer(incident, name="incident")
app.add_typer(backup, name="backup")
app.add_typer(branch, name="branch")
app.add_typer(people, name="people")
app.add_typer(keys, name="keys")
app.add_typer(mlflow, name="mlflow")


def main() -> None:
    """Run a command. An error of the user ends with a message, a defect with a traceback."""
    keep_private()
    try:
        _require_text(sys.argv)
        load_project_environment()
        app()
    except MlregError as error:
        Terminal(stderr=True).print(f"[red]mlreg:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(1)


def _require_text(arguments: list[str]) -> None:
    """Bytes that are no UTF-8 reach us as characters that no database and no terminal takes."""
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError as error:
            raise MlregError(f"The argument {argument!a} is not UTF-8. Write it in that encoding.") from error
