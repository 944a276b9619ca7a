"""`mlreg features`: which features a version needs, and which ones a model file could do with."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlreg_dagster.cli.arguments import complete_models, complete_versions, writing_to
from mlreg_dagster.cli.session import AsJson, console, open_registry, progress_console, show
from mlreg_dagster.core.errors import MlregError

if TYPE_CHECKING:
    from mlreg_dagster.models.selection.selecting import Selection

features = typer.Typer(
    no_args_is_help=True, help="What a version needs of its features, and which ones a model file could do with."
)


@features.command("measure")
def measure_features(
    version: Annotated[
        str, typer.Argument(help="v7, latest, latest-1, or an alias.", autocompletion=complete_versions)
    ] = "latest",
    refits: Annotated[
        int, typer.Option(min=0, max=20, help="Fits to other rows of the training window, for the intervals.")
    ] = 3,
    needed: Annotated[
        bool, typer.Option("--needed", help="Print the features that it is shown to need, as lines for a model file.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Measure which families of features a version needs: what it finds less of when one is permuted."""
    from mlreg_dagster.cli.reason_tables import importance_table, needed_lines
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
    names = [name for name in model.features if name in found.needed]
    if as_json:
        show(True, version=chosen.version, **found.facts, needed=names)
    elif needed:
        typer.echo("\n".join(needed_lines(chosen.version, found, names)))
    else:
        show(False, *([found.remark] if found.remark else []), families=importance_table(chosen.version, found))


@features.command("select")
def select_features(
    day: Annotated[str | None, typer.Option(help="Of the training dataset; default: the newest frozen.")] = None,
    model: Annotated[
        str, typer.Option(help="Config file without .yaml: model, model_lof, …", autocompletion=complete_models)
    ] = "model",
    write: Annotated[
        Path | None, typer.Option(help="Write the list to a file, too, as lines for a model file.")
    ] = None,
    folds: Annotated[int, typer.Option(min=1, max=20, help="Days of the training window that are judged.")] = 3,
    seeds: Annotated[int, typer.Option(min=1, max=20, help="Planting seeds of each day.")] = 2,
    refits: Annotated[int, typer.Option(min=2, max=50, help="Fits to halves of the hours before each day.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Propose a list of features: permute families in the training days, over refits; hold the list against all.

    Nothing is registered, and no holdout is looked at.
    """
    from dataclasses import asdict

    from mlreg_dagster.cli.selection_tables import ablation_table, families_table
    from mlreg_dagster.models.selection.selecting import fragment

    found = _selection(day, model, {"folds": folds, "seeds": seeds, "refits": refits}, as_json)
    if write is not None:
        with writing_to(write):
            write.parent.mkdir(parents=True, exist_ok=True)
            write.write_text("\n".join([*fragment(found), ""]), encoding="utf-8")
        progress_console.print(f"The list is in {write}.", markup=False, highlight=False)
    facts = asdict(found) | {"families": families_table(found), "ablation": ablation_table(found)}
    show(as_json, found.sentence, **facts)


def _selection(day: str | None, name: str, how: dict[str, Any], as_json: bool) -> "Selection":
    from mlreg_dagster.cli.progress import step_progress
    from mlreg_dagster.config import EvaluationSettings, home_dir, load_settings
    from mlreg_dagster.config.places import artifacts_root
    from mlreg_dagster.core.hours import HOUR
    from mlreg_dagster.datasets import freezing
    from mlreg_dagster.extensions.registration.loading import load_extensions
    from mlreg_dagster.market.schema import MARKET_SNAPSHOT
    from mlreg_dagster.models.selection.folds import market_window
    from mlreg_dagster.models.selection.selecting import select_features, steps
    from mlreg_dagster.models.training_request import place_order
    from mlreg_dagster.storage.artifacts import open_artifacts
    from mlreg_dagster.storage.homes import prepare_home
    from mlreg_dagster.storage.warehouse.opening import open_warehouse

    settings = load_settings()
    load_extensions(settings.extensions.modules)
    prepare_home()
    store = open_artifacts(artifacts_root(home_dir()))
    chosen, dataset_day = place_order(settings, store, model=name, dataset=day)
    dataset = freezing.load(store, freezing.TRAINING, dataset_day)
    window = market_window(dataset, settings)
    market = open_warehouse(home_dir()).read(MARKET_SNAPSHOT, window.first, window.end - HOUR)
    if market.empty:
        raise MlregError(f"No market is stored for {window}, the training days of dataset {dataset_day}.")
    policy = open_registry().policy_in_force()
    gates = EvaluationSettings.of_record(policy.content["evaluation"]).injection.all_seeds if policy else ()
    total = steps(dataset, chosen)
    with step_progress(progress_console if as_json else console, total) as advance:
        numbers = iter(range(1, total + 1))
        return select_features(
            dataset, market, name, settings, **how, gates=gates, note=lambda text: advance(text, next(numbers))
        )
