"""Makes the data home, and within it the home of Dagster's instance."""

import os
from pathlib import Path

from mlreg_dagster.config import ConfigError, current_project, fit_for_databases, home_dir
from mlreg_dagster.config.new_project import template
from mlreg_dagster.storage import private_files
from mlreg_dagster.storage.faults import explained

DAGSTER_YAML = template("dagster.yaml")
"""What a new Dagster home is set up with; the same file stands in a new project."""


def prepare_home(home: Path | None = None) -> dict[str, str]:
    """Make the data home and a Dagster home within it.

    In a project that keeps a `dagster.yaml`, that of a new Dagster home is a link to it. A Dagster home that has one
    already keeps it.

    Returns:
        The environment that makes every `dagster` command use them: MLREG_HOME and DAGSTER_HOME. A
        DAGSTER_HOME that is set already is kept.

    Raises:
        ConfigError: The home has a name that no database can be opened under, or its `dagster.yaml` is a link to a
            file that is gone.
        NotAFolder, StorageFull, StorageNotWritable: The home can't be made.
    """
    home = home or home_dir()
    dagster_home = fit_for_databases(Path(os.environ.get("DAGSTER_HOME") or home / "dagster"), "DAGSTER_HOME")
    config = dagster_home / "dagster.yaml"
    with explained(dagster_home):
        private_files.make_folder(dagster_home)
        if not os.path.lexists(config):
            _set_up(config)
        elif not config.exists():
            raise ConfigError(
                f"{config} is a link to {config.readlink()}, which is not there. Put that file back, or remove the "
                f"link to have it made again."
            )
    return {"MLREG_HOME": str(home), "DAGSTER_HOME": str(dagster_home)}


def _set_up(config: Path) -> None:
    draft = config.with_suffix(".draft")  # a process that is killed meanwhile must not leave half a file for ever
    draft.unlink(missing_ok=True)
    project = current_project()
    if project and project.dagster_yaml:
        draft.symlink_to(os.path.relpath(project.dagster_yaml, config.parent.resolve()))
    else:
        private_files.write(draft, DAGSTER_YAML.encode())
    draft.replace(config)
