"""Plug-ins written for one test: modules in a folder of their own, forgotten afterwards."""

import importlib
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from mlreg_dagster.extensions import isolated
from mlreg_dagster.extensions.registration import loading, plugins


@pytest.fixture
def plugin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that modules are imported from; what they register is taken back."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(plugins, "_DISTRIBUTIONS", {})
    monkeypatch.setattr(loading, "entry_points", entry_points)  # not those that were there at the first look
    before = set(sys.modules)
    with isolated():
        yield folder
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
            del sys.modules[name]


@pytest.fixture
def write_plugin(plugin_folder: Path) -> Callable[..., str]:
    """Write a module; returns its name."""

    def write(name: str, text: str) -> str:
        (plugin_folder / f"{name}.py").write_text(text)
        importlib.invalidate_caches()
        return name

    return write


@pytest.fixture
def install(plugin_folder: Path, write_plugin: Callable[..., str]) -> Callable[..., None]:
    """Write a distribution with an entry point."""

    def make(name: str, version: str, module: str, text: str, value: str | None = None) -> None:
        write_plugin(module, text)
        info = plugin_folder / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[mlreg_dagster]\nmain = {value or module}\n")
        importlib.invalidate_caches()

    return make
