"""A/B tests on the command line: how `mlreg rollout start` asks for one, and the report of it or of any rollout."""

from pathlib import Path
from typing import Annotated

import typer

from mlreg_dagster.cli.arguments import Alias, writing_to
from mlreg_dagster.cli.session import AsJson, open_registry, show
from mlreg_dagster.core.errors import MlregError

_WEIGHT, _DAYS = 50.0, 28

AB = Annotated[
    bool, typer.Option("--ab", help="Test it beside the champion, which keeps the alias; it is not to become champion.")
]
Weight = Annotated[float | None, typer.Option(help=f"With --ab: share of the traffic in %; default: {_WEIGHT:g}.")]
Days = Annotated[int | None, typer.Option(help=f"With --ab: how long; default: {_DAYS}.")]


def ab_asked(ab: bool, weight: float | None, days: int | None) -> tuple[float | None, int | None]:
    """Weight (per cent) and days of the A/B test that options ask for; nothing without one.

    Raises:
        MlregError: Weight or days stand without --ab.
    """
    if ab:
        return _WEIGHT if weight is None else weight, _DAYS if days is None else days
    if weight is not None or days is not None:
        raise MlregError("--weight and --days belong to an A/B test: write --ab, or leave them out.")
    return None, None


def report(
    number: Annotated[
        int | None, typer.Argument(min=1, help="Of the rollout, as `mlreg history` shows it; default: the newest.")
    ] = None,
    alias: Alias = "champion",
    html: Annotated[Path | None, typer.Option("--html", help="Write the report to this file, with pictures.")] = None,
    as_json: AsJson = False,
) -> None:
    """What an A/B test or any other rollout has shown so far, with the interval over time."""
    from datetime import UTC, datetime

    from mlreg_dagster.cli.ab_tables import answers_table, arms_table, looks_table
    from mlreg_dagster.cli.rollout_tables import traffic_table
    from mlreg_dagster.config import home_dir, load_settings
    from mlreg_dagster.evidence.rollout_report import render
    from mlreg_dagster.governance.rollout.counts import counts_of
    from mlreg_dagster.governance.rollout.reporting import answers_of, changes_of, report_on
    from mlreg_dagster.governance.rollout.wording import split_in_words
    from mlreg_dagster.storage.warehouse.opening import open_warehouse

    registry, home, now = open_registry(), home_dir(), datetime.now(UTC)
    changes = changes_of(registry, alias, number)
    made = report_on(open_warehouse(home), changes, load_settings(), now)
    answers = answers_of(counts_of(home, changes), changes)
    if html is not None:
        with writing_to(html):
            html.parent.mkdir(parents=True, exist_ok=True)
            html.write_text(render(made, answers, changes, now), encoding="utf-8")
    sentences = [split_in_words(changes[-1]), made.sentence]
    if as_json:
        show(True, report=made, answers=answers, changes=traffic_table(changes), file=html and str(html))
        return
    show(False, *sentences, looks=looks_table(made), arms=arms_table(made), answers=answers_table(answers))
    if html is not None:
        show(False, f"The report with its pictures is in {html}.")
