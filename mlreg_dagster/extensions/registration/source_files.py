"""The source of a plug-in, as bytes to hash: which of its files count, and where they are found.

What counts is decided by files and names alone, never by what this process has imported, so that all processes agree.
"""

import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import packages_distributions, version
from importlib.util import find_spec
from pathlib import Path

from mlreg_dagster.core.errors import MlregError


class NoSource(MlregError):
    """A gate whose code can't be named in a record, as there is no file of it."""


def source_of(modules: Iterable[str]) -> Iterator[bytes]:
    """Names and contents of the files of the plug-ins that modules belong to.

    A module in a package stands for every Python file of the top package. A module in a folder stands for all of that
    folder, subfolders left out; where distributions are installed into that folder, it stands for itself and for the
    version of its distribution.

    Args:
        modules: Names of modules that define gates.

    Raises:
        NoSource: A module has no file.
    """
    found: dict[str, Path] = {}
    for module in sorted(set(modules)):
        file = _file_of(module)
        root = _top_folder(module, file)
        if root is not None:
            found |= _named(module, root.parent, root.rglob("*.py"))
        elif _is_shared(file.parent):
            yield "".join(f"{each} {version(each)}\n" for each in _distributions(module)).encode()
        else:
            found |= _named(module, file.parent, file.parent.glob("*.py"))
        found[module] = file  # which need not end in .py
    for name, path in sorted(found.items()):
        content = path.read_bytes()
        yield f"{name} {len(content)}\n".encode() + content


def _file_of(module: str) -> Path:
    path = getattr(sys.modules.get(module), "__file__", None) or getattr(find_spec(module), "origin", None)
    if path is None or not Path(path).is_file():
        raise NoSource(
            f"A gate is defined in {module}, which is no file, so that evaluations could not record which code judged: "
            f"define it in a module."
        )
    return Path(path).absolute()


def _top_folder(module: str, file: Path) -> Path | None:
    """The folder of the top package; None for a module that is in none.

    Folders without an `__init__.py` at the top are passed over where several distributions share them.
    """
    parts = module.split(".")
    if file.name.partition(".")[0] != "__init__":
        parts.pop()
    folders = [file.parents[above] for above in reversed(range(len(parts)))]
    while folders and not (folders[0] / "__init__.py").is_file() and _is_shared(folders[0].parent):
        folders.pop(0)
    return folders[0] if folders else None


def _is_shared(folder: Path) -> bool:
    """Whether distributions are installed into a folder, so that what lies side by side does not belong together."""
    return any(folder.glob("*.dist-info"))


def _distributions(module: str) -> list[str]:
    return sorted(set(packages_distributions().get(module, ())))


def _named(module: str, base: Path, files: Iterable[Path]) -> dict[str, Path]:
    top = module.partition(".")[0]
    return {f"{top}: {file.relative_to(base).as_posix()}": file for file in files if file.is_file()}
