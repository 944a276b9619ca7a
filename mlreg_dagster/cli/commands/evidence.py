"""Commands that write evidence: on one version, and the results of all checks."""

from pathlib import Path
from typing import Annotated

import typer

from mlreg_dagster.cli.arguments import Version, writing_to
from mlreg_dagster.cli.session import AsJson, open_registry, open_runner, show

_Folder = Annotated[Path, typer.Option("--out", help="Folder to write to; it is made if it is not there.")]


def bundle(
    version: Version,
    out: _Folder,
    verify: Annotated[bool, typer.Option("--verify", help="Train it again and compare all scores.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write all evidence on a version, as HTML, Markdown and JSON. Exits with 1 when a section is incomplete."""
    import json
    import shutil

    from mlreg_dagster import jobs
    from mlreg_dagster.config import home_dir
    from mlreg_dagster.evidence import bundles
    from mlreg_dagster.runner import asset_config

    runner = open_runner()
    name = runner.registry.resolve(version).version
    runner.add_version(name)
    runner.run_partition(jobs.BUNDLE, name, asset_config("delivery_bundle", {"verify": verify}))
    with writing_to(out):
        shutil.copytree(home_dir() / "bundles" / name, out, dirs_exist_ok=True)
        card = json.loads((out / bundles.JSON).read_text(encoding="utf-8"))
    remarks = [
        {"gate": section["gate"], "kind": kind, "what": what}
        for section in card["sections"].values()
        for kind in ("missing", "against", "unknown")
        for what in section[kind]
    ]
    show(
        as_json,
        *(f"{each['gate']}: {each['what']}" for each in remarks),
        f"{card['headline']} The evidence is in {out / bundles.HTML}.",
        version=name,
        headline=card["headline"],
        state=card["state"],
        remarks=remarks,
        folder=str(out),
    )
    raise typer.Exit(1 if card["state"] == "incomplete" else 0)


def report(
    out: _Folder,
    first: Annotated[str | None, typer.Option("--from", help="First day, UTC; default: of the first result.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day, UTC; default: of the newest result.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write the results of all checks over a period, by version and partition, as HTML and CSV."""
    from mlreg_dagster.evidence import check_report, check_report_page
    from mlreg_dagster.evidence.assets import all_check_results
    from mlreg_dagster.orchestration.graph_description import check_keys

    runner = open_runner()
    rows = all_check_results(check_keys(runner.definitions), runner.instance, first, last)
    with writing_to(out):
        out.mkdir(parents=True, exist_ok=True)
        (out / "checks.html").write_text(
            check_report_page.render(rows, check_report.counts(rows), first, last), encoding="utf-8"
        )
        (out / "checks.csv").write_text(check_report.to_csv(rows), encoding="utf-8", newline="")
    failed = sum(not row["passed"] for row in rows)
    sentence = f"{len(rows):,} results, {failed:,} of them failed: {out / 'checks.html'} and checks.csv."
    show(as_json, sentence, results=len(rows), failed=failed, folder=str(out))


def weekly(
    out: Annotated[Path, typer.Option("--out", help="File to write to.")],
    week: Annotated[
        str | None, typer.Option("--week", help="As ISO 8601 writes it, 2026-W03; default: the last whole week.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write what happened in a week as one HTML file: versions, worth, what was flagged, drift, alerts, objectives."""
    import pandas as pd

    from mlreg_dagster.config import home_dir, load_settings
    from mlreg_dagster.config.places import warehouse_file
    from mlreg_dagster.evidence.weekly.report import make_report
    from mlreg_dagster.evidence.weekly.week import as_week, last_whole_week
    from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse

    registry, now = open_registry(), pd.Timestamp.now("UTC")
    chosen = as_week(week) if week else last_whole_week(now)
    tables = DuckDBWarehouse(warehouse_file(home_dir()))
    made = make_report(chosen, registry, tables, load_settings(), now)
    with writing_to(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(made.html, encoding="utf-8")
    parts = [{"part": each.title, "state": each.state, "text": each.text} for each in made.sections]
    attention = ", ".join(made.needs_attention) or "nothing"
    sentence = f"Week {chosen.name}, needing attention: {attention}. The report is in {out}."
    show(as_json, sentence, week=chosen.name, parts=parts, file=str(out))
