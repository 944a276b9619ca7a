"""Which market sources there are. What a source must do is in `market/sources`."""

from collections.abc import Callable
from typing import Any, TypeVar

from mlreg_dagster.extensions.registration.catalogue import Catalogue
from mlreg_dagster.extensions.registration.plugins import PluginError, plugin_of

_Class = TypeVar("_Class", bound=type)

SOURCES: Catalogue[Callable[..., Any]] = Catalogue("source")
"""Makers of the plug-ins' sources, by name; the names of the package's own are reserved."""


def source(name: str) -> Callable[[_Class], _Class]:
    """Register a subclass of `market.sources.MarketSource`.

    The class is made with the keyword arguments `universe` (how many instruments are wanted), `landing` (a
    `LandingZone`, where a live source keeps payloads before it parses them), and those of `ingest.yaml: params`.

    Args:
        name: As `ingest.yaml: source` names it; becomes the attribute `name` of the class.

    Raises:
        PluginError: The name is taken, or the class is no source.
    """

    def register(cls: _Class) -> _Class:
        if not all(callable(getattr(cls, method, None)) for method in ("span", "snapshots")):
            raise PluginError(
                f"The plug-in {plugin_of(cls.__module__)} registers the source {name}, whose class {cls.__name__} is "
                f"no MarketSource."
            )
        SOURCES.add(name, cls, cls)
        cls.name = name  # type: ignore[attr-defined]
        return cls

    return register
