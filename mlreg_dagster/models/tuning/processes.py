"""Several processes at one study: begun together, bounded in threads, ended together."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from mlreg_dagster.core.errors import MlregError, TransientError
from mlreg_dagster.models.tuning.worker import ERROR, LOCK
from mlreg_dagster.storage import private_files

_LOCK = "study.lock"
_MODULE = "mlreg_dagster.models.tuning.worker"
_POLL_S = 0.2
_ORPHANS_END_WITHIN_S = 60
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "LOKY_MAX_CPU_COUNT")
"""What bounds the threads of a process, in the libraries that make some; the last one is joblib's."""


class TuningFailed(MlregError):
    """A process could not go on; the message says why."""


class StudyBusy(TransientError):
    """Another process works at the study."""


@contextmanager
def alone_at(folder: Path) -> Iterator[None]:
    """Keep other commands out of a study, once the processes of one that was killed have ended, too.

    Raises:
        StudyBusy: Another command works at it.
    """
    private_files.make_folder(folder)
    lock = FileLock(folder / _LOCK, timeout=0, mode=private_files.OF_FILES)
    try:
        lock.acquire()
    except Timeout:
        raise StudyBusy(f"Another command works at study {folder.name}. Wait until it has ended.") from None
    try:
        for orphan in sorted(folder.glob(LOCK.format("*"))):
            _wait_for(orphan, folder.name)
        yield
    finally:
        lock.release()


def _wait_for(orphan: Path, name: str) -> None:
    try:
        with FileLock(orphan, timeout=_ORPHANS_END_WITHIN_S, mode=private_files.OF_FILES):
            pass
    except Timeout:
        raise StudyBusy(
            f"A process of study {name} that lost its parent goes on: {orphan.name}. End it, then run this again."
        ) from None


def run_workers(folder: Path, database: Path, jobs: int, budget: int, deadline: float | None) -> None:
    """Let so many processes work at a study until its budget is used up.

    Raises:
        TuningFailed: One could not go on, and the budget is not used up.
    """
    for old in folder.glob(ERROR.format("*")):
        old.unlink()
    environment = {**os.environ, **dict.fromkeys(_THREADS, str(max(1, (os.cpu_count() or 1) // jobs)))}
    arguments = [str(budget), "-" if deadline is None else repr(deadline)]
    workers = [
        subprocess.Popen(  # noqa: S603  # this interpreter, and a module of this package
            [sys.executable, "-m", _MODULE, str(folder), str(database), str(number), *arguments],
            stdin=subprocess.PIPE,
            env=environment,
        )
        for number in range(jobs)
    ]
    try:
        while any(worker.poll() is None for worker in workers) and not _errors(folder):
            time.sleep(_POLL_S)
    finally:
        for worker in workers:
            _end(worker, at_once=bool(_errors(folder)) or sys.exc_info()[0] is not None)
    if errors := _errors(folder):
        raise TuningFailed(errors[0])
    if all(worker.returncode for worker in workers):
        raise TuningFailed(
            f"The processes of study {folder.name} ended with {', '.join(str(each.returncode) for each in workers)} "
            f"(a negative one is the number of a signal; -9 where memory ran out). Run this again to go on, with fewer "
            f"--jobs if memory is short."
        )


def _end(worker: "subprocess.Popen[bytes]", *, at_once: bool) -> None:
    if worker.poll() is None and at_once:
        worker.kill()
    worker.wait()
    if worker.stdin is not None:
        with suppress(OSError):
            worker.stdin.close()


def _errors(folder: Path) -> list[str]:
    return [path.read_text(encoding="utf-8") for path in sorted(folder.glob(ERROR.format("*")))]
