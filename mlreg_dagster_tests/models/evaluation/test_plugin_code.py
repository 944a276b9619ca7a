"""The hash of the code that judges covers the files of plug-ins with gates, equally in every process."""

import importlib
import os
import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

from mlreg_dagster.extensions import gate, isolated
from mlreg_dagster.extensions.registration import plugins
from mlreg_dagster.extensions.registration.loading import load_extensions
from mlreg_dagster.extensions.registration.source_files import NoSource
from mlreg_dagster.models.evaluation import experiments

GATE = """
from mlreg_dagster.extensions import gate

@gate("g", "Is it?", at_least=0)
def g(context):
    from {helper} import value
    return value()
"""
HELPER = "def value(): return 1.0\n"
PROGRAM = """
import sys
from mlreg_dagster.extensions.registration.loading import load_extensions
from mlreg_dagster.models.evaluation import experiments
load_extensions(sys.argv[1:])
print(experiments.code_sha256())
"""
LAYOUTS = {
    "package": ("shop.checks.mygate", {"shop/__init__.py": "", "shop/checks/__init__.py": ""}, "shop/deep/helper.py"),
    "initial file": ("shop", {"shop/__init__.py": GATE.format(helper="shop.helper")}, "shop/helper.py"),
    "no initial file": ("shop.mygate", {}, "shop/helper.py"),
    "module": ("mygate", {}, "helper.py"),
    "namespace": (
        "common.shop.mygate",
        {"common/shop/__init__.py": "", "x-1.dist-info/RECORD": ""},
        "common/shop/h.py",
    ),
}


class Plugin:
    """A plug-in's files in a folder; each hash is taken as a new process would take it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, module: str, files: dict[str, str]) -> None:
        own = f"{module.replace('.', '/')}.py"
        for name, text in {own: GATE.format(helper="helper"), **files}.items():
            if name == own and f"{module}/__init__.py" in files:
                continue
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(text)

    def code(self, module: str) -> str:
        importlib.invalidate_caches()
        experiments._hash_of.cache_clear()
        with isolated():
            load_extensions([module])
            found = experiments.code_sha256()
        self.forget()
        return found

    def forget(self) -> None:
        for name, module in list(sys.modules.items()):
            places = [str(getattr(module, "__file__", "")), *map(str, getattr(module, "__path__", ()))]
            if any(place.startswith(str(self.folder)) for place in places):
                del sys.modules[name]


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(plugins, "_DISTRIBUTIONS", {})
    made = Plugin(tmp_path)
    yield made
    made.forget()
    experiments._hash_of.cache_clear()


@pytest.mark.parametrize(("module", "files", "helper"), LAYOUTS.values(), ids=list(LAYOUTS))
def test_another_helper_is_other_code(plugin, module, files, helper):
    without = experiments.code_sha256()
    plugin.write(module, {**files, helper: HELPER})
    first = plugin.code(module)
    assert plugin.code(module) == first != without
    (plugin.folder / helper).write_text(HELPER.replace("1.0", "2.0"))
    second = plugin.code(module)
    (plugin.folder / helper).rename((plugin.folder / helper).with_name("renamed.py"))
    assert len({without, first, second, plugin.code(module)}) == 4


def test_what_is_no_part_of_the_plug_in_is_not_its_code(plugin):
    plugin.write("shop.mygate", {"shop/__init__.py": "", "shop/notes.txt": "a", "other.py": "", "more/__init__.py": ""})
    before = plugin.code("shop.mygate")
    plugin.write("shop.mygate", {"shop/notes.txt": "b", "other.py": "1", "more/__init__.py": "1"})
    assert plugin.code("shop.mygate") == before


def test_a_module_among_installed_ones_stands_for_itself_and_its_version(plugin):
    """Its folder holds the modules of every distribution."""

    def install(version):
        info = plugin.folder / f"my_gate-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: my-gate\nVersion: {version}\n")
        (info / "top_level.txt").write_text("mygate\n")
        return info

    info = install("1.0")
    plugin.write("mygate", {"numpy_like.py": "1"})
    first = plugin.code("mygate")
    plugin.write("mygate", {"numpy_like.py": "2"})
    assert plugin.code("mygate") == first
    for file in info.iterdir():
        file.unlink()
    info.rmdir()
    install("1.1")
    second = plugin.code("mygate")
    (plugin.folder / "mygate.py").write_text(GATE.format(helper="elsewhere"))
    assert len({first, second, plugin.code("mygate")}) == 3


def test_another_version_of_the_plug_in_is_other_code(plugin):
    plugin.write("mygate", {})
    before = plugin.code("mygate")
    plugins.remember_distribution("mygate", "mygate", "2.0")
    assert plugin.code("mygate") != before


def test_files_of_the_same_name_in_two_plug_ins_both_count(plugin, tmp_path_factory, monkeypatch):
    other = tmp_path_factory.mktemp("other")
    monkeypatch.syspath_prepend(str(other))
    (other / "second.py").write_text(GATE.format(helper="helper").replace('"g"', '"h"'))
    (other / "helper.py").write_text("1")
    plugin.write("first", {"helper.py": "1"})
    found = set()
    for folder in (other, plugin.folder, None):
        importlib.invalidate_caches()
        experiments._hash_of.cache_clear()
        with isolated():
            load_extensions(["first", "second"])
            found.add(experiments.code_sha256())
        if folder:
            (folder / "helper.py").write_text("2")
    assert len(found) == 3


def test_every_process_gives_the_same_hash_whatever_it_imported(plugin):
    plugin.write("shop.mygate", {"shop/__init__.py": "", "shop/helper.py": HELPER})
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(plugin.folder), *sys.path])}
    program = f"import shop.helper\n{PROGRAM}"
    elsewhere = subprocess.run(
        [sys.executable, "-c", program, "shop.mygate"], capture_output=True, text=True, check=True, env=environment
    )
    assert elsewhere.stdout.strip() == plugin.code("shop.mygate")


def test_a_gate_without_a_file_is_refused(monkeypatch):
    def typed(context): ...

    module = ModuleType("typed_in")
    module.__spec__ = ModuleSpec("typed_in", None)
    monkeypatch.setitem(sys.modules, "typed_in", module)
    typed.__module__ = "typed_in"
    with isolated():
        gate("typed", "Is it?", at_least=0)(typed)
        with pytest.raises(NoSource, match=r"A gate is defined in typed_in, which is no file.*in a module"):
            experiments.code_sha256()
