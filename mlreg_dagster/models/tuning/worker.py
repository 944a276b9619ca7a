"""A process that tries parameters for a study, beside others: `python -m mlreg_dagster.models.tuning.worker FOLDER …`.

It ends with its parent, however that ended: its standard input is a pipe whose other end the parent holds.
"""

import os
import sys
import threading
from pathlib import Path

ERROR = "error-{}.txt"
"""What a worker could not do, in words."""

LOCK = "worker-{}.lock"
"""Held by a worker as long as it lives."""


def main(folder: Path, database: Path, number: int, budget: int, deadline: float | None) -> int:
    """Work at a study until its budget is used up; what a user caused is written for the parent."""
    from filelock import FileLock

    from mlreg_dagster.core.errors import MlregError
    from mlreg_dagster.extensions.registration.loading import load_extensions
    from mlreg_dagster.models.folds import files
    from mlreg_dagster.models.tuning import search
    from mlreg_dagster.models.tuning.order import kept
    from mlreg_dagster.storage import private_files

    with FileLock(folder / LOCK.format(number), mode=private_files.OF_FILES):
        try:
            order = kept(folder)
            load_extensions(order.modules)
            folds = files.load(folder / "material") or []
            study = search.study_in(database, order.name, order.tuning)
            search.work(study, order, folds[:-1], folder, budget, deadline)
        except MlregError as error:
            private_files.write(folder / ERROR.format(number), str(error).encode())
            return 1
    return 0


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _folder, _database, _number, _budget, _deadline = sys.argv[1:]
    _code = main(
        Path(_folder), Path(_database), int(_number), int(_budget), float(_deadline) if _deadline != "-" else None
    )
    sys.stdout.flush()
    os._exit(_code)  # the thread that waits for the parent holds the standard input
