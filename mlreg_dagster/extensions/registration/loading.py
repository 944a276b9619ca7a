"""Finds plug-ins: entry points of the group `mlreg_dagster`, and the modules that configs/extensions.yaml names.

The code location calls it when it loads. Nothing in a home, a dataset or a model file ever names a module to import.
"""

import sys
from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from mlreg_dagster.config.loading import config_folder
from mlreg_dagster.config.project import current_project
from mlreg_dagster.core.untrusted.text import one_line
from mlreg_dagster.extensions.registration.catalogue import all_or_nothing
from mlreg_dagster.extensions.registration.plugins import PluginError, remember_distribution

GROUP = "mlreg_dagster"
_FILE = "extensions.yaml"
_LONGEST = 300


def load_extensions(modules: Iterable[str] = (), folder: Path | None = None) -> None:
    """Import every plug-in; a module that is imported already is not imported twice.

    Args:
        modules: `extensions.yaml: modules`; importable names.
        folder: Where modules are looked for, too; None: the project in the current folder, if the extensions.yaml in
            force is its own.

    Raises:
        PluginError: A plug-in can't be imported, or registers what it may not.
    """
    _make_importable(folder)
    for point in sorted(entry_points(group=GROUP), key=lambda each: each.value):
        if point.dist is not None:
            remember_distribution(point.module, point.dist.name, point.dist.version)
        if point.attr:
            raise PluginError(
                f"The entry point {point.name} of the plug-in {_whose(point)} must name a module, not {point.value}."
            )
        _load(point.module, _whose(point), "uninstall it")
    for module in modules:
        _load(module, module, "take it out of extensions.yaml")


def _make_importable(folder: Path | None) -> None:
    """Let modules of a project be found although it is not installed."""
    folder = _project_that_names_them() if folder is None else folder
    if folder is not None and str(folder.absolute()) not in sys.path:
        sys.path.append(str(folder.absolute()))  # the last one: nothing in it takes the place of an installed module


def _project_that_names_them() -> Path | None:
    """The project in the current folder; None where modules are named elsewhere, as its files may have their names."""
    project, configs = current_project(), config_folder()
    if project is None or configs is None or project.configs.resolve() != configs.resolve():
        return None
    return project.folder if (configs / _FILE).is_file() else None


def _load(module: str, plugin: str, remedy: str) -> None:
    try:
        with all_or_nothing():
            import_module(module)
    except PluginError:
        raise
    except (Exception, SystemExit) as error:  # in a plug-in anything may be wrong
        reason = one_line(f"{type(error).__name__}: {error}", _LONGEST)
        raise PluginError(f"The plug-in {plugin} can't be loaded ({reason}): fix it, or {remedy}.") from error


def _whose(point: EntryPoint) -> str:
    return point.module if point.dist is None else f"{point.dist.name} {point.dist.version}"
