"""The command that searches parameters."""

from typing import Annotated, Any

import typer

from mlreg_dagster.cli.arguments import Actor, complete_models
from mlreg_dagster.cli.session import AsJson, console, open_runner, progress_console, show
from mlreg_dagster.core.errors import MlregError


def tune(
    model: Annotated[
        str, typer.Option(help="Config file without .yaml: model, model_lof, …", autocompletion=complete_models)
    ] = "model",
    day: Annotated[
        str | None, typer.Option(help="Day of a frozen dataset, before whose holdout is searched; default: the newest.")
    ] = None,
    study: Annotated[str | None, typer.Option(help="Its name; default: model, day and seed.")] = None,
    trials: Annotated[int | None, typer.Option(help="How many are finished; default: tuning.yaml.")] = None,
    jobs: Annotated[int | None, typer.Option(help="Processes; default: tuning.yaml.")] = None,
    minutes: Annotated[float | None, typer.Option(help="After which the study ends; default: tuning.yaml.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the search; default: tuning.yaml.")] = None,
    train: Annotated[
        bool, typer.Option("--train", help="Train and evaluate the best as a version, by the gates of any other.")
    ] = False,
    shown: Annotated[
        str | None, typer.Option("--show", metavar="NAME", help="Print a finished study; nothing is searched.")
    ] = None,
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Search better parameters of a model file on days and plantings that no gate uses; running it again goes on.

    With --train: exits with 1 when a gate fails; a best that is trained already is shown, and a study whose best is the
    model file as it was trains nothing.
    """
    from mlreg_dagster.cli.tables import gates_table
    from mlreg_dagster.cli.tuning import run_with_progress, train_best
    from mlreg_dagster.cli.tuning_tables import measured_table, study_facts, trials_table
    from mlreg_dagster.models.tuning.record import read_study

    asked: dict[str, Any] = {"trials": trials, "jobs": jobs, "minutes": minutes, "seed": seed}
    if shown is not None and (study or day or any(value is not None for value in asked.values())):
        raise MlregError("mlreg tune --show NAME prints a finished study; leave what is searched out.")
    runner = open_runner()
    if shown is None:
        shown = run_with_progress(
            runner, progress_console if as_json else console, study, {"model": model, "dataset": day, **asked}
        )
    found = read_study(runner.artifacts, shown)
    version = evaluation = None
    sentences = [found.result]
    if train and found.best_trial is not None and found.best_trial.params:
        version = train_best(runner, found, actor)
        evaluation = runner.registry.evaluations(version)[-1]
        status = runner.registry.status(version)
        sentences.append(f"{version} is {status}: trial {found.best} of study {found.name}, by the gates of any other.")
    elif train:
        sentences.append(f"Nothing was trained: the best is {found.model}.yaml as it was.")
    show(
        as_json,
        *sentences,
        study=study_facts(found),
        trials=trials_table(found),
        measured=measured_table(found),
        result=found.result,
        version=version,
        evaluation=None if evaluation is None else gates_table(evaluation),
    )
    raise typer.Exit(0 if evaluation is None or evaluation.passed else 1)
