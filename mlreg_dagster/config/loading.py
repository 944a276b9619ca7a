"""Reads the settings from the files, and says where the data home is.

Where the files of a project and of the package lie is decided in `project`.
"""

import functools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mlreg_dagster.config import plain_yaml
from mlreg_dagster.config.places import is_branch
from mlreg_dagster.config.project import current_project, shipped
from mlreg_dagster.config.section import ConfigError, Section, validated
from mlreg_dagster.config.sections.documentation import with_files_read
from mlreg_dagster.config.sections.governance import UseCaseSettings
from mlreg_dagster.config.sections.ingest import IngestSettings
from mlreg_dagster.config.sections.models import ModelSettings
from mlreg_dagster.config.settings import Settings

_LONGEST_SHOWN = 300


def load_settings(config_dir: Path | None = None) -> Settings:
    """Read the configuration; of a home that is a branch, without what reaches others: see `Settings.of_branch`.

    Args:
        config_dir: Its files replace those of the package one by one. None: the folder that MLREG_CONFIG_DIR names,
            else that of the project in the current folder, else the package's files alone.

    Raises:
        ConfigError: A folder or file that is not there or not known, or a value that is not allowed.
    """
    config_dir = config_dir or config_folder()
    files = _yaml_files(shipped("configs"))
    if config_dir is not None:
        if not config_dir.is_dir():
            raise ConfigError(f"The config folder {config_dir} is not there. Fix MLREG_CONFIG_DIR or unset it.")
        files |= _yaml_files(config_dir)

    sections: dict[str, Any] = {}
    models = {"model": ModelSettings()}
    for path in files.values():
        section = validated(_class_of(path), _read_yaml(path), str(path))
        if isinstance(section, IngestSettings):
            section = _with_absolute_archive(section, path)
        if isinstance(section, UseCaseSettings) and section.documentation is not None:
            documentation = with_files_read(section.documentation, path)
            section = section.model_copy(update={"documentation": documentation})
        if isinstance(section, ModelSettings):
            models[path.stem] = section
        else:
            sections[path.stem] = section
    settings = Settings(models=models, **sections)
    return settings.of_branch() if is_branch(home_dir()) else settings


def home_dir() -> Path:
    """The data home: MLREG_HOME, by default `.mlreg` in the current folder.

    Raises:
        ConfigError: No database can be opened under its name.
    """
    return fit_for_databases(Path(os.environ.get("MLREG_HOME") or ".mlreg"), "MLREG_HOME")


def fit_for_databases(folder: Path, variable: str) -> Path:
    """A folder that is to hold databases, as an absolute path.

    SQLite's and Dagster's addresses take `?` for the beginning of options and `%41` for an A: the databases would be
    made elsewhere.

    Raises:
        ConfigError: Its name has such letters.
    """
    path = folder.expanduser().absolute()
    if odd := sorted({each for each in str(path) if each in "?%" or not each.isprintable()}):
        raise ConfigError(
            f"{variable} names the folder {ascii(str(path))[:_LONGEST_SHOWN]}, and {', '.join(map(ascii, odd))} can't "
            f"stand in its name: databases would be made elsewhere. Name a folder without it."
        )
    return path


def config_folder() -> Path | None:
    """The folder of the config files in force that replace the package's: see `load_settings`; None if there is none.

    Raises:
        ConfigError: See `project_in`.
    """
    if named := os.environ.get("MLREG_CONFIG_DIR"):
        return Path(named).expanduser()
    project = current_project()
    return project.configs if project else None


def versioned_folder() -> Path | None:
    """The folder that users keep under version control: the project, or the config files in force; None: there is none.

    Raises:
        ConfigError: See `project_in`.
    """
    project = current_project()
    return project.folder if project else config_folder()


def _yaml_files(folder: Path) -> dict[str, Path]:
    """File name to path; `.yml` too, so that such a file is refused and not overlooked."""
    return {path.name: path for path in sorted(folder.glob("*.y*ml"))}


def _class_of(path: Path) -> type[Section]:
    classes = _classes()
    if path.match("model_*.yaml") or path.name == "model.yaml":
        return ModelSettings
    if path.name not in classes:
        known = ", ".join(["model.yaml", "model_<name>.yaml", *classes])
        raise ConfigError(f"{path} is not a config file of this project. Known are: {known}.")
    return classes[path.name]


@functools.cache
def _classes() -> dict[str, type[Section]]:
    """The section that each file holds, but for those of models."""
    return {f"{name}.yaml": type(default) for name, default in Settings() if name != "models"}


def _read_yaml(path: Path) -> Mapping[str, Any]:
    try:
        values = plain_yaml.parse(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} can't be read as YAML: {_without_its_line(error)}") from None
    except (ValueError, OSError) as error:  # ValueError: not UTF-8
        raise ConfigError(f"{path} can't be read as YAML: {error}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path} must hold keys and values, not a {type(values).__name__}.")
    return values


def _without_its_line(error: yaml.YAMLError) -> str:
    """What is wrong and where; the line itself may hold a secret."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    if mark is None or problem is None:
        return str(error)
    return f"{problem}, in line {mark.line + 1}, column {mark.column + 1}"


def _with_absolute_archive(ingest: IngestSettings, path: Path) -> IngestSettings:
    """Archive paths are relative to their config file, so that they don't depend on where a run starts."""
    archive = ingest.archive.path
    if archive is None:
        if ingest.source == "archive":
            raise ConfigError(f"{path}: source is archive, so archive.path must name a Parquet or CSV file.")
        return ingest
    absolute = path.parent.absolute() / Path(archive).expanduser()
    return ingest.override({"archive": {"path": str(absolute)}}, str(path))
