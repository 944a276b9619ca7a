"""The command that trains a file of configurations and holds them against each other."""

from pathlib import Path
from typing import Annotated

import typer

from mlreg_dagster.cli.arguments import Actor
from mlreg_dagster.cli.session import AsJson, console, open_runner, progress_console, show
from mlreg_dagster.core.errors import MlregError

_LARGEST = 1_000_000


def sweep(
    file: Annotated[
        Path | None, typer.Argument(help="YAML: `model:` and either `configurations:` or `grid:`.", show_default=False)
    ] = None,
    day: Annotated[
        str | None, typer.Option(help="Day of the dataset that all are trained on; default: the newest frozen.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Of the sweep; default: that of the file.")] = None,
    plan: Annotated[
        bool,
        typer.Option(
            "--plan", help="Only take the versions; launch their partitions as a backfill of the job retrain."
        ),
    ] = False,
    shown: Annotated[
        str | None, typer.Option("--show", metavar="NAME", help="Print the table of a sweep of before.")
    ] = None,
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Train and evaluate a list or a grid of configurations beside their base; running it again trains what is missing.

    A gate that fails is a result. Exits with 1 when a version could not be trained or evaluated.
    """
    if (file is None) == (shown is None) or (shown is not None and (day or name or plan)):
        raise MlregError("Write mlreg sweep FILE to run a sweep, or mlreg sweep --show NAME to see one of before.")
    from mlreg_dagster.cli.progress import step_progress
    from mlreg_dagster.cli.sweep_tables import plan_facts, sweep_table
    from mlreg_dagster.cli.sweeping import planned_sweep, run_sweep
    from mlreg_dagster.models.sweeps.plan import SWEEPS, read_plan
    from mlreg_dagster.models.sweeps.table import rows_of, sentence_of
    from mlreg_dagster.orchestration.locks.lifecycle import alone_on

    runner, failed = open_runner(), dict[str, str]()
    if file is None:
        found = read_plan(runner.artifacts, str(shown))
        if found is None:
            known = ", ".join(runner.artifacts.keys(SWEEPS)) or "none"
            raise MlregError(f"There is no sweep {shown!r}. Sweeps: {known}.")
    else:
        text = _text_of(file)
        with alone_on(runner.home):
            found = planned_sweep(runner, text, file.name, name or file.stem, day)
            if not plan:
                with step_progress(progress_console if as_json else console, len(found.configurations)) as advance:
                    failed = run_sweep(runner, found, actor, advance)
    rows = rows_of(found, runner.registry)
    sentence = sentence_of(rows, runner.settings.evaluation.comparison.confidence)
    versions = [each.version for each in found.configurations]
    launch = [
        f"Planned: {versions[0]} to {versions[-1]}. Launch the job retrain for these partitions in the Dagster UI, or "
        f"run this again without --plan."
    ]
    show(
        as_json,
        *(launch if plan else []),
        sentence,
        sweep=plan_facts(found),
        configurations=sweep_table(found, rows, failed),
        sentence=sentence,
    )
    raise typer.Exit(1 if failed else 0)


def _text_of(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            content = opened.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise MlregError(f"{file} has more than {_LARGEST:,} bytes, which no sweep needs.")
        return content.decode()
    except (OSError, UnicodeError) as error:
        raise MlregError(f"{file} can't be read: {error}. Name a YAML file.") from error
