"""Makes the data home, and within it the home of Dagster's instance."""

import os
from pathlib import Path

from mlreg_dagster.config import ConfigError, current_project, fit_for_databases, home_dir
from mlreg_dagster.config.new_project import template
from mlreg_dagster.config.places import dagster_home, is_branch, is_dagster_elsewhere
from mlreg_dagster.config.project import Project
from mlreg_dagster.storage import private_files
from mlreg_dagster.storage.faults import explained

DAGSTER_YAML = template("dagster.yaml")
"""What a new Dagster home is set up with; the same file stands in a new project."""

DAGSTER_POSTGRES_YAML = template("dagster-postgres.yaml")
"""The same, where MLREG_DAGSTER names a PostgreSQL database."""


def prepare_home(home: Path | None = None) -> dict[str, str]:
    """Make the data home and a Dagster home within it.

    In a project that keeps a `dagster.yaml`, that of a new Dagster home is a link to it, but for a branch, as that file
    may name the storage of production. Else it is one for PostgreSQL where MLREG_DAGSTER names a database, and one for
    files in the home where not. A Dagster home that has one already keeps it.

    Returns:
        The environment that makes every `dagster` command use them: MLREG_HOME and DAGSTER_HOME. A
        DAGSTER_HOME that is set already is kept, but for a branch, which always has its own.

    Raises:
        ConfigError: MLREG_DAGSTER names no PostgreSQL, the home has a name that no database can be opened under, its
            `dagster.yaml` is a link to a file that is gone, or DAGSTER_HOME is that of a branch and the home is not.
        NotAFolder, StorageFull, StorageNotWritable: The home can't be made.
    """
    home = home or home_dir()
    if not is_branch(home):
        require_own_dagster(home)
    folder = fit_for_databases(dagster_home(home), "DAGSTER_HOME")
    config = folder / "dagster.yaml"
    with explained(folder):
        private_files.make_folder(folder)
        if not os.path.lexists(config):
            project = None if is_branch(home) else current_project()
            _set_up(config, project, in_postgres=is_dagster_elsewhere(home))
        elif not config.exists():
            raise ConfigError(
                f"{config} is a link to {config.readlink()}, which is not there. Put that file back, or remove the "
                f"link to have it made again."
            )
    return {"MLREG_HOME": str(home), "DAGSTER_HOME": str(folder)}


def require_own_dagster(home: Path) -> None:
    """Refuse to work on a branch with the Dagster of another home, or on another home with the Dagster of a branch.

    Dagster's commands open the instance of DAGSTER_HOME before they load anything of ours: their runs would be recorded
    there.

    Raises:
        ConfigError: MLREG_HOME and DAGSTER_HOME name different ones.
    """
    if not (named := os.environ.get("DAGSTER_HOME")):
        return
    folder = Path(named).expanduser().absolute().resolve()
    owner = folder.parent if is_branch(folder.parent) else None
    if folder != (home / "dagster").resolve() if is_branch(home) else owner is not None:
        raise ConfigError(
            f"DAGSTER_HOME names {folder}, and MLREG_HOME {home}: runs on one would be recorded in the other, and one "
            f'of them is a branch. In a shell of its own: eval "$(mlreg branch env NAME)", or unset DAGSTER_HOME.'
        )


def _set_up(config: Path, project: Project | None, *, in_postgres: bool) -> None:
    draft = config.with_suffix(".draft")  # a process that is killed meanwhile must not leave half a file for ever
    draft.unlink(missing_ok=True)
    if project and project.dagster_yaml:
        draft.symlink_to(os.path.relpath(project.dagster_yaml, config.parent.resolve()))
    else:
        private_files.write(draft, (DAGSTER_POSTGRES_YAML if in_postgres else DAGSTER_YAML).encode())
    draft.replace(config)
