"""What is registered under which name: one catalogue for each kind of extension. Nothing is loaded here."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from mlreg_dagster.extensions.registration.plugins import Plugin, PluginError, plugin_of
from mlreg_dagster.extensions.registration.reserved import BUILT_IN, is_reserved

_Extension = TypeVar("_Extension")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
_CATALOGUES: list["Catalogue[Any]"] = []


@dataclass(frozen=True)
class _Entry(Generic[_Extension]):
    value: _Extension
    module: str
    qualname: str


class Catalogue(Generic[_Extension]):
    """The extensions of one kind, by name: the package's own first, then in the order of their registration.

    Args:
        kind: What they are, for messages and for the names that are reserved.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, _Entry[_Extension]] = {}
        _CATALOGUES.append(self)

    def add(self, name: str, value: _Extension, origin: Any) -> None:
        """Register an extension.

        Args:
            name: Lower-case letters, digits and underscores; unique within the catalogue.
            value: The extension.
            origin: The function or class that was registered; its module tells the plug-in.

        Raises:
            PluginError: The name is taken, reserved for the package, or no name.
        """
        entry = _Entry(value, origin.__module__, origin.__qualname__)
        plugin = plugin_of(entry.module)
        if not _NAME.fullmatch(name):
            raise PluginError(
                f"The plug-in {plugin} registers the {self.kind} {name!r}, whose name must consist of lower-case "
                f"letters, digits and underscores, begin with a letter and have at most 60 of them."
            )
        known = self._entries.get(name)
        same = known is not None and (known.module, known.qualname) == (entry.module, entry.qualname)  # a reload
        if (plugin is not None and is_reserved(self.kind, name)) or (known is not None and not same):
            other = plugin_of(known.module) if known else None
            at_fault, holder = (plugin, other) if plugin else (other, None)  # the package is never the one to rename
            raise PluginError(
                f"The plug-in {at_fault} registers the {self.kind} {name}, which {holder or 'mlreg_dagster itself'} "
                f"has registered already: rename it, or uninstall one of them."
            )
        self._entries[name] = entry

    def get(self, name: str) -> _Extension | None:
        """The extension of that name; None if there is none, or the package offers it outside of the catalogue."""
        entry = self._entries.get(name)
        return None if entry is None else entry.value

    def plugin(self, name: str) -> Plugin | None:
        """The plug-in that registered a name; None for what is built in or not registered."""
        entry = self._entries.get(name)
        return None if entry is None else plugin_of(entry.module)

    def module(self, name: str) -> str:
        """The module that defines the extension of that name."""
        return self._entries[name].module

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that can be chosen: the built-in ones first."""
        return tuple(dict.fromkeys((*BUILT_IN.get(self.kind, ()), *self._entries)))

    @property
    def values(self) -> tuple[_Extension, ...]:
        """Every extension in the catalogue, in the order of `names`."""
        return tuple(self._entries[name].value for name in self.names if name in self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self.names


@contextmanager
def isolated() -> Iterator[None]:
    """Take back on leaving what was registered within, so that tests leave nothing behind."""
    before = _registered()
    try:
        yield
    finally:
        _restore(before)


@contextmanager
def all_or_nothing() -> Iterator[None]:
    """Take back what was registered within if it fails."""
    before = _registered()
    try:
        yield
    except BaseException:
        _restore(before)
        raise


def _registered() -> dict[str, dict[str, _Entry[Any]]]:
    return {each.kind: dict(each._entries) for each in _CATALOGUES}


def _restore(before: dict[str, dict[str, _Entry[Any]]]) -> None:
    for catalogue in _CATALOGUES:
        entries = before.get(catalogue.kind, {})
        for name in catalogue._entries.keys() - entries.keys():
            sys.modules.pop(catalogue._entries[name].module, None)  # so that the next import registers it again
        catalogue._entries = entries
