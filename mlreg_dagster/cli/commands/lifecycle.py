"""Commands that run the whole lifecycle: on a simulated market, or through history."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

import typer

from mlreg_dagster.cli.arguments import writing_to
from mlreg_dagster.cli.session import AsJson, console, open_runner, progress_console, show
from mlreg_dagster.models.names import CHAMPION


def demo(as_json: AsJson = False) -> None:
    """Run the whole lifecycle on the simulated market: a few weeks, two models, their outcomes."""
    from mlreg_dagster.cli.commands.status import status
    from mlreg_dagster.cli.demo import run_demo

    run_demo(open_runner(replays=True), progress_console if as_json else console)
    if as_json:
        status(as_json=True)


def replay(
    first: Annotated[str, typer.Option("--from", help="First day, UTC: 2017-06-01.")],
    last: Annotated[str, typer.Option("--to", help="Last day, UTC.")],
    retrain: Annotated[str, typer.Option(help="daily, weekly, monthly, or a number of days.")] = "weekly",
    policy: Annotated[
        str | None, typer.Option(help="never, passed or better, in place of `automatic` in promotion.yaml.")
    ] = None,
    model: Annotated[list[str] | None, typer.Option("--model", help="A config file to train; default: model.")] = None,
    models: Annotated[str | None, typer.Option(help="Several of them: model,model_lof.")] = None,
    select: Annotated[
        Literal["evaluation", "outcomes", "rollout"],
        typer.Option(
            help="evaluation: each training may bring a new champion. outcomes: challengers mature in the champion's "
            "shadow, and one replaces it only once its outcomes are better. rollout: each training may bring a "
            "candidate that is rolled out step by step, looked at every midnight."
        ),
    ] = "evaluation",
    shadow_days: Annotated[
        int, typer.Option(min=1, help="With --select outcomes: days after which a challenger is replaced.")
    ] = 84,
    compare: Annotated[
        bool,
        typer.Option(
            "--compare", help="Play other policies beside it (never retrain, always retrain, planted anomalies)."
        ),
    ] = False,
    report: Annotated[Path, typer.Option(help="Where the report is written.")] = Path("replay.html"),
    as_json: AsJson = False,
) -> None:
    """Run the lifecycle through history on a simulated clock; a killed replay resumes where it stopped."""
    from mlreg_dagster.cli.progress import step_progress
    from mlreg_dagster.cli.tables import history_table
    from mlreg_dagster.core.hours import as_hour
    from mlreg_dagster.outcomes.worth.record import worth_on_record
    from mlreg_dagster.replay.plan import Replay, days_between
    from mlreg_dagster.replay.report import make_report
    from mlreg_dagster.replay.run import run_replay

    runner = open_runner(replays=True)
    promotion = runner.settings.promotion.override({"automatic": policy} if policy else {}, "--policy")
    end = as_hour(last) + timedelta(days=1)
    chosen = [*(model or []), *(name.strip() for name in (models or "").split(",") if name.strip())]
    named = tuple(dict.fromkeys(chosen or ["model"]))
    plan = Replay(as_hour(first), end, days_between(retrain), named, promotion, select, shadow_days, compare)
    with writing_to(report):
        report.open("a").close()  # an error now costs less than one after all the work
    with step_progress(progress_console if as_json else console, total=(plan.end - plan.first).days) as advance:
        run_replay(runner, plan, lambda step, clock: advance(f"{clock:%Y-%m-%d}: {step}", (clock - plan.first).days))
    with writing_to(report):
        report.write_text(make_report(runner, plan), encoding="utf-8")
    moves = history_table(runner.registry.history(CHAMPION))
    worth = worth_on_record(runner.warehouse, CHAMPION, plan.end, runner.settings.outcomes)
    show(
        as_json,
        f"{worth.sentence} Done. The report is in {report}.",
        report=str(report),
        moves=moves,
        worth={"verdict": worth.verdict, "sentence": worth.sentence},
    )
