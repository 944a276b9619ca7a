"""Allows one replay, demo or sweep on a home or registry at a time: two would train the same versions twice."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pandas as pd
from filelock import FileLock, Timeout

from mlreg_dagster.config.places import registry_url
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.storage.advisory_lock import AdvisoryLock, LockBusy
from mlreg_dagster.storage.faults import explained
from mlreg_dagster.storage.private_files import make_folder


class HomeInUse(MlregError):
    """Another replay, demo or sweep works on the home."""


@contextmanager
def alone_on(home: Path) -> Iterator[None]:
    """Keep other replays, demos and sweeps out of a home, and out of a registry in PostgreSQL that several hosts share.

    A killed process leaves no lock.

    Raises:
        HomeInUse: Another one works on it; it is named.
        ConfigError, PostgresUnavailable: The registry's URL can't be read, or its server can't be reached.
        StorageFull, StorageNotWritable: The lock can't be made.
    """
    lock, holder = FileLock(home / "lifecycle.lock"), home / "lifecycle.lock.json"
    with ExitStack() as stack:
        with explained(home):
            make_folder(home)
            try:
                stack.enter_context(lock.acquire(timeout=0))
            except Timeout:
                raise HomeInUse(
                    f"Another replay, demo or sweep works on {home}. This one ends; nothing was done. Wait until it "
                    f"ends, end it, or let MLREG_HOME name another home. Holder: {_described(holder)}"
                ) from None
            stack.callback(holder.unlink, missing_ok=True)
            holder.write_text(json.dumps(_this_process()))
        if (url := registry_url(home)).startswith("postgresql"):
            stack.enter_context(_alone_on_registry(url))
        yield


@contextmanager
def _alone_on_registry(url: str) -> Iterator[None]:
    try:
        hold = AdvisoryLock(url, "replays and demos", timeout_s=0).take()
    except LockBusy as error:
        raise HomeInUse(
            f"Another replay, demo or sweep works on the registry that MLREG_REGISTRY names, from this home or another "
            f"one. This one ends. {error}"
        ) from None
    try:
        yield
    finally:
        hold.release()


def _this_process() -> dict[str, object]:
    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])[:200]
    return {"pid": os.getpid(), "command": command, "since": f"{pd.Timestamp.now(tz='UTC'):%Y-%m-%d %H:%M:%S} UTC"}


def _described(holder: Path) -> str:
    try:
        return holder.read_text() or "a process that is just beginning"
    except FileNotFoundError:
        return "a process that is just beginning"
