"""The public API: what `mlreg_dagster.__all__` names, loaded on demand or not."""

import inspect
from typing import Any

import mlreg_dagster


def markdown() -> str:
    """A directive of autodoc for each name, in the order of `__all__`."""
    return "\n".join(_directive(name, getattr(mlreg_dagster, name)) for name in getattr(mlreg_dagster, "__all__", ()))


def _directive(name: str, value: Any) -> str:
    kind = "autoclass" if inspect.isclass(value) else "autofunction" if callable(value) else "autodata"
    members = "   :members:\n" if kind == "autoclass" else ""
    return f"```{{eval-rst}}\n.. {kind}:: mlreg_dagster.{name}\n{members}```\n"
