"""Whose code an extension is: the plug-in, by the module that defines it."""

import sys
from dataclasses import dataclass

from mlreg_dagster.core.errors import MlregError

_PACKAGE = __name__.partition(".")[0]
_DISTRIBUTIONS: dict[str, "Plugin"] = {}


class PluginError(MlregError):
    """A plug-in that can't be loaded, or registers what it may not; the message names it."""


@dataclass(frozen=True)
class Plugin:
    """A distribution, or a module that belongs to none.

    Attributes:
        name: Name of the distribution or module.
        version: Its version; `unknown` where it states none.
    """

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def plugin_of(module: str) -> Plugin | None:
    """The plug-in that a module belongs to; None for a module of this package."""
    top = module.partition(".")[0]
    if top == _PACKAGE:
        return None
    if top in _DISTRIBUTIONS:
        return _DISTRIBUTIONS[top]
    loaded = sys.modules.get(top) or sys.modules.get(module)
    return Plugin(top, str(getattr(loaded, "__version__", "unknown")))


def remember_distribution(module: str, name: str, version: str) -> None:
    """Record which distribution brings a module."""
    _DISTRIBUTIONS[module.partition(".")[0]] = Plugin(name, version)
