"""Copies the parts of a home, each as of one moment, while other processes work on it.

`copy_home` takes what is needed to try something; a backup takes more, see `backup`.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mlreg_dagster.config.places import (
    artifacts_root,
    latest_root,
    mirror_root,
    raw_roots,
    registry_file,
    registry_url,
    warehouse_file,
)
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.registry import Registry
from mlreg_dagster.registry.database.sqlite import file_of
from mlreg_dagster.storage import private_files
from mlreg_dagster.storage.artifacts import SUMS, ArtifactError, ArtifactStore, open_artifacts
from mlreg_dagster.storage.faults import explained
from mlreg_dagster.storage.folders import is_local, open_folder
from mlreg_dagster.storage.landing import LandingZone
from mlreg_dagster.storage.mirror import FILES, Mirror
from mlreg_dagster.storage.regular_files import kind_of
from mlreg_dagster.storage.warehouse.reader import WarehouseReader

_APPENDED = ".jsonl"
_PASSING = (".lock", ".new", ".part", ".draft")
_PIECE = 1 << 20


class NotCopied(MlregError):
    """A home that can't be copied; nothing of it was changed."""


def copy_home(home: Path, target: Path) -> None:
    """Copy registry, tables, their mirror, bundles and the newest hour. Processes that work on the home may go on.

    Args:
        home: The data home; variables that name a registry or bundles elsewhere are followed.
        target: The copy, which is not there yet; it keeps everything itself.

    Raises:
        NotCopied: There is no home.
        RegistryUnavailable, SchemaMismatch: The registry can't be read.
        WarehouseBusy: A process kept the tables.
        StorageFull, StorageNotWritable, StorageDamaged: A disk or file is at fault.
    """
    registry, artifacts, latest = registry_of(home), open_folder(artifacts_root(home)), open_folder(latest_root(home))
    private_files.make_folder(target)
    with explained(target):
        registry.copy_to(registry_file(target))
        for name, folder in {"artifacts": artifacts, "latest": latest}.items():
            if is_local(folder) and Path(folder.path).is_dir():
                shutil.copytree(Path(folder.path), target / name)
        if not is_local(artifacts):
            _copy_bundles(open_artifacts(artifacts), target / "artifacts")
        if not is_local(latest):
            _copy_newest_hour(Mirror(str(latest)), target / "latest")
        with tables_kept(home) as source:
            copy_tables(source, warehouse_file(target))
            copy_folder(mirror_root(home), mirror_root(target), link=True)  # files are replaced, never changed


def _copy_bundles(store: ArtifactStore, target: Path) -> None:
    for kind in kinds_of(store):
        for key in store.keys(kind):
            with suppress(ArtifactError):  # it is damaged, and nothing reads it in the home either
                write_bundle(target / kind / key, store, kind, key)


def kinds_of(store: ArtifactStore) -> list[str]:
    """The kinds of bundles that a store may hold."""
    found = store.root.iterdir() if store.root.is_dir() else ()
    return sorted(path.name for path in found if not path.name.startswith(".") and path.is_dir())


def write_bundle(folder: Path, store: ArtifactStore, kind: str, key: str) -> None:
    """Write a bundle of a store elsewhere as a folder of this disk, as a local store keeps it.

    Raises:
        ArtifactError: It is not what was frozen.
    """
    files = store.read(kind, key)
    sums = (store.root / kind / key / SUMS).read_bytes()
    private_files.make_folder(folder)
    for name, content in {**files, SUMS: sums}.items():
        private_files.write(folder / name, content)


def _copy_newest_hour(mirror: Mirror, target: Path) -> None:
    for name in FILES:
        with suppress(FileNotFoundError):
            content = mirror.read(name)
            private_files.make_folder(target)
            private_files.write(target / name, content)


def copy_payloads(home: Path, target: Path, *, link: bool) -> None:
    """Copy all raw payloads, from this disk and from an object store.

    Args:
        home: The data home; MLREG_ARTIFACTS is followed.
        target: The folder `raw` of the copy.
        link: Give files of this disk a second name.
    """
    copy_folder(home / "raw", target, link=link)
    LandingZone(*raw_roots(home)).copy_to(target)


def registry_of(home: Path) -> Registry:
    """The registry of a home; one that is not there is not made.

    Raises:
        NotCopied: There is none.
    """
    from sqlalchemy import make_url

    text = registry_url(home)
    url = make_url(text)
    file = file_of(url) if url.get_backend_name() == "sqlite" else None
    if file is not None and not file.is_file():
        raise NotCopied(f"There is no registry in {file}. Let MLREG_HOME name the home that is to be copied.")
    return Registry(text)


@contextmanager
def tables_kept(home: Path) -> Iterator[Path]:
    """Keep writers of the tables out; gives their file, which need not be there.

    Raises:
        WarehouseBusy: A process kept the tables.
    """
    file = warehouse_file(home)
    with WarehouseReader(file).tables():
        yield file


def copy_tables(source: Path, target: Path) -> None:
    """Copy the tables' file and its log, while `tables_kept` holds."""
    for file in (source, source.with_name(f"{source.name}.wal")):
        if file.exists():
            copy_file(file, target.with_name(target.name + file.name.removeprefix(source.name)))


def copy_folder(source: Path, target: Path, *, link: bool = False, growing: bool = False) -> None:
    """Copy the regular files below a folder; what vanishes meanwhile, locks and drafts are left out.

    Args:
        source: It need not be there.
        target: Where they go; folders are made.
        link: Give files a second name, where both lie on one disk: for files that are never changed in place.
        growing: Processes append lines meanwhile; of each such file the whole lines are taken.
    """
    for folder, _, names in os.walk(source):
        below = target / Path(folder).relative_to(source)
        for name in sorted(names):
            if name.startswith(".") or name.endswith(_PASSING):
                continue
            file, copy = Path(folder, name), below / name
            with suppress(FileNotFoundError):
                if kind_of(file) is None:
                    private_files.make_folder(below)
                    if not (link and _link(file, copy)):
                        copy_file(file, copy)
                    if growing and copy.suffix == _APPENDED:
                        _cut_to_whole_lines(copy)


def _link(source: Path, target: Path) -> bool:
    try:
        os.link(source, target, follow_symlinks=False)
    except FileNotFoundError:
        raise
    except OSError:  # another disk, or one without links
        return False
    return True


def copy_file(source: Path, target: Path) -> None:
    """Copy a file with its times; the copy is its owner's alone."""
    with source.open("rb") as old:  # one that has vanished leaves no empty copy
        private_files.make_file(target)
        with target.open("wb") as new:
            shutil.copyfileobj(old, new, _PIECE)
        os.utime(target, ns=(os.fstat(old.fileno()).st_atime_ns, os.fstat(old.fileno()).st_mtime_ns))


def _cut_to_whole_lines(file: Path) -> None:
    with file.open("rb+") as lines:
        end = lines.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - _PIECE)
            lines.seek(start)
            found = lines.read(end - start).rfind(b"\n")
            if found >= 0:
                lines.truncate(start + found + 1)
                return
            end = start
        lines.truncate(0)
