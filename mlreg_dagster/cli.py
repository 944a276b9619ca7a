"""`mlreg`: what the dagster CLI can't do in one go. Everything goes through the graph's own jobs."""

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
import yaml
from rich.console import Console
from rich.markup import escape

from mlreg_dagster.errors import MlregError

app = typer.Typer(
    help='A model registry lifecycle on Dagster. `eval "$(mlreg env)"` makes the dagster CLI use the same home.',
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
console = Console()

Version = Annotated[str, typer.Argument(help="v7, latest, latest-1, or an alias.")]
Reason = Annotated[str, typer.Option(help="Why; kept for ever.")]
Actor = Annotated[str | None, typer.Option(help="By whose word; default: MLREG_ACTOR or the system's user.")]
Alias = Annotated[str, typer.Option(help="champion, challenger, or any other name.")]
EffectiveAt = Annotated[
    str | None, typer.Option(help="From when it counts, UTC (2017-12-20T00:00); the past only for replays.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", help="key=value over the config file, this time; params.n_neighbors=30."),
]


@app.command()
def env() -> None:
    """Print the environment for the dagster CLI: eval "$(mlreg env)"."""
    import shlex

    from mlreg_dagster.runner import prepare_home

    for name, value in prepare_home().items():
        typer.echo(f"export {name}={shlex.quote(value)}")


@app.command()
def demo() -> None:
    """Run the whole lifecycle on the simulated market: a few weeks, two models, their outcomes."""
    from mlreg_dagster.demo import run_demo

    run_demo(_runner(), console)


@app.command()
def replay(
    first: Annotated[str, typer.Option("--from", help="First day, UTC: 2017-06-01.")],
    last: Annotated[str, typer.Option("--to", help="Last day, UTC.")],
    retrain: Annotated[str, typer.Option(help="daily, weekly, monthly, or a number of days.")] = "weekly",
    policy: Annotated[
        str | None, typer.Option(help="never, passed or better, in place of `automatic` in promotion.yaml.")
    ] = None,
    models: Annotated[list[str] | None, typer.Option("--model", help="Config files to train; default: model.")] = None,
    report: Annotated[Path, typer.Option(help="Where the report is written.")] = Path("replay.html"),
) -> None:
    """Run the lifecycle through history on a simulated clock; killed, it goes on where it stopped."""
    from mlreg_dagster.hours import as_hour
    from mlreg_dagster.progress import step_progress
    from mlreg_dagster.replay import Replay, days_between, run_replay
    from mlreg_dagster.report import make_report

    runner = _runner()
    promotion = runner.settings.promotion.override({"automatic": policy} if policy else {}, "--policy")
    end = as_hour(last) + pd.Timedelta(days=1)
    plan = Replay(as_hour(first), end, days_between(retrain), tuple(models or ["model"]), promotion)
    with step_progress(console, total=(plan.end - plan.first).days) as advance:
        run_replay(runner, plan, lambda step, clock: advance(f"{clock:%Y-%m-%d}: {step}", (clock - plan.first).days))
    report.write_text(make_report(runner, plan), encoding="utf-8")
    console.print(f"Done. The report is in {report}.")


@app.command()
def train(
    model: Annotated[str, typer.Option(help="Config file without .yaml: model, model_lof, …")] = "model",
    dataset: Annotated[str | None, typer.Option(help="Day of the dataset; default: the newest frozen.")] = None,
    overrides: Overrides = None,
    actor: Actor = None,
) -> None:
    """Train under the next free version."""
    runner = _runner()
    config = {"model": model, "dataset": dataset, "overrides": _parsed(overrides), "actor": actor}
    version = runner.train(config)
    registered = runner.registry.version(version)
    console.print(
        f"[bold]{version}[/] is a candidate: {registered.detector}, dataset {registered.dataset_day}, "
        f"artifact {registered.artifact_sha256[:12]}."
    )


@app.command()
def evaluate(
    version: Version,
    holdout: Annotated[str | None, typer.Option(help="Day of the holdout; default: that of its dataset.")] = None,
    overrides: Overrides = None,
    actor: Actor = None,
) -> None:
    """Hold a frozen artifact against every gate. Exits with 1 when a gate fails."""
    from mlreg_dagster import jobs
    from mlreg_dagster.runner import asset_config
    from mlreg_dagster.tables import gates_table

    runner = _runner()
    name = runner.registry.resolve(version).version
    runner.add_version(name)
    config = {"holdout": holdout, "overrides": _parsed(overrides), "actor": actor}
    runner.run_partition(jobs.EVALUATE, name, asset_config("evaluated_model", config))
    evaluation = runner.registry.latest_evaluation(name)
    assert evaluation is not None  # noqa: S101 - the run has just recorded it
    console.print(gates_table(evaluation))
    console.print(f"[bold]{name}[/] is {runner.registry.status(name)}.")
    raise typer.Exit(0 if evaluation.passed else 1)


@app.command()
def promote(
    version: Version,
    reason: Reason,
    alias: Alias = "champion",
    actor: Actor = None,
    effective_at: EffectiveAt = None,
    expected: Annotated[str | None, typer.Option(help="The holder you saw, or nobody; default: today's.")] = None,
) -> None:
    """Point an alias to a version whose gates passed."""
    _move(version, reason, alias, actor, effective_at, expected)


@app.command()
def rollback(
    reason: Reason,
    version: Annotated[str | None, typer.Argument(help="To which; default: the holder before.")] = None,
    alias: Alias = "champion",
    actor: Actor = None,
    effective_at: EffectiveAt = None,
) -> None:
    """Give an alias back to an older version."""
    if version is None:
        history = _runner().registry.history(alias)
        version = history[-1].previous_version if history else None
        if version is None:
            raise MlregError(f"Nobody held {alias} before: there is nothing to roll back to. Name a version.")
    _move(version, reason, alias, actor, effective_at, expected=None)


@app.command()
def status() -> None:
    """Versions, aliases, and how right each version was."""
    from mlreg_dagster.outcomes.metrics import summary
    from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES
    from mlreg_dagster.tables import history_table, outcomes_table, versions_table

    runner = _runner()
    console.print(versions_table(runner.registry))
    moves = [event for alias in runner.registry.aliases() for event in runner.registry.history(alias)]
    console.print(history_table(moves) if moves else "Nobody holds an alias yet.")
    outcomes = summary(runner.warehouse.read(PREDICTION_OUTCOMES), runner.settings.outcomes)
    confidence = runner.settings.outcomes.confidence
    console.print("No prediction has fallen due yet." if outcomes.empty else outcomes_table(outcomes, confidence))


@app.command()
def champion(
    as_of: Annotated[str | None, typer.Option(help="A time, UTC; default: now.")] = None,
    alias: Alias = "champion",
) -> None:
    """Which version held the alias at a time, who put it there, and why."""
    from mlreg_dagster.tables import history_table

    when = _time(as_of) if as_of else pd.Timestamp.now(tz="UTC")
    event = _runner().registry.holder(alias, when)
    if event is None:
        raise MlregError(f"Nobody held {alias} as of {when:%Y-%m-%d %H:%M} UTC.")
    console.print(history_table([event]))


@app.command()
def compare(
    left: Version,
    right: Version,
    holdout: Annotated[str | None, typer.Option(help="Day of the holdout; default: the newest frozen.")] = None,
) -> None:
    """Score the same holdout rows and the same planted anomalies with two versions."""
    from mlreg_dagster.datasets import freezing
    from mlreg_dagster.models import artifact, comparison, evaluation
    from mlreg_dagster.tables import comparison_table

    runner = _runner()
    store, settings = runner.artifacts, runner.settings
    days = store.keys(freezing.HOLDOUT)
    if not days:
        raise MlregError("No holdout is frozen yet. Materialize eval_holdout for a day.")
    rows = freezing.load(store, freezing.HOLDOUT, holdout or days[-1])
    models = []
    for spec in (left, right):
        version = runner.registry.resolve(spec)
        models.append(artifact.load(store, version.version, version.artifact_sha256))
    rounds = evaluation.plant_anomalies(
        rows, settings.evaluation.injection, settings.features, settings.max_lookback_hours
    )
    console.print(comparison_table(comparison.compare(models[0], models[1], rows, rounds)))


@app.command()
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


def main() -> None:
    """Entry point: a message for people where there is one, a traceback where we are wrong."""
    try:
        app()
    except MlregError as error:
        Console(stderr=True).print(f"[red]mlreg:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(1)


def _move(
    version: str, reason: str, alias: str, actor: str | None, effective_at: str | None, expected: str | None
) -> None:
    from mlreg_dagster import jobs
    from mlreg_dagster.models.names import NOBODY
    from mlreg_dagster.runner import asset_config
    from mlreg_dagster.tables import history_table

    runner = _runner()
    holder = runner.registry.holder(alias)
    config = {
        "version": runner.registry.resolve(version).version,
        "alias": alias,
        "reason": reason,
        "actor": actor,
        "effective_at": effective_at,
        "expected": expected or (holder.version if holder else NOBODY),
    }
    runner.run(jobs.PROMOTE, asset_config("champion_model", config))
    console.print(history_table(runner.registry.history(alias)))


def _runner() -> Any:
    from mlreg_dagster.runner import Runner, prepare_home

    os.environ.update(prepare_home())
    return Runner()


def _time(text: str) -> pd.Timestamp:
    try:
        stamp = pd.Timestamp(datetime.fromisoformat(text))  # pandas alone would read 10:00 as today's
    except ValueError as error:
        raise MlregError(f"{text!r} is not a time. Write it as 2017-12-20T00:00.") from error
    return stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")


def _parsed(overrides: list[str] | None) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for item in overrides or []:
        path, found, text = item.partition("=")
        if not found:
            raise MlregError(f"--set {item}: write key=value, or section.key=value.")
        *sections, key = path.split(".")
        inner = values
        for section in sections:
            inner = inner.setdefault(section, {})
            if not isinstance(inner, dict):
                raise MlregError(f"--set {item}: {section} has a value already.")
        try:
            inner[key] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise MlregError(f"--set {item}: this is no YAML value: {error}") from error
    return values


if __name__ == "__main__":
    main()
