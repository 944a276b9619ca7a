"""A model registry lifecycle as a Dagster asset graph, and the public API to it.

- `Client` asks a home: versions, champions, predictions, outcomes. It only reads and does not import Dagster.
- `OnlineClient` has rows scored by a running server, which gives `OnlineScores`.
- `load_model` gives a registered version that scores rows.
- `build_definitions` gives the whole graph, to be served or merged with definitions of one's own.

Each is imported when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mlreg_dagster.core.version import __version__

if TYPE_CHECKING:
    from mlreg_dagster.client import Client, LoadedModel, load_model
    from mlreg_dagster.client.online import OnlineClient, OnlineScores
    from mlreg_dagster.definitions import build_definitions

__all__ = ["Client", "LoadedModel", "OnlineClient", "OnlineScores", "__version__", "build_definitions", "load_model"]

_MODULES = {
    "Client": "mlreg_dagster.client",
    "LoadedModel": "mlreg_dagster.client",
    "OnlineClient": "mlreg_dagster.client.online",
    "OnlineScores": "mlreg_dagster.client.online",
    "load_model": "mlreg_dagster.client",
    "build_definitions": "mlreg_dagster.definitions",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
