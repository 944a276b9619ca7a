"""Commands that write evidence: on one version, and the results of all checks."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mlreg_dagster.cli.arguments import Version, complete_versions, writing_to
from mlreg_dagster.cli.session import AsJson, open_registry, open_runner, progress_console, show
from mlreg_dagster.evidence.schemas.by import By
from mlreg_dagster.models.names import CHAMPION


class Document(StrEnum):
    """The documents that have a JSON Schema."""

    card = "card"
    report = "report"
    audit = "audit"
    bundle = "bundle"


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


def dossier(
    version: Annotated[
        str, typer.Argument(help="v7, latest, latest-1, or an alias.", autocompletion=complete_versions)
    ] = CHAMPION,
    out: Annotated[
        Path, typer.Option("--out", "--output", help="Folder to write to; it is made if it is not there.")
    ] = Path("dossier"),
    as_json: AsJson = False,
) -> None:
    """Write the documents of the delivery workflow for a version. Exits with 1 while one of them is incomplete."""
    import shutil

    import msgspec

    from mlreg_dagster import jobs
    from mlreg_dagster.config import home_dir, load_settings, shipped
    from mlreg_dagster.config.loading import config_folder
    from mlreg_dagster.evidence import bundles
    from mlreg_dagster.evidence.dossier.build import make_dossier
    from mlreg_dagster.evidence.dossier.texts import texts_of
    from mlreg_dagster.evidence.dossier.writing import INDEX, write
    from mlreg_dagster.evidence.schemas.card import CardDocument

    configs = config_folder()
    texts = texts_of(load_settings().use_case.documented, configs.parent if configs else Path())
    runner = open_runner()
    name = runner.registry.resolve(version).version
    runner.add_version(name)
    runner.run_partition(jobs.BUNDLE, name)
    bundled = home_dir() / "bundles" / name
    made = make_dossier(msgspec.json.decode((bundled / bundles.JSON).read_bytes(), type=CardDocument), texts)
    folder = home_dir() / "dossiers" / name
    write(folder, made, bundled, shipped("docs/runbook.md").read_text(encoding="utf-8"))
    with writing_to(out):
        shutil.copytree(folder, out, dirs_exist_ok=True)
    to_write = [
        {"document": document.document.key, "key": writing.asked.key, "task": writing.task}
        for document, writing in made.to_write
    ]
    incomplete = [each.document.key for each in made.documents if each.state == "incomplete"]
    show(
        as_json,
        *(f"{each['document']}: {each['task']}" for each in to_write),
        made.card.headline,
        f"{len(made.documents)} documents of {name} are in {out / INDEX}; {len(to_write)} texts are to be written, "
        f"incomplete: {', '.join(incomplete) or 'none'}.",
        version=name,
        state=made.state,
        to_write=to_write,
        incomplete=incomplete,
        folder=str(out),
    )
    raise typer.Exit(1 if incomplete else 0)


def report(
    out: _Folder,
    first: Annotated[str | None, typer.Option("--from", help="First day, UTC; default: of the first result.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day, UTC; default: of the newest result.")] = None,
    by: Annotated[By, typer.Option(help="What the days are of: the market, or the recording of a result.")] = (
        By.recording
    ),
    as_json: AsJson = False,
) -> None:
    """Write the results of all checks over a period, by version and partition, as HTML, CSV and JSON."""
    from datetime import UTC, datetime

    from mlreg_dagster.evidence import check_report_files, check_report_page
    from mlreg_dagster.evidence.assets import check_report_of
    from mlreg_dagster.evidence.check_report import Period
    from mlreg_dagster.orchestration.graph_description import check_keys

    runner = open_runner()
    period = Period(by, first, last)
    made = check_report_of(check_keys(runner.definitions), runner.instance, period, datetime.now(UTC))
    files = {
        "checks.html": check_report_page.render(made),
        "checks.csv": check_report_files.results_csv(made.rows),
        "check_values.csv": check_report_files.values_csv(made.rows),
        "checks.json": check_report_files.to_json(made),
    }
    with writing_to(out):
        out.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (out / name).write_text(text, encoding="utf-8", newline="" if name.endswith(".csv") else None)
    results = f"{len(made.rows):,} results, {made.failed:,} of them failed ({period.words})"
    sentence = f"{results}: {', '.join(files)} are in {out}."
    for remark in made.remarks:
        progress_console.print(f"Warning: {remark}" if made.otherwise else remark, markup=False, highlight=False)
    show(
        as_json,
        sentence,
        results=len(made.rows),
        failed=made.failed,
        by=by,
        left_out=made.left_out,
        remarks=made.remarks,
        folder=str(out),
    )


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
    from mlreg_dagster.evidence.weekly.report import make_report
    from mlreg_dagster.evidence.weekly.week import as_week, last_whole_week
    from mlreg_dagster.storage.warehouse.opening import open_warehouse

    registry, now = open_registry(), pd.Timestamp.now("UTC")
    chosen = as_week(week) if week else last_whole_week(now)
    tables = open_warehouse(home_dir())
    made = make_report(chosen, registry, tables, load_settings(), now)
    with writing_to(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(made.html, encoding="utf-8")
    parts = [{"part": each.title, "state": each.state, "text": each.text} for each in made.sections]
    attention = ", ".join(made.needs_attention) or "nothing"
    sentence = f"Week {chosen.name}, needing attention: {attention}. The report is in {out}."
    show(as_json, sentence, week=chosen.name, parts=parts, file=str(out))


def schema(document: Annotated[Document, typer.Argument(help="Of what.")]) -> None:
    """Print the JSON Schema of a document that programs read; docs/machine.md describes them."""
    from mlreg_dagster.evidence.schemas.schema import schema_of

    typer.echo(schema_of(document), nl=False)
