"""Commands that set up a project and its environment, and print what comes with the package."""

from pathlib import Path
from typing import Annotated

import typer

from mlreg_dagster.cli.arguments import writing_to
from mlreg_dagster.cli.session import AsJson, show


def init(
    folder: Annotated[Path, typer.Argument(help="A new or an empty folder; default: the current one.")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Make a project: configs to edit, a code location for your own assets, settings of Dagster."""
    from contextlib import chdir

    from mlreg_dagster.config import load_project_environment
    from mlreg_dagster.config.new_project import make_project
    from mlreg_dagster.storage.homes import prepare_home

    with writing_to(folder):
        path = make_project(folder)
        with chdir(path):
            load_project_environment()  # the home is the one that its .env names
            prepare_home()  # Dagster's own commands need its home to be there
    go_there = f"cd {folder} && " if folder != Path() else ""
    show(as_json, f"The project is in {path}. Go on with: {go_there}mlreg demo", project=str(path))


def env() -> None:
    """Print the environment for the dagster CLI: eval "$(mlreg env)"."""
    import shlex

    from mlreg_dagster.storage.homes import prepare_home

    for name, value in prepare_home().items():
        typer.echo(f"export {name}={shlex.quote(value)}")


def runbook() -> None:
    """Print docs/runbook.md: what to do when something is wrong, by the message that tells of it."""
    from mlreg_dagster.config import shipped

    typer.echo(shipped("docs/runbook.md").read_text(encoding="utf-8"))
