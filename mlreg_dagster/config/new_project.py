"""Writes a project: a folder with configs, a code location that merges the graph with assets of its own, and settings.

The files stand as they are in `project_template/`; `configs/` is copied from the package.
"""

import os
import shutil
from importlib import resources
from pathlib import Path

from mlreg_dagster.config.loading import fit_for_databases
from mlreg_dagster.config.places import is_dagster_elsewhere
from mlreg_dagster.config.project import MARKER, project_in, shipped
from mlreg_dagster.core.errors import MlregError

FILES = ("README.md", "dagster.yaml", "defs.py", "gitignore", "workspace.yaml", MARKER)
"""What `project_template/` holds; the last one makes the folder a project."""

_ENV = """\
# Where this project keeps its data. `mlreg` and `dagster`, started in this folder, both read it; MLREG_HOME of the
# shell goes before it. The paths are absolute, as Dagster wants them: after a move or a copy of the project, remove
# this file and run `mlreg init`, which writes it again.
MLREG_HOME="${{MLREG_HOME:-{home}}}"
DAGSTER_HOME="${{MLREG_HOME}}/dagster"
"""
_NOT_IN_ENV = frozenset('"$}\\`')


class NotAnEmptyFolder(MlregError):
    """A project is to be made where something else is."""


def template(name: str) -> str:
    """The text of a file that every new project gets."""
    return (resources.files("mlreg_dagster") / "config" / "project_template" / name).read_text(encoding="utf-8")


def make_project(folder: Path) -> Path:
    """Make a project in a folder that is not there yet, or is empty; in a clone of a project, write its `.env` alone.

    Its `dagster.yaml` is that for PostgreSQL where MLREG_DAGSTER names a database.

    Returns:
        The folder, as an absolute path.

    Raises:
        NotAnEmptyFolder: Something else is in it, or it is no folder.
        ConfigError: It has a name that no database can be opened under, or MLREG_DAGSTER names no PostgreSQL.
        OSError: It can't be written.
    """
    path = fit_for_databases(folder, "mlreg init")
    in_postgres = is_dagster_elsewhere(path / ".mlreg")
    if odd := sorted(_NOT_IN_ENV.intersection(str(path))):
        raise NotAnEmptyFolder(f"{path}: {' '.join(odd)} can't stand in the name of a project. Choose another name.")
    if not _is_clone(path):
        if os.path.lexists(path) and not (path.is_dir() and not any(path.iterdir())):
            raise NotAnEmptyFolder(f"{path} is not an empty folder. Name a new one: `mlreg init shop`.")
        (path / "configs").mkdir(parents=True)
        for config in shipped("configs").glob("*.yaml"):
            shutil.copyfile(config, path / "configs" / config.name)
        for name in FILES:
            text = template("dagster-postgres.yaml" if in_postgres and name == "dagster.yaml" else name)
            (path / name.replace("gitignore", ".gitignore")).write_text(text, encoding="utf-8")
    (path / ".env").write_text(_ENV.format(home=path / ".mlreg"), encoding="utf-8")
    return path


def _is_clone(path: Path) -> bool:
    """Whether it is a project without the file that belongs to one machine."""
    return project_in(path) is not None and not os.path.lexists(path / ".env")
