"""Commands that answer why: the reasons for a score, and which features matter."""

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


def features(
    version: Annotated[
        str, typer.Argument(help="v7, latest, latest-1, or an alias.", autocompletion=complete_versions)
    ] = "latest",
    refits: Annotated[
        int, typer.Option(min=0, max=20, help="Fits to other rows of the training window, for the intervals.")
    ] = 3,
    select: Annotated[
        bool, typer.Option("--select", help="Print the features to keep, as lines for a model file; change nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Measure which families of features a version needs: what it finds less of when one is permuted."""
    from mlreg_dagster.cli.reason_tables import importance_table, selected_lines
    from mlreg_dagster.config import home_dir, load_settings
    from mlreg_dagster.config.places import artifacts_root
    from mlreg_dagster.datasets import freezing
    from mlreg_dagster.extensions.registration.loading import load_extensions
    from mlreg_dagster.models.artifacts import artifact
    from mlreg_dagster.models.evaluation.rounds import plant_anomalies
    from mlreg_dagster.models.importance import measure_with_refits
    from mlreg_dagster.storage.artifacts import open_artifacts

    settings = load_settings()
    load_extensions(settings.extensions.modules)
    chosen, store = open_registry().resolve(version), open_artifacts(artifacts_root(home_dir()))
    model = artifact.load(store, chosen.version, chosen.artifact_sha256)
    holdout = freezing.load(store, freezing.HOLDOUT, chosen.dataset_day)
    rounds = plant_anomalies(holdout, settings.evaluation.injection, settings.features, settings.max_lookback_hours)
    found = measure_with_refits(model, store, holdout, rounds, settings.evaluation.comparison.confidence, refits)
    selected = [name for name in model.features if name in found.needed]
    if as_json:
        show(True, version=chosen.version, **found.facts, selected=selected)
    elif select:
        typer.echo("\n".join(selected_lines(chosen.version, found, selected)))
    else:
        show(False, *([found.remark] if found.remark else []), families=importance_table(chosen.version, found))
