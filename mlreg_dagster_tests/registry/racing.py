"""Functions for processes of their own, all let go at the same moment. Imports little: they start often."""

import multiprocessing
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Barrier
from typing import Any

import pandas as pd
import sqlalchemy

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.registry import Attribution, Registry, Split
from mlreg_dagster.registry.database.schema import metadata
from mlreg_dagster.storage.artifacts import open_artifacts

WAIT_S = 300
NOW = pd.Timestamp("2018-01-01", tz="UTC")


def race(function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]) -> list[tuple[Any, str, str]]:
    """Call `function(barrier, *arguments[i])` in one process each.

    Returns the last argument, `done` or the error's name, and the error's text, of each.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "mlreg_dagster.registry", "psycopg"])
    barrier, results = context.Barrier(len(arguments)), context.Queue()
    processes = [
        context.Process(target=_runner, args=(function, each, barrier, results), daemon=True) for each in arguments
    ]
    for process in processes:
        process.start()
    outcomes = [results.get(timeout=WAIT_S) for _ in processes]
    for process in processes:
        process.join(WAIT_S)
        assert process.exitcode == 0
    return outcomes


def exit_code(function: Callable[..., Any], *arguments: Any) -> int:
    """Call a function in a process of its own; how that ended."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "mlreg_dagster.registry", "psycopg"])
    process = context.Process(target=function, args=arguments, daemon=True)
    process.start()
    process.join(WAIT_S)
    assert process.exitcode is not None
    return process.exitcode


def die_while(change: Callable[[Registry], Any], url: str, statement: int) -> None:
    """Change a registry in this process, and end it, as by power loss, before a statement or commit by its number.

    Those that only read do not count: who dies before one of them leaves what is left before the next that writes.
    """
    import os
    import signal

    from sqlalchemy.engine import Engine

    registry, count = Registry(url), 0
    registry.versions()

    def die(*moment: Any) -> None:
        nonlocal count
        if len(moment) > 1 and moment[2].lstrip().startswith(("SELECT", "PRAGMA")):
            return
        count += 1
        if count == statement:
            os.kill(os.getpid(), signal.SIGKILL)

    for moment in ("before_cursor_execute", "commit"):
        sqlalchemy.event.listen(Engine, moment, die)
    change(registry)


def _runner(function: Callable[..., Any], arguments: tuple[Any, ...], barrier: Barrier, results: Any) -> None:
    try:
        function(barrier, *arguments)
        results.put((arguments[-1], "done", ""))
    except Exception as error:
        results.put((arguments[-1], type(error).__name__, str(error)))
        if not isinstance(error, MlregError):
            raise


def promote(barrier: Barrier, url: str, version: str) -> None:
    registry = Registry(url)
    registry.versions()
    barrier.wait(WAIT_S)
    registry.move_alias(
        "champion",
        version,
        Attribution(f"racer of {version}", NOW, "faster"),
        expected="v1",
    )


def shift_traffic(barrier: Barrier, url: str, name: str) -> None:
    registry = Registry(url)
    newest = registry.traffic("champion")
    barrier.wait(WAIT_S)
    registry.move_traffic(
        "champion",
        Split("full", 10_000, False, "advance", {"racer": name}),
        Attribution(name, NOW, "faster"),
        expected=newest.sequence,
    )


def suspend_champion(barrier: Barrier, url: str, name: str) -> None:
    registry = Registry(url)
    holder, known = registry.holder("champion"), registry.suspensions("champion")
    barrier.wait(WAIT_S)
    registry.suspend(
        "champion", Attribution(name, NOW, "stop"), sequence=len(known) + 1, expected=holder.version, facts={}
    )


def take_next(barrier: Barrier, url: str, folder: str, process: int) -> None:
    """Take the next version; a file of its name stands for its partition, and holds a line for each who took it."""
    from mlreg_dagster.models.registration import take_versions

    registry, store, partitions = Registry(url), open_artifacts(f"{folder}/artifacts"), Path(folder, "partitions")
    registry.versions()

    def taken() -> list[str]:
        names = [each.name for each in partitions.iterdir()]
        time.sleep(0.05)  # so that all would look before one notes
        return names

    def note(names: list[str]) -> None:
        for name in names:
            with (partitions / name).open("a") as file:
                file.write(f"{process}\n")

    barrier.wait(WAIT_S)
    take_versions(2, registry, store, taken, note)


def register_next(barrier: Barrier, url: str, name: str) -> None:
    registry = Registry(url)
    # Making the tables takes long, so that all of them find a new database.
    sqlalchemy.event.listen(metadata, "before_create", lambda *_, **__: time.sleep(0.5))
    barrier.wait(WAIT_S)
    registry.register(
        "v1",
        Attribution(name, NOW),
        detector="isolation_forest",
        dataset_day="2017-12-19",
        dataset_sha256="d" * 64,
        artifact_sha256="a" * 64,
        manifest={},
    )


def freeze(barrier: Barrier, root: Path, content: str) -> None:
    store = open_artifacts(str(root))
    files = {f"{number}.bin": content.encode() * 10_000 for number in range(3)} | {f"only-{content}.bin": b""}
    barrier.wait(WAIT_S)
    store.freeze("models", "v1", files)


def die_while_freezing(root: str) -> None:
    """Ends this process, as by power loss, after the first of two files."""
    import os
    import signal

    written = []

    def fsync(_: int) -> None:
        written.append(True)
        if len(written) == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    os.fsync = fsync
    open_artifacts(root).freeze("models", "v1", {"a.bin": b"1", "b.bin": b"2"})


def freeze_in_store(barrier: Barrier, environment: dict[str, str], root: str, content: str) -> None:
    """As `freeze`, on an object store to which variables lead; the store has looked before."""
    import os

    os.environ.update(environment)
    store = open_artifacts(root)
    assert store.find("models", "v1") is None
    assert store.keys("models") == []
    barrier.wait(WAIT_S)
    try:
        store.freeze("models", "v1", {"a.bin": content.encode() * 1000, f"only-{content}.bin": b""})
    finally:
        barrier.wait(WAIT_S)
        files = store.read("models", "v1")
        winners = {name for name in files if name.startswith("only-")}
        assert winners == {f"only-{files['a.bin'][:1].decode()}.bin"}, files
        assert store.keys("models") == ["v1"]


def die_at_put(environment: dict[str, str], root: str, key: str, number: int) -> None:
    """Freeze on an object store, and end this process, as by power loss, before one of its puts."""
    import os
    import signal

    os.environ.update(environment)
    store = open_artifacts(root)
    filesystem, puts = type(store.root.fs), []
    call = filesystem._call_s3

    async def counted(self: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        if method == "put_object":
            puts.append(method)
            if len(puts) == number:
                os.kill(os.getpid(), signal.SIGKILL)
        return await call(self, method, *args, **kwargs)

    filesystem._call_s3 = counted
    store.freeze("models", key, {"a.bin": b"1", "b.bin": b"2"})
    os._exit(0)
