"""Where files lie: those that come with the package, and the project in the current folder.

A project is a folder that `mlreg init` made; `[tool.mlreg]` in its `pyproject.toml` marks it. Only the current folder
is looked at, as Dagster looks for its workspace there alone. The data home is not decided here: see `loading.home_dir`.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from mlreg_dagster.config.section import ConfigError

MARKER = "pyproject.toml"
_TABLE = "tool.mlreg"
_KEYS = ("configs",)
_OURS = "MLREG_"


def shipped(path: str) -> Path:
    """A file or folder that comes with the package, such as `configs` or `docs/runbook.md`.

    Args:
        path: Its place in the repository. An installed wheel holds it within the package.
    """
    package = Path(str(resources.files("mlreg_dagster")))
    packaged = package / "_data"
    return (packaged if packaged.is_dir() else package.parent) / path


@dataclass(frozen=True)
class Project:
    """A folder that `mlreg init` made.

    Attributes:
        configs: Its files replace those of the package, one by one.
    """

    folder: Path
    configs: Path

    @property
    def dagster_yaml(self) -> Path | None:
        """The settings of its Dagster instance, where it keeps them; None where they are the home's own."""
        file = self.folder / "dagster.yaml"
        return file if file.is_file() else None

    def environment(self) -> Mapping[str, str]:
        """The variables of its `.env`, which Dagster's commands load in the same way."""
        from dotenv import dotenv_values

        return {name: value for name, value in dotenv_values(self.folder / ".env").items() if value is not None}


def current_project() -> Project | None:
    """The project in the current folder; None where there is none.

    Raises:
        ConfigError: See `project_in`.
    """
    return project_in(Path.cwd())


def project_in(folder: Path) -> Project | None:
    """The project in a folder; None where there is none.

    Raises:
        ConfigError: `pyproject.toml` can't be read, or `[tool.mlreg]` holds something else than the folder of configs.
    """
    marker = folder / MARKER
    if not marker.is_file():
        return None
    try:
        table = tomllib.loads(marker.read_text(encoding="utf-8")).get("tool", {}).get("mlreg")
    except (OSError, ValueError) as error:  # ValueError: neither UTF-8 nor TOML
        raise ConfigError(f"{marker} can't be read as TOML: {error}. Fix it, or work in another folder.") from error
    if table is None:
        return None
    if not isinstance(table, dict) or set(table) - set(_KEYS) or not isinstance(table.get("configs", ""), str):
        raise ConfigError(f'{marker}: [{_TABLE}] may hold {", ".join(_KEYS)}, a folder: configs = "configs".')
    configs = folder / Path(table.get("configs", "configs")).expanduser()
    if not configs.is_dir():
        raise ConfigError(f"{marker}: [{_TABLE}] names the config folder {configs}, which is not there. Fix configs.")
    return Project(folder, configs)


def load_project_environment() -> None:
    """Take over the variables of the project's `.env`, as Dagster's commands do.

    Raises:
        ConfigError: It sets one of ours (where data lives, who acts) to another value than the shell: neither may win
            unnoticed.
    """
    if not (project := current_project()):
        return
    variables = project.environment()
    for name, value in variables.items():
        if name.startswith(_OURS) and os.environ.get(name, "") not in ("", value):
            raise ConfigError(
                f"{project.folder / '.env'} sets {name}, and the shell sets it to another value. Unset one of them."
            )
    os.environ.update(variables)
