"""Bringing a home that an older release made up to date: registry, mirror of the tables, modules in dagster.yaml."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.orchestration.locks.daemon import DaemonRunsAlready, daemon_kept_out
from mlreg_dagster.orchestration.locks.lifecycle import alone_on
from mlreg_dagster.registry import Registry
from mlreg_dagster.registry.migrations.schemas import SchemaUpgrade
from mlreg_dagster.storage import private_files
from mlreg_dagster.storage.faults import explained
from mlreg_dagster.storage.warehouse.opening import open_warehouse

_MOVED = {"mlreg_dagster.orchestration.event_log": "mlreg_dagster.orchestration.dagster_internals.event_log"}
"""Modules that the dagster.yaml of an older release names, and where they are now."""

_MODULE = re.compile(
    rb"^(?P<before>[ \t]*module:[ \t]*[\"']?)(?P<module>[\w.]+)(?=[\"']?[ \t]*(#.*)?\r?$)", re.MULTILINE
)


class HomeAtWork(MlregError):
    """A process works on the home that is to be upgraded."""


@dataclass(frozen=True)
class HomeUpgrade:
    """What was done.

    Attributes:
        registry: To the registry.
        mirrored: Whether the tables were mirrored, which the older release did not do.
        dagster_yaml: The file that was brought up to date; None where there was nothing to do.
    """

    registry: SchemaUpgrade
    mirrored: bool
    dagster_yaml: Path | None


def upgrade(registry: Registry, home: Path, dagster_home: Path, *, copied: bool = False) -> HomeUpgrade:
    """Upgrade a home; each part of it is as before or done, whenever the process is killed.

    Args:
        registry: The registry of the home.
        home: The data home; nothing is made in one that is not there.
        dagster_home: Where Dagster keeps its own.
        copied: A registry in PostgreSQL was copied; one in SQLite is copied here.

    Raises:
        HomeAtWork: A daemon works on it; nothing was changed.
        HomeInUse: A replay, demo or sweep works on it; nothing was changed.
        WarehouseBusy: A process keeps the tables; the registry was upgraded.
        BackupNeeded, SchemaMismatch, RegistryDamaged, RegistryUnavailable: As `Registry.upgrade`.
    """
    with at_rest(home, dagster_home):
        done = registry.upgrade(copied=copied)
        file = dagster_home / "dagster.yaml"
        return HomeUpgrade(done, _mirror(home), file if _name_moved_modules(file) else None)


@contextmanager
def at_rest(home: Path, dagster_home: Path) -> Iterator[None]:
    """Keep daemons, replays, demos and sweeps out of a home meanwhile.

    Raises:
        HomeAtWork: A daemon works on it; nothing was changed.
        HomeInUse: A replay, demo or sweep works on it; nothing was changed.
    """
    with ExitStack() as stack:
        if home.is_dir():
            stack.enter_context(alone_on(home))
        if dagster_home.is_dir():
            try:
                with explained(dagster_home):
                    stack.enter_context(daemon_kept_out(dagster_home))
            except DaemonRunsAlready as error:
                raise HomeAtWork(
                    f"A dagster daemon works on {dagster_home}; nothing was changed. Stop it, then run this again."
                ) from error
        yield


def _mirror(home: Path) -> bool:
    tables = open_warehouse(home)
    if tables.mirror is None or not tables.exists() or tables.mirror.layout.is_complete:
        return False
    tables.mirror_again()
    return True


def _name_moved_modules(file: Path) -> bool:
    """Rewrite the lines that name a module that has moved, and nothing else of the file."""
    if not file.is_file():
        return False
    file = file.resolve()  # what a link leads to is rewritten, the link stays
    with explained(file):
        before = file.read_bytes()
        after = _MODULE.sub(_renamed, before)
        if after == before:
            return False
        draft = file.with_suffix(".draft")
        private_files.write(draft, after)
        draft.chmod(file.stat().st_mode & 0o777)
        draft.replace(file)
    return True


def _renamed(line: re.Match[bytes]) -> bytes:
    module = line["module"].decode("ascii", "replace")
    return line["before"] + _MOVED[module].encode() if module in _MOVED else line[0]
