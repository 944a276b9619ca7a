"""Commands that train model versions."""

from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from mlreg_dagster.cli.arguments import (
    Actor,
    Overrides,
    complete_models,
    complete_versions,
    parse_overrides,
)
from mlreg_dagster.cli.session import AsJson, console, open_runner, progress_console, show
from mlreg_dagster.core.errors import MlregError

if TYPE_CHECKING:
    from mlreg_dagster.cli.fresh_dataset import FreshDataset
    from mlreg_dagster.runner import Runner


def train(
    model: Annotated[
        str, typer.Option(help="Config file without .yaml: model, model_lof, …", autocompletion=complete_models)
    ] = "model",
    dataset: Annotated[str | None, typer.Option(help="Day of the dataset; default: the newest frozen.")] = None,
    fresh: Annotated[
        bool,
        typer.Option("--fresh", help="Take in the hours that are missing up to now, and freeze the newest day first."),
    ] = False,
    overrides: Overrides = None,
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Train under the next free version."""
    if fresh and dataset is not None:
        raise MlregError("--fresh trains on the newest day, so --dataset has no place beside it. Choose one of them.")
    runner = open_runner()
    newest = _fresh_dataset(runner, model, parse_overrides(overrides), as_json) if fresh else None
    dataset = newest.day if newest else dataset
    config = {"model": model, "dataset": dataset, "overrides": parse_overrides(overrides), "actor": actor}
    version = runner.train(config)
    registered = runner.registry.version(version)
    show(
        as_json,
        *(newest.sentences if newest else ()),
        f"{version} is a candidate: {registered.detector}, dataset {registered.dataset_day}, "
        f"artifact {registered.artifact_sha256[:12]}.",
        version=version,
        status=runner.registry.status(version),
        detector=registered.detector,
        dataset_day=registered.dataset_day,
        artifact_sha256=registered.artifact_sha256,
        fresh=newest,
    )


def retrain(
    model: Annotated[
        str, typer.Option(help="Config file without .yaml: model, model_lof, …", autocompletion=complete_models)
    ] = "model",
    dataset: Annotated[str | None, typer.Option(help="Day of the dataset; default: the newest frozen.")] = None,
    reason: Annotated[
        str | None, typer.Option(help="Why it is trained outside of the schedule; kept for ever.")
    ] = None,
    verify: Annotated[
        str | None,
        typer.Option(
            help="Train this version again from its manifest and compare scores instead; nothing is stored.",
            autocompletion=complete_versions,
        ),
    ] = None,
    overrides: Overrides = None,
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Train and evaluate a new version outside of the schedule. Exits with 1 when a gate fails, or scores differ."""
    if (reason is None) == (verify is None):
        raise MlregError(
            'Write --reason "…" to train a new version outside of the schedule, or --verify VERSION to train one '
            "again from its manifest and compare."
        )
    if verify is not None:
        _verify(verify, as_json)
    from mlreg_dagster.cli.tables import gates_table
    from mlreg_dagster.governance.promotion.request import require_reason
    from mlreg_dagster.models.manifests import cause_in

    require_reason(reason or "")
    runner = open_runner()
    order = {"model": model, "dataset": dataset, "overrides": parse_overrides(overrides)}
    version = runner.retrain({**order, "actor": actor, "trigger": "manual", "reason": reason})
    registered, evaluation = runner.registry.version(version), runner.registry.evaluations(version)[-1]
    status = runner.registry.status(version)
    show(
        as_json,
        f"{version} is {status}: {registered.detector}, dataset {registered.dataset_day}. The champion stays until a "
        f"version is promoted.",
        version=version,
        status=status,
        cause=dict(cause_in(registered.manifest) or {}),
        evaluation=gates_table(evaluation),
        reproduction=None,
    )
    raise typer.Exit(0 if evaluation.passed else 1)


def _verify(version: str, as_json: bool) -> NoReturn:
    from mlreg_dagster.cli.tables import reproduction_table
    from mlreg_dagster.evidence.reproduction import reproduce

    runner = open_runner()
    found = reproduce(runner.registry.resolve(version), runner.artifacts)
    others = dict.fromkeys(("version", "status", "cause", "evaluation"))
    show(as_json, **others, reproduction=reproduction_table(found))
    raise typer.Exit(0 if found.is_exact else 1)


def _fresh_dataset(runner: "Runner", model: str, overrides: dict[str, Any], as_json: bool) -> "FreshDataset":
    """Make the dataset to train on, once it is known that the training itself is possible."""
    from mlreg_dagster.cli.fresh_dataset import STEPS, make_fresh_dataset
    from mlreg_dagster.cli.progress import step_progress
    from mlreg_dagster.models.training_request import settings_of

    settings_of(runner.settings, model, overrides)
    with step_progress(progress_console if as_json else console, STEPS) as advance:
        return make_fresh_dataset(runner, advance)
