"""The command that answers why: the reasons for a score."""

from dataclasses import asdict
from typing import Annotated

import typer

from mlreg_dagster.cli.arguments import complete_versions
from mlreg_dagster.cli.session import AsJson, open_registry, show


def explain(
    hour: Annotated[str, typer.Argument(help="The hour, UTC: 2017-12-20T14:00.")],
    instrument: Annotated[str, typer.Argument(help="The instrument_id.")],
    version: Annotated[
        str | None,
        typer.Option(help="Whose score; default: the champion's as of the hour.", autocompletion=complete_versions),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say which families of features raised an instrument's score, and by how much."""
    from mlreg_dagster.cli.reason_tables import explanation_table
    from mlreg_dagster.config import home_dir, load_settings
    from mlreg_dagster.config.places import artifacts_root
    from mlreg_dagster.core.times import read_hour
    from mlreg_dagster.extensions.registration.loading import load_extensions
    from mlreg_dagster.outcomes.reasons.lookup import look_up, version_at
    from mlreg_dagster.storage.artifacts import open_artifacts
    from mlreg_dagster.storage.warehouse.opening import open_tables

    settings, when = load_settings(), read_hour(hour)
    load_extensions(settings.extensions.modules)
    chosen = version_at(open_registry(), when, version)
    store = open_artifacts(artifacts_root(home_dir()))
    with open_tables(home_dir()) as tables:
        found = look_up(tables, store, chosen, when, instrument, settings.outcomes.reasons)
    facts = asdict(found)
    if as_json:
        show(True, **facts)
        return
    show(False, *([found.remark] if found.remark else []), reasons=explanation_table(found))
